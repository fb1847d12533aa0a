"""The points of metrics. MLflow's client asks for each run and metric by itself, so of many runs the store is asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from chainrule.tracking.sqlite import patient
from chainrule.tracking.uris import ARTIFACTS, sqlite_path

Point = tuple[int, float]
"""Step and value."""
POINTS = 2500
"""Of each run, as many as a server gives; it thins out what is longer: of over 8,000 epochs."""


def of_run(client: Any, run_id: str, metrics: Iterable[str]) -> dict[str, list[Point]]:
    """Metrics of one run, each in the order of time."""
    return {metric: [(p.step, p.value) for p in client.get_metric_history(run_id, metric)] for metric in metrics}


def of_runs(client: Any, uri: str, run_ids: Sequence[str], metric: str) -> dict[str, list[Point]]:
    """One metric of many runs, by run; those that do not have it are left out."""
    from mlflow.exceptions import MlflowException
    from mlflow.store.db.db_types import DATABASE_ENGINES

    served, known = uri.startswith("http"), uri.partition(":")[0].partition("+")[0] in DATABASE_ENGINES
    ask, most = (_of_server, 100) if served else (_of_database, 1000)  # a server takes no more runs in one question
    found: defaultdict[str, list[Point]] = defaultdict(list)
    for start in range(0, len(run_ids), most):
        some = list(run_ids[start : start + most])
        try:
            points = ask(uri, some, metric) if served or known else _one_by_one(client, some, metric)
        except MlflowException:  # a server that does not know the question, or a run that was deleted
            points = _one_by_one(client, some, metric)
        for run_id, step, value in points:
            found[run_id].append((step, value))
    return dict(found)


def _of_server(uri: str, run_ids: list[str], metric: str) -> list[tuple[str, int, float]]:
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request_safe

    place = "/api/2.0/mlflow/metrics/get-history-bulk-interval"
    asked = {"run_ids": run_ids, "metric_key": metric, "max_results": POINTS}
    credentials = get_default_host_creds(uri)  # type: ignore[no-untyped-call]
    told = http_request_safe(credentials, place, "GET", params=asked).json()  # type: ignore[no-untyped-call]
    return [(point["run_id"], int(point.get("step", 0)), float(point["value"])) for point in told.get("metrics", ())]


def _of_database(uri: str, run_ids: list[str], metric: str) -> list[tuple[str, int, float]]:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    same = patient(uri) if sqlite_path(uri) else uri  # as the client names it, whose connections are taken
    store = SqlAlchemyStore(same, ARTIFACTS)  # type: ignore[no-untyped-call]
    told = store.get_metric_history_bulk(run_ids, metric, None)  # type: ignore[no-untyped-call]
    return [(point.run_id, point.step, point.value) for point in told]


def _one_by_one(client: Any, run_ids: list[str], metric: str) -> list[tuple[str, int, float]]:
    return [(run_id, *point) for run_id in run_ids for point in of_run(client, run_id, [metric])[metric]]
