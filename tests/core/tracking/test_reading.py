"""A run read back from a store. Of a whole run: runs/test_run."""

import math

import pytest
from mlflow.tracking import MlflowClient

import chainrule as cr
from chainrule.tracking.reading import read_run
from chainrule.tracking.store import prepare_store
from chainrule.tracking.tracking import Tracking


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    uri = f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db"
    prepare_store(uri, "xor")
    return uri


@pytest.fixture
def run(uri, tmp_path):
    """Records a run of two epochs, the first without a validation loss, and gives its id."""
    described = {"name": "n", "params": {}, "tags": {}, "dataset": ("xor", "d"), "folder": tmp_path}
    with Tracking(uri, "xor").run(**described) as run:
        run.log({"train/loss": 0.5, "validation/loss": math.inf, "learning_rate": 0.1}, step=1)
        run.log({"train/loss": 0.25, "validation/loss": 0.75, "learning_rate": 0.1}, step=2)
        run.summary({"test/loss": 0.5, "best/validation/loss": 0.75, "best_epoch/validation/loss": 2.0}, step=2)
        run.text("hello", "notes.txt")
    return run.run_id


def test_a_record_has_the_metrics_of_each_epoch_and_the_last_ones(run, uri):
    record = read_run(run, uri)
    assert record.name == "n"
    assert record.epochs == [
        {"train/loss": 0.5, "learning_rate": 0.1},
        {"train/loss": 0.25, "validation/loss": 0.75, "learning_rate": 0.1},
    ]
    assert record.metrics["test/loss"] == 0.5
    assert record.metrics["train/loss"] == 0.25
    assert (record.folder / "notes.txt").read_text() == "hello"
    assert 0 <= record.seconds < 60


def test_the_store_may_come_from_the_environment(run, uri, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert read_run(run).name == "n"


def test_a_run_that_goes_on_is_not_read(uri):
    going = MlflowClient(uri).create_run("1")
    with pytest.raises(cr.TrackingError, match=f"the run {going.info.run_id} has not ended: its status is RUNNING"):
        read_run(going.info.run_id, uri)


def test_a_run_or_a_store_that_is_not_there(uri, tmp_path):
    with pytest.raises(cr.TrackingError, match='there is no run "nothing" in this store'):
        read_run("nothing", uri)
    with pytest.raises(cr.TrackingError, match=f"there is no store {tmp_path}/no.db yet"):
        read_run("nothing", f"sqlite:///{tmp_path}/no.db")
    assert not (tmp_path / "no.db").exists()
