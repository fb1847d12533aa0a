"""How things are asked for where a program of Hydra's was started, on the command line or from Python."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hydra.core.global_hydra import GlobalHydra

from chainrule.contract.arguments import require_list
from chainrule.errors import ConfigError, FieldError
from chainrule.words import quoted


@dataclass(frozen=True)
class Asked:
    """What messages say: how one sweeps, and what the folder of a user's own configs is called."""

    sweep: str
    config_dir: str


COMMAND_LINE = Asked("add -m", "--config-dir")
PYTHON = Asked("call chainrule.sweep", "config_dir")
INSTEAD = {
    "-m": "chainrule.sweep([...]) makes a sweep",
    "--multirun": "chainrule.sweep([...]) makes a sweep",
    "--config-dir": 'give config_dir="..." beside the list',
    "-cd": 'give config_dir="..." beside the list',
}


def asked() -> Asked:
    """As the program that runs was started; in a worker of a sweep as on the command line."""
    return getattr(GlobalHydra.instance().hydra, "asked", COMMAND_LINE)


def overrides_from_python(given: Any) -> list[str]:
    """What was handed over as a list of overrides.

    Raises:
        ConfigError: it is no list of texts, or an option of the command line is among them.
    """
    for override in require_list("overrides", given, 'a list, such as ["experiment=xor", "seed=1"]'):
        if not isinstance(override, str):
            raise FieldError(f'got {quoted(override)} in the list, expected text such as "seed=1"', key="overrides")
        if override.startswith("-"):
            option = override.partition("=")[0]
            hint = INSTEAD.get(option, 'from Python give overrides alone, such as "seed=1"')
            raise ConfigError(f"{option} is an option of the command line: {hint}", key="overrides")
    return list(given)
