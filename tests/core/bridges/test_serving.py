"""A run's model, asked over HTTP in the forms that MLflow documents: answers are those of the run in Python."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from environments import variables
from serving import free_port, taken, wait_for

import chainrule as cr

RNG = np.random.default_rng(0)
PEOPLE = pd.DataFrame(
    {
        "age": RNG.integers(20, 80, 120),
        "town": RNG.choice(["Ulm", "Köln", "Bonn"], 120),
        "code": RNG.choice(["007", "008"], 120),
        "day": (pd.Timestamp("2020-01-01") + pd.to_timedelta(RNG.integers(0, 900, 120), "D")).strftime("%Y-%m-%d"),
    }
)
PEOPLE["is"] = np.where(PEOPLE["age"] + 10 * (PEOPLE["town"] == "Ulm") > 50, "old", "young")
SHUFFLED = PEOPLE[["day", "is", "code", "age", "town"]]
CHAINRULE = [sys.executable, "-m", "chainrule"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served")
    PEOPLE.to_csv(folder / "people.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def trained(folder: Path) -> Iterator[cr.Result]:
    given = ["dataset=csv", "dataset.path=people.csv", "dataset.target=is", "dataset.categories=[code]"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield cr.train([*given, "trainer.epochs=2", "tracking.figures=false"])


@contextlib.contextmanager
def begun(*arguments: str, folder: Path) -> Iterator[tuple[str, str, subprocess.Popen[str]]]:
    """``chainrule serve`` with these: its address, the line that asks it, and its process, which ends after that."""
    command = [*CHAINRULE, "serve", *arguments, "--port", "0"]
    with (
        (folder / "serve.log").open("w", encoding="utf-8") as log,
        subprocess.Popen(
            command, cwd=folder, env=variables(), stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        try:
            assert process.stdout is not None
            line, curl = process.stdout.readline(), process.stdout.readline()
            assert line.startswith("Model: http://"), line + (folder / "serve.log").read_text(encoding="utf-8")
            yield line.split()[1], curl, process
        finally:
            process.terminate()
            process.wait(timeout=60)
    assert process.returncode == 0, (folder / "serve.log").read_text(encoding="utf-8")
    assert not taken(int(line.split("/")[2].split(":")[1]))


@pytest.fixture(scope="module")
def ours(folder: Path, trained: cr.Result) -> Iterator[str]:
    with begun(str(trained.run_id), folder=folder) as (url, _, _):
        yield url


@pytest.fixture(scope="module")
def mlflows(folder: Path, trained: cr.Result) -> Iterator[str]:
    """``mlflow models serve``, as anybody starts it who has never heard of chainrule's command line."""
    port = free_port()
    command = ["mlflow", "models", "serve", "-m", f"runs:/{trained.run_id}/model", "--env-manager", "local"]
    command += ["--port", str(port)]
    environment = variables(MLFLOW_TRACKING_URI=f"sqlite:///{folder}/mlflow.db")
    with (folder / "mlflow.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
            text=True,
            start_new_session=True,
        )
        wait_for(f"http://127.0.0.1:{port}/health", process)
        yield f"http://127.0.0.1:{port}/invocations"
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=60)
    for _ in range(100):
        if not taken(port):
            break
        time.sleep(0.1)
    assert not taken(port)


def asked(url: str, body: bytes | dict[str, Any], kind: str = "application/json") -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": kind})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["predictions"]


def require_the_answers_of(url: str, result: cr.Result) -> None:
    """Raw rows, with columns in another order and one that is not asked for, in each form."""
    file = io.StringIO()
    SHUFFLED.to_csv(file, index=False)
    expected = result.predict(PEOPLE)
    assert {*expected} == {"old", "young"}
    split = {"dataframe_split": SHUFFLED.to_dict("split", index=False)}
    for form, body, kind in (
        ("split", split, "application/json"),
        ("records", {"dataframe_records": SHUFFLED.to_dict("records")}, "application/json"),
        ("a CSV file", file.getvalue().encode(), "text/csv"),
    ):
        assert asked(url, body, kind) == expected.tolist(), form
    proba = pd.DataFrame(asked(url, {**split, "params": {"proba": True}}))
    assert [*proba.columns] == ["old", "young"]
    assert (proba.to_numpy() == result.predict_proba(PEOPLE)).all()
    assert asked(url, {**split, "params": {"threshold": 0.2}}) == result.predict(PEOPLE, 0.2).tolist()


def test_chainrules_server_answers_as_the_run_does(ours: str, trained: cr.Result) -> None:
    require_the_answers_of(ours, cr.load_run(str(trained.run_id)))


@pytest.mark.slow
def test_mlflows_server_answers_as_the_run_does(mlflows: str, trained: cr.Result) -> None:
    require_the_answers_of(mlflows, cr.load_run(str(trained.run_id)))


def test_what_does_not_fit_is_answered_with_its_place(ours: str) -> None:
    for rows, said in (
        (SHUFFLED.drop(columns="town"), "Model is missing inputs ['town']"),
        (SHUFFLED.astype({"age": float}).assign(age=[None, *PEOPLE["age"][1:]]), 'row 0, column \\"age\\": the value'),
        (SHUFFLED.assign(day="yesterday"), 'row 0, column \\"day\\": \\"yesterday\\" is no date'),
    ):
        with pytest.raises(urllib.error.HTTPError) as refused:
            asked(ours, json.loads(f'{{"dataframe_records": {rows.head(2).to_json(orient="records")}}}'))
        with refused.value as answer:
            assert answer.code == 400
            assert said in answer.read().decode()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_line_that_it_prints_asks_it_and_a_signal_ends_it(
    folder: Path, trained: cr.Result, signals_at_default: None, number: int
) -> None:
    with begun(str(trained.folder), folder=folder) as (url, curl, process):
        word, address, *_, body = shlex.split(curl)
        assert (word, address) == ("curl", url)
        rows = pd.DataFrame(**json.loads(body)["dataframe_split"])
        assert asked(url, body.encode()) == trained.predict(rows).tolist()
        process.send_signal(number)
        assert process.wait(timeout=60) == 0


@pytest.mark.slow
def test_a_folder_from_somebody_else_runs_nothing(folder: Path, trained: cr.Result, tmp_path: Path) -> None:
    """To MLflow the MLmodel of somebody else is a program; chainrule's server does not read it."""
    model = tmp_path / "model"
    cr.Predictor.load(trained.folder / "model").save(model)
    (model / "code").mkdir()
    (model / "code" / "planted.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')", encoding="utf-8")
    flavor = {"loader_module": "planted", "code": "code"}
    (model / "MLmodel").write_text(json.dumps({"flavors": {"python_function": flavor}}), encoding="utf-8")
    with begun(str(tmp_path), folder=folder) as (url, _, _):
        body = {"dataframe_records": SHUFFLED.to_dict("records")}
        assert asked(url, body) == trained.predict(PEOPLE).tolist()
    assert not (tmp_path / "ran").exists()


# ---- what is refused


def test_what_cannot_be_served_is_told(program: Callable[..., Any], trained: cr.Result, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        busy = program("serve", str(trained.folder), "--port", str(port))
    assert busy.status == 2
    assert f"port {port} of 127.0.0.1 cannot be had (Address already in use" in busy.err
    nowhere = program("serve", "0123", "--uri", f"sqlite:///{trained.folder.parents[2]}/mlflow.db")
    assert nowhere.status == 2
    assert 'there is no run "0123" in this store' in nowhere.err
    assert program("serve", str(trained.folder), "--port", "70000").status == 2
    older = tmp_path / "older"
    cr.Predictor.load(trained.folder / "model").save(older / "model")
    (older / "model" / "preparation.json").unlink()
    ran = program("serve", str(older))
    assert ran.status == 2
    assert "recorded by a version that did not keep how rows are prepared" in ran.err
