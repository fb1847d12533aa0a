"""A config never runs code.

Hydra acts on a composed config before our code sees it: it makes its launcher, sweeper and callbacks from ``_target_``
entries, and hands the logging sections to ``logging.config.dictConfig``, which imports whatever class they name. A
config file that somebody else wrote could so run anything. Each composed config is walked before Hydra acts on it, and
refused unless all that it could make is Hydra's or logging's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from chainrule.errors import UnsafeConfig

# What may stand behind _target_, by the section that it stands in. All of it ships with Hydra or one of its plugins.
TARGETS = {
    "hydra.launcher": re.compile(r"(hydra\._internal\.core_plugins|hydra_plugins)\.[\w.]+Launcher"),
    "hydra.sweeper": re.compile(r"(hydra\._internal\.core_plugins|hydra_plugins)\.[\w.]+Sweeper"),
    "hydra.sweeper.sampler": re.compile(r"optuna\.samplers\.\w+Sampler"),
    "hydra.callbacks": re.compile(r"hydra\.experimental\.callbacks\.\w+"),
}
LOGGING = ("hydra.hydra_logging", "hydra.job_logging")
LOGGING_CLASSES = re.compile(
    r"logging\.(Formatter|StreamHandler|FileHandler|NullHandler|handlers\.(Timed)?RotatingFileHandler)"
    r"|colorlog\.(ColoredFormatter|StreamHandler)"
)
STREAMS = ("ext://sys.stdout", "ext://sys.stderr")
ENVIRONMENT = re.compile(r"(CHAINRULE|MLFLOW|OMP|OPENBLAS|MKL|NUMEXPR|VECLIB)_\w+")
RESOLVERS = re.compile(r"\$\{\s*oc\.(create|decode)\b")
# Options of launchers and sweepers that name a function to import or a command to run.
COMMANDS = ("custom_search_space", "setup", "python", "srun_args", "additional_parameters", "stderr_to_stdout")


def refuse_code(config: Mapping[str, Any]) -> None:
    """Walk a composed config, as plain containers with interpolations unresolved.

    Raises:
        UnsafeConfig: something in it would run code; names the key and the value.
    """
    for key, value in _leaves(config):
        section, _, last = key.rpartition(".")
        text = value if isinstance(value, str) else ""
        if last == "_target_" and not _allowed_target(section, text):
            raise UnsafeConfig(
                f'"{value}" would run code, which a config must not; components are given by name', key=key
            )
        if RESOLVERS.search(text):
            raise UnsafeConfig(f'"{value}" would make config out of text, which is not allowed', key=key)
        if key.startswith(LOGGING):
            _check_logging(key, last, text)
        if key.startswith("hydra.job.env_set.") and not ENVIRONMENT.fullmatch(last):
            raise UnsafeConfig(
                f"a config may set CHAINRULE_*, MLFLOW_* and the thread counts of BLAS libraries, not {last}", key=key
            )
        if key.startswith(("hydra.launcher.", "hydra.sweeper.")) and _named(key, COMMANDS) and value is not None:
            raise UnsafeConfig(f'"{value}" names code or a command to run, which a config must not', key=key)


def refuse_packages(searchpath: Any) -> None:
    """Refuse a search path that imports a Python package to read configs from it.

    Raises:
        UnsafeConfig: naming the entry.
    """
    for entry in searchpath if isinstance(searchpath, list) else []:
        if isinstance(entry, str) and "://" in entry and not entry.startswith("file://"):
            raise UnsafeConfig(
                f'"{entry}" would import a package; a plugin adds its configs with the hook config_search_path, and '
                "folders are given as file:///...",
                key="hydra.searchpath",
            )


def _allowed_target(section: str, target: str) -> bool:
    for allowed, pattern in TARGETS.items():
        here = section == allowed or (allowed == "hydra.callbacks" and section.startswith(f"{allowed}."))
        if here and pattern.fullmatch(target):
            return True
    return False


def _check_logging(key: str, last: str, text: str) -> None:
    if last in ("class", "()") and not LOGGING_CLASSES.fullmatch(text):
        raise UnsafeConfig(f'"{text}" is not a class of logging; a config must not run code', key=key)
    if "ext://" in text and text not in STREAMS:
        raise UnsafeConfig(f'"{text}" would import it; {" and ".join(STREAMS)} are allowed', key=key)
    if "${" in text and last != "filename":
        raise UnsafeConfig(f'"{text}": only a filename may hold an interpolation in a logging section', key=key)


def _named(key: str, names: tuple[str, ...]) -> bool:
    return any(part in names for part in key.split("."))


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        pairs = [(str(name), inner) for name, inner in value.items()]
    elif isinstance(value, list):
        pairs = [(str(position), inner) for position, inner in enumerate(value)]
    else:
        yield key, value
        return
    for name, inner in pairs:
        path = f"{key}.{name}" if key else name
        if name in ("_target_", "class", "()") and isinstance(inner, (Mapping, list)):
            yield path, str(inner)  # not text, so never allowed
        yield from _leaves(inner, path)
