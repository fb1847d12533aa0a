"""One run from a composed config, to be read from top to bottom: data, network, trainer, tracking, figures, result."""

from __future__ import annotations

import dataclasses
import functools
import logging
import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.contract.data import Data
from chainrule.contract.kinds import Callback, Component
from chainrule.contract.training import Training
from chainrule.engine.use import Engine, using
from chainrule.errors import DataError, ResumeError
from chainrule.network.loading import load_network
from chainrule.pictures.drawing import draw_all
from chainrule.prediction.importance import importances
from chainrule.prediction.predictor import Predictor
from chainrule.process.claims import claimed, is_claimed
from chainrule.process.threads import blas_threads
from chainrule.runs.again import left_behind
from chainrule.runs.building import (
    build_callbacks,
    build_network,
    build_trainer,
    check_objective,
    load_data,
    planned_epochs,
)
from chainrule.runs.checkpointing import Checkpointing
from chainrule.runs.cut import Cut, how_to_resume
from chainrule.runs.final import final_metrics
from chainrule.runs.folder import config_there_first, keep_figure, keep_model, keep_text
from chainrule.runs.identity import describe, run_name, weights_digest
from chainrule.runs.measured import Report
from chainrule.runs.remarks import remarks_on
from chainrule.runs.result import WEIGHTS, Result, loaded
from chainrule.runs.threads import candidates, chosen_threads
from chainrule.tracking.environment import environment
from chainrule.tracking.tags import (
    CONFIG_DIGEST,
    DATASET_DIGEST,
    LOGGED_MODELS,
    NOTE,
    REMARKS,
    TAG_LENGTH,
    WEIGHTS_DIGEST,
    capped,
    params_of,
)
from chainrule.tracking.tracking import tracking_of
from chainrule.tracking.written import CHECKPOINTS, files_in
from chainrule.training.checkpoint import Checkpoints
from chainrule.words import relative

if TYPE_CHECKING:
    from chainrule.config.jobs import Job
    from chainrule.runs.filming import Filming

log = logging.getLogger(__name__)


def train(overrides: Sequence[str] = (), config_dir: str | None = None) -> Result:
    """One run, as ``chainrule train`` does it, from Python: ``train(["experiment=mnist", "optimizer.lr=0.01"])``.

    Args:
        overrides: Hydra's; where they name neither an experiment nor a dataset, ``experiment=xor``.
        config_dir: a folder with configs of your own.

    Raises:
        ConfigError: the config is wrong; the message names the key and what would be right.
        Whatever else ended the run; its status in MLflow is then FAILED.
    """
    from chainrule.config.command_line import run_once

    result: Result = run_once(overrides, run, config_dir)
    return result


def run(job: Job, cut: Cut | None = None) -> Result:
    """Do one composed job, or go on with it where it was cut."""
    start = time.perf_counter()
    config = job.config
    before = files_in(job.folder) if cut is None else {}  # an earlier run's, whose folder this is again
    tracking = tracking_of(config["tracking"])
    tracking.warm_up()  # MLflow's import and a new store take seconds; meanwhile the data is read

    dataset, data = load_data(config, shared=job.sweep is not None)
    model, network = build_network(config, data)
    trainer = build_trainer(config, network, cut.engine if cut else None)
    trainer.token_names = data.token_names
    callbacks = build_callbacks(config, data, quiet=job.sweep is not None and cut is None)
    check_objective(job, data, trainer, callbacks)
    used = [dataset, model, *network.components, *trainer.components, *callbacks]

    if cut is None and job.sweep is None:  # else the sweep has done it
        tracking.close_orphans()
    if cut is None and config["tracking"]["reuse"]:
        earlier, reused = equal_run(job, data, used, trainer.engine, tracking)
        if earlier is not None:
            return take_over(job, earlier, tracking, reused)
    if cut is None and job.sweep is not None:
        cut, ended = left_behind(job, data, used, tracking)
        if ended is not None:
            return result_of(job, ended, tracking)

    threads = config["trainer"]["threads"]
    if cut is not None:  # it goes on as it began
        threads, trainer.engine = cut.threads, cut.engine
    checkpoints = Checkpoints(job.folder / CHECKPOINTS)
    filming = filmed(job, data) if config["explain"] else None
    threads = chosen_threads(threads, network, data, trainer.batch_size)
    with blas_threads(threads), using(trainer.engine):
        tags = describe(job, data, used)
        if cut is not None:
            tags |= cut.require_same(job, data, used)
        with (
            config_there_first(job, goes_on=cut is not None) as begin,
            tracking.run(
                name=run_name(job),
                params=params_of(config),
                tags=tags,
                dataset=(config["dataset"]["name"], data.digest),
                folder=job.folder,
                run_id=cut.run_id if cut else None,
            ) as tracked,
        ):
            begin()
            try:
                told = {**environment(Path.cwd()), **tags, DATASET_DIGEST: data.digest}
                known = capped(told, TAG_LENGTH)
                seconds = config["tracking"]["checkpoint_seconds"]
                saving = Checkpointing(checkpoints, seconds, lambda: {"run_id": tracked.run_id, "tags": known})
                if cut is not None and cut.state is not None:
                    trainer.load_state(cut.state)
                    for epoch, values in trainer.history.by_epoch():  # what had not reached the store
                        tracked.log(values, epoch)
                if config["tracking"]["figures"]:
                    trainer.keep_figure = functools.partial(keep_figure, job.folder)
                trainer.keep_text = functools.partial(keep_text, job.folder)
                epochs = planned_epochs(config, data, trainer)
                listening = [saving, *callbacks, EpochLog(tracked), *([filming.film] if filming else [])]
                history = trainer.fit(data.train, epochs, data.validation, listening)
                metrics, arrays = final_metrics(trainer, data)
                tracked.summary(metrics, step=trainer.epoch)
                tracked.tag(WEIGHTS_DIGEST, weights_digest(network))
                remarks = remarks_on(trainer, data, metrics)
                remarks += [] if filming is None else map(str, filming.findings)
                if remarks:
                    tracked.tag(REMARKS, "\n".join(remarks))
                tracked.tag(NOTE, note(job, metrics, tracked.run_id))
                if config["tracking"]["figures"]:
                    relied = importances(network, data)
                    draw_all(job.folder / "figures", history, data, network.predict, run_name(job), arrays, relied)
            except KeyboardInterrupt as error:
                if job.sweep is None:
                    error.add_note(f"To go on with it: {how_to_resume(tracked.run_id, job.folder)}")
                raise
            finally:  # of a run that fails or is interrupted, what there is
                checkpoints.wait()
                trained = Predictor(network, data.prepared)
                logged = keep_model(trained, job.folder, tracked.run_id, config["tracking"])
                if logged is not None:
                    tracked.tag(LOGGED_MODELS, logged)
                if filming is not None:
                    filming.keep(trainer)
                tracked.artifacts(job.folder, before)

    took = time.perf_counter() - start
    return Result(
        run_name(job),
        tracked.run_id,
        metrics,
        network,
        history,
        job.folder,
        took,
        tracked.where,
        trainer.stop_reason,
        remarks=tuple(remarks),
        objective=config["objective"],
        preparation=data.prepared,
    )


def filmed(job: Job, data: Data) -> Filming:
    """The film of a run. What makes pages is loaded for who asks for one."""
    from chainrule.runs.filming import Filming

    return Filming(job, data)


def equal_run(
    job: Job, data: Data, used: Sequence[Component], engine: Engine, tracking: Any
) -> tuple[str | None, bool]:
    """The id of a run that is equal in all that can change its result and has finished, and whether it had before:
    one that was cut is brought to its end here."""
    for number in candidates(job.config["trainer"]["threads"]):
        with blas_threads(number), using(engine):
            digest = describe(job, data, used)[CONFIG_DIGEST]
        earlier: str | None = tracking.finished(digest, WEIGHTS, read_weights)
        begun = tracking.unfinished(digest) if earlier is None else None
        if earlier is not None:
            return earlier, True
        if begun is not None and finished_now(begun, tracking.uri, job):
            return begun.info.run_id, False
    return None, False


def finished_now(recorded: Any, uri: str, job: Job) -> bool:
    """Bring an equal run to its end that was cut, where there is something left of it: whether it was."""
    try:
        cut = Cut.recorded(uri, recorded)
    except ResumeError:
        return False
    if cut.state is None or is_claimed(cut.folder, "run"):
        return False
    with claimed(cut.folder, "run", "tracking.reuse"):
        run(dataclasses.replace(job, config=dict(cut.config), folder=cut.folder), cut)
    return True


def read_weights(path: Path, tags: Mapping[str, str]) -> None:
    """Raise ``DataError`` where they are damaged, or not those that the run with these tags recorded."""
    if weights_digest(load_network(path)) != tags.get(WEIGHTS_DIGEST):
        raise DataError(f"{path} holds other weights than were recorded")


def take_over(job: Job, run_id: str, tracking: Any, reused: bool) -> Result:
    """The result of an equal run that has finished, with its files in the folder of this job."""
    result = result_of(job, run_id, tracking)
    if job.sweep is not None:
        tracking.reused_by(job.sweep, run_id, result.objective)
    return dataclasses.replace(result, reused=reused)


def result_of(job: Job, run_id: str, tracking: Any) -> Result:
    """That of this job, from its run, which came to its end before."""
    found = loaded(run_id, tracking.uri, job.folder)
    return dataclasses.replace(found, name=run_name(job), objective=job.config["objective"])


class EpochLog(Callback):
    """Hands the metrics of each epoch to the run that is being recorded."""

    def __init__(self, tracked: Any) -> None:
        self.tracked = tracked

    def on_epoch_end(self, trainer: Training) -> None:
        self.tracked.log(trainer.metrics, step=trainer.epoch)

    def state(self) -> dict[str, Any]:
        return {}

    def load_state(self, state: Mapping[str, Any]) -> None:
        pass


def note(job: Job, metrics: Mapping[str, float], run_id: str | None) -> str:
    """What MLflow shows first of a run: what came of it, the command that gives it again, its files, its curves."""
    parts = [
        Report(run_name(job), metrics, job.config["objective"]).markdown(),
        f"`{shlex.join(['chainrule', 'train', *job.overrides])}`",
        f"Files: `{relative(job.folder)}`",
    ]
    if job.config["tracking"]["figures"] and run_id is not None:
        parts.append(f"![Curves](get-artifact?path=figures/curves.png&run_uuid={run_id})")
    return "\n\n".join(parts)
