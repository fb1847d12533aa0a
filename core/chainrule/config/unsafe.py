"""A config never runs code.

Hydra acts on a composed config before our code sees it: it makes its launcher, sweeper and callbacks from ``_target_``
entries, hands the logging sections to ``logging.config.dictConfig``, which imports whatever class they name and writes
whatever file they name, and sets the environment variables that stand there. A config file that somebody else wrote
could so run anything. Each composed config is walked before Hydra acts on it, and refused unless all that it could make
is Hydra's or logging's own.

The walk sees interpolations as they are written. What they stand for may be anything (a mapping too, such as the
default in ``${oc.select:nothing,{_target_: ...}}``), so where Hydra acts on more than text they are refused.
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
    "hydra.callbacks": re.compile(r"hydra\.experimental\.callbacks\.(LogJobReturn|PickleJobInfo)Callback"),
}
LOGGING = ("hydra.hydra_logging.", "hydra.job_logging.")
LOGGING_CLASSES = re.compile(
    r"logging\.(Formatter|StreamHandler|FileHandler|NullHandler|handlers\.(Timed)?RotatingFileHandler)"
    r"|colorlog\.(ColoredFormatter|StreamHandler)"
)
STREAMS = ("ext://sys.stdout", "ext://sys.stderr")
# A handler can write any text to any file: to a log, but not to a start-up script. The interpolations are Hydra's own;
# others could make an "ext://..." that names a module to import.
LOG_FILE = re.compile(r"(\$\{hydra\.runtime\.output_dir\}/|hydra-)(\$\{hydra\.job\.name\}|[^$]+)\.log|[^$]+\.log")
THREADS = re.compile(r"(OMP|OPENBLAS|MKL|NUMEXPR)_NUM_THREADS|VECLIB_MAXIMUM_THREADS")
ENVIRONMENT = re.compile(rf"(CHAINRULE|MLFLOW)_\w+|{THREADS.pattern}")
# Sections that Hydra reads as text alone, whatever their interpolations stand for.
TEXT = (
    *("hydra.run.", "hydra.sweep.", "hydra.overrides.", "hydra.help.", "hydra.hydra_help."),
    *("hydra.job.name", "hydra.job.override_dirname", "hydra.job.env_set."),
)
PLAIN = re.compile(r"\$\{hydra[.:](job\.(name|num|id)|run\.dir|sweep\.(dir|subdir)|runtime\.(cwd|output_dir))\}")
# The name of a search's study may hold the run's own, of which unread.refuse_name makes sure that it is text. It cannot
# where that holds one of Hydra's values, known in the job alone.
STUDY, NAME = "hydra.sweeper.study_name", "${name}"
# Options of launchers and sweepers that name a function to import or a command to run.
COMMANDS = re.compile(
    r"custom_search_space|setup|python|py_executable|srun_args|additional_parameters|runtime_env|\w*commands?"
)


def refuse_code(config: Mapping[str, Any]) -> None:
    """Walk a composed config, as plain containers with interpolations unresolved.

    Raises:
        UnsafeConfig: something in it would run code; names the key and the value.
    """
    for path, value in _leaves(config):
        key = ".".join(path)
        text = value if isinstance(value, str) else ""
        if path[-1] == "_target_" and not _allowed_target(".".join(path[:-1]), text):
            raise UnsafeConfig(
                f'"{value}" would run code, which a config must not; components are given by name', key=key
            )
        if key == STUDY and "${hydra" not in str(config.get("name")):
            text = text.replace(NAME, "")
        if path[0] == "hydra":
            if "${" in key:  # a sweeper makes text of it
                raise UnsafeConfig("a key holds no interpolation", key=key)
            _check_hydra(path, key, value, text)


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


def _check_hydra(path: tuple[str, ...], key: str, value: Any, text: str) -> None:
    """A leaf of the section that Hydra acts on."""
    if key.startswith(LOGGING):
        _check_logging(path, key, text)
    elif "${" in PLAIN.sub("", text) and not key.startswith(TEXT):
        raise UnsafeConfig(f'"{text}" could stand for anything, code too: write out what is meant', key=key)
    if key.startswith("hydra.job.env_set.") and not ENVIRONMENT.fullmatch(path[-1]):
        raise UnsafeConfig(
            f"a config may set CHAINRULE_*, MLFLOW_* and the thread counts of BLAS libraries, not {path[-1]}", key=key
        )
    if key.startswith(("hydra.launcher.", "hydra.sweeper.")):
        if any(COMMANDS.fullmatch(part) for part in path) and value is not None:
            raise UnsafeConfig(f'"{value}" names code or a command to run, which a config must not', key=key)
        if "\n" in text:
            raise UnsafeConfig("a text of several lines would be taken for commands by a batch system", key=key)
    if key == "hydra.runtime.output_dir" and text != "???":
        raise UnsafeConfig("Hydra sets it; write hydra.run.dir or hydra.sweep.dir", key=key)


def _allowed_target(section: str, target: str) -> bool:
    for allowed, pattern in TARGETS.items():
        here = section == allowed or (allowed == "hydra.callbacks" and section.startswith(f"{allowed}."))
        if here and pattern.fullmatch(target):
            return True
    return False


def _check_logging(path: tuple[str, ...], key: str, text: str) -> None:
    last = path[-1]
    if last in ("class", "()") and not LOGGING_CLASSES.fullmatch(text):
        raise UnsafeConfig(f'"{text}" is not a class of logging; a config must not run code', key=key)
    if last == ".":
        raise UnsafeConfig("it would set attributes of an object, which a config must not", key=key)
    if last == "filename":
        if not LOG_FILE.fullmatch(text):
            raise UnsafeConfig(f'"{text}": the name of a log file ends in .log, and is written out', key=key)
    elif "${" in text:
        raise UnsafeConfig(f'"{text}": only a filename may hold an interpolation in a logging section', key=key)
    if text.startswith(("ext://", "cfg://")) and text not in STREAMS:
        raise UnsafeConfig(f'"{text}" would import it; {" and ".join(STREAMS)} are allowed', key=key)


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value that is no container, with its path; of what names code, the containers too."""
    if isinstance(value, Mapping):
        pairs = [(str(name), inner) for name, inner in value.items()]
    elif isinstance(value, list):
        pairs = [(str(position), inner) for position, inner in enumerate(value)]
    else:
        yield path, value
        return
    for name, inner in pairs:
        if name in ("_target_", "class", "()", ".") and isinstance(inner, (Mapping, list)):
            yield (*path, name), inner  # no text, so never allowed
        yield from _leaves(inner, (*path, name))
