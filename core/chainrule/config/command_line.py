"""Hydra: from what stands on the command line to one composed config for each job.

Hydra's own classes do the work; ours add the config nodes of all registered components, the search paths of plugins,
and the walk that refuses a config that would run code, before Hydra acts on it.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra import version
from hydra._internal.config_search_path_impl import ConfigSearchPathImpl
from hydra._internal.hydra import Hydra
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.types import RunMode
from omegaconf import DictConfig

from chainrule.config.asked import COMMAND_LINE, PYTHON, Asked, overrides_from_python
from chainrule.config.jobs import Failure, Job, Watcher
from chainrule.config.known import is_there
from chainrule.config.loader import PRIMARY, SafeLoader
from chainrule.config.messages import COMPOSING, in_a_config
from chainrule.config.nodes import GROUPS, config_folder, store_nodes
from chainrule.config.options import parse, refuse_words, shown_options, unchecked_help
from chainrule.config.origin import Typed
from chainrule.config.quoting import with_quotes
from chainrule.config.sweep import run_jobs
from chainrule.config.task import TaskFunction
from chainrule.errors import ConfigError, debugging
from chainrule.registry.registry import registry

DEFAULT = "experiment=xor"
"""What is trained where neither an experiment nor a dataset is named."""


class Program(Hydra):
    """Hydra, whose help gives each folder of presets a line of its own, below the components of its group; it knows
    how it was ``asked``, which messages name."""

    def __init__(self, asked: Asked, loader: SafeLoader) -> None:
        super().__init__(task_name="chainrule", config_loader=loader)
        self.asked = asked
        self._composed: DictConfig | None = None

    def asks_for_many(self, overrides: Sequence[str]) -> bool:
        """Whether the config itself asks for many runs. One that does not is that of the run, which need not be
        composed again."""
        try:
            config = self.compose_config(PRIMARY, list(overrides), RunMode.RUN, with_log_configuration=True)
        except Exception:  # that of a run is told where it is begun; where it is many, values may be sweeps
            return self.get_mode(PRIMARY, list(overrides)) is RunMode.MULTIRUN
        many = config.hydra.mode is RunMode.MULTIRUN
        self._composed = None if many else config
        return many

    def run_one(self, run: Callable[[Job], Any], overrides: Sequence[str]) -> Any:
        """What one job gives, after ``asks_for_many`` of the same overrides."""
        return self.run(PRIMARY, TaskFunction(run), [*overrides, "hydra.mode=RUN"]).return_value

    def compose_config(self, *given: Any, **more: Any) -> DictConfig:
        composed, self._composed = self._composed, None
        return composed if composed is not None else super().compose_config(*given, **more)

    def format_config_groups(self, predicate: Callable[[str], bool], compact: bool = True) -> str:
        lines = []
        for group in sorted(filter(predicate, self.list_all_config_groups())):
            options = sorted(self.config_loader.get_group_options(group), key=_folder)  # "" for those in none: first
            folders = {folder: ", ".join(inside) for folder, inside in itertools.groupby(options, _folder)}
            lines += [f"{group}: {folders.pop('', '')}".rstrip(), *(f"  {inside}" for inside in folders.values())]
        return "".join(f"{line}\n" for line in lines)


def hydra_command(arguments: Sequence[str], run: Callable[[Job], Any], watcher: Watcher) -> Any:
    """Do what Hydra's command line says: run one job, sweep, or show a config, help or information.

    Args:
        arguments: what stands after ``chainrule train``.
        run: does one job; for a job of a sweep it returns ``Done``.
        watcher: sees to a sweep as a whole.

    Returns:
        What ``run`` gave for a single job, or its ``Failure``; None for a sweep, and where nothing was to be run.

    Raises:
        ConfigError: the config cannot be composed; names the key and what would be right.
        SystemExit: the options cannot be parsed, or help or the version was asked for.
    """
    options = parse(arguments)
    hydra = _start(options.config_dir, COMMAND_LINE)
    try:
        if not (options.shell_completion or options.hydra_help):  # which compose other configs than ours
            refuse_words(arguments, options)
            options.overrides = _with_default(options.overrides)
            _note_typed(hydra, options.overrides)
        return _act(hydra, options, run, watcher)
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
    given = _with_default(overrides_from_python(overrides))
    with _alone(config_dir) as hydra:
        _note_typed(hydra, given)
        if hydra.asks_for_many(given):
            raise ConfigError(f"it is a search, of many runs: {PYTHON.sweep}, with the same overrides")
        result = hydra.run_one(run, given)
    if isinstance(result, Failure):
        raise result.error
    return result


def run_sweep(
    overrides: Sequence[str], run: Callable[[Job], Any], watcher: Watcher, config_dir: str | None = None
) -> None:
    """A sweep, from Python: composed as the command line would.

    Raises:
        ConfigError: it cannot be composed, or a Hydra program is running already.
    """
    given = _with_default(overrides_from_python(overrides))
    with _alone(config_dir) as hydra:
        _note_typed(hydra, given)
        run_jobs(hydra, given, run, watcher)


@contextlib.contextmanager
def _alone(config_dir: str | None) -> Iterator[Program]:
    if GlobalHydra.instance().is_initialized():
        raise ConfigError(
            "chainrule.train cannot run inside a program that Hydra runs, since Hydra composes one config at a time; "
            "build Network and Trainer there, or start `chainrule train` as a program of its own"
        )
    hydra = _start(config_dir, PYTHON)
    try:
        yield hydra
    except COMPOSING as error:
        # Hydra's own errors say nothing more, in a hundred lines.
        raise in_a_config(error) from (error if debugging() else None)
    except KeyboardInterrupt as error:  # a notebook would show its way through all of Hydra
        raise type(error)(*error.args) from (error if debugging() else None)
    finally:
        GlobalHydra.instance().clear()


def _act(hydra: Program, options: argparse.Namespace, run: Callable[[Job], Any], watcher: Watcher) -> Any:
    config_name, overrides = PRIMARY, options.overrides
    if options.help:
        hydra.app_help(config_name=config_name, args_parser=shown_options(), args=options)
    elif options.hydra_help:
        hydra.hydra_help(config_name=config_name, args_parser=shown_options(), args=options)
    elif options.cfg:
        hydra.show_cfg(config_name, overrides, options.cfg, options.package, options.resolve)
    elif options.info:
        hydra.show_info(options.info, config_name, overrides)
    elif options.shell_completion:
        with unchecked_help():  # Hydra parses the line so far, too
            hydra.shell_completion(config_name, overrides)
    elif options.multirun or hydra.asks_for_many(overrides):
        run_jobs(hydra, overrides, run, watcher)
    else:
        return hydra.run_one(run, overrides)
    return None


def _start(config_dir: str | None, asked: Asked) -> Program:
    version.setbase("1.3")
    HydraConfig.instance().cfg = None  # of an earlier program in this process, by which ${hydra:...} would be resolved
    Plugins.instance()  # finds Hydra's plugins, among them those that read configs
    store_nodes()
    path = ConfigSearchPathImpl()
    path.append("hydra", "pkg://hydra.conf")
    path.append("main", f"file://{config_folder()}")
    for plugin in registry().plugins:
        for place in plugin.searched:
            path.append(plugin.id, place)
    path.append("schema", "structured://")
    if config_dir is not None:
        folder = Path(config_dir).absolute()
        if not (is_there(folder) and folder.is_dir()):
            raise ConfigError(f"there is no folder {folder}", key=asked.config_dir)
        _refuse_taken_names(folder, asked)
        path.prepend("command-line", f"file://{folder}", SearchPathQuery(provider="schema"))
    hydra = Program(asked, SafeLoader(config_search_path=path))
    GlobalHydra.instance().initialize(hydra)
    return hydra


def _note_typed(hydra: Hydra, overrides: Sequence[str]) -> None:
    """Tell the loader what stands in no file."""
    hydra.config_loader.typed = Typed(overrides)  # type: ignore[attr-defined]


def _refuse_taken_names(folder: Path, asked: Asked) -> None:
    """A file that is called like one of chainrule's own would be passed over in silence; a preset that is called like
    a component would include itself."""
    own = config_folder()
    if folder.resolve() == own.resolve():
        return
    taken = {Path(GROUPS[entry.kind], f"{entry.name}.yaml") for entry in registry() if entry.kind in GROUPS}
    taken |= {path.relative_to(own) for path in own.rglob("*.yaml")}
    for file in sorted(taken):  # asked for one by one: the user's folder may hold anything, and much of it
        if (folder / file).is_file():
            name = file.with_suffix("").as_posix().partition("/")[2] or file.stem
            raise ConfigError(f'{folder / file}: the name "{name}" is taken; give it another', key=asked.config_dir)


def _with_default(overrides: Sequence[str]) -> list[str]:
    named = any(override.lstrip("+").startswith(("experiment=", "dataset=")) for override in overrides)
    return [*([] if named else [DEFAULT]), *map(with_quotes, overrides)]


def _folder(option: str) -> str:
    return option.rpartition("/")[0]
