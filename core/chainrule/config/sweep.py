"""A sweep: all jobs composed once, before the first one starts."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hydra._internal.callbacks import Callbacks
from hydra._internal.hydra import Hydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from chainrule.config.jobs import Job, Sweep, Watcher
from chainrule.config.loader import PRIMARY, SafeLoader, plain_of
from chainrule.config.mailbox import Mailbox, one_folder, remove_left
from chainrule.config.misfits import refuse_misfits
from chainrule.config.task import TaskFunction
from chainrule.errors import ConfigError, FieldError
from chainrule.process.claims import claimed
from chainrule.process.workers import end_idle_workers
from chainrule.registry.goals import goal_of
from chainrule.words import one_line


class Values(Callbacks):
    """Keeps of what a job gives its value alone: its config, twice, would be held until the last job has ended."""

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        super().on_job_end(config, job_return, **kwargs)
        job_return.cfg = job_return.hydra_cfg = None


def run_jobs(hydra: Hydra, overrides: Sequence[str], run: Callable[[Job], Any], watcher: Watcher) -> None:
    """As ``Hydra.multirun``, but that each job's config is composed once, before the first one starts."""
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    fixed = [str(override.input_line) for override in parsed if not override.is_sweep_override()]
    master = hydra.compose_config(PRIMARY, [*overrides, "hydra.mode=MULTIRUN"], RunMode.MULTIRUN)
    options, objective = master.hydra.sweeper, master.get("objective")
    searches = not options._target_.endswith(".BasicSweeper")
    if searches:
        _check_numbers(options)
        _check_direction(options, objective)
    folder = Path(master.hydra.runtime.cwd, master.hydra.sweep.dir).resolve()
    if searches and "${" not in str(plain_of(master.hydra.sweep)["subdir"]):
        raise one_folder(folder / master.hydra.sweep.subdir)
    mailbox = Mailbox(folder)
    loader = hydra.config_loader
    assert isinstance(loader, SafeLoader)
    here = master.hydra.launcher._target_.endswith(".BasicLauncher")

    def prepare(config: DictConfig) -> None:
        tracking = _tracking_of(config)
        loader.typed.say_address(tracking)
        watcher.prepare(tracking)

    loader.begin(mailbox, prepare, here, searches)
    given = plain_of(master.hydra.overrides.task)
    params = [f"{key}={value}" for key, value in (plain_of(options.get("params")) or {}).items()]
    refuse_misfits(loader, [*params, *given], functools.partial(loader.composed, master))
    callbacks = Values(master)
    callbacks.on_multirun_start(config=master, config_name=PRIMARY)
    sweeper = Plugins.instance().instantiate_sweeper(
        config=master,
        hydra_context=HydraContext(config_loader=loader, callbacks=callbacks),
        task_function=TaskFunction(run, fixed, mailbox, searches),
    )
    if searches:  # whose jobs are composed one by one, by some launchers in the worker alone
        prepare(master)
    sweep = Sweep(folder, mailbox, objective, lambda: options.get("n_trials") or loader.kept)
    with claimed(folder, "sweep", "hydra.sweep.dir"):
        remove_left(folder.parent)
        mailbox.open()
        end_idle_workers()
        try:
            with watcher.watch(sweep):
                sweeper.sweep(arguments=given)
        except RuntimeError as error:
            if "Could not detect" not in str(error):  # submitit, of a cluster
                raise
            raise ConfigError(f"it cannot run here: {one_line(error)}", key="hydra.launcher") from error
        finally:
            mailbox.close()
    callbacks.on_multirun_end(config=master, config_name=PRIMARY)


def _check_numbers(sweeper: DictConfig) -> None:
    """A search that begins no trial at a time never comes to its end."""
    for name in ("n_trials", "n_jobs"):
        if isinstance(sweeper.get(name), int) and sweeper[name] < 1:
            raise FieldError(f"got {sweeper[name]}, must be at least 1", key=f"hydra.sweeper.{name}")


def _check_direction(sweeper: DictConfig, objective: str | None) -> None:
    """A search whose direction is not that of its objective would find the worst."""
    if objective is None:
        raise ConfigError("a search needs it: the metric to improve", key="objective")
    direction = getattr(sweeper.get("direction"), "name", sweeper.get("direction"))
    fitting = f"{goal_of(objective)}imize"
    if isinstance(direction, str) and direction != fitting:
        raise ConfigError(f'got "{direction}", but {objective} is to be {fitting}d', key="hydra.sweeper.direction")


def _tracking_of(config: DictConfig) -> Any:
    """The section ``tracking`` of a job's config, resolved; None where something in it is known in the job alone."""
    try:
        return OmegaConf.to_container(config.tracking, resolve=True)
    except OmegaConfBaseException:
        return None
