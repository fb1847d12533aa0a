"""By which engine a run is computed is recorded, and kept where the run is made again, or goes on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking import MlflowClient

import chainrule as cr
from chainrule.engine import compiling, use
from chainrule.network.updates import Updates
from chainrule.runs.card import card
from chainrule.runs.identity import weights_digest
from chainrule.tracking.store import prepare_store
from chainrule.tracking.tags import ENGINE, RESUMED, WEIGHTS_DIGEST

numba = pytest.importorskip("numba")
NUMBA = f"numba {numba.__version__}"
GIVEN = ("experiment=xor", "trainer.epochs=3", "tracking.figures=false", "callbacks=[]")
BY_NUMBA, BY_NUMPY = (*GIVEN, "trainer.engine=numba"), (*GIVEN, "trainer.engine=numpy")
INSTALL = 'numba cannot be used here: python -m pip install "chainrule[fast]"'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The working directory of all runs below, with one store."""
    folder = tmp_path_factory.mktemp("runs")
    prepare_store(f"sqlite:///{folder}/mlflow.db", "xor")
    return folder


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(compiling, "LONG", 3600)  # of which nothing is told, however busy the machine is
    return folder


@pytest.fixture
def program(program_in: Callable[..., Any], folder: Path) -> Callable[..., Any]:
    return lambda *arguments: program_in(*arguments, folder=folder)


@pytest.fixture
def uninstall(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """From when it is called on, numba is not installed."""

    def uninstall() -> None:
        monkeypatch.setitem(sys.modules, "numba", None)
        compiling.numba_version.cache_clear()

    yield uninstall
    compiling.numba_version.cache_clear()


def tags(folder: Path) -> list[dict[str, str]]:
    """Of each run, the newest last."""
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    return [dict(run.data.tags) for run in reversed(client.search_runs(experiments))]


def test_a_run_by_numba_is_recorded_and_made_again_so(program, here, uninstall):
    run = cr.train([*BY_NUMBA])
    assert tags(here)[-1][ENGINE] == NUMBA
    assert f"| engine | {NUMBA} |" in card(run.run_id)

    again = program("reproduce", run.run_id)
    assert (again.status, again.err) == (0, "")
    assert "verdict  equal" in again.out

    uninstall()
    otherwise = cr.reproduce(run.run_id)
    assert otherwise.differences == {"engine": (NUMBA, "numpy")}
    shown = program("reproduce", run.run_id)
    assert "differs: engine" in shown.out


def test_a_run_by_numpy_is_made_again_by_numpy_wherever_numba_would_be_taken(here, monkeypatch):
    run = cr.train([*GIVEN])
    assert tags(here)[-1][ENGINE] == "numpy"
    monkeypatch.setattr(use, "MANY", 1)
    again = cr.reproduce(run.run_id)
    assert (again.equal, again.differences) == (True, {})


def test_another_version_of_numba_is_named(here):
    run = cr.train([*BY_NUMBA])
    MlflowClient(f"sqlite:///{here}/mlflow.db").set_tag(run.run_id, ENGINE, "numba 0.1")
    again = cr.reproduce(run.run_id)
    assert again.differences == {"engine": ("numba 0.1", NUMBA)}


def test_an_unknown_engine_is_refused_by_its_name(program):
    ran = program("train", *GIVEN, "trainer.engine=fast")
    assert ran.status == 2
    assert "trainer.engine: got 'fast', expected auto, numpy, numba" in ran.err.replace('"', "'")


def test_numba_is_refused_where_it_is_not_installed(program, uninstall):
    uninstall()
    ran = program("train", *BY_NUMBA)
    assert ran.status == 2
    assert INSTALL in ran.err


def test_an_equal_run_is_one_by_the_same_engine(here):
    reuse = ("seed=7", "tracking.reuse=true")
    first = cr.train([*BY_NUMPY, *reuse])
    second = cr.train([*BY_NUMBA, *reuse])
    assert second.run_id != first.run_id
    assert cr.train([*BY_NUMPY, *reuse]).run_id == first.run_id
    assert cr.train([*BY_NUMBA, *reuse]).run_id == second.run_id
    assert cr.train([*GIVEN, *reuse]).run_id == first.run_id  # what is chosen counts, not who chose it


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """A run that an interrupt ends after two of its three updates."""

    def interrupted(program: Any, *given: str) -> None:
        apply, made = Updates.apply, []

        def counted(self: Updates, step: int, *given: float) -> None:
            apply(self, step, *given)
            made.append(step)
            if len(made) == 2:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(Updates, "apply", counted)
            assert program("train", *given).status == 130

    return interrupted


def test_a_run_that_was_cut_goes_on_by_the_engine_that_it_had(program, here, monkeypatch, interrupted):
    with monkeypatch.context() as patch:
        patch.setattr(use, "MANY", 1)  # numba is taken by itself ...
        whole = cr.train([*GIVEN])
        interrupted(program, *GIVEN)
    ran = program("resume")  # ... and here would not be
    assert ran.status == 0, ran.err
    one, cut = tags(here)[-2:]
    assert one[ENGINE] == cut[ENGINE] == NUMBA
    assert RESUMED not in cut
    assert one[WEIGHTS_DIGEST] == cut[WEIGHTS_DIGEST] == weights_digest(whole.network)


@pytest.mark.parametrize("given", [GIVEN, BY_NUMBA], ids=["chosen", "asked for"])
def test_where_that_engine_is_not_there_it_is_refused_and_says_so(
    program, here, monkeypatch, interrupted, uninstall, given
):
    with monkeypatch.context() as patch:
        patch.setattr(use, "MANY", 1)
        interrupted(program, *given)
    uninstall()
    refused = program("resume")
    assert refused.status == 2
    assert f"engine was {NUMBA}, here it is numpy" in refused.err
    assert program("resume", "--anyway").status == 0
    assert tags(here)[-1][RESUMED] == f"engine was {NUMBA}, here it is numpy"
