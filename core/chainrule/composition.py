"""Hydra: from what stands on the command line to one composed config for each job.

Hydra's own classes do the work; ours add the config nodes of all registered components, the search paths of plugins,
the walk that refuses a config that would run code (before Hydra acts on it), and messages of one or two lines.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra import version
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_search_path_impl import ConfigSearchPathImpl
from hydra._internal.hydra import Hydra
from hydra._internal.utils import get_args_parser
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import MarkedYAMLError, YAMLError  # type: ignore[import-untyped]

from chainrule.config import config_folder, store_nodes
from chainrule.errors import ChainruleError, ConfigError, FieldError, UnknownName, debugging, did_you_mean
from chainrule.registry import registry
from chainrule.safety import refuse_code, refuse_packages

PRIMARY = "config"
DEFAULT = "experiment=xor"
"""What is trained where neither an experiment nor a dataset is named."""


@dataclass(frozen=True)
class Job:
    """One run, composed: ``config`` is plain and resolved; ``folder`` is its own, and exists."""

    config: dict[str, Any]
    overrides: list[str]
    folder: Path
    sweep: str | None = None  # what the runs of one sweep share
    differs: tuple[str, ...] = ()  # the overrides in which it differs from the other jobs of its sweep


@dataclass(frozen=True)
class Failure:
    """What a job returns that failed, so that the other jobs of its sweep run."""

    overrides: tuple[str, ...]
    error: Exception
    trace: str


class SafeLoader(ConfigLoaderImpl):
    """Hydra's loader, which composes every config, of each job of a sweep too; this one refuses those that run code."""

    def load_configuration(self, *args: Any, **kwargs: Any) -> DictConfig:
        config = super().load_configuration(*args, **kwargs)
        refuse_code(_plain(config))
        return config

    def _process_config_searchpath(self, config_name: str | None, parsed_overrides: Any, repo: Any) -> None:
        for override in parsed_overrides:
            if override.get_key_element() == "hydra.searchpath":
                refuse_packages(override.value())
        primary = repo.load_config(config_path=config_name) if config_name else None
        if primary is not None:
            refuse_packages(_plain(OmegaConf.select(primary.config, "hydra.searchpath")))
        super()._process_config_searchpath(config_name, parsed_overrides, repo)


class Task:
    """What Hydra calls for each job, in this process or in a worker's."""

    def __init__(self, run: Callable[[Job], Any], fixed: Sequence[str], sweeping: bool) -> None:
        self._run = run
        self._fixed = {_key(override) for override in fixed}  # what all jobs share
        self._sweeping = sweeping

    def __call__(self, config: DictConfig) -> Any:
        hydra = HydraConfig.get()
        overrides = [str(override) for override in hydra.overrides.task]
        differs = tuple(o for o in overrides if _key(o) not in self._fixed) if self._sweeping else ()
        sweep = Path(hydra.sweep.dir).name if self._sweeping else None
        try:
            plain = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
            assert isinstance(plain, dict)
            return self._run(Job(plain, overrides, Path(hydra.runtime.output_dir), sweep, differs))  # type: ignore[arg-type]
        except Exception as error:
            _remove_if_empty(Path(hydra.runtime.output_dir))
            return Failure(differs or tuple(overrides), explained(error), traceback.format_exc())


def hydra_command(arguments: Sequence[str], run: Callable[[Job], Any]) -> list[Any]:
    """Do what Hydra's command line says: run one job, sweep, or show a config, help or information.

    Args:
        arguments: what stands after ``chainrule train``.
        run: does one job.

    Returns:
        What each job returned; a ``Failure`` for each that failed. Empty where nothing was to be run.

    Raises:
        ConfigError: the config cannot be composed; names the key and what would be right.
        SystemExit: the options cannot be parsed, or help or the version was asked for.
    """
    options = _parse(arguments)
    hydra = _start(options.config_dir)
    try:
        return _act(hydra, options, run)
    except (HydraException, OmegaConfBaseException, YAMLError, OSError, ValueError) as error:
        raise _in_a_config(error) from error
    finally:
        GlobalHydra.instance().clear()


def run_once(overrides: Sequence[str], run: Callable[[Job], Any], config_dir: str | None = None) -> Any:
    """One job, from Python: composed as the command line would.

    Raises:
        ConfigError: it cannot be composed, or a Hydra program is running already.
    """
    if GlobalHydra.instance().is_initialized():
        raise ConfigError(
            "chainrule.train cannot run inside a program that Hydra runs, since Hydra composes one config at a time; "
            "build Network and Trainer there, or start `chainrule train` as a program of its own"
        )
    options = argparse.Namespace(config_dir=config_dir, multirun=False, overrides=_with_default(overrides))
    hydra = _start(options.config_dir)
    try:
        [result] = _run(hydra, options, run)
    except (HydraException, OmegaConfBaseException, YAMLError, OSError, ValueError) as error:
        raise _in_a_config(error) from error
    finally:
        GlobalHydra.instance().clear()
    if isinstance(result, Failure):
        raise result.error
    return result


def explained(error: Exception) -> Exception:
    """An error of Hydra's or OmegaConf's as one of ours: the key, the value, and what would be right, in a line or two.

    Others are returned as they are.
    """
    if isinstance(error, ChainruleError):
        return error
    if isinstance(error, MissingConfigException) and "/" in (error.missing_cfg_file or ""):
        group, _, option = str(error.missing_cfg_file).rpartition("/")
        known = error.options if error.options is not None else _options(group)
        return UnknownName(f'there is no {group} "{option}". {did_you_mean(option, known, most=30)}', key=group)
    cause = next((e for e in _chain(error) if isinstance(e, OmegaConfBaseException)), None)
    if cause is not None:
        return _explained_key(cause, error)
    if isinstance(error, OverrideParseException):
        return ConfigError(f"cannot read the override {error.override!r}: {_first_line(error)}")
    if isinstance(error, HydraException):
        unknown_group = re.match(r"Could not override '([^']+)'\.\s+No match in the defaults list", str(error))
        if unknown_group:
            key = unknown_group[1]
            return UnknownName(f'there is no group or key "{key}". {did_you_mean(key, _groups())}', key=key)
        ambiguous = re.match(r"Ambiguous value for argument '(.*)=(.*)'", str(error))
        if ambiguous:
            key, values = ambiguous.groups()
            return ConfigError(
                f"got {values}; to sweep over these values add -m, to give a list write '{key}=[{values}]'", key=key
            )
        return ConfigError(" ".join(str(error).split()))
    return error


def _in_a_config(error: Exception) -> Exception:
    """As ``explained``; whatever else went wrong while Hydra composed is wrong in what the user wrote."""
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return ConfigError(f"{mark.name}, line {mark.line + 1}: this is no YAML of a config: {error.problem}")
    told = explained(error)
    return told if isinstance(told, ChainruleError) else ConfigError(" ".join(str(error).split()))


WORDS = {"Float": "a number", "Integer": "a whole number", "Boolean": "true or false"}


def _explained_key(cause: OmegaConfBaseException, error: Exception) -> ConfigError:
    """An error about one key of the config."""
    key = str(cause.full_key or "")
    parent = cause.parent_node
    said = _first_line(cause)
    if "???" in said or "Missing mandatory value" in said:
        return ConfigError(f"this must be given, as {key}=...", key=key)
    unknown = re.match(r"Key '([^']*)' (?:is )?not in", said)
    if unknown:
        name = unknown[1]
        known = [str(k) for k in parent] if isinstance(parent, DictConfig) else []
        if "." in key:
            owner = parent.get("name") if isinstance(parent, DictConfig) else None
            said = f'{owner} has no field "{name}".' if owner else f'there is no key "{name}" here.'
            known = [k for k in known if k != "name"]
        else:
            said = f'there is no group or key "{name}".'
            known = sorted({*known, *_groups()} - {"hydra"})
        return UnknownName(f"{said} {did_you_mean(name, known)} (A key that no config has: +{key}=...)", key=key)
    wrong_type = re.match(r"Value '(.*)' of type '\w+' could not be converted to (\w+)", said)
    if wrong_type:
        return FieldError(f'got "{wrong_type[1]}", expected {WORDS.get(wrong_type[2], wrong_type[2])}', key=key)
    if isinstance(error, HydraException) and not key:
        return ConfigError(" ".join(str(error).split()))
    return ConfigError(said, key=key)


def _act(hydra: Hydra, options: argparse.Namespace, run: Callable[[Job], Any]) -> list[Any]:
    config_name, overrides = PRIMARY, options.overrides
    if options.help:
        hydra.app_help(config_name=config_name, args_parser=get_args_parser(), args=options)
    elif options.hydra_help:
        hydra.hydra_help(config_name=config_name, args_parser=get_args_parser(), args=options)
    elif options.cfg:
        hydra.show_cfg(config_name, overrides, options.cfg, options.package, options.resolve)
    elif options.info:
        hydra.show_info(options.info, config_name, overrides)
    elif options.shell_completion:
        hydra.shell_completion(config_name, overrides)
    else:
        return _run(hydra, options, run)
    return []


def _run(hydra: Hydra, options: argparse.Namespace, run: Callable[[Job], Any]) -> list[Any]:
    parsed = OverridesParser.create().parse_overrides(options.overrides)
    fixed = [str(override.input_line) for override in parsed if not override.is_sweep_override()]
    mode = hydra.get_mode(PRIMARY, list(options.overrides))
    if options.multirun or (mode is not None and mode.name == "MULTIRUN"):
        overrides = [*options.overrides, "hydra.mode=MULTIRUN"]
        # A sweeper returns the jobs in batches; one that searches (Optuna) returns nothing.
        batches = hydra.multirun(PRIMARY, Task(run, fixed, sweeping=True), overrides) or []
        return [job.return_value for batch in batches for job in batch]
    return [hydra.run(PRIMARY, Task(run, fixed, sweeping=False), [*options.overrides, "hydra.mode=RUN"]).return_value]


def _start(config_dir: str | None) -> Hydra:
    version.setbase("1.3")
    Plugins.instance()  # finds Hydra's plugins, among them those that read configs
    store_nodes()
    path = ConfigSearchPathImpl()
    path.append("hydra", "pkg://hydra.conf")
    path.append("main", f"file://{config_folder()}")
    for plugin in registry().plugins:
        if plugin.search_path:
            path.append(plugin.id, plugin.search_path)
    path.append("schema", "structured://")
    if config_dir is not None:
        folder = Path(config_dir).absolute()
        if not folder.is_dir():
            raise ConfigError(f"there is no folder {folder}", key="--config-dir")
        path.prepend("command-line", f"file://{folder}", SearchPathQuery(provider="schema"))
    hydra = Hydra(task_name="chainrule", config_loader=SafeLoader(config_search_path=path))
    GlobalHydra.instance().initialize(hydra)
    return hydra


def _with_default(overrides: Sequence[str]) -> list[str]:
    named = any(override.lstrip("+").startswith(("experiment=", "dataset=")) for override in overrides)
    return list(overrides) if named else [DEFAULT, *overrides]


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = get_args_parser()
    parser.prog, parser.usage = "chainrule train", "chainrule train [OPTIONS] [OVERRIDES]"
    options = parser.parse_intermixed_args(list(arguments))  # overrides may stand before and after options
    for name in ("config_path", "config_name", "experimental_rerun"):
        if getattr(options, name):
            option = f"--{name.replace('_', '-')}"
            raise ConfigError("chainrule does not take this option of Hydra's; see --config-dir", key=option)
    if not (options.shell_completion or options.hydra_help):  # which compose other configs than ours
        options.overrides = _with_default(options.overrides)
    return options


def _plain(config: Any) -> Any:
    return OmegaConf.to_container(config, resolve=False) if OmegaConf.is_config(config) else config


def _key(override: str) -> str:
    """What an override is of: a sweeper may write its value otherwise (``False`` for ``false``)."""
    return override.partition("=")[0]


def _remove_if_empty(folder: Path) -> None:
    """Hydra makes a job's folder, and those above it, before the job begins; one that failed at once leaves none."""
    here = Path.cwd()
    with contextlib.suppress(OSError):
        folder.rmdir()
        for above in folder.parents:
            if above == here or not above.is_relative_to(here):
                break
            above.rmdir()


def _options(group: str) -> list[str]:
    return list(GlobalHydra.instance().config_loader().get_group_options(group))


def _groups() -> list[str]:
    """What may stand before ``=``: the groups of the search path."""
    loader = GlobalHydra.instance().config_loader()
    return [group for group in loader.list_groups("") if group != "hydra"]


def _chain(error: BaseException | None) -> list[BaseException]:
    """An error, and those that led to it."""
    return [] if error is None else [error, *_chain(error.__cause__ or error.__context__)]


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]


def report_failures(results: Sequence[Any]) -> int:
    """Say on stderr which jobs of a sweep failed, and why; returns how many."""
    failures = [result for result in results if isinstance(result, Failure)]
    for failure in failures:
        if debugging():
            sys.stderr.write(failure.trace)
        sys.stderr.write(f"failed: {' '.join(failure.overrides)}: {failure.error}\n")
    return len(failures)
