"""A config holds what a run reads, and nothing else.

Hydra adds every key that has a ``+`` before it, and every key of a file. One that is misspelt would be recorded with
the run, and change nothing. The fields of components are checked when they are made (``contract/fields.py``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from hydra.plugins.config_source import ConfigResult
from omegaconf import DictConfig, OmegaConf

from chainrule.config.absent import unknown_at_the_top
from chainrule.config.messages import without_package
from chainrule.config.nodes import GROUPS, MANY, TrackingOptions, TrainerOptions
from chainrule.config.quoting import as_range
from chainrule.errors import ConfigError, FieldError, UnknownName, did_you_mean
from chainrule.registry.registry import registry

OPTIONS = {"trainer": TrainerOptions, "tracking": TrackingOptions}
READ = (*GROUPS.values(), *OPTIONS, "name", "seed", "dtype", "objective", "explain", "hydra")
NAME_BYTES = 255  # that file systems take
PLAIN_NAME = re.compile(r"(?!\.+$)[^/\\\x00-\x1f]+")


def refuse_unread(config: Mapping[str, Any], experiment: str, file: ConfigResult | None) -> None:
    """Refuse keys that no run reads, in a composed config as plain containers.

    Args:
        experiment, file: the experiment that was chosen, and its file.

    Raises:
        ConfigError: names the key, and the experiment where it stands in that.
    """
    if file is not None and file.header.get("package") != "_global_":
        raise without_package(experiment, "experiment")
    for key in config:
        if key not in READ:
            raise unknown_at_the_top(key, config, experiment if file is not None and key in file.config else None)
    for group, options in OPTIONS.items():
        known = [field.name for field in fields(options)]
        for key in config.get(group) or {}:
            if key not in known:
                raise UnknownName(f'there is no key "{key}" here. {did_you_mean(key, known)}', key=f"{group}.{key}")


def refuse_changed_component(config: DictConfig) -> None:
    """Refuse the name of another component than the one whose fields stand there.

    Raises:
        ConfigError: says how a component is chosen.
    """
    for kind, group in GROUPS.items():
        node = config.get(group)
        if group in MANY or not isinstance(node, DictConfig):
            continue
        own = getattr(OmegaConf.get_type(node), "name", None)
        name = node.get("name")
        if own is not None and name != own and name in registry().names(kind):
            raise ConfigError(
                f"the fields that stand here are those of {own}: choose the other with {group}={name} "
                f'(in a file: "- override /{group}: {name}" in its defaults)',
                key=f"{group}.name",
            )


def refuse_name(config: DictConfig, written: Any) -> None:
    """Refuse a name that could not be a folder's, or would lead out of the folder that it is in.

    Raises:
        ConfigError: says what a name may be.
    """
    if written is None:
        raise ConfigError("a run needs it", key="name")
    if "${hydra:" in str(written):
        return  # known in the job alone
    name = OmegaConf.select(config, "name")
    # Some of OmegaConf's resolvers give a dict or a list, which is no Container.
    if isinstance(name, bool) or not isinstance(name, (str, int, float)) or not PLAIN_NAME.fullmatch(str(name)):
        got = f'"{name}"' if isinstance(name, str) else name
        raise FieldError(f"got {got}, expected text that can name a folder, without / and \\", key="name")
    size = len(str(name).encode(errors="surrogatepass"))
    if size > NAME_BYTES:
        raise FieldError(
            f"got a name of {len(str(name))} letters, {size} bytes: a folder takes its name, of {NAME_BYTES} bytes at "
            "most",
            key="name",
        )


def refuse_range(seed: Any) -> None:
    """Refuse ``seed=0..3`` before any job runs; other seeds are checked by the run.

    Raises:
        ConfigError: says how several are given.
    """
    hint = as_range("seed", str(seed))
    if hint:
        raise FieldError(f'got "{seed}", expected a whole number{hint}', key="seed")
