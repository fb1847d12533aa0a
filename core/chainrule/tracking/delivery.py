"""The way of records to one run in the store, and of those that it did not take, later."""

from __future__ import annotations

import json
import os
import re
import shlex
import time
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from chainrule.errors import TrackingError
from chainrule.process.signals import signals_wait
from chainrule.tracking.store import connect, reason, usable
from chainrule.tracking.tags import PROGRAM
from chainrule.tracking.uris import sqlite_path, sqlite_uri

SLOW_SECONDS = 1.0


class Line:
    """The way to one run in the store.

    A try that failed slowly closes it for ten times as long as the try took: a server that does not answer costs a
    training no more than a tenth of its time. One that refuses does so quickly, and may take the next record.
    """

    def __init__(self, client: Any, run_id: str, folder: Path) -> None:
        self._client = client
        self._run_id = run_id
        self._folder = folder
        self.open()

    def open(self) -> None:
        self._closed_until = 0.0
        self._why: Exception | None = None

    def send(self, record: Mapping[str, Any]) -> Exception | None:
        """None if it arrived, else why it did not."""
        start = time.monotonic()
        if start < self._closed_until:
            return self._why
        try:
            with signals_wait():  # an interrupt that falls into SQLAlchemy is lost there, and training would go on
                _deliver(self._client, self._run_id, record, self._folder)
        except Exception as error:
            end = time.monotonic()
            if end - start > SLOW_SECONDS:
                self._closed_until = end + 10 * (end - start)
                self._why = error
            return error
        return None


def resend(path: Path) -> int:
    """Send what a run had to keep in its ``unsent-....jsonl``; what has arrived leaves the file.

    Returns:
        The number of records that were sent.

    Raises:
        TrackingError: this is no such file, or some records still do not arrive.
    """
    try:
        head, *_ = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        uri, run_id = _uri_in(head, path.parent), head["run_id"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise TrackingError(f"{path} does not hold what a run kept for later: {reason(error)}") from None
    with usable(uri):
        line = Line(connect(uri), run_id, path.parent)
    return resend_by(path, line)


def beside(uri: str, folder: Path) -> dict[str, str]:
    """For the head of what a run keeps: the way from its folder to a SQLite store, which may move together."""
    path = sqlite_path(uri)
    return {} if path is None else {"store": os.path.relpath(path, folder)}


def _uri_in(head: Mapping[str, str], folder: Path) -> str:
    if "store" in head:
        path = Path(os.path.normpath(folder.absolute() / head["store"]))
        if path.exists():
            return sqlite_uri(path)
    return head["uri"]


def resend_by(path: Path, line: Line) -> int:
    head, *records = path.read_text(encoding="utf-8").splitlines()
    left = [(record, why) for record in records if (why := line.send(json.loads(record))) is not None]
    if not left:
        path.unlink()
        return len(records)
    path.write_text("\n".join([head, *(record for record, _ in left), ""]), encoding="utf-8")
    raise TrackingError(
        f"{len(left)} of {len(records)} records that a run kept do not arrive in MLflow: {reason(left[-1][1])}\n"
        f"Send them later with: chainrule resend {shlex.quote(str(path))}"
    )


def _deliver(client: Any, run_id: str, record: Mapping[str, Any], folder: Path) -> None:
    """One record to the store; of an artifact the path is below the folder, or absolute.

    All of them may arrive twice: the second changes nothing.
    """
    from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
    from mlflow.exceptions import MlflowException

    match record:
        case {"metrics": metrics, "params": params, "tags": tags}:
            client.log_batch(
                run_id,
                metrics=[Metric(*point) for point in metrics],
                params=[Param(*item) for item in params.items()],
                tags=[RunTag(*item) for item in tags.items()],
                synchronous=True,  # with MLFLOW_ENABLE_ASYNC_LOGGING nobody would hear of what does not arrive
            )
        case {"dataset": name, "digest": digest, "source": source}:
            made_by = json.dumps({"tags": {PROGRAM: source}})
            used_for = InputTag("mlflow.data.context", "training")
            inputs = [DatasetInput(Dataset(name, digest, "code", made_by), [used_for])]
            try:
                client.log_inputs(run_id, inputs)
            except MlflowException as error:
                # MLflow looks whether the store has the dataset, then adds it: another run may do so in between.
                if not re.search("unique|duplicate", str(error), re.IGNORECASE):
                    raise
                client.log_inputs(run_id, inputs)
        case {"artifact": path}:
            within = "" if Path(path).is_absolute() else str(PurePosixPath(path).parent)
            client.log_artifact(run_id, str(folder.absolute() / path), within.removeprefix(".") or None)
        case {"text": text, "name": name}:
            client.log_text(run_id, text, name)
        case {"status": status, "time": milliseconds}:
            client.set_terminated(run_id, status, milliseconds)
