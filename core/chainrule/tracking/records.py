"""What a run tells its store, record by record, and how each arrives there.

A record is a JSON object: of metrics, params and tags; of a dataset; of a file; of a text; of the status at the end.
All of them may arrive twice: the second changes nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from chainrule.tracking.tags import PROGRAM

Record = Mapping[str, Any]
MOST = 1000
"""Metrics in a record: what MLflow takes at once."""


def deliver(client: Any, run_id: str, record: Record, folder: Path) -> None:
    """One record to the store; of an artifact the path is below the folder, or absolute.

    Raises:
        Whatever MLflow raises of one that it does not take.
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


def batches(metrics: Sequence[Sequence[Any]], tags: Mapping[str, str]) -> list[Record]:
    """Records of metrics, each ``(key, value, milliseconds, step)``, as many in one as a request takes, and of tags."""
    parts = [metrics[first : first + MOST] for first in range(0, len(metrics), MOST)] or [[]]
    return [batch(part, tags if number == 0 else {}) for number, part in enumerate(parts)]


def batch(metrics: Sequence[Sequence[Any]], tags: Mapping[str, str], params: Mapping[str, str] | None = None) -> Record:
    """The record of metrics, tags and params."""
    return {"metrics": list(metrics), "params": dict(params or {}), "tags": dict(tags)}


def joined(one: Record, other: Record) -> Record | None:
    """Both in one record, where they are metrics and tags alone: what waited for long arrives in few requests."""
    if not all("metrics" in record and not record["params"] for record in (one, other)):
        return None
    if len(one["metrics"]) + len(other["metrics"]) > MOST:
        return None
    return batch([*one["metrics"], *other["metrics"]], {**one["tags"], **other["tags"]})
