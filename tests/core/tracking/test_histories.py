"""Metrics of many runs, asked for at once, are those of each run by itself."""

import sys

import pytest
from environments import variables
from mlflow.entities import Metric
from mlflow.tracking import MlflowClient
from serving import free_port, served

from chainrule.tracking.histories import of_run, of_runs
from chainrule.tracking.store import prepare_store

# MLflow's own models use a loader strategy that SQLAlchemy 2.1 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")
VALUES = [0.1, 1 / 3, -2.5e-300, 1e300, 0.1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def recorded(folder):
    """The ids of 120 runs, one of them with 2,000 points, as many as a run of ours has at most, and one without any."""
    uri = f"sqlite:///{folder}/mlflow.db"
    experiment = prepare_store(uri, "xor")
    client = MlflowClient(uri)
    run_ids = [client.create_run(experiment).info.run_id for _ in range(120)]
    for number, run_id in enumerate(run_ids[:-1]):
        points = [
            Metric("loss", value + number, at, step) for at, (step, value) in enumerate(zip((1, 2, 3, 3, 2), VALUES))
        ]
        client.log_batch(run_id, [*points, Metric("other", 1.0, 0, 0)])
    long = [Metric("loss", step / 7, 1000 + step, step) for step in range(4, 1999)]
    client.log_batch(run_ids[0], long[:1000])
    client.log_batch(run_ids[0], long[1000:])
    return run_ids


def test_of_a_database(folder, recorded):
    uri = f"sqlite:///{folder}/mlflow.db"
    compare(uri, recorded)


def test_without_the_question_for_many(folder, recorded, monkeypatch):
    """A server that does not know it answers with an error, as a run does that was deleted."""
    uri = f"sqlite:///{folder}/mlflow.db"
    monkeypatch.setattr("mlflow.store.db.db_types.DATABASE_ENGINES", [])
    compare(uri, recorded[:5])


@pytest.mark.slow  # a server of its own
def test_of_a_server(folder, recorded):
    command = [sys.executable, "-m", "chainrule", "ui", "--port", str(free_port())]
    with served(command, folder, variables()) as address:
        compare(address.partition("#")[0].rstrip("/"), recorded)


def compare(uri, run_ids):
    client = MlflowClient(uri)
    found = of_runs(client, uri, run_ids, "loss")
    one_by_one = {run_id: of_run(client, run_id, ["loss"])["loss"] for run_id in run_ids}
    assert {run_id: sorted(points) for run_id, points in found.items()} == {
        run_id: sorted(points) for run_id, points in one_by_one.items() if points
    }
    assert of_runs(client, uri, run_ids, "nothing") == {}
    # Of two values at one step the first in time is the first here.
    assert [value for step, value in found[run_ids[1]] if step == 2] == [1 / 3 + 1, 1.1]
