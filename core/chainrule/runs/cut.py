"""A run that was cut: what is left of it, and whether it would go on here as it would have there."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.contract.data import Data
from chainrule.contract.kinds import Component
from chainrule.engine.use import Engine
from chainrule.errors import ConfigError, DataError, ResumeError
from chainrule.process.liveness import is_gone
from chainrule.runs.changes import changes, engine_of, threads_of
from chainrule.runs.identity import describe
from chainrule.tracking.environment import environment
from chainrule.tracking.folders import folder_of
from chainrule.tracking.tags import BLAS, CONFIG_DIGEST, DATASET_DIGEST, ENGINE, PROCESS, RESUMED, TAG_LENGTH, capped
from chainrule.tracking.written import CHECKPOINTS, CONFIG
from chainrule.training.agreement import understood
from chainrule.training.checkpoint import Checkpoints
from chainrule.words import relative

if TYPE_CHECKING:
    from chainrule.config.jobs import Job

AND = " and "
"""Between the digest of a config with which a run began and those with which it went on."""
NO_MATTER = ("git commit", "uncommitted changes", "python")
"""Differences that cannot change a result, beside those that can."""


@dataclass
class Cut:
    """A run that was cut.

    ``run_id``: None for an untracked one; ``config``: that it had; ``tags``: as they were recorded, or else as the
    checkpoint has them; ``anyway``: whether it goes on whatever differs here. ``state``: of its newest checkpoint, None
    where it came to none.

    Raises:
        ResumeError: the checkpoint is of another run.
    """

    run_id: str | None
    folder: Path
    config: Mapping[str, Any]
    tags: Mapping[str, str] = field(default_factory=dict)
    anyway: bool = False
    state: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        newest = Checkpoints(self.folder / CHECKPOINTS).latest()
        if newest is not None:
            saved, file = newest
            run_id, tags, state = about(saved, file)
            if run_id not in (None, self.run_id):
                raise ResumeError(f"{file} is of the run {run_id}, not of {self.run_id}: it was put there")
            self.tags, self.state = self.tags or tags, state

    def require_epochs(self, epochs: int) -> None:
        """Refuse an end that lies behind, before anything is changed."""
        if self.state is None:
            return
        with understood():
            came = self.state["epochs"][0] + (self.state["position"]["next_batch"] is not None)
        if epochs < came:
            raise ConfigError(
                f"got {epochs}, but this run has come to epoch {came}: give it more", key="trainer.epochs"
            )

    @classmethod
    def recorded(cls, uri: str, run: Any, anyway: bool = False) -> Cut:
        """What is left of a run that MLflow has.

        Raises:
            ResumeError: it is at work, or its files are gone.
        """
        run_id, tags = run.info.run_id, run.data.tags
        if run.info.lifecycle_stage == "deleted":
            raise ResumeError(f"the run {run_id} was deleted; to bring it back: mlflow runs restore --run-id {run_id}")
        if at_work(run):
            raise ResumeError(f"the run {run_id} has not ended: it is at work in the process {tags[PROCESS]}")
        folder = folder_of(uri, tags)
        if folder is None or not (folder / CONFIG).is_file():
            where = f"there is no {CONFIG} in its folder {folder}" if folder else "its folder was not recorded"
            raise ResumeError(f"the run {run_id} cannot go on: {where}")
        return cls(run_id, folder, loaded_yaml(folder / CONFIG), tags, anyway)

    @property
    def threads(self) -> int | None:
        """In how many its matrices were multiplied, as far as it is known."""
        return threads_of(self.tags)

    @property
    def engine(self) -> Engine:
        """That it had, where it can be used here."""
        return engine_of(self.tags)

    def require_same(self, job: Job, data: Data, used: Sequence[Component]) -> dict[str, str]:
        """The tags by which it is told that it goes on otherwise than it began; none where nothing differs that tells
        in a result.

        Args:
            job, data, used: of the run that goes on here.

        Raises:
            ResumeError: something else differs than for how long it is to train; it is named.
        """
        begun = self.tags.get(CONFIG_DIGEST, "")
        here = describe(dataclasses.replace(job, config=dict(self.config)), data, used)
        told = []
        if here[CONFIG_DIGEST] not in begun.split(AND):
            told_here = {**environment(Path.cwd()), BLAS: here[BLAS], ENGINE: here[ENGINE], DATASET_DIGEST: data.digest}
            now = capped(told_here, TAG_LENGTH)
            differ = {name: both for name, both in changes(self.tags, now).items() if name not in NO_MATTER}
            told = [f"{name} was {then}, here it is {now}" for name, (then, now) in differ.items()]
            told = told or ["its config.yaml was changed, or components came to it"]
            if not self.anyway:
                raise ResumeError(
                    f"the run {self.run_id or self.folder} would not go on as it would have: {'; '.join(told)}\n"
                    "To go on all the same, which will be recorded: --anyway"
                )
        then, now = (config["trainer"]["epochs"] for config in (self.config, job.config))
        if then != now:
            told.append(f"trainer.epochs was {then}, then {now}")
        if not told:
            return {CONFIG_DIGEST: begun}
        before = [self.tags[RESUMED]] if RESUMED in self.tags else []
        digest = AND.join([begun, describe(job, data, used)[CONFIG_DIGEST]])  # that of no run that began so
        return {RESUMED: "; ".join([*before, *told]), CONFIG_DIGEST: digest}


def run_in(folder: Path) -> str | None:
    """The id of the run whose checkpoints lie in a folder; None where none do, or nobody recorded it."""
    newest = Checkpoints(folder / CHECKPOINTS).latest()
    return about(*newest)[0] if newest is not None else None


def about(saved: Any, file: Path) -> tuple[str | None, dict[str, str], dict[str, Any]]:
    """What a checkpoint holds: the id of its run, its tags, and the state of its training.

    Raises:
        DataError: it is of none.
    """
    match saved:
        case {"run_id": None | str() as run_id, "tags": dict() as tags, "training": dict() as state}:
            return run_id, tags, state
    raise DataError(f"{file} is no checkpoint of a run")


def at_work(run: Any) -> bool:
    """Whether a run of MLflow's may not have ended."""
    told = run.data.tags.get(PROCESS)
    return run.info.status == "RUNNING" and told is not None and not is_gone(told)


def how_to_resume(run_id: str | None, folder: Path) -> str:
    """The command that goes on with a run."""
    return shlex.join(["chainrule", "resume", run_id or str(relative(folder))])


def loaded_yaml(path: Path) -> Any:
    from omegaconf import OmegaConf

    return OmegaConf.to_container(OmegaConf.load(path))
