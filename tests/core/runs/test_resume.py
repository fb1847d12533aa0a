"""A run that was cut goes on as the same run: what is recorded of it, its weights and its history are those of one that
never was."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from environments import variables
from mlflow.tracking import MlflowClient

import chainrule as cr
from chainrule.network.updates import Updates
from chainrule.pictures import drawing
from chainrule.process.liveness import process
from chainrule.runs.resume import latest_cut
from chainrule.tracking.tags import PROCESS, RESUMED, WEIGHTS_DIGEST

pytestmark = pytest.mark.slow

TIMES = ("seconds", "examples_per_second")
GIVEN = ("experiment=spirals", "trainer.epochs=3", "trainer.threads=1", "tracking.figures=false")
AT = 60  # updates: in the second of three epochs


def recorded(folder: Path) -> list[Any]:
    """Its runs, the oldest first."""
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    return list(client.search_runs(experiments, order_by=["attributes.start_time"]))


def points(folder: Path, run: Any) -> dict[str, list[tuple[int, float]]]:
    """Of each metric that is a result, with their steps, as often as they stand there."""
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    names = run.data.metrics.keys() - set(TIMES)
    return {name: sorted((p.step, p.value) for p in client.get_metric_history(run.info.run_id, name)) for name in names}


def assert_as_one_that_was_not(folder: Path, whole: Path, run: Any = None) -> None:
    """The last run of the one folder, or the given one, is equal to the only run of the other."""
    [expected], found = recorded(whole), run or recorded(folder)[-1]
    assert (found.info.status, expected.info.status) == ("FINISHED", "FINISHED")
    assert found.data.tags[WEIGHTS_DIGEST] == expected.data.tags[WEIGHTS_DIGEST]
    assert points(folder, found) == points(whole, expected)
    assert "error" not in found.data.tags


@pytest.fixture
def signal_at(monkeypatch: pytest.MonkeyPatch, signals_at_default: None) -> Callable[..., None]:
    """``signal_at(60)``: SIGINT comes in the middle of the 60th update from now."""

    def at(update: int, number: int = signal.SIGINT) -> None:
        apply, made = Updates.apply, []

        def counted(self: Updates, step: int, *given: float) -> None:
            apply(self, step, *given)
            made.append(step)
            if len(made) == update:
                os.kill(os.getpid(), number)

        monkeypatch.setattr(Updates, "apply", counted)

    return at


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, program_in: Any) -> Path:
    """A folder with one run that was never cut."""
    folder = tmp_path_factory.mktemp("whole")
    assert program_in("train", *GIVEN, folder=folder).status == 0
    return folder


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"])
def test_a_run_that_was_interrupted_goes_on(program, tmp_path, whole, signal_at, number, status):
    signal_at(AT, number)
    cut = program("train", *GIVEN)
    [run] = recorded(tmp_path)
    assert (cut.status, run.info.status) == (status, "KILLED")
    assert f"To go on with it: chainrule resume {run.info.run_id}\n" in cut.err
    again = program("resume")
    assert again.status == 0, again.err
    assert "validation" in again.out
    assert_as_one_that_was_not(tmp_path, whole)
    assert len(recorded(tmp_path)) == 1
    assert len(list(tmp_path.glob("outputs/spirals/*"))) == 1
    nothing = program("resume")
    assert nothing.status == 2
    assert "chainrule: no run in this store was cut" in nothing.err


def test_it_goes_on_as_often_as_it_is_cut_from_python_too(program, tmp_path, whole, signal_at, monkeypatch):
    signal_at(20)
    program("train", *GIVEN)
    signal_at(30)
    assert program("resume").status == 130
    monkeypatch.chdir(tmp_path)
    result = cr.resume()
    assert_as_one_that_was_not(tmp_path, whole)
    np.testing.assert_array_equal(result.network.parameters.theta, cr.load_run(result.run_id).network.parameters.theta)
    assert result.history.epochs == 3


def test_one_that_nobody_recorded_goes_on_from_its_folder(program, tmp_path, whole, signal_at):
    signal_at(AT)
    cut = program("train", *GIVEN, "tracking=none")
    [folder] = tmp_path.glob("outputs/spirals/*")
    assert f"To go on with it: chainrule resume {folder.relative_to(tmp_path)}" in cut.err
    assert program("resume", str(folder.relative_to(tmp_path))).status == 0
    [expected] = whole.glob("outputs/spirals/*")
    found, there = (cr.load_network(place / "model" / "weights.safetensors") for place in (folder, expected))
    np.testing.assert_array_equal(found.parameters.theta, there.parameters.theta)


def test_a_finished_run_is_trained_further_as_if_it_had_been_asked_for_at_first(program, tmp_path, whole):
    program("train", *GIVEN, "trainer.epochs=2", "schedule=none")
    further = program("resume", recorded(tmp_path)[0].info.run_id, "trainer.epochs=3")
    assert further.status == 0, further.err
    [run] = recorded(tmp_path)
    assert run.data.tags[RESUMED] == "trainer.epochs was 2, then 3"
    assert cr.reproduce(run.info.run_id, f"sqlite:///{tmp_path}/mlflow.db").equal
    assert re.search(r"3/3\b", program("runs").out)
    (tmp_path / "whole").mkdir()
    program("train", *GIVEN, "schedule=none", "tracking.uri=sqlite:///whole/mlflow.db")
    [expected] = recorded(tmp_path / "whole")
    assert run.data.tags[WEIGHTS_DIGEST] == expected.data.tags[WEIGHTS_DIGEST]


def test_it_is_trained_further_again_and_again_and_goes_on_where_that_was_cut(program, tmp_path, whole, signal_at):
    given = [*GIVEN, "schedule=none"]
    program("train", *given, "trainer.epochs=1")
    [run] = recorded(tmp_path)
    assert "got 0, expected" in program("resume", run.info.run_id, "trainer.epochs=0").err
    assert program("resume", run.info.run_id, "trainer.epochs=2").status == 0
    refused = program("resume", run.info.run_id, "trainer.epochs=1")
    assert "got 1, but this run has come to epoch 2: give it more" in refused.err
    [run] = recorded(tmp_path)
    assert run.info.status == "FINISHED", "what was refused changed nothing"
    signal_at(5)
    assert program("resume", run.info.run_id, "trainer.epochs=3").status == 130
    assert program("resume").status == 0
    [run] = recorded(tmp_path)
    assert run.data.tags[RESUMED] == "trainer.epochs was 1, then 2; trainer.epochs was 2, then 3"
    (tmp_path / "whole").mkdir()
    program("train", *given, "tracking.uri=sqlite:///whole/mlflow.db")
    assert recorded(tmp_path / "whole")[0].data.tags[WEIGHTS_DIGEST] == run.data.tags[WEIGHTS_DIGEST]
    MlflowClient(f"sqlite:///{tmp_path}/mlflow.db").delete_run(run.info.run_id)
    assert (
        f"was deleted; to bring it back: mlflow runs restore --run-id {run.info.run_id}"
        in program("resume", run.info.run_id).err
    )


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["optimizer.lr=3"], 'optimizer.lr: got "optimizer.lr=3": a run that goes on takes trainer.epochs=N alone'),
        (["trainer.epochs=ten"], "trainer.epochs: got 'ten', expected a whole number, 1 or more"),
        (["trainer.epochs=1"], "trainer.epochs: got 1, but this run has come to epoch 2: give it more"),
    ],
)
def test_what_cannot_be_asked_for(program, tmp_path, signal_at, given, says):
    signal_at(AT)
    program("train", *GIVEN)
    refused = program("resume", *given)
    assert refused.status == 2
    assert says in refused.err
    assert recorded(tmp_path)[0].info.status == "KILLED", "nothing was changed"
    assert program("resume").status == 0


def test_a_run_that_would_go_on_otherwise_is_refused_and_told_why(program, tmp_path, signal_at):
    rows = [f"{a},{b},{(a * b) % 2}" for a in range(9) for b in range(9)]
    data = tmp_path / "rows.csv"
    data.write_text("\n".join(["a,b,t", *rows, ""]))
    signal_at(3)
    given = ("dataset=csv", "dataset.path=rows.csv", "dataset.target=t", "trainer.epochs=4", "trainer.threads=1")
    program("train", *given)
    [run] = recorded(tmp_path)
    before = run.data.metrics
    data.write_text("\n".join(["a,b,t", *rows[::-1], ""]))
    refused = program("resume")
    assert refused.status == 2
    assert f"the run {run.info.run_id} would not go on as it would have: data digest was" in refused.err
    assert "To go on all the same, which will be recorded: --anyway" in refused.err
    assert recorded(tmp_path)[0].data.metrics == before
    assert recorded(tmp_path)[0].info.status == "KILLED"
    anyway = program("resume", "--anyway")
    assert anyway.status == 0, anyway.err
    [run] = recorded(tmp_path)
    assert run.data.tags[RESUMED].startswith("data digest was")
    assert " and " in run.data.tags["config_digest"], "equal to no other run"


def test_one_that_is_at_work_and_one_whose_files_are_gone(program, tmp_path, signal_at):
    signal_at(AT)
    program("train", *GIVEN)
    [run] = recorded(tmp_path)
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    client.update_run(run.info.run_id, "RUNNING")
    client.set_tag(run.info.run_id, PROCESS, process())
    assert latest_cut(client) is None
    assert "has not ended: it is at work in the process" in program("resume", run.info.run_id).err
    client.update_run(run.info.run_id, "KILLED")
    [folder] = tmp_path.glob("outputs/spirals/*")
    folder.rename(tmp_path / "elsewhere")
    gone = program("resume")
    assert gone.status == 2
    assert f"cannot go on: there is no config.yaml in its folder {folder}" in gone.err


def test_a_damaged_checkpoint_gives_way_to_the_one_before(program, tmp_path, whole, signal_at, caplog):
    signal_at(AT)
    program("train", *GIVEN, "tracking.checkpoint_seconds=0")
    files = sorted(tmp_path.glob("outputs/spirals/*/checkpoints/*"))
    assert len(files) == 2
    files[-1].write_bytes(files[-1].read_bytes()[:-9])
    again = program("resume")
    assert again.status == 0
    assert "The checkpoint before it is taken" in caplog.text
    assert_as_one_that_was_not(tmp_path, whole)


def test_a_checkpoint_of_another_run_is_refused(program, tmp_path, signal_at):
    for update in (AT, 5):
        signal_at(update)
        program("train", *GIVEN)
    first, second = sorted(tmp_path.glob("outputs/spirals/*/checkpoints"))
    for path in second.iterdir():
        path.unlink()
    [given] = first.iterdir()
    (second / given.name).write_bytes(given.read_bytes())
    refused = program("resume")
    assert refused.status == 2
    assert "it was put there" in refused.err


def test_a_sweep_that_was_cut_goes_on_with_the_job_in_the_middle(program, tmp_path, whole, signal_at):
    sweep = ("train", "-m", *GIVEN, "seed=1,0,2", "tracking.reuse=true")
    updates = 3 * int(recorded(whole)[0].data.params["trainer.epochs"]) * 13
    signal_at(updates + AT)
    cut = program(*sweep)
    assert cut.status == 130
    assert "with tracking.reuse=true it goes on where it was" in cut.err
    begun = {run.info.run_id: run.info.status for run in recorded(tmp_path)}
    again = program(*sweep)
    assert again.status == 0, again.err
    runs = recorded(tmp_path)
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert len(runs) == 3
    assert set(begun) <= {run.info.run_id for run in runs}
    [zero] = [run for run in runs if run.data.params["seed"] == "0"]
    assert_as_one_that_was_not(tmp_path, whole, zero)


def test_a_job_that_a_cluster_begins_once_more_goes_on(program, tmp_path, whole, monkeypatch):
    """Slurm's warning makes submitit put the job into the queue again and exit, in the middle of an update."""
    sweep = ("train", "-m", *GIVEN, "seed=0", "hydra.sweep.dir=sweep")
    apply, made = Updates.apply, []

    def taken_away(self: Updates, step: int, *given: float) -> None:
        apply(self, step, *given)
        made.append(step)
        if len(made) == AT:
            raise SystemExit(-1)

    monkeypatch.setattr(Updates, "apply", taken_away)
    assert program(*sweep, "tracking.checkpoint_seconds=0").status != 0
    [run] = recorded(tmp_path)
    assert run.info.status == "KILLED"
    again = program(*sweep)
    assert again.status == 0, again.err
    assert len(made) < AT + 39 * 3, "it did not begin anew"
    assert [found.info.run_id for found in recorded(tmp_path)] == [run.info.run_id]
    assert_as_one_that_was_not(tmp_path, whole)
    assert program(*sweep).status == 0
    assert len(recorded(tmp_path)) == 2, "one that had ended is not gone on with"


def test_one_that_was_interrupted_while_it_drew_is_only_finished(program, tmp_path, monkeypatch, signals_at_default):
    given = [text for text in GIVEN if not text.startswith("tracking.figures")]
    draw_all = drawing.draw_all
    monkeypatch.setattr("chainrule.runs.run.draw_all", lambda *given: os.kill(os.getpid(), signal.SIGINT))
    cut = program("train", *given)
    assert cut.status == 130
    monkeypatch.setattr("chainrule.runs.run.draw_all", draw_all)
    steps: list[int] = []
    monkeypatch.setattr(Updates, "apply", lambda self, step, lr: steps.append(step))
    again = program("resume")
    assert again.status == 0, again.err
    assert steps == [], "nothing is trained again"
    assert len(list(tmp_path.glob("outputs/spirals/*/figures/*.png"))) > 1
    assert recorded(tmp_path)[0].info.status == "FINISHED"


@pytest.mark.slow  # processes of their own
def test_one_that_was_killed_is_found_by_the_next_command_and_goes_on(program, tmp_path, whole, caplog):
    """SIGKILL at a random moment of the training, with checkpoints at every update."""
    command = [sys.executable, "-m", "chainrule", "train", *GIVEN, "tracking.checkpoint_seconds=0"]
    with subprocess.Popen(command, cwd=tmp_path, env=variables(), stderr=subprocess.PIPE, text=True) as training:
        assert training.stderr is not None
        training.stderr.readline()  # the first epoch has ended
        time.sleep(0.05)
        training.kill()
    [run] = recorded(tmp_path)
    assert run.info.status == "RUNNING"
    program("train", "experiment=xor", "trainer.epochs=1", "tracking.figures=false")  # of whatever experiment
    assert f"The run {run.info.run_id} was killed. To go on with it: chainrule resume {run.info.run_id}" in caplog.text
    again = program("resume", run.info.run_id)
    assert again.status == 0, again.err
    assert_as_one_that_was_not(tmp_path, whole, recorded(tmp_path)[0])


@pytest.mark.parametrize("gone", ["folder", "disk"])
def test_a_run_whose_folder_takes_nothing_any_more_ends_well_and_keeps_its_model(
    program, tmp_path, monkeypatch, caplog, gone
):
    """In the middle of it the folder is deleted, or every write there fails; in memory all of it is there."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    apply, begun = Updates.apply, []

    def broken(self: Updates, step: int, *given: float) -> None:
        apply(self, step, *given)
        if not begun:
            begun.append(step)
            [folder] = tmp_path.glob("outputs/spirals/*")
            shutil.rmtree(folder)
            if gone == "disk":
                folder.write_text("no folder any more")

    monkeypatch.setattr(Updates, "apply", broken)
    ran = program("train", *GIVEN)
    assert ran.status == 0, ran.err
    [run] = recorded(tmp_path)
    assert run.info.status == "FINISHED"
    places = [*tmp_path.glob("outputs/spirals/*/model/*"), *tmp_path.glob("temporary/*-model/*")]
    own = {"weights.safetensors", "architecture.json", "preparation.json"}
    mlflows = {"MLmodel", "requirements.txt", "python_env.yaml", "conda.yaml"}
    examples = {"input_example.json", "serving_input_example.json"}
    assert {place.name for place in places} == (own if gone == "disk" else own | mlflows | examples)
    if gone == "disk":
        assert "The model cannot be saved in" in caplog.text
