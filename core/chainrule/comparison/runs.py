"""Finding runs in MLflow: those of a sweep, of an experiment, or of a search; and their metrics by epoch."""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from chainrule.errors import ConfigError, TrackingError, UnknownName, did_you_mean
from chainrule.process.garbage import searched_later
from chainrule.tracking.histories import Point
from chainrule.tracking.store import all_of
from chainrule.tracking.tags import (
    ERROR,
    KIND,
    NAME_LENGTH,
    NO_RUN,
    SWEEP,
    nonfinite_in,
    objective_of,
    reused_tag,
    reusing_sweeps,
    stored,
)

PAGE = 1000
RECENT = 200
TRAINED = "params.seed LIKE '%'"


@dataclass(frozen=True)
class StoredRun:
    """One run of ``chainrule train`` as the store has it.

    ``unreal``: metrics that were infinite or not a number. ``objective``: the metric by which it is judged, None where
    none was named. ``no_run``: of its sweep the jobs that failed before they became runs: how many, then which, a line
    each; empty where there are none, or another run says so.
    """

    run_id: str
    experiment_id: str
    status: str
    start: int
    seed: str
    params: dict[str, str]
    metrics: dict[str, float]
    unreal: dict[str, str]
    error: str | None
    objective: str | None = None
    no_run: str = ""

    def __repr__(self) -> str:
        return f"<StoredRun {self.run_id}: {self.status}, seed {self.seed}, {len(self.metrics)} metrics>"


@dataclass(frozen=True)
class Found:
    """``title``: what was asked for, in words. ``others``: how many runs of other programs were found with them."""

    title: str
    runs: tuple[StoredRun, ...]
    others: int


def find(client: Any, which: str | None = None, where: str | None = None) -> Found:
    """The runs of an experiment or a sweep, by name, and of those the ones that a filter of MLflow's lets through.

    Args:
        which: None for the latest sweep; with a filter, for all runs.

    Raises:
        UnknownName: there is no such experiment or sweep. ConfigError: MLflow does not understand the filter.
        TrackingError: nothing is found.
    """
    experiments = {e.name: e.experiment_id for e in all_of(client.search_experiments)}
    ids = list(experiments.values())
    if which is None and where is None:
        which = next(sweeps(client, ids), None)
        if which is None:
            raise TrackingError(
                "no sweep is recorded here: name an experiment, or sweep with chainrule train -m (from Python: "
                "chainrule.sweep)"
            )
    conditions = [""]
    if which is None:
        title = f"runs where {where}"
    elif stored(which, NAME_LENGTH) in experiments:
        title, ids = f"experiment {which}", [experiments[stored(which, NAME_LENGTH)]]
    elif _is_sweep(client, ids, which):
        title, conditions = f"sweep {which}", _of_sweep(which)
    else:
        known = {*experiments, *sweeps(client, ids)}
        raise UnknownName(f'there is no sweep or experiment "{which}". {did_you_mean(which, known)}')
    if where is not None:
        conditions = [" and ".join(filter(None, [condition, where])) for condition in conditions]
        title = title if which is None else f"{title} where {where}"
    runs: dict[str, StoredRun] = {}
    others = 0
    with searched_later():  # all that is made here stays, or is gone at once
        for run in (run for condition in conditions for run in _search(client, ids, condition, where)):
            if "seed" in run.data.params:
                runs[run.info.run_id] = _stored(run, which)  # a sweep may have reused a run of its own
            elif KIND not in run.data.tags:
                others += 1
    if not runs:
        raise TrackingError(f"{title}: no run of chainrule train is recorded")
    return Found(title, tuple(runs.values()), others)


def names(client: Any) -> list[str]:
    """What ``find`` takes: the names of experiments, then of sweeps, the latest first."""
    experiments = {e.name: e.experiment_id for e in all_of(client.search_experiments)}
    return [*experiments, *sweeps(client, list(experiments.values()))]


def sweeps(client: Any, experiment_ids: Sequence[str]) -> Iterator[str]:
    """The names of those that the last thousand runs of sweeps belong to, the latest first."""
    runs = client.search_runs(
        experiment_ids, f"tags.{SWEEP} LIKE '%'", max_results=PAGE, order_by=["attributes.start_time DESC"]
    )
    latest: defaultdict[str, int] = defaultdict(int)
    for run in runs:
        for name, stamp in [(run.data.tags[SWEEP], run.info.start_time), *reusing_sweeps(run.data.tags)]:
            latest[name] = max(latest[name], stamp)
    return iter(sorted(latest, key=lambda name: latest[name], reverse=True))


def recent(client: Any) -> list[StoredRun]:
    """The latest runs of the experiment in which one was trained last, the latest first; none, where none was."""
    ids = [experiment.experiment_id for experiment in all_of(client.search_experiments)]
    order = ["attributes.start_time DESC"]
    latest = client.search_runs(ids, TRAINED, max_results=1, order_by=order)
    ids = [run.info.experiment_id for run in latest]
    return [_stored(run, None) for run in client.search_runs(ids, TRAINED, max_results=RECENT, order_by=order)]


def by_epoch(points: Iterable[Point]) -> dict[int, float]:
    """A metric's values by epoch; of two at one epoch the first: what training saw, not what was measured after it."""
    values: dict[int, float] = {}
    for step, value in points:
        values.setdefault(step, value)
    return dict(sorted(values.items()))


def _search(client: Any, experiment_ids: Sequence[str], condition: str, where: str | None) -> Iterator[Any]:
    from mlflow.exceptions import MlflowException

    try:
        yield from all_of(client.search_runs, experiment_ids, condition, max_results=PAGE)
    except MlflowException as error:
        if where is None or error.error_code != "INVALID_PARAMETER_VALUE":
            raise
        raise ConfigError(f'MLflow does not understand "{where}": {error.message}{_hint(where)}', key="where") from None


def _hint(where: str) -> str:
    """What to write, as far as that can be seen."""
    bare = re.search(r"(?<![\w.`'\"/])(?:train|validation|test|best|best_epoch)/[\w./]+", where)
    if bare:
        return f" (write metrics.{bare[0]})"
    param = re.search(r"\bparam(?:eter)?s?\.([\w.]+)\s*([<>]=?|!?=)\s*([-+\d.][\w.+-]*)", where)
    if param:
        return f" (params are text, which is equal or not: write params.{param[1]} = '{param[3]}')"
    return " (keys are metrics.NAME, params.NAME, tags.NAME and attributes.NAME)"


def _is_sweep(client: Any, experiment_ids: Sequence[str], name: str) -> bool:
    if "'" in name or "`" in name:
        return False
    return any(client.search_runs(experiment_ids, condition, max_results=1) for condition in _of_sweep(name))


def _of_sweep(name: str) -> list[str]:
    """The runs that it made, and those that it took over from earlier ones."""
    return [f"tags.{SWEEP} = '{name}'", f"tags.`{reused_tag(name)}` LIKE '%'"]


def _stored(run: Any, sweep: str | None) -> StoredRun:
    tags = run.data.tags
    return StoredRun(
        run.info.run_id,
        run.info.experiment_id,
        run.info.status,
        run.info.start_time,
        run.data.params["seed"],
        {sys.intern(key): sys.intern(value) for key, value in run.data.params.items()},  # alike in thousands of runs
        {sys.intern(key): value for key, value in run.data.metrics.items()},
        nonfinite_in(tags),
        tags.get(ERROR),
        objective_of(tags, sweep),
        tags.get(NO_RUN, "") if sweep in (None, run.data.tags.get(SWEEP)) else "",
    )
