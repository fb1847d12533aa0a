"""Recording on an MLflow server, which stops answering in the middle."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import pytest
from mlflow.tracking import MlflowClient
from serving import free_port, wait_for

from chainrule import TrackingError
from chainrule.tracking import delivery, tracking
from chainrule.tracking import run as recording
from chainrule.tracking.pages import serve_ui
from chainrule.tracking.resending import resend

pytestmark = [
    pytest.mark.slow,
    # MLflow's own models use a loader strategy that SQLAlchemy 2.1 deprecates.
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"),
]


@pytest.fixture
def described(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setattr(delivery, "SILENT_SECONDS", 0.2)
    monkeypatch.setattr(delivery, "QUIET_SECONDS", 30.0)
    monkeypatch.setattr(delivery, "MOST_SECONDS", 60.0)
    monkeypatch.setattr(tracking, "ANSWER_SECONDS", 30.0)
    monkeypatch.setattr(recording, "ANSWER_SECONDS", 30.0)
    return {"name": "n", "params": {"lr": 0.1}, "tags": {"a": "b"}, "dataset": ("xor", "d"), "folder": tmp_path}


def recorded(uri, run_id):
    client = MlflowClient(uri)
    run = client.get_run(run_id)
    losses = {metric.step: metric.value for metric in client.get_metric_history(run_id, "loss")}
    return run, losses, {file.path for file in client.list_artifacts(run_id)}


def test_a_run_over_http(server, described, capsys):
    uri, _ = server
    with tracking.Tracking(uri, "remote").run(**described) as run:
        run.log({"loss": 1.0}, step=1)
        run.text("hello", "notes.txt")
    stored, losses, files = recorded(uri, run.run_id)
    assert (stored.info.status, losses, files) == ("FINISHED", {1: 1.0}, {"notes.txt"})
    assert stored.data.params == {"lr": "0.1"}
    assert stored.inputs.dataset_inputs[0].dataset.name == "xor"
    page = f"#/experiments/{stored.info.experiment_id}/runs/{run.run_id}?workflowType=machine_learning"
    assert run.where == f"{uri}/{page}"
    assert capsys.readouterr() == ("", "")


def until_kept(run, folder):
    """Log until it stands on disk; the steps that were logged."""
    step = 1
    while not (folder / f"unsent-{run.run_id}.jsonl").exists():
        step += 1
        run.log({"loss": 1 / step}, step=step)
        time.sleep(0.01)
    return {step: 1 / step for step in range(1, step + 1)}


def test_a_server_that_pauses_gets_everything_at_the_end(server, described, tmp_path, monkeypatch, caplog):
    uri, group = server
    monkeypatch.setattr(delivery, "HURRIED_QUIET_SECONDS", 30.0)
    with tracking.Tracking(uri, "xor").run(**described) as run:
        run.log({"loss": 1.0}, step=1)
        os.killpg(group, signal.SIGSTOP)
        logged = until_kept(run, tmp_path)
        run.text("hello", "notes.txt")
        kept = tmp_path / f"unsent-{run.run_id}.jsonl"
        while not caplog.messages:
            time.sleep(0.01)
        os.killpg(group, signal.SIGCONT)
    assert not kept.exists()
    stored, losses, files = recorded(uri, run.run_id)
    assert (stored.info.status, files) == ("FINISHED", {"notes.txt"})
    assert losses == logged
    [warning] = [entry.getMessage() for entry in caplog.records if entry.levelno >= logging.WARNING]
    assert warning == (
        f"MLflow at {uri} does not take what is logged (the server does not answer). Training goes on; what cannot be "
        f"sent is kept in {kept}, and sent as soon as it can be."
    )


def test_what_a_silent_server_missed_is_sent_later(server, described, tmp_path, caplog):
    uri, group = server
    with tracking.Tracking(uri, "xor").run(**described) as run:
        run.log({"loss": 1.0}, step=1)
        os.killpg(group, signal.SIGSTOP)
        logged = until_kept(run, tmp_path)
        (tmp_path / "figure.png").write_bytes(b"png")
        run.artifact(tmp_path / "figure.png")
        run.tag("late", "yes")
    kept = tmp_path / f"unsent-{run.run_id}.jsonl"
    number = len(kept.read_text().splitlines()) - 1
    said, how = caplog.messages[-1].splitlines()
    assert said.startswith(f"{number} records of this run do not arrive in MLflow: the server ")
    assert how == f"Send them later with: chainrule resend {kept}"
    with pytest.raises(TrackingError, match="the server does not answer"):
        resend(kept)
    os.killpg(group, signal.SIGCONT)
    assert resend(kept)
    assert not kept.exists()
    stored, losses, files = recorded(uri, run.run_id)
    assert (stored.info.status, stored.data.tags["late"], files) == ("FINISHED", "yes", {"figure.png"})
    assert losses == logged


def test_a_server_has_its_own_pages(server, capsys):
    uri, _ = server
    assert serve_ui(lambda client: "#/experiments/1", "127.0.0.1", 5000, uri) == 0
    assert capsys.readouterr().out == f"MLflow: {uri}/#/experiments/1\n"


def test_pages_are_served_until_interrupted(tmp_path):
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    nothing = {"params": {}, "tags": {}, "dataset": ("xor", "d"), "folder": tmp_path}
    with tracking.Tracking(uri, "xor").run(name="shown", **nothing) as run:
        run.text("hello", "notes.txt")
    port = free_port()
    command = [sys.executable, "-m", "chainrule", "ui", run.run_id, "--port", str(port)]
    others = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    with (
        (tmp_path / "log").open("w") as log,
        subprocess.Popen(command, cwd=tmp_path, env=others, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        address = f"http://127.0.0.1:{port}"
        first = process.stdout.readline()
        assert first.startswith(f"MLflow: {address}/#/experiments/")
        assert first.endswith(f"/runs/{run.run_id}?workflowType=machine_learning (Ctrl-C ends it)\n")
        wait_for(f"{address}/health", process)
        answer = urllib.request.urlopen(f"{address}/get-artifact?path=notes.txt&run_uuid={run.run_id}").read()
        assert answer == b"hello"
        found = json.load(urllib.request.urlopen(f"{address}/api/2.0/mlflow/runs/get?run_id={run.run_id}"))
        assert found["run"]["info"]["run_name"] == "shown"
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0  # no server is left behind


def test_what_has_run_is_waited_for_where_a_server_takes_seconds(server):
    """As one does that hundreds of jobs ask at once."""
    uri, group = server
    os.killpg(group, signal.SIGSTOP)
    goes_on = threading.Timer(2.5, os.killpg, (group, signal.SIGCONT))
    goes_on.start()
    assert tracking.Tracking(uri, "xor").finished("0" * 64, "model/weights.safetensors", None) is None
    goes_on.join()


def test_what_has_run_is_not_known_where_no_server_is():
    uri = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(TrackingError, match=r"does not answer, and tracking.reuse needs to know what has run"):
        tracking.Tracking(uri, "xor").finished("0" * 64, "model/weights.safetensors", None)
