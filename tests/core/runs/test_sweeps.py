"""Sweeps: taking over what has finished, going on after a kill, many writers, configs that are edited meanwhile."""

from __future__ import annotations

import functools
import gc
import itertools
import json
import os
import re
import signal
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from environments import variables
from mlflow.tracking import MlflowClient
from serving import free_port, served

import chainrule as cr
from chainrule import comparison
from chainrule.config.mailbox import Ended, Mailbox, remove_left
from chainrule.contract.data import Data, Split
from chainrule.errors import ConfigError
from chainrule.process.claims import claimed
from chainrule.process.garbage import searched_later
from chainrule.process.liveness import is_gone, process
from chainrule.runs.identity import config_digest
from chainrule.tracking.store import prepare_store
from chainrule.tracking.tracking import Tracking

QUICK = ("tracking.figures=false", "trainer.epochs=3", "experiment=xor")
JOBLIB = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
Sweep = Callable[..., Any]


class Runs:
    """What a store holds."""

    def __init__(self, uri: str) -> None:
        self.uri = uri

    @functools.cached_property
    def client(self) -> MlflowClient:  # which would make a store that is not there
        return MlflowClient(self.uri)

    def all(self) -> list[Any]:
        experiments = [experiment.experiment_id for experiment in self.client.search_experiments()]
        runs: list[Any] = []
        token = None
        while True:
            page = self.client.search_runs(experiments, order_by=["attributes.start_time"], page_token=token)
            runs.extend(page)
            token = page.token
            if not token:
                return runs

    def statuses(self) -> list[str]:
        return [run.info.status for run in self.all()]

    def named(self) -> dict[str, Any]:
        return {run.info.run_name: run for run in self.all()}


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(f"sqlite:///{tmp_path}/mlflow.db")


def names(out: str) -> list[str]:
    """The name of the sweep that a command printed."""
    return [line.split()[-1] for line in out.splitlines() if line.startswith("compare  ")]


def table(which: str, uri: str) -> list[Any]:
    """The groups of a sweep with every seed's value, to the last bit."""
    compared = comparison.compare(which, uri=uri, metric="test/loss")
    return [(group.settings, group.by_seed, group.summary) for group in compared.groups]


def command(*overrides: str) -> list[str]:
    return [sys.executable, "-m", "chainrule", "train", "-m", *QUICK, *overrides]


def test_what_has_finished_is_taken_over(program, runs, tmp_path):
    first = program("train", "-m", *QUICK, "seed=0,1")
    again = program("train", "-m", *QUICK, "seed=0,1,2", "tracking.reuse=true")
    assert (first.status, again.status) == (0, 0), again.err
    assert len(runs.all()) == 3, "only what was missing is run"
    lines = again.out.splitlines()
    assert ["reused" in line.split("  ") for line in lines[:3]] == [True, True, False]
    assert lines[3] == "jobs     3, 2 reused"
    assert lines[0].split("  ")[1:5] == first.out.splitlines()[0].split("  ")[1:5], "with what it measured"
    [old], [new] = names(first.out), names(again.out)
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    assert [len(comparison.compare(name, uri=uri).groups[0].runs) for name in (old, new)] == [2, 3]
    assert comparison.compare(uri=uri).title == f"sweep {new}", "the latest"
    files = {path.name for path in (tmp_path / "multirun" / "xor" / new / "0").iterdir()}
    assert files == {"config.yaml", "overrides.yaml", "model"}, "its files are where they would be"


def test_a_sweep_of_which_all_was_there_is_the_latest_nevertheless(program, tmp_path):
    assert program("train", "-m", *QUICK, "seed=0,1").status == 0
    [new] = names(program("train", "-m", *QUICK, "seed=1", "tracking.reuse=true").out)
    found = comparison.compare(uri=f"sqlite:///{tmp_path}/mlflow.db")
    assert found.title == f"sweep {new}"
    assert [run.seed for run in found.groups[0].runs] == ["1"]


def test_a_single_run_is_taken_over_too(program, runs):
    first = program("train", *QUICK)
    again = program("train", *QUICK, "tracking.reuse=true")
    assert "of an equal run that had finished" in again.out
    assert "of an equal run" not in first.out
    assert len(runs.all()) == 1


@pytest.mark.slow
def test_a_run_is_taken_over_where_its_project_has_moved_and_trained_again_where_files_are_gone(
    program_in, tmp_path, caplog
):
    old, moved = tmp_path / "old", tmp_path / "moved"
    old.mkdir()
    program_in("train", *QUICK, folder=old)
    old.rename(moved)
    uri = f"sqlite:///{moved}/mlflow.db"
    [first] = MlflowClient(uri).search_runs(["1"])
    assert first.info.run_id in program_in("train", *QUICK, "tracking.reuse=true", folder=moved).out
    assert program_in("reproduce", first.info.run_id, folder=moved).status == 0

    weights = moved / "mlartifacts" / first.info.run_id / "artifacts" / "model" / "weights.safetensors"
    weights.unlink()
    missing = (
        f"the run {first.info.run_id} has no file model/weights.safetensors in {weights.parents[1]}: it was removed"
    )
    with pytest.raises(cr.TrackingError, match=re.escape(missing)):
        cr.load_run(first.info.run_id, uri)
    assert program_in("train", *QUICK, "tracking.reuse=true", folder=moved).status == 0
    [warned] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warned.startswith(f"An equal run had finished, but cannot be reused: {missing}")
    [second] = (run for run in MlflowClient(uri).search_runs(["1"]) if run.info.run_id != first.info.run_id)
    assert cr.load_run(second.info.run_id, uri).metrics["test/loss"] == second.data.metrics["test/loss"]
    assert second.info.run_id in program_in("train", *QUICK, "tracking.reuse=true", folder=moved).out
    assert not old.exists()

    whole = (weights := Path(str(weights).replace(first.info.run_id, second.info.run_id))).read_bytes()
    flipped = bytes([*whole[:-1], whole[-1] ^ 1])
    for damaged, why in ((whole[:-40], "is not a network that chainrule saved"), (flipped, "holds other weights")):
        caplog.clear()
        weights.write_bytes(damaged)
        ran = program_in("train", *QUICK, "tracking.reuse=true", "hydra.run.dir=again", folder=moved)
        [warned] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
        said = f"An equal run had finished, but cannot be reused: a file of the run {second.info.run_id} is damaged: "
        assert warned.startswith(f"{said}{weights} {why}")
        assert "reused" not in ran.out
        assert ran.status == 0
        [third] = (run for run in MlflowClient(uri).search_runs(["1"], max_results=1))
        MlflowClient(uri).delete_run(third.info.run_id)


def test_from_python_a_result_that_is_taken_over_is_as_the_first_was(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = cr.train(QUICK)
    again = cr.train([*QUICK, "tracking.reuse=true"])
    assert (first.reused, again.reused) == (False, True)
    assert again.run_id == first.run_id
    assert again.metrics == first.metrics
    assert again.history["train/loss"] == first.history["train/loss"]
    assert (again.network.parameters.theta == first.network.parameters.theta).all()
    assert again.link == first.link


def test_only_what_has_finished_is_taken_over(program, runs):
    diverging = ("optimizer.lr=1e38", "tracking.reuse=true")
    assert [program("train", *QUICK, *diverging).status for _ in range(2)] == [1, 1]
    assert runs.statuses() == ["FAILED", "FAILED"]


CONFIG = {
    "dataset": {"name": "moons", "n": 100},
    "model": {"name": "mlp", "hidden": [8]},
    "optimizer": {"name": "sgd", "lr": 0.1},
    "trainer": {"epochs": 3, "batch_size": 4, "shuffle": True, "threads": None},
    "callbacks": {"nan_guard": {"name": "nan_guard"}, "clip_norm": {"name": "clip_norm", "norm": 1.0}},
    "tracking": {"enabled": True, "uri": None, "experiment": "xor"},
    "seed": 0,
    "dtype": "float32",
    "name": "xor",
    "objective": "validation/loss",
}
SUPPLIED = {"optimizer.sgd": "chainrule 0.1.0"}


def data(digest: str = "d") -> Data:
    return Data(Split(np.zeros((2, 1)), np.array([0, 1])), "binary", class_names=("a", "b"), source_digest=digest)


def digest(changed: dict[str, Any] | None = None, of: str = "d", supplied: dict[str, str] = SUPPLIED) -> str:
    return config_digest({**CONFIG, **(changed or {})}, data(of), supplied)


@pytest.mark.parametrize(
    "changed",
    [
        {"seed": 1},
        {"dtype": "float64"},
        {"optimizer": {"name": "sgd", "lr": 0.2}},
        {"dataset": {"name": "moons", "n": 101}},
        {"trainer": {**CONFIG["trainer"], "epochs": 4}},
        {"callbacks": dict(reversed(CONFIG["callbacks"].items()))},
        {"callbacks": {}},
    ],
    ids=json.dumps,
)
def test_the_digest_covers_what_can_change_a_result(changed: dict[str, Any]) -> None:
    assert digest(changed) != digest()


def test_the_digest_covers_data_components_libraries_and_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    assert digest(of="e") != digest()
    assert digest(supplied={"optimizer.sgd": "chainrule 0.2.0"}) != digest()
    from chainrule.process.threads import blas_threads

    found = []
    for threads in (1, 2):
        with blas_threads(threads):
            found.append(digest())
    assert found[0] != found[1]


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "another"},
        {"objective": "test/loss"},
        {"tracking": {"enabled": True, "uri": "http://127.0.0.1:5000", "experiment": "e"}},
        {"callbacks": {"progress": {"name": "progress"}, **CONFIG["callbacks"]}},
    ],
    ids=json.dumps,
)
def test_the_digest_covers_nothing_else(changed: dict[str, Any]) -> None:
    assert digest(changed) == digest()


def test_threads_that_are_named_are_as_those_that_are_taken_anyway() -> None:
    from chainrule.process.threads import blas_threads

    with blas_threads(1):
        assert digest({"trainer": {**CONFIG["trainer"], "threads": 1}}) == digest()


def test_a_config_that_is_edited_while_a_sweep_runs_changes_nothing_in_it(tmp_path: Path, runs: Runs) -> None:
    (tmp_path / "mine" / "optimizer" / "mine").mkdir(parents=True)
    (tmp_path / "mine" / "experiment").mkdir()
    preset = tmp_path / "mine" / "optimizer" / "mine" / "slow.yaml"
    preset.write_text("defaults: [/optimizer/sgd@_here_, _self_]\nlr: 0.25\n", encoding="utf-8")
    (tmp_path / "mine" / "experiment" / "mine.yaml").write_text(
        "# @package _global_\ndefaults:\n- override /dataset: xor\n- override /optimizer: mine/slow\nname: mine\n",
        encoding="utf-8",
    )
    options = ["trainer.epochs=20", "tracking.figures=false", "--config-dir", "mine", "experiment=mine", "seed=0,1,2"]
    with subprocess.Popen(
        [sys.executable, "-m", "chainrule", "train", "-m", *options],
        cwd=tmp_path,
        env=variables(),
        stdout=subprocess.PIPE,
        text=True,
    ) as sweeping:
        assert sweeping.stdout is not None
        sweeping.stdout.readline()  # the first job has ended
        preset.write_text("defaults: [/optimizer/sgd@_here_, _self_]\nlr: 0.5\n", encoding="utf-8")
        sweeping.stdout.read()
    assert sweeping.returncode == 0
    assert [run.data.params["optimizer.lr"] for run in runs.all()] == ["0.25"] * 3


@pytest.mark.parametrize(
    "launcher",
    [[], pytest.param(["launcher=parallel", "hydra.launcher.n_jobs=2"], marks=pytest.mark.slow)],
    ids=["here", "parallel"],
)
def test_presets_in_folders_are_swept(program, tmp_path, runs, launcher):
    """The slash in their names is in those of the runs, and makes no folder."""
    given = ("model=spirals/modern,xor/modern", "optimizer=xor/classic,adam")
    ran = program("train", "-m", *launcher, *QUICK, *given)
    assert ran.status == 0, ran.err
    named = runs.named()
    assert set(named) == {
        f"model={model},optimizer={optimizer}"
        for model in ("spirals/modern", "xor/modern")
        for optimizer in ("xor/classic", "adam")
    }
    run = named["model=spirals/modern,optimizer=xor/classic"]
    assert run.info.status == "FINISHED"
    assert (run.data.params["model.hidden"], run.data.params["optimizer.lr"]) == ("[64, 64]", "0.5")
    [folder] = tmp_path.glob("multirun/xor/*")
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == ["0", "1", "2", "3"]
    assert sorted(path.parent.name for path in folder.rglob("config.yaml")) == ["0", "1", "2", "3"]
    assert "model=spirals/modern,optimizer=xor/classic" in ran.out.replace(", ", ",")


@pytest.mark.parametrize(
    ("subdir", "jobs", "folders"),
    [
        ("same", ["seed=0,1"], None),
        ("of_${seed}", ["optimizer.lr=0.1,0.2", "seed=0,1"], None),
        ("lr_${optimizer.lr}/${seed}", ["optimizer.lr=0.1,0.2"], ["lr_0.1/0", "lr_0.2/0"]),
        ("${hydra.job.override_dirname}/${hydra.job.num}", ["seed=0,1"], None),
    ],
)
def test_jobs_that_would_write_over_each_other_are_refused_before_the_first(program, tmp_path, subdir, jobs, folders):
    ran = program("train", "-m", *jobs, f"hydra.sweep.subdir={subdir}", "hydra.sweep.dir=swept", *QUICK)
    written = [path.parent.relative_to(tmp_path / "swept") for path in tmp_path.glob("swept/**/config.yaml")]
    if folders is None and "num" not in subdir:
        assert (ran.status, written) == (2, [])
        assert "chainrule: hydra.sweep.subdir: two jobs would have one folder, swept/" in ran.err
    else:
        assert ran.status == 0, ran.err
        assert folders is None or sorted(map(str, written)) == folders


def test_trials_of_a_search_have_a_folder_each(tmp_path):
    """Whose jobs are composed one after the other."""
    exchange = Mailbox(tmp_path)
    exchange.open()
    for number, folder in ((0, "a"), (1, "b"), (0, "a")):  # a worker's job may begin again
        exchange.take(tmp_path / folder, number)
    with pytest.raises(ConfigError, match=r"^hydra.sweep.subdir: two jobs would have one folder, .*/a: "):
        exchange.take(tmp_path / "a", 2)


@pytest.mark.slow  # workers start twice
def test_jobs_run_where_their_sweep_was_begun_not_where_an_earlier_one_was(program_in, tmp_path):
    """joblib's workers outlive a sweep: a notebook's second one found them in the first one's folder and store."""
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        uri = f"sqlite:///{folder}/runs.db"
        given = ("launcher=parallel", "hydra.launcher.n_jobs=2", *QUICK, "seed=0,1")
        ran = program_in("train", "-m", *given, folder=folder, MLFLOW_TRACKING_URI=uri)
        assert ran.status == 0, ran.err
        assert set(Runs(uri).named()) == {"seed=0", "seed=1"}
        assert sorted(path.parent.name for path in folder.glob("multirun/xor/*/*/config.yaml")) == ["0", "1"]


def test_every_preset_of_a_folder_is_swept_with_glob(program, runs):
    ran = program("train", "-m", *QUICK, "optimizer=glob(xor/*)")
    assert ran.status == 0, ran.err
    assert set(runs.named()) == {"optimizer=xor/classic", "optimizer=xor/modern"}


def test_an_objective_that_no_run_measures_is_refused_before_training(program, tmp_path):
    ran = program("train", *QUICK, "tracking=none", "objective=validation/los")
    assert ran.status == 2
    assert 'chainrule: objective: no run measures "validation/los". Did you mean "validation/loss"?' in ran.err
    assert not (tmp_path / "outputs").exists()


@pytest.mark.parametrize(
    ("objective", "goal"), [("validation/loss", min), ("best/validation/loss", min), ("test/binary_accuracy", max)]
)
def test_the_best_of_a_sweep_is_that_of_its_objective(program, runs, objective, goal):
    """On every line and at its end: the best group, then the best run, each with its figures of test data."""
    ran = program("train", "-m", *QUICK, "optimizer=sgd,adam", "seed=0,1,2", f"objective={objective}")
    assert ran.status == 0, ran.err
    stored = runs.all()

    def shown(found: list[Any]) -> str:
        names = dict.fromkeys([objective, "test/loss", "test/binary_accuracy"])
        return "  ".join(f"{name} {np.mean([run.data.metrics[name] for run in found]):.4g}" for name in names)

    lines = ran.out.splitlines()
    for line, run in zip(lines, stored):  # with two or three ways to write 0.5
        assert objective in line
        assert f"{run.data.metrics[objective]:.4g}" in line
    groups = [[r for r in stored if r.data.params["optimizer.name"] == name] for name in ("sgd", "adam")]
    group = goal(groups, key=lambda found: np.mean([run.data.metrics[objective] for run in found]))
    run = goal(stored, key=lambda run: run.data.metrics[objective])
    optimizer = f"optimizer={group[0].data.params['optimizer.name']}"
    assert lines[6:8] == ["jobs     6", f"judged   by {objective}, {'lower' if goal is min else 'higher'} is better"]
    assert lines[8] == f"best     {optimizer}  mean of 3 seeds  {shown(group)}"
    where = f"run {run.info.run_id}  multirun/xor/{names(ran.out)[0]}/{stored.index(run)}"
    assert lines[9] == f"best run {run.info.run_name}  {shown([run])}  {where}"
    compared = comparison.compare(uri=runs.uri)
    assert compared.metric == objective
    assert compared.groups[0].settings["optimizer.name"] == optimizer.partition("=")[2]


def test_without_an_objective_nothing_is_the_best(program):
    without = program("train", "-m", *QUICK, "seed=0,1", "objective=null", "tracking=none")
    assert "jobs     2\nfiles " in without.out
    assert "best" not in without.out


def test_data_without_validation_samples_is_judged_by_its_training(program):
    """And not by its test samples; where some jobs have validation samples, the best is among those."""
    data = ("dataset=moons", "model=mlp", "name=moons")
    quick = ("trainer.epochs=1", "tracking.figures=false", "tracking=none")
    none = program("train", *data, *quick, "dataset.validation_fraction=0")
    assert "judged   by train/loss, as no validation samples measure validation/loss: " in none.out
    some = program("train", "-m", *data, *quick, "dataset.validation_fraction=0,0.2")
    first, second, *_, best, _ = some.out.splitlines()
    assert "  train/loss " in first
    assert second.split("  ")[2].startswith("validation/loss ")
    assert best.startswith("best run dataset.validation_fraction=0.2  validation/loss ")


def test_a_sweep_from_python(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    name = cr.sweep([*QUICK, "seed=0,1", "optimizer=sgd,adam"])
    compared = cr.compare(name)
    assert {group.settings["optimizer.name"] for group in compared.groups} == {"sgd", "adam"}
    assert [len(group.runs) for group in compared.groups] == [2, 2]
    with pytest.raises(cr.SweepError, match=r"1 of 2 jobs of the sweep .* failed") as caught:
        cr.sweep([*QUICK, "optimizer.lr=0.1,1e38"])
    assert cr.compare(caught.value.sweep).groups[0].runs


@pytest.mark.slow
def test_a_job_has_the_config_that_it_would_have_alone(tmp_path, monkeypatch):
    """Though what jobs share was merged once for all of them."""
    monkeypatch.chdir(tmp_path)
    fixed = ["experiment=xor", "trainer.epochs=1", "tracking=none", "tracking.figures=false", "~callbacks.progress"]
    swept = {"optimizer": ("sgd", "adam"), "optimizer.lr": ("0.1", "0.2"), "model.hidden": ("[4]", "[3,3]")}
    name = cr.sweep([*fixed, *(f"{key}={','.join(values)}" for key, values in swept.items())])
    [folder] = tmp_path.glob(f"**/{name}")
    jobs = [[f"{key}={value}" for key, value in zip(swept, values)] for values in itertools.product(*swept.values())]
    for number, job in enumerate(jobs):
        alone = cr.train([*fixed, *job])
        assert (folder / str(number) / "config.yaml").read_text() == (alone.folder / "config.yaml").read_text()


def networks() -> dict[int, Any]:
    """Those that there are, by id, with their layers; that they are kept keeps their ids theirs.

    By type: `isinstance` asks a weak proxy, as another library may hold, for what it stands for, which may be gone.
    """
    return {id(thing): thing for thing in gc.get_objects() if issubclass(type(thing), (cr.Network, cr.Layer))}


@pytest.mark.slow
def test_no_job_leaves_its_network_behind(tmp_path, monkeypatch):
    """Nor what its layers keep, which may be all images of MNIST: 200 jobs take the memory of one."""
    monkeypatch.chdir(tmp_path)
    cr.train(["experiment=xor", "trainer.epochs=1"])  # matplotlib's import keeps the frames that it was called from
    gc.collect()
    with searched_later():
        before = networks()
        cr.sweep(["experiment=xor", "trainer.epochs=1", "seed=0,1"])
        assert {*networks()} <= {*before}


def test_a_run_whose_process_is_gone_becomes_killed(tmp_path: Path, runs: Runs) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", "from chainrule.process.liveness import process; print(process())"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    tracking = Tracking(f"sqlite:///{tmp_path}/mlflow.db", "xor")
    experiment = tracking.prepare()
    tags = {"dead": ended, "alive": process(), "elsewhere": f"not-{ended}"}
    for name, told in tags.items():
        runs.client.create_run(experiment, tags={"process": told}, run_name=name)
    runs.client.create_run(experiment, run_name="another program's")
    tracking.close_orphans()
    found = {name: run.info.status for name, run in runs.named().items()}
    assert found == {"dead": "KILLED", "alive": "RUNNING", "elsewhere": "RUNNING", "another program's": "RUNNING"}
    assert runs.named()["dead"].data.tags["error"] == "its process was killed"


@pytest.mark.parametrize("sweep", ["s", "it's", 'so "called"'])
def test_the_run_that_a_job_had_begun_is_found_by_its_folder(tmp_path: Path, runs: Runs, sweep: str) -> None:
    tracking = Tracking(f"sqlite:///{tmp_path}/mlflow.db", "xor")
    experiment = tracking.prepare()
    for number in (0, 1):
        for start in (1, 3, 2):
            tags = {"sweep": sweep, "folder": f"multirun/{sweep}/{number}"}
            runs.client.create_run(experiment, start, tags, f"{number}, {start}")
    for number in (0, 1):
        found = tracking.begun(sweep, tmp_path / "multirun" / sweep / str(number))
        assert found.info.run_name == f"{number}, 3"
    assert tracking.begun("another", tmp_path / "multirun" / sweep / "0") is None
    assert tracking.begun("'both' \"sorts\"", tmp_path) is None, "which no filter of MLflow's can hold"


def test_a_number_that_was_given_to_another_process_is_not_taken_for_the_first():
    host, number, started = process().split(" ")
    assert not is_gone(f"{host} {number} {started}")
    assert is_gone(f"{host} {number} {int(started) - 1000}")


def test_jobs_and_their_parent_hear_each_other(tmp_path):
    exchange = Mailbox(tmp_path / "sweep")
    exchange.open()
    config = {"a": {1: "1e-3", "b": [1e-3, float("inf"), None, "${c}", "???"]}}
    exchange.keep(["seed=0"], config)
    assert exchange.kept(["seed=0"]) == config
    assert exchange.kept(["seed=1"]) is None
    known: set[int] = set()
    done = Ended(1, ("seed=1",), "text", {"validation/loss": 0.5, "test/loss": 0.6}, "validation/loss", "id")
    assert exchange.tell(done) == 0.5
    assert list(exchange.told(known)) == [done]
    nothing = exchange.tell(Ended(0, ("seed=0",), failed="why", trace="where"))
    with pytest.raises(RuntimeError, match="why"):
        float(nothing)  # as a search does
    assert list(exchange.told(known)) == [Ended(0, ("seed=0",), failed="why", trace="where")]
    assert list(exchange.told(known)) == []
    exchange.open()
    assert list(exchange.told(set())) == [], "nothing of an earlier sweep is left"
    assert exchange.kept(["seed=0"]) is None
    exchange.close()
    assert not list((tmp_path / "sweep").iterdir())


def test_a_job_that_begins_once_more_learns_so_and_how_it_ended(tmp_path):
    exchange, folder = Mailbox(tmp_path / "sweep"), tmp_path / "sweep" / "0"
    with pytest.raises(ConfigError, match=r"does not see .*: the sweep has ended, or its jobs do not share"):
        exchange.take(folder, 0)
    exchange.open()
    assert exchange.take(folder, 0) is False
    assert exchange.take(folder, 0) is True
    assert exchange.told_of(0) is None
    done = Ended(0, ("seed=0",), "text", {"loss": 0.5}, "loss", "id")
    exchange.tell(done)
    assert exchange.told_of(0) == done
    with pytest.raises(ConfigError, match="two jobs would have one folder"):
        exchange.take(folder, 1)


def test_what_a_killed_sweep_left_is_removed_once_it_is_gone(tmp_path):
    living, killed, going_on = (tmp_path / "multirun" / "xor" / name for name in ("living", "killed", "going_on"))
    for sweep in (living, killed, going_on):
        Mailbox(sweep).open()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        host, _, started = process().split(" ")
        told = f"{host} {other.pid} {started}"
        other.kill()
    for sweep in (killed, going_on):
        (sweep / ".mailbox" / "owner").write_text(told)
    (killed / "0").mkdir()
    (killed / "0" / ".run.lock").write_text("of the killed process")
    with claimed(going_on / "0", "run", "hydra.sweep.subdir"):  # a cluster's job
        remove_left(tmp_path / "multirun" / "xor")
    assert [(sweep / ".mailbox").exists() for sweep in (living, killed, going_on)] == [True, False, True]
    assert Mailbox(killed).tell(Ended(0, (), figures={"loss": 1.0}, judged="loss")) == 1.0, "nobody hears"


@pytest.mark.slow  # three sweeps, each in a process of its own
@pytest.mark.parametrize("launcher", [(), JOBLIB], ids=["basic", "joblib"])
def test_a_sweep_that_was_killed_goes_on_and_ends_as_if_it_had_not_been(launcher, tmp_path):
    overrides = ["optimizer=sgd,adam", "seed=0,1,2,3", "trainer.epochs=40", "trainer.threads=1", *launcher]
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    whole.mkdir()
    cut.mkdir()
    settings = variables()
    done = subprocess.run(command(*overrides), cwd=whole, env=settings, capture_output=True, text=True, check=True)
    with subprocess.Popen(
        command(*overrides), cwd=cut, env=settings, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as sweeping:
        assert sweeping.stdout is not None
        for _ in range(4):
            sweeping.stdout.readline()
        os.killpg(sweeping.pid, signal.SIGKILL)
    stored = Runs(f"sqlite:///{cut}/mlflow.db")
    finished = {run.info.run_id for run in stored.all() if run.info.status == "FINISHED"}
    assert 4 <= len(finished) < 8
    again = subprocess.run(
        command(*overrides, "tracking.reuse=true"), cwd=cut, env=settings, capture_output=True, text=True, check=True
    )
    assert f"jobs     8, {len(finished)} reused" in again.stdout
    ended = [run for run in stored.all() if run.info.status == "FINISHED"]
    assert len(ended) == 8
    assert finished < {run.info.run_id for run in ended}
    assert {run.info.status for run in stored.all()} <= {"FINISHED", "KILLED"}, "none stays running"
    [first], [second] = names(done.stdout), names(again.stdout)
    assert table(first, f"sqlite:///{whole}/mlflow.db") == table(second, f"sqlite:///{cut}/mlflow.db")


@pytest.mark.slow
@pytest.mark.parametrize("launcher", [(), JOBLIB], ids=["basic", "joblib"])
def test_a_failed_job_fails_alone_with_every_launcher(launcher, tmp_path, runs):
    done = subprocess.run(
        command("optimizer.lr=0.1,1e38", "seed=0,1", *launcher),
        cwd=tmp_path,
        env=variables(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert sorted(runs.statuses()) == ["FAILED", "FAILED", "FINISHED", "FINISHED"]
    assert "2 failed" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture(params=["sqlite", "server"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A store that is not there yet, and a server that knows no experiment."""
    uri = f"sqlite:///{tmp_path}/many.db"
    if request.param == "sqlite":
        yield uri
        return
    prepare_store(uri, "another")
    command = [sys.executable, "-m", "chainrule", "ui", "--port", str(free_port())]
    with served(command, tmp_path, variables(MLFLOW_TRACKING_URI=uri)) as address:
        yield address.partition("#")[0].rstrip("/")


@pytest.mark.slow
def test_eight_writers_at_once_lose_nothing(store: str, tmp_path: Path) -> None:
    eight = [
        subprocess.Popen(
            [sys.executable, "-m", "chainrule", "train", *QUICK, f"seed={seed}"],
            cwd=tmp_path,
            env=variables(MLFLOW_TRACKING_URI=store, OPENBLAS_NUM_THREADS="1"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed in range(8)
    ]
    said = [process.communicate()[1] for process in eight]
    assert [process.returncode for process in eight] == [0] * 8, said
    assert_whole(Runs(store), 8)


@pytest.mark.soak  # minutes
def test_two_hundred_jobs_on_two_processes_lose_nothing(store: str, tmp_path: Path) -> None:
    done = subprocess.run(
        command("seed=range(0,200)", "trainer.threads=1", *JOBLIB),
        cwd=tmp_path,
        env=variables(MLFLOW_TRACKING_URI=store),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "jobs     200\n" in done.stdout
    assert_whole(Runs(store), 200)


@pytest.mark.soak  # minutes
@pytest.mark.parametrize("figures", [False, True])
def test_five_hundred_jobs_in_one_process_leave_memory_and_open_files_as_they_were(runs, tmp_path, figures):
    given = ["seed=range(0,500)", "trainer.threads=1", f"tracking.figures={figures}"]
    measured = []
    with subprocess.Popen(command(*given), cwd=tmp_path, env=variables(), stdout=subprocess.PIPE, text=True) as sweep:
        process = psutil.Process(sweep.pid)
        assert sweep.stdout is not None
        for line in sweep.stdout:
            if re.match(r"\d+/500  ", line):
                measured.append((process.memory_info().rss / 2**20, process.num_fds()))
    assert sweep.returncode == 0
    for at in (50, 100, 200, 300, 400, 500):
        print(f"after {at} jobs: {measured[at - 1][0]:.0f} MiB, {measured[at - 1][1]} open files")
    early, late = measured[50:100], measured[-50:]
    # Databases are opened and closed all the time: a single look may meet one more.
    assert statistics.median(files for _, files in late) <= max(files for _, files in early)
    assert max(memory for memory, _ in late) < 1.1 * max(memory for memory, _ in early)
    assert_whole(runs, 500)


def assert_whole(runs: Runs, count: int) -> None:
    """Every run is there once, has ended, and holds all that it measured."""
    found = runs.all()
    assert sorted(int(run.data.params["seed"]) for run in found) == list(range(count))
    assert {run.info.status for run in found} == {"FINISHED"}
    for run in found:
        assert {"test/loss", "best/validation/loss"} <= run.data.metrics.keys()
        steps = [point.step for point in runs.client.get_metric_history(run.info.run_id, "train/loss")]
        assert steps == [1, 2, 3]
        assert {file.path for file in runs.client.list_artifacts(run.info.run_id)} >= {"config.yaml", "model"}
        assert run.data.tags["weights_digest"]
