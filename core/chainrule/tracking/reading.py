"""Reading a run back from MLflow."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chainrule.errors import DataError, TrackingError
from chainrule.redaction import redacted
from chainrule.tracking.histories import Point, of_run
from chainrule.tracking.pages import way_to
from chainrule.tracking.store import connect, find_run, usable
from chainrule.tracking.uris import place, resolved

PER_EPOCH = ("train/", "validation/", "learning_rate", "seconds", "examples_per_second")


@dataclass(frozen=True)
class RunRecord:
    """What a store holds of one run.

    ``epochs``: the metrics of each, in order; ``folder``: its artifacts; ``link``: the line that opens MLflow on it;
    ``tags``: all of them.
    """

    run_id: str
    name: str
    metrics: dict[str, float]
    epochs: list[dict[str, float]]
    folder: Path
    seconds: float
    link: str
    tags: dict[str, str]


def read_run(run_id: str, uri: str | None = None, folder: Path | None = None, *, needs: str | None = None) -> RunRecord:
    """The record of a run.

    Args:
        run_id: MLflow's, or "latest".
        uri: the store; None for the default one.
        folder: where its artifacts are to be copied to; None for where they are, or a temporary one.
        needs: an artifact that has to be there, ``"model/weights.safetensors"``.

    Raises:
        TrackingError: there is no such run or store, it has not ended, or the artifact is missing.
    """
    uri = resolved(uri)
    with usable(uri):
        client = connect(uri)
        run = find_run(client, run_id)
        run_id = run.info.run_id
        if run.info.end_time is None:
            raise TrackingError(f"the run {run_id} has not ended: its status is {run.info.status}")
        if needs is not None and (missing := missing_file(client, run.info, needs)):
            raise TrackingError(missing)
        histories = of_run(client, run_id, filter(_per_epoch, run.data.metrics))
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        files = Path(client.download_artifacts(run_id, "", folder and str(folder)))
    seconds = (run.info.end_time - run.info.start_time) / 1000
    link = way_to(uri, run.info)
    epochs, metrics, tags = _by_epoch(histories), dict(run.data.metrics), dict(run.data.tags)
    return RunRecord(run_id, run.info.run_name, metrics, epochs, files, seconds, link, tags)


def missing_file(client: Any, run: Any, name: str) -> str | None:
    """What is to be said of an artifact that a run does not have; None where it is there."""
    if name in {artifact.path for artifact in client.list_artifacts(run.run_id, name.rpartition("/")[0] or None)}:
        return None
    return (
        f"the run {run.run_id} has no file {name} in {_folder(run)}: it was removed or left behind (bring it back), it "
        "never reached the store (chainrule resend sends what was kept), or this is no run of chainrule train"
    )


def unsound_file(client: Any, run: Any, name: str, read: Callable[[Path, Mapping[str, str]], object]) -> str | None:
    """What is to be said of an artifact that is missing, or that cannot be read; None where it can.

    Args:
        run: as the store has it.
        read: is given a copy of the file and the run's tags, and raises ``DataError`` where it is damaged.
    """
    missing = missing_file(client, run.info, name)
    if missing is not None:
        return missing
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(client.download_artifacts(run.info.run_id, name, folder))
        try:
            read(copy, run.data.tags)
        except DataError as error:
            why = str(error).replace(str(copy), f"{_folder(run.info)}/{name}")
            return f"a file of the run {run.info.run_id} is damaged: {why}"
    return None


def _folder(run: Any) -> str:
    """Where the artifacts of a run lie, for people."""
    folder: str = redacted(run.artifact_uri)
    return str(place(folder)) if folder.startswith("file:") else folder


def _per_epoch(key: str) -> bool:
    return key.startswith(PER_EPOCH)


def _by_epoch(histories: dict[str, list[Point]]) -> list[dict[str, float]]:
    epochs: defaultdict[int, dict[str, float]] = defaultdict(dict)
    for key, points in histories.items():
        for step, value in points:
            epochs[step][key] = value
    return [epochs[step] for step in sorted(epochs)]
