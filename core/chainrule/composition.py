"""Hydra: from what stands on the command line to one composed config for each job.

Hydra's own classes do the work; ours add the config nodes of all registered components, the search paths of plugins,
and the walk that refuses a config that would run code, before Hydra acts on it.
"""

from __future__ import annotations

import argparse
import contextlib
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
from omegaconf import DictConfig, OmegaConf

from chainrule import __version__
from chainrule.config import GROUPS, config_folder, store_nodes
from chainrule.errors import ConfigError
from chainrule.keys import refuse_changed_component, refuse_name, refuse_unread
from chainrule.messages import COMPOSING, explained, in_a_config, null_group
from chainrule.registry import registry
from chainrule.safety import refuse_code, refuse_packages

PRIMARY = "config"
REFUSED = ("config_path", "config_name", "experimental_rerun")
"""Options of Hydra's that would take the place of what chainrule composes."""
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


@dataclass(frozen=True)
class Outcome:
    """What each job returned, a ``Failure`` for each that failed; ``sweep`` is what they share, None for a single one.

    There are no results where nothing was to be run.
    """

    results: list[Any]
    sweep: str | None = None


class SafeLoader(ConfigLoaderImpl):
    """Hydra's loader, which composes every config, of each job of a sweep too. This one refuses those that run code
    or hold what no run reads."""

    def load_configuration(self, *args: Any, **kwargs: Any) -> DictConfig:
        config = super().load_configuration(*args, **kwargs)
        plain = _plain(config)
        refuse_code(plain)
        if config.hydra.job.config_name == PRIMARY:  # none for Hydra's own help
            experiment = f"experiment/{config.hydra.runtime.choices.experiment}"
            refuse_unread(plain, experiment, self.repository.load_config(experiment))
            refuse_changed_component(config)
            refuse_name(config, plain.get("name"))
        return config

    def _process_config_searchpath(self, config_name: str | None, parsed_overrides: Any, repo: Any) -> None:
        for override in parsed_overrides:
            if override.value() is None and not override.is_delete() and repo.group_exists(override.key_or_group):
                raise null_group(override.key_or_group)
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
        folder = Path(hydra.runtime.output_dir)
        # As they were written: an interpolation among them is resolved in the config.
        overrides = [str(override) for override in _plain(hydra.overrides.task)]
        differs = tuple(o for o in overrides if _key(o) not in self._fixed) if self._sweeping else ()
        sweep = _sweep_of(hydra) if self._sweeping else None
        if self._sweeping and sys.stderr.isatty():  # or nothing is seen until the first job ends
            sys.stderr.write(f"job {hydra.job.num}: {' '.join(differs)}\n")
        try:
            plain = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
            assert isinstance(plain, dict)
            _require(plain, hydra)
            return self._run(Job(plain, overrides, folder, sweep, differs))  # type: ignore[arg-type]
        except BaseException as error:
            _remove_if_empty(folder, Path(hydra.runtime.cwd))
            if not isinstance(error, Exception):  # an interrupt ends the sweep too
                raise
            return Failure(differs or tuple(overrides), explained(error), traceback.format_exc())


def hydra_command(arguments: Sequence[str], run: Callable[[Job], Any]) -> Outcome:
    """Do what Hydra's command line says: run one job, sweep, or show a config, help or information.

    Args:
        arguments: what stands after ``chainrule train``.
        run: does one job.

    Raises:
        ConfigError: the config cannot be composed; names the key and what would be right.
        SystemExit: the options cannot be parsed, or help or the version was asked for.
    """
    options = _parse(arguments)
    hydra = _start(options.config_dir)
    try:
        return _act(hydra, options, run)
    except BrokenPipeError:  # of what is shown, to head or less
        raise
    except COMPOSING as error:
        raise in_a_config(error) from error
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
        [result] = _run(hydra, options, run).results
    except COMPOSING as error:
        raise in_a_config(error) from error
    finally:
        GlobalHydra.instance().clear()
    if isinstance(result, Failure):
        raise result.error
    return result


def _act(hydra: Hydra, options: argparse.Namespace, run: Callable[[Job], Any]) -> Outcome:
    config_name, overrides = PRIMARY, options.overrides
    if options.help:
        hydra.app_help(config_name=config_name, args_parser=_shown_options(), args=options)
    elif options.hydra_help:
        hydra.hydra_help(config_name=config_name, args_parser=_shown_options(), args=options)
    elif options.cfg:
        hydra.show_cfg(config_name, overrides, options.cfg, options.package, options.resolve)
    elif options.info:
        hydra.show_info(options.info, config_name, overrides)
    elif options.shell_completion:
        hydra.shell_completion(config_name, overrides)
    else:
        return _run(hydra, options, run)
    return Outcome([])


def _run(hydra: Hydra, options: argparse.Namespace, run: Callable[[Job], Any]) -> Outcome:
    parsed = OverridesParser.create().parse_overrides(options.overrides)
    fixed = [str(override.input_line) for override in parsed if not override.is_sweep_override()]
    mode = hydra.get_mode(PRIMARY, list(options.overrides))
    if options.multirun or (mode is not None and mode.name == "MULTIRUN"):
        overrides = [*options.overrides, "hydra.mode=MULTIRUN"]
        # A sweeper returns the jobs in batches; one that searches (Optuna) returns nothing.
        batches = hydra.multirun(PRIMARY, Task(run, fixed, sweeping=True), overrides) or []
        jobs = [job for batch in batches for job in batch]
        return Outcome([job.return_value for job in jobs], _sweep_of(jobs[0].hydra_cfg.hydra) if jobs else None)
    job = hydra.run(PRIMARY, Task(run, fixed, sweeping=False), [*options.overrides, "hydra.mode=RUN"])
    return Outcome([job.return_value])


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
        _refuse_taken_names(folder)
        path.prepend("command-line", f"file://{folder}", SearchPathQuery(provider="schema"))
    hydra = Hydra(task_name="chainrule", config_loader=SafeLoader(config_search_path=path))
    GlobalHydra.instance().initialize(hydra)
    return hydra


def _refuse_taken_names(folder: Path) -> None:
    """A file that is called like one of chainrule's own would be passed over in silence; a preset that is called like
    a component would include itself."""
    taken = {(GROUPS[entry.kind], entry.name) for entry in registry() if entry.kind in GROUPS}
    taken |= {(path.parent.name, path.stem) for path in config_folder().glob("*/*.yaml")} | {("", PRIMARY)}
    for path in (*folder.glob("*.yaml"), *folder.glob("*/*.yaml")):
        group = path.parent.name if path.parent != folder else ""
        if (group, path.stem) in taken and folder.resolve() != config_folder().resolve():
            raise ConfigError(f'{path}: the name "{path.stem}" is taken; give it another', key="--config-dir")


def _with_default(overrides: Sequence[str]) -> list[str]:
    named = any(override.lstrip("+").startswith(("experiment=", "dataset=")) for override in overrides)
    return list(overrides) if named else [DEFAULT, *overrides]


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    options = _parser().parse_intermixed_args(list(arguments))  # overrides may stand before and after options
    for name in REFUSED:
        if getattr(options, name):
            option = f"--{name.replace('_', '-')}"
            raise ConfigError("chainrule does not take this option of Hydra's; see --config-dir", key=option)
    if not (options.shell_completion or options.hydra_help):  # which compose other configs than ours
        options.overrides = _with_default(options.overrides)
    return options


def _parser() -> argparse.ArgumentParser:
    """Hydra's, with our name and version."""
    parser = get_args_parser()
    parser.prog, parser.usage = "chainrule train", "chainrule train [OPTIONS] [OVERRIDES]"
    for action in parser._actions:
        if isinstance(action, argparse._VersionAction):
            action.version, action.help = f"chainrule {__version__}", "Show chainrule's version and exit"
    return parser


def _shown_options() -> argparse.ArgumentParser:
    """What help names: the options that are taken, less that for TAB, which has its place in ``chainrule --help``."""
    parser = _parser()
    parser._actions = [action for action in parser._actions if action.dest not in (*REFUSED, "shell_completion")]
    return parser


def _plain(config: Any) -> Any:
    return OmegaConf.to_container(config, resolve=False) if OmegaConf.is_config(config) else config


def _sweep_of(hydra: Any) -> str:
    """What the jobs of a sweep share: the name of its folder, which holds the time."""
    levels = len(Path(hydra.sweep.subdir).parts)
    return Path(hydra.runtime.output_dir).parents[levels - 1].name


def _key(override: str) -> str:
    """What an override is of: a sweeper may write its value otherwise (``False`` for ``false``)."""
    return override.partition("=")[0]


def _require(config: dict[Any, Any], hydra: Any) -> None:
    """Refuse what composes, but is no run."""
    for key in ("dataset", "model", "optimizer", "trainer", "tracking", "name", "seed", "dtype"):
        if config.get(key) is None:
            raise ConfigError("a run needs it", key=key)
    if hydra.job.chdir:
        raise ConfigError("a run stays in the folder in which it was started", key="hydra.job.chdir")
    if Path(hydra.runtime.cwd).is_relative_to(hydra.runtime.output_dir):
        # What lies there is recorded with the run.
        raise ConfigError("a run needs a folder of its own, which cannot be the working directory", key="hydra.run.dir")


def _remove_if_empty(folder: Path, here: Path) -> None:
    """Hydra makes a job's folder, and those above it, before the job begins; one that failed at once leaves none."""
    with contextlib.suppress(OSError):
        for place in (folder, *folder.parents):
            if here.is_relative_to(place) or not (place == folder or place.is_relative_to(here)):
                break
            place.rmdir()
