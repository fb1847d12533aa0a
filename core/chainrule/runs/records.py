"""The runs that a store holds, for ``chainrule runs``: how far each came, and what became of it."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chainrule.errors import TrackingError
from chainrule.registry.goals import judging
from chainrule.runs.cut import at_work
from chainrule.tracking.histories import of_runs
from chainrule.tracking.store import connect, find_run, usable
from chainrule.tracking.tags import FOLDER, KIND, OBJECTIVE, RESUMED
from chainrule.tracking.uris import resolved

UNFINISHED = ("FAILED", "KILLED")
MOST = 1000
"""So many of the latest are looked through."""


@dataclass(frozen=True)
class Record:
    """One run of a training.

    ``status``: MLflow's, but ``"CUT"`` for one that can be gone on with; ``judged``: its objective and the value of
    that; ``epochs``: how many it has come to, and how many there were to be, as far as is known; ``age``: seconds since
    it began.
    """

    run_id: str
    name: str
    experiment: str
    status: str
    judged: tuple[str, float] | None
    epochs: tuple[int, str]
    age: float


class Records:
    """The runs of one store.

    Raises:
        TrackingError: it is not there, or cannot be used.
    """

    def __init__(self, uri: str | None = None) -> None:
        self._uri = resolved(uri)
        with usable(self._uri):
            self._client = connect(self._uri)

    def latest(self, count: int, experiment: str | None = None) -> list[Record]:
        """The latest ones, of one experiment or of all.

        Raises:
            TrackingError: there is no such experiment.
        """
        with usable(self._uri):
            known = {found.experiment_id: found.name for found in self._client.search_experiments()}
            chosen = [key for key, name in known.items() if experiment in (None, name)]
            if not chosen:
                raise TrackingError(f'there is no experiment "{experiment}" in this store: {", ".join(known.values())}')
            latest = self._client.search_runs(chosen, order_by=["attributes.start_time DESC"], max_results=MOST)
            return self._described([run for run in latest if KIND not in run.data.tags][:count], known)

    def chosen(self, run_ids: Sequence[str]) -> list[Record]:
        """Those with these ids.

        Raises:
            TrackingError: there is none of one of them.
        """
        with usable(self._uri):
            known = {found.experiment_id: found.name for found in self._client.search_experiments()}
            return self._described([find_run(self._client, run_id) for run_id in run_ids], known)

    def delete(self, records: Sequence[Record]) -> None:
        """Mark them as deleted, as MLflow's pages do; its ``mlflow gc`` removes them for good."""
        with usable(self._uri):
            for record in records:
                self._client.delete_run(record.run_id)

    def rename(self, record: Record, name: str) -> None:
        """Give it another name."""
        with usable(self._uri):
            self._client.update_run(record.run_id, name=name)

    def _described(self, runs: Sequence[Any], experiments: dict[str, str]) -> list[Record]:
        losses = of_runs(self._client, self._uri, [run.info.run_id for run in runs], "train/loss") if runs else {}
        now = time.time()
        return [
            Record(
                run.info.run_id,
                run.info.run_name,
                experiments.get(run.info.experiment_id, "deleted"),
                _status(run),
                _judged(run),
                (_last(losses.get(run.info.run_id, [])), _planned(run)),
                now - run.info.start_time / 1000,
            )
            for run in runs
        ]


def _status(run: Any) -> str:
    status: str = run.info.status
    cut = status in UNFINISHED or (status == "RUNNING" and not at_work(run))
    return "CUT" if cut and status != "FAILED" and FOLDER in run.data.tags else status


def _planned(run: Any) -> str:
    """The epochs that there were to be: a param stays what it was when the run began."""
    later: list[str] = re.findall(r"trainer\.epochs was \S+, then (\d+)", run.data.tags.get(RESUMED, ""))
    return later[-1] if later else str(run.data.params.get("trainer.epochs"))


def _last(points: Sequence[tuple[int, float]]) -> int:
    return max((step for step, _ in points), default=0)


def _judged(run: Any) -> tuple[str, float] | None:
    objective, metrics = run.data.tags.get(OBJECTIVE), run.data.metrics
    name = judging(objective, metrics) if objective is not None else ""
    return (name, metrics[name]) if name in metrics else None
