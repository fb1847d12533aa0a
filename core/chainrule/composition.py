"""Hydra: from what stands on the command line to one composed config for each job.

Hydra's own classes do the work; ours add the config nodes of all registered components, the search paths of plugins,
and the walk that refuses a config that would run code, before Hydra acts on it.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from hydra import version
from hydra._internal.callbacks import Callbacks
from hydra._internal.config_search_path_impl import ConfigSearchPathImpl
from hydra._internal.hydra import Hydra
from hydra._internal.utils import get_args_parser
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from chainrule import __version__
from chainrule.config import GROUPS, config_folder, store_nodes
from chainrule.errors import ChainruleError, ConfigError
from chainrule.exchange import Ended, Exchange
from chainrule.loading import PRIMARY, SafeLoader, plain_of
from chainrule.messages import COMPOSING, explained, in_a_config
from chainrule.registry import registry
from chainrule.trainer import goal_of

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
    searches: bool = False  # whether a sweeper chooses the next jobs by what this one gives


@dataclass(frozen=True)
class Done:
    """What a job of a sweep gave: its metrics, and what is to be said of it, on one line."""

    metrics: Mapping[str, float]
    text: str
    reused: bool = False


@dataclass(frozen=True)
class Failure:
    """What a single job returns that failed: only then is it known that the error is not Hydra's."""

    error: Exception


@dataclass(frozen=True)
class Sweep:
    """A sweep, while its jobs run.

    ``objective``: the metric by which its jobs are told apart, None for none, and its ``goal``, ``"min"`` or
    ``"max"``. ``jobs()``: how many there will be, as far as is known now.
    """

    folder: Path
    exchange: Exchange
    objective: str | None
    goal: str
    jobs: Callable[[], int]

    @property
    def name(self) -> str:
        """What its runs share: the name of its folder, which holds the time."""
        return self.folder.name


class Watcher(Protocol):
    """Who sees to a sweep as a whole, in the parent of its jobs."""

    def prepare(self, tracking: Mapping[str, Any] | None) -> None:
        """Before the first job starts: the section ``tracking`` of each one's config, None where it is not known."""

    def watch(self, sweep: Sweep) -> AbstractContextManager[Any]:
        """Beside the jobs, and to their end; it hears from ``Sweep.exchange``."""


class Task:
    """What Hydra calls for each job, in this process or in a worker's."""

    def __init__(
        self,
        run: Callable[[Job], Any],
        fixed: Sequence[str] = (),
        exchange: Exchange | None = None,
        searches: bool = False,
    ) -> None:
        self._run = run
        self._fixed = {_key(override) for override in fixed}  # what all jobs of a sweep share
        self._exchange = exchange
        self._searches = searches

    def __call__(self, config: DictConfig) -> Any:
        """What a single job gave, or its ``Failure``; of a job in a sweep what ``Exchange.tell`` gives."""
        hydra = HydraConfig.get()
        folder = Path(hydra.runtime.output_dir)
        # As they were written: an interpolation among them is resolved in the config.
        overrides = [str(override) for override in plain_of(hydra.overrides.task)]
        differs = tuple(o for o in overrides if _key(o) not in self._fixed) if self._exchange else ()
        sweep = self._exchange.sweep if self._exchange else None
        try:
            plain = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
            assert isinstance(plain, dict)
            _require(plain, hydra)
            job = Job(plain, overrides, folder, sweep, differs, self._searches)  # type: ignore[arg-type]
            result = self._run(job)
        except BaseException as error:
            _remove_if_empty(folder, Path(hydra.runtime.cwd))
            if not isinstance(error, Exception):  # an interrupt ends the sweep too
                raise
            if self._exchange is None:
                return Failure(explained(error))
            return self._exchange.tell(
                Ended(hydra.job.num, differs, failed=_why(explained(error)), trace=traceback.format_exc())
            )
        if self._exchange is None:
            return result
        objective = result.metrics.get(plain["objective"])
        return self._exchange.tell(Ended(hydra.job.num, differs, result.text, objective, reused=result.reused))


class Program(Hydra):
    """Hydra, whose help gives each folder of presets a line of its own, below the components of its group."""

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
    options = _parse(arguments)
    hydra = _start(options.config_dir)
    try:
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
    with _alone(config_dir) as hydra:
        job = hydra.run(PRIMARY, Task(run), [*_with_default(overrides), "hydra.mode=RUN"])
    result = job.return_value
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
    with _alone(config_dir) as hydra:
        _sweep(hydra, _with_default(overrides), run, watcher)


@contextlib.contextmanager
def _alone(config_dir: str | None) -> Iterator[Hydra]:
    if GlobalHydra.instance().is_initialized():
        raise ConfigError(
            "chainrule.train cannot run inside a program that Hydra runs, since Hydra composes one config at a time; "
            "build Network and Trainer there, or start `chainrule train` as a program of its own"
        )
    hydra = _start(config_dir)
    try:
        yield hydra
    except COMPOSING as error:
        raise in_a_config(error) from error
    finally:
        GlobalHydra.instance().clear()


def _act(hydra: Hydra, options: argparse.Namespace, run: Callable[[Job], Any], watcher: Watcher) -> Any:
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
    elif _sweeps(hydra, options):
        _sweep(hydra, overrides, run, watcher)
    else:
        return hydra.run(PRIMARY, Task(run), [*overrides, "hydra.mode=RUN"]).return_value
    return None


def _sweeps(hydra: Hydra, options: argparse.Namespace) -> bool:
    if options.multirun:
        return True
    mode = hydra.get_mode(PRIMARY, list(options.overrides))
    return mode is not None and mode.name == "MULTIRUN"


def _sweep(hydra: Hydra, overrides: Sequence[str], run: Callable[[Job], Any], watcher: Watcher) -> None:
    """As ``Hydra.multirun``, but that each job's config is composed once, before the first one starts."""
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    fixed = [str(override.input_line) for override in parsed if not override.is_sweep_override()]
    master = hydra.compose_config(PRIMARY, [*overrides, "hydra.mode=MULTIRUN"], RunMode.MULTIRUN)
    options, objective = master.hydra.sweeper, master.get("objective")
    searches = not options._target_.endswith(".BasicSweeper")
    goal = goal_of(objective) if objective else "min"
    if searches:
        _check_direction(options, objective, goal)
    folder = Path(master.hydra.runtime.cwd, master.hydra.sweep.dir).resolve()
    exchange = Exchange(folder)
    loader = hydra.config_loader
    assert isinstance(loader, SafeLoader)
    here = master.hydra.launcher._target_.endswith(".BasicLauncher")
    loader.begin(exchange, lambda config: watcher.prepare(_tracking_of(config)), here)
    callbacks = Callbacks(master)
    callbacks.on_multirun_start(config=master, config_name=PRIMARY)
    sweeper = Plugins.instance().instantiate_sweeper(
        config=master,
        hydra_context=HydraContext(config_loader=loader, callbacks=callbacks),
        task_function=Task(run, fixed, exchange, searches),
    )
    if searches:  # whose jobs are composed one by one, by some launchers in the worker alone
        watcher.prepare(_tracking_of(master))
    sweep = Sweep(folder, exchange, objective, goal, lambda: options.get("n_trials") or loader.kept)
    try:
        with watcher.watch(sweep):
            sweeper.sweep(arguments=plain_of(master.hydra.overrides.task))
    finally:
        exchange.close()
    callbacks.on_multirun_end(config=master, config_name=PRIMARY)


def _check_direction(sweeper: DictConfig, objective: str | None, goal: str) -> None:
    """A search whose direction is not that of its objective would find the worst."""
    if objective is None:
        raise ConfigError("a search needs it: the metric to improve", key="objective")
    direction = getattr(sweeper.get("direction"), "name", sweeper.get("direction"))
    fitting = {"min": "minimize", "max": "maximize"}[goal]
    if isinstance(direction, str) and direction != fitting:
        raise ConfigError(f'got "{direction}", but {objective} is to be {fitting}d', key="hydra.sweeper.direction")


def _tracking_of(config: DictConfig) -> Any:
    """The section ``tracking`` of a job's config, resolved; None where something in it is known in the job alone."""
    try:
        return OmegaConf.to_container(config.tracking, resolve=True)
    except OmegaConfBaseException:
        return None


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
    hydra = Program(task_name="chainrule", config_loader=SafeLoader(config_search_path=path))
    GlobalHydra.instance().initialize(hydra)
    return hydra


def _refuse_taken_names(folder: Path) -> None:
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
            raise ConfigError(f'{folder / file}: the name "{name}" is taken; give it another', key="--config-dir")


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


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, ChainruleError) else f"{type(error).__name__}: {error}"


def _folder(option: str) -> str:
    return option.rpartition("/")[0]


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
