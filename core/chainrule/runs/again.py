"""A job that its sweep had begun before: a cluster that loses a machine, or takes it away, begins it on another one."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from chainrule.contract.data import Data
from chainrule.contract.kinds import Component
from chainrule.engine.use import using
from chainrule.errors import ResumeError
from chainrule.process.threads import blas_threads
from chainrule.runs.changes import engine_of, threads_of
from chainrule.runs.cut import Cut, run_in
from chainrule.runs.identity import describe
from chainrule.tracking.tags import CONFIG_DIGEST

if TYPE_CHECKING:
    from chainrule.config.jobs import Job


def left_behind(
    job: Job, data: Data, used: Sequence[Component], tracking: Any
) -> tuple[Cut, None] | tuple[None, str | None]:
    """What an earlier try of a job left: a run to go on with, or the id of one that came to its end.

    Neither where there is none, or it would be another one here: with another processor, say. It is then given a
    status, as its process is gone, and nobody else may be able to tell.
    """
    begun = tracking.begun(job.sweep, job.folder) if job.again else None
    run_id = begun.info.run_id if begun is not None else run_in(job.folder)
    if begun is None and run_id is not None:
        begun = tracking.recorded(run_id)
    if begun is None or (begun.info.status == "FINISHED" and not job.again):
        return None, None
    with blas_threads(threads_of(begun.data.tags) or 1), using(engine_of(begun.data.tags)):
        equal = describe(job, data, used)[CONFIG_DIGEST] == begun.data.tags.get(CONFIG_DIGEST)
    if equal and begun.info.status == "FINISHED":
        return None, run_id
    with contextlib.suppress(ResumeError):  # in a folder with checkpoints of yet another run
        if equal:
            return Cut(run_id, job.folder, job.config, begun.data.tags), None
    if job.again and begun.info.status == "RUNNING":
        tracking.lost(run_id)
    return None, None
