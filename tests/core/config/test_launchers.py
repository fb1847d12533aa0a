"""Sweeps in other processes and searches, as the shipped configs set them up."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml
from environments import variables
from mlflow.tracking import MlflowClient

LAUNCHERS = {
    "parallel": ["launcher=parallel", "hydra.launcher.n_jobs=2"],
    "slurm": ["launcher=slurm", "hydra/launcher=submitit_local"],  # its jobs, in processes of this machine
}
SHORT = ["trainer.epochs=2", "tracking.figures=false", "callbacks=[nan_guard]"]
SEARCH = ["hparams_search=optuna_mlp", "hydra.sweeper.sampler.seed=0", *SHORT]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "chainrule", "train", *arguments]


def recorded(folder: Path) -> list[Any]:
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    return list(client.search_runs([experiment.experiment_id for experiment in client.search_experiments()]))


def trials(folder: Path, name: str = "digits_optuna_mlp") -> list[optuna.trial.FrozenTrial]:
    """Those of a study, as they are now."""
    return optuna.load_study(study_name=name, storage=f"sqlite:///{folder}/optuna.db").trials


def states(trials: list[optuna.trial.FrozenTrial]) -> list[str]:
    return [trial.state.name for trial in trials]


# ---- launchers


@pytest.mark.slow
@pytest.mark.parametrize("launcher", LAUNCHERS.values(), ids=LAUNCHERS)
def test_jobs_run_in_other_processes_as_in_this_one_and_one_that_fails_fails_alone(
    program: Callable[..., Any], tmp_path: Path, launcher: list[str]
) -> None:
    sweep = ["-m", "experiment=digits", "optimizer.lr=0.01,1e200", "seed=0,1", *SHORT]
    done = subprocess.run(
        command(*launcher, *sweep), cwd=tmp_path, env=variables(), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 1, done.stderr
    assert len([line for line in done.stdout.splitlines() if "optimizer.lr=" in line and "/4  " in line]) == 4
    assert "2 failed" in done.stderr, done.stderr
    runs = recorded(tmp_path)
    assert sorted(run.info.status for run in runs) == ["FAILED", "FAILED", "FINISHED", "FINISHED"]
    assert len({run.data.tags["sweep"] for run in runs}) == 1
    assert {run.data.params["trainer.threads"] for run in runs} == {"1"}
    program("train", *sweep, "trainer.threads=1", "hydra.sweep.dir=here")
    losses = [
        {run.info.run_name: run.data.metrics["test/loss"] for run in some if run.info.status == "FINISHED"}
        for some in (runs, [run for run in recorded(tmp_path) if run.data.tags["sweep"] == "here"])
    ]
    assert len(losses[0]) == 2
    assert losses[0] == losses[1]


# ---- searches


@pytest.fixture(scope="module")
def searched(program_in: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A search of which some trials fail: its folder, and what it said."""
    folder = tmp_path_factory.mktemp("search")
    # Four of five learning rates are much too large.
    some_fail = ["experiment=digits", "optimizer.lr=choice(0.01,1e200,1e201,1e202,1e203)", "hydra.sweeper.n_trials=5"]
    return folder, program_in("train", *SEARCH, *some_fail, folder=folder)


def test_a_trial_that_fails_fails_alone(searched: tuple[Path, Any]) -> None:
    folder, said = searched
    assert said.status == 1, said
    found = states(trials(folder))
    assert set(found) == {"COMPLETE", "FAIL"}, said
    assert len(found) == 5
    assert f"{found.count('FAIL')} failed" in said.err
    assert sorted(run.info.status for run in recorded(folder)) == sorted(
        {"COMPLETE": "FINISHED", "FAIL": "FAILED"}[state] for state in found
    )


def test_what_a_trial_is_judged_by_is_the_objective_of_its_run(searched: tuple[Path, Any]) -> None:
    folder, _ = searched
    complete = [trial for trial in trials(folder) if trial.state.name == "COMPLETE"]
    runs = {
        run.data.params["model.dropout"]: run.data.metrics["validation/loss"]
        for run in recorded(folder)
        if run.info.status == "FINISHED"
    }
    assert {str(trial.params["model.dropout"]): trial.value for trial in complete} == runs
    [results] = folder.glob("multirun/digits/*/optimization_results.yaml")
    best = yaml.safe_load(results.read_text(encoding="utf-8"))
    assert best["best_value"] == min(runs.values())
    assert set(best["best_params"]) == set(complete[0].params)


def test_a_run_holds_what_its_trial_chose_and_otherwise_its_experiment(searched: tuple[Path, Any]) -> None:
    folder, _ = searched
    trial, run = trials(folder)[0], recorded(folder)[-1]  # MLflow's latest come first
    assert {key: run.data.params[key] for key in trial.params} == {k: written(v) for k, v in trial.params.items()}
    assert run.data.params["schedule.name"] == "cosine"
    assert run.data.params["optimizer.name"] == "adam"


def written(value: Any) -> str:
    return str(float(value) if value == "1e200" else value)


def test_a_study_that_searches_other_values_needs_another_name(
    searched: tuple[Path, Any], program_in: Callable[..., Any]
) -> None:
    folder, _ = searched
    given = ["train", *SEARCH, "experiment=digits", "optimizer.lr=0.01", "model.hidden=choice([3],[4])"]
    said = program_in(*given, folder=folder)
    assert said.status == 2
    assert "hydra.sweeper.study_name: the study that is kept under this name searches other values" in said.err
    said = program_in(*given, "hydra.sweeper.study_name=small", "hydra.sweeper.n_trials=1", folder=folder)
    assert said.status == 0
    assert states(trials(folder, "small")) == ["COMPLETE"]


def test_a_search_of_which_every_trial_fails_says_why(program: Callable[..., Any]) -> None:
    said = program("train", *SEARCH, "experiment=digits", "optimizer.lr=1e200", "hydra.sweeper.n_trials=1")
    assert said.status == 1
    assert "the loss is" in said.err
    assert "Traceback" not in said.err
    assert "Record" not in said.err


def test_a_search_over_what_the_model_has_not_is_refused(program: Callable[..., Any]) -> None:
    said = program("train", *SEARCH, "model=sequential")
    assert said.status == 2
    assert 'chainrule: model.hidden: sequential has no field "hidden"' in said.err


@pytest.mark.slow
def test_a_search_that_is_killed_goes_on_with_its_study(program: Callable[..., Any], tmp_path: Path) -> None:
    search = ["experiment=digits", *SEARCH[:1], "trainer.epochs=10", *SHORT[1:]]
    process = subprocess.Popen(command(*search), cwd=tmp_path, env=variables(), stdout=subprocess.DEVNULL)
    wait_for(lambda: len(list(tmp_path.glob("multirun/digits/*/3"))) == 1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = trials(tmp_path)
    assert states(before)[:3] == ["COMPLETE"] * 3
    said = program("train", *search, "hydra.sweeper.n_trials=4")
    assert said.status == 0, said.err
    after = trials(tmp_path)
    assert [trial.params for trial in after[: len(before)]] == [trial.params for trial in before]
    assert states(after) == [*states(before), *["COMPLETE"] * 4]
    assert "RUNNING" not in {run.info.status for run in recorded(tmp_path)}


def wait_for(happened: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.slow
def test_trials_run_at_once_in_workers(tmp_path: Path) -> None:
    """The store and the study are new."""
    search = [
        *SEARCH,
        *LAUNCHERS["parallel"],
        "experiment=digits",
        "hydra.sweeper.n_jobs=2",
        "hydra.sweeper.n_trials=4",
    ]
    done = subprocess.run(command(*search), cwd=tmp_path, env=variables(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert states(trials(tmp_path)) == ["COMPLETE"] * 4
    assert [run.info.status for run in recorded(tmp_path)] == ["FINISHED"] * 4


@pytest.mark.slow
def test_what_cannot_come_to_its_end_is_told_before_it_begins(program: Callable[..., Any]) -> None:
    for name in ("n_trials", "n_jobs"):
        said = program("train", *SEARCH, f"hydra.sweeper.{name}=-1")
        assert said.err.startswith(f"chainrule: hydra.sweeper.{name}: got -1, must be at least 1"), said.err
    said = program(
        "train", "-m", "hydra/launcher=submitit_slurm", "seed=0,1", "tracking=none", *SHORT
    )  # where there is no Slurm
    assert said.err.startswith('chainrule: hydra.launcher: it cannot run here: Could not detect "srun"'), said.err
