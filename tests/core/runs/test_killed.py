"""Runs that are killed with SIGKILL, at every update or at any moment, and go on: nothing of them is lost."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import multiprocessing
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow.tracking import MlflowClient

import chainrule as cr
from chainrule.config.command_line import run_once
from chainrule.config.jobs import Job
from chainrule.network.updates import Updates
from chainrule.runs.run import run
from chainrule.tracking.run import Run
from chainrule.tracking.store import prepare_store
from chainrule.tracking.tags import CONFIG_DIGEST, ERROR, WEIGHTS_DIGEST

TIMES = ("seconds", "examples_per_second")
ALWAYS = ("trainer.threads=1", "tracking.figures=false", "callbacks=[]")
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    [
        "chainrule.runs.resume",
        "chainrule.config.command_line",
        "mlflow.store.tracking.sqlalchemy_store",
        "sklearn.datasets",
    ]
)
OPTIMIZERS = [entry.name for entry in cr.registry() if entry.kind == "optimizer"]
SCHEDULES = ("none", "cosine", "one_cycle")
CALLBACKS = ("[]", "[early_stopping]", "[weight_average]")
HEAD = "{name: dropout, rate: 0.2},{name: dense, units: 10, activation: softmax}"
DENSE = f"model.layers=[flatten,{{name: dense, units: 16, activation: relu}},batch_norm,{HEAD}]"
CONVOLUTION = f"model.layers=[{{name: conv2d, filters: 3, kernel: 3}},batch_norm,relu,flatten,{HEAD}]"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")


def quietly(folder: Path, work: Callable[[], Any]) -> None:
    os.chdir(folder)
    with (
        Path(os.devnull).open("w") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        work()


def train(folder: Path, overrides: Sequence[str], dies_at: int | None = None) -> None:
    die_at(dies_at)
    quietly(folder, lambda: cr.train(overrides))


def go_on(folder: Path, dies_at: int | None = None) -> None:
    die_at(dies_at)
    quietly(folder, cr.resume)


def train_until_it_is_made(folder: Path, overrides: Sequence[str]) -> None:
    """A run, whose process is killed as soon as MLflow has it."""
    die_when_made()
    quietly(folder, lambda: cr.train(overrides))


def die_when_made() -> None:
    start = Run.start

    def deadly(self: Run, *given: Any) -> None:
        start(self, *given)
        os.kill(os.getpid(), signal.SIGKILL)

    Run.start = deadly  # type: ignore[method-assign]


def die_at(update: int | None) -> None:
    """This process is killed once that update has changed the weights, before anything else knows of it."""
    apply = Updates.apply

    def deadly(self: Updates, step: int, *given: float) -> None:
        apply(self, step, *given)
        if step == update:
            os.kill(os.getpid(), signal.SIGKILL)

    Updates.apply = deadly  # type: ignore[method-assign]


def job_of_a_sweep(folder: Path, overrides: Sequence[str], again: bool, ends: bool = True) -> None:
    """As a cluster's node does it; one that is lost before it could say so, where it does not end."""

    def work(job: Job) -> Any:
        result = run(dataclasses.replace(job, sweep="sweep", again=again))
        if not ends:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    quietly(folder, lambda: run_once([*overrides, "hydra.run.dir=sweep/0"], work))


def job_that_dies(folder: Path, overrides: Sequence[str], moment: str) -> None:
    if moment == "made":
        die_when_made()
    die_at(2 if moment == "training" else None)
    job_of_a_sweep(folder, overrides, again=False, ends=False)


def sweep(folder: Path, overrides: Sequence[str]) -> None:
    quietly(folder, lambda: cr.sweep(overrides))


def done(work: Callable[..., None], *given: Any, killed_after: float | None = None) -> int | None:
    """The exit code of a process that does it."""
    process = PROCESSES.Process(target=work, args=given)
    process.start()
    process.join(killed_after)
    if process.is_alive():
        process.kill()
        process.join()
    return process.exitcode


def what_is_recorded(folder: Path) -> list[dict[str, Any]]:
    """All that is a result of each run, the oldest first; points as often as they stand there."""
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    found = []
    for stored in client.search_runs(experiments, order_by=["attributes.start_time"]):
        histories = {name: client.get_metric_history(stored.info.run_id, name) for name in stored.data.metrics}
        found.append(
            {
                "status": stored.info.status,
                "seed": stored.data.params.get("seed"),  # of one that was killed at once it may be missing
                "weights": stored.data.tags.get(WEIGHTS_DIGEST),
                "metrics": {
                    name: sorted((point.step, point.value) for point in points)
                    for name, points in histories.items()
                    if name not in TIMES
                },
            }
        )
    return found


def folders(place: Path) -> Callable[[], Path]:
    """New ones, each with an empty store: to make one takes longer than a small run."""
    numbers, store = itertools.count(), place / "empty.db"
    prepare_store(f"sqlite:///{store}", "Default")

    def new() -> Path:
        folder = place / str(next(numbers))
        folder.mkdir()
        shutil.copy(store, folder / "mlflow.db")
        return folder

    return new


def killed_at_every_update(place: Path, overrides: Sequence[str], updates: int) -> int:
    new = folders(place)
    whole = new()
    done(train, whole, overrides)
    [expected] = what_is_recorded(whole)
    assert expected["status"] == "FINISHED"
    kills = 0
    for update in range(1, updates + 1):
        folder = new()
        if done(train, folder, [*overrides, "tracking.checkpoint_seconds=0"], update) == -signal.SIGKILL:
            kills += 1
            assert done(go_on, folder) == 0, update
        assert what_is_recorded(folder) == [expected], update
    return kills


def killed_again_and_again(place: Path, overrides: Sequence[str], updates: int) -> None:
    """One run, killed at every update in turn: what goes on is killed once more, at the next one."""
    new = folders(place)
    whole, folder = new(), new()
    done(train, whole, overrides)
    [expected] = what_is_recorded(whole)
    assert expected["status"] == "FINISHED"
    assert done(train, folder, [*overrides, "tracking.checkpoint_seconds=0"], 1) == -signal.SIGKILL
    for update in range(2, updates + 1):
        assert done(go_on, folder, update) == -signal.SIGKILL, update
    assert done(go_on, folder) == 0
    assert what_is_recorded(folder) == [expected]


@pytest.mark.slow
@pytest.mark.parametrize("overrides", [["optimizer=adam", "schedule=one_cycle", "callbacks=[weight_average]"]])
def test_a_run_that_is_killed_at_any_update_ends_as_if_it_had_not_been(tmp_path, overrides):
    given = ["experiment=xor", *ALWAYS, "trainer.epochs=6", "trainer.batch_size=2", *overrides]
    killed_again_and_again(tmp_path, given, 12)


@pytest.mark.slow
def test_a_run_that_is_killed_as_soon_as_it_is_made_goes_on(tmp_path):
    given, new = ["experiment=xor", *ALWAYS, "trainer.epochs=3"], folders(tmp_path)
    whole, folder = new(), new()
    done(train, whole, given)
    assert done(train_until_it_is_made, folder, given) == -signal.SIGKILL
    assert [run["status"] for run in what_is_recorded(folder)] == ["RUNNING"]
    assert done(go_on, folder) == 0
    assert what_is_recorded(folder) == what_is_recorded(whole)


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["made", "training", "ended"])
def test_a_job_of_a_sweep_whose_machine_is_lost_is_recorded_once(tmp_path, moment):
    """It begins again on another one, which goes on with its run, or takes it as it is."""
    given, new = ["experiment=xor", *ALWAYS, "trainer.epochs=3", "tracking.checkpoint_seconds=0"], folders(tmp_path)
    whole, folder = new(), new()
    assert done(job_of_a_sweep, whole, given, False) == 0
    assert done(job_that_dies, folder, given, moment) == -signal.SIGKILL
    assert done(job_of_a_sweep, folder, given, True) == 0
    assert what_is_recorded(folder) == what_is_recorded(whole)


@pytest.mark.slow
def test_what_would_be_another_run_on_another_machine_is_given_a_status_there(tmp_path):
    given, folder = ["experiment=xor", *ALWAYS, "trainer.epochs=3"], folders(tmp_path)()
    assert done(job_that_dies, folder, given, "made") == -signal.SIGKILL
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    [lost] = client.search_runs(["1"])
    client.set_tag(lost.info.run_id, CONFIG_DIGEST, "of another processor")
    assert done(job_of_a_sweep, folder, given, True) == 0
    found = {run.info.status: run for run in client.search_runs(["1"])}
    assert {*found} == {"KILLED", "FINISHED"}
    assert found["KILLED"].data.tags[ERROR] == "its machine was lost, and its job began again"


@pytest.mark.soak  # some 1,000 processes for each optimizer
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_so_of_every_optimizer_with_schedules_and_callbacks(tmp_path, optimizer):
    for schedule, callbacks in itertools.product(SCHEDULES, CALLBACKS):
        place = tmp_path / f"{schedule}{callbacks}"
        place.mkdir()
        parts = [f"optimizer={optimizer}", f"schedule={schedule}", f"callbacks={callbacks}"]
        given = ["experiment=xor", *ALWAYS, "trainer.epochs=4", "trainer.batch_size=2", *parts]
        assert killed_at_every_update(place, given, 8) == 8


@pytest.mark.soak
@pytest.mark.parametrize("model", [DENSE, CONVOLUTION], ids=["dense", "convolution"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_so_of_200_digits(tmp_path, optimizer, model):
    """Of 160 to train with, in batches of 64, the last of which is smaller."""
    from sklearn.datasets import load_digits

    images, digits = load_digits(return_X_y=True)
    np.savez(tmp_path / "digits.npz", x_train=images[:200].reshape(-1, 8, 8, 1) / 16, y_train=digits[:200])
    data = [
        "dataset=npz",
        f"dataset.path={tmp_path / 'digits.npz'}",
        "dataset.validation_fraction=0.2",
        "dataset.test_fraction=0",
    ]
    for schedule, callbacks in itertools.product(SCHEDULES, CALLBACKS):
        place = tmp_path / f"{schedule}{callbacks}"
        place.mkdir()
        parts = [f"optimizer={optimizer}", f"schedule={schedule}", f"callbacks={callbacks}", "model=sequential", model]
        given = [*data, *parts, *ALWAYS[:-1], "trainer.epochs=2", "trainer.batch_size=64"]
        killed_again_and_again(place, given, 6)


@pytest.mark.soak
@pytest.mark.parametrize(("experiment", "kills"), [("digits", 100), ("mnist", 20)])
def test_runs_that_are_killed_at_random_moments(tmp_path, monkeypatch, experiment, kills, data_folder):
    monkeypatch.setenv("CHAINRULE_DATA", str(data_folder))
    new, moments = folders(tmp_path), random.Random(0)
    given = [f"experiment={experiment}", *ALWAYS, "tracking.checkpoint_seconds=0.2"]
    given += ["trainer.epochs=2"] if experiment == "mnist" else []
    done(train, new(), given)  # the first process waits for the imports of the one that all others are forked from
    whole = new()
    start = time.time()
    done(train, whole, given)
    [stored] = MlflowClient(f"sqlite:///{whole}/mlflow.db").search_runs(["1"])
    begun, ended = (stamp / 1000 - start for stamp in (stored.info.start_time, stored.info.end_time))
    [expected] = what_is_recorded(whole)
    killed = 0
    while killed < kills:
        folder = new()
        code = done(train, folder, given, killed_after=moments.uniform(begun, ended))
        left = what_is_recorded(folder)
        if code == -signal.SIGKILL and left:
            if left[0]["status"] == "RUNNING":  # else it had ended, and its process not yet
                killed += 1
                assert done(go_on, folder) == 0, folder
            assert what_is_recorded(folder) == [expected], folder


@pytest.mark.soak
def test_sweeps_that_are_killed_at_random_moments(tmp_path):
    new, moments = folders(tmp_path), random.Random(0)
    given = ["experiment=digits", *ALWAYS, "trainer.epochs=6", "seed=0,1,2", "tracking.reuse=true"]
    given += ["tracking.checkpoint_seconds=0.05"]
    whole = new()
    start = time.monotonic()
    done(sweep, whole, given)
    took = time.monotonic() - start
    expected = what_is_recorded(whole)
    for _ in range(20):
        folder = new()
        done(sweep, folder, given, killed_after=moments.uniform(0.1, took))
        assert done(sweep, folder, given) == 0, folder
        found = [run for run in what_is_recorded(folder) if run["status"] == "FINISHED"]
        assert sorted(found, key=lambda run: run["seed"]) == expected, folder
