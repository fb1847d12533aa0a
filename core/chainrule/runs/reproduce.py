"""``chainrule reproduce``: a recorded run is trained again from its own record, and compared with it to the last bit.

What it needs of the record: the artifact ``config.yaml``, and the tags that say with what it ran. Where something is
not equal, what differs between the two environments is named.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from chainrule.contract.arguments import require_text
from chainrule.engine.use import engine_in_words
from chainrule.errors import TrackingError
from chainrule.process.threads import blas, blas_threads, cores
from chainrule.registry.provenance import require_installed
from chainrule.runs.building import load_data
from chainrule.runs.changes import changes, engine_of, threads_of
from chainrule.runs.folder import recorded_config
from chainrule.runs.identity import weights_digest
from chainrule.runs.result import Result
from chainrule.runs.run import run
from chainrule.runs.threads import require_threads
from chainrule.tracking.environment import environment
from chainrule.tracking.histories import Point, of_run
from chainrule.tracking.reading import missing_file
from chainrule.tracking.store import connect, find_run, usable
from chainrule.tracking.tags import (
    BLAS,
    DATASET_DIGEST,
    ENGINE,
    TAG_LENGTH,
    WEIGHTS_DIGEST,
    capped,
    components_of,
    key_of,
    nonfinite_in,
    nonfinite_point,
)
from chainrule.tracking.uris import resolved

log = logging.getLogger(__name__)
FOLDER = Path("outputs") / "reproductions"
TIMING = ("seconds", "examples_per_second")
"""Metrics of the machine, which are no results."""


@dataclass(frozen=True)
class MetricAgain:
    """One metric of both runs.

    ``recorded``, ``again``: the last values, None where there is none again; ``steps``: at how many they were compared;
    ``differs``: the steps at which they are not the same.
    """

    name: str
    recorded: float
    again: float | None
    steps: int
    differs: tuple[int, ...]


@dataclass(frozen=True)
class Reproduction:
    """What came of training a recorded run again.

    ``metrics``: all that were recorded, but those of time; ``weights``: the digest that was recorded (None where there
    is none) and the new one; ``differences``: what is not the same in the two environments, each with its recorded
    value and the one here; ``result``: the new run, whose files are in ``result.folder``.
    """

    run_id: str
    metrics: tuple[MetricAgain, ...]
    weights: tuple[str | None, str]
    differences: dict[str, tuple[str, str]]
    result: Result

    def __repr__(self) -> str:
        unequal = sum(bool(metric.differs) for metric in self.metrics)
        weights = "equal" if len(set(self.weights)) == 1 else "not equal"
        told = f"{unequal} of {len(self.metrics)} metrics differ, the weights are {weights}"
        return f"<Reproduction of run {self.run_id}: {'equal to the last bit' if self.equal else told}>"

    @property
    def equal(self) -> bool:
        """Whether every value of every metric, and the weights, are the same to the last bit."""
        return self.weights[0] == self.weights[1] and not any(metric.differs for metric in self.metrics)


def reproduce(run_id: str, uri: str | None = None, threads: int | None = None) -> Reproduction:
    """Train a recorded run again, as ``chainrule reproduce`` does. Nothing is added to the store.

    Args:
        run_id: as ``Result.run_id`` and MLflow's pages give it.
        uri: the store; None for ``MLFLOW_TRACKING_URI``, else ``mlflow.db`` in the working directory.
        threads: of the matrix products; None for as many as the run had, if there are so many cores here.

    Raises:
        TrackingError: there is no such run or store, it has not finished, or its config was not recorded.
        UnknownName: it needs a component that is not installed; names the package and version.
        Whatever else ends the new run.
    """
    from chainrule.config.jobs import Job

    require_text("run_id", run_id, "the id of a run, as Result.run_id has it")
    if threads is not None:
        require_threads(threads)
    uri = resolved(uri)
    with usable(uri):
        client = connect(uri)
        recorded = _finished(client, run_id)
        config = _config(client, recorded.info)
        points = _recorded_points(client, recorded)
    tags = recorded.data.tags
    require_installed(components_of(tags))

    trainer = config["trainer"]
    trainer["threads"] = threads or min(trainer["threads"] or threads_of(tags) or 1, cores())
    trainer["engine"] = engine_of(tags)
    differ = changes(tags, _tags_here(config))
    try:
        result = run(Job(config, [], (FOLDER / f"{datetime.now():%Y-%m-%d_%H-%M-%S-%f}").absolute()))
    except Exception:  # which may be why
        for name, (then, now) in differ.items():
            log.warning("%s: recorded was %s, here it is %s", name, then, now)
        raise
    metrics = _compared(points, recorded.data.metrics, result)
    weights = (tags.get(WEIGHTS_DIGEST), weights_digest(result.network))
    return Reproduction(recorded.info.run_id, metrics, weights, differ, result)


def _finished(client: Any, run_id: str) -> Any:
    recorded = find_run(client, run_id)
    status = recorded.info.status
    if status != "FINISHED":
        raise TrackingError(f"the run {run_id} is {status}; only one that is FINISHED has results to compare with")
    return recorded


def _config(client: Any, run: Any) -> dict[str, Any]:
    """The composed config of a run; it is to be tracked nowhere now, and to draw nothing."""
    if missing := missing_file(client, run, "config.yaml"):
        raise TrackingError(missing)
    config = recorded_config(Path(client.download_artifacts(run.run_id, "config.yaml")))
    changed = {"enabled": False, "reuse": False, "figures": False, "run_name": run.run_name}
    config["tracking"] |= changed
    return config


def _recorded_points(client: Any, recorded: Any) -> dict[str, list[Point]]:
    """What the store has of each metric. A value that was no real number is a tag."""
    points = of_run(client, recorded.info.run_id, (key for key in recorded.data.metrics if key not in TIMING))
    for metric, text in nonfinite_in(recorded.data.tags).items():
        points.setdefault(metric, []).append(nonfinite_point(text))
    return points


def _compared(recorded: Mapping[str, list[Point]], last: Mapping[str, Any], result: Result) -> tuple[MetricAgain, ...]:
    again: dict[str, list[Point]] = {key_of(name): list(enumerate(h, 1)) for name, h in result.history.items()}
    by_epoch = set(again)
    for name, value in result.metrics.items():
        again.setdefault(key_of(name), []).append((result.history.epochs, value))
    compared = []
    for name in dict.fromkeys([*again, *recorded]):
        if name not in recorded:  # another package here may have brought the metric
            continue
        then, now = recorded[name], again.get(name, [])
        if name not in by_epoch:  # then the new run knows its last value alone
            then = then[-1:]  # of a run that was trained longer the earlier ones are there too
            now = [(then[-1][0], value) for _, value in now]
        differs = tuple(sorted(_unequal(then, now)))
        steps = {step for step, _ in then}.union(differs)
        values = last.get(name, then[-1][1]), now[-1][1] if now else None
        compared.append(MetricAgain(name, *values, len(steps), differs))
    return tuple(compared)


def _unequal(recorded: list[Point], again: list[Point]) -> set[int]:
    """The steps with a recorded point that is not there again; and that of the last new one, if it is not recorded.

    Not every new point has to be: of a long training only some are recorded, and of each metric the first value that
    is no real number.
    """
    unreal = [point for point in again if not math.isfinite(point[1])][:1]
    real = [point for point in again if math.isfinite(point[1])]
    then, now = _exact(recorded), _exact([*real, *unreal])
    return {step for step, _ in (then - now) | (_exact([*real[-1:], *unreal]) - then)}


def _exact(points: Iterable[Point]) -> set[tuple[int, str]]:
    """So that NaN is equal to itself, and 0 to -0, which SQLite does not keep."""
    return {(step, repr(value + 0.0)) for step, value in points}


def _tags_here(config: Mapping[str, Any]) -> dict[str, str]:
    """What the tags of the new run would be, but for those of its components."""
    digest = load_data(config)[1].digest
    engine = engine_in_words(config["trainer"]["engine"])
    with blas_threads(config["trainer"]["threads"]):
        return capped({**environment(Path.cwd()), BLAS: blas(), ENGINE: engine, DATASET_DIGEST: digest}, TAG_LENGTH)
