"""Artifacts that moved with their SQLite store, or did not: where their addresses lead then."""

import contextlib
import errno
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from chainrule.tracking.store import connect
from chainrule.tracking.tracking import Tracking
from chainrule.tracking.uris import place

# MLflow's own models use a loader strategy that SQLAlchemy 2.1 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two folders: where a store was made, with a run and what else of MLflow has addresses, and where it is now.

    The name is one that URIs quote. MLflow keeps a store open for as long as a process lives, so no test opens one in
    the old place again.
    """
    old = tmp_path_factory.mktemp("made") / "my 100 % projéct"
    record(old)
    client = MlflowClient(uri_of(old))
    client.create_logged_model("1", "m")
    client.create_registered_model("r")
    [run] = client.search_runs(["1"])
    client.create_model_version("r", f"{run.info.artifact_uri}/notes.txt", run.info.run_id)
    with contextlib.closing(sqlite3.connect(old / "mlflow.db")) as database, database:
        trace = (f"{old.as_uri()}/mlartifacts/traces/t/artifacts",)
        database.execute(
            "INSERT INTO trace_tags (key, value, request_id) VALUES ('mlflow.artifactLocation', ?, 't')", trace
        )
    return old, old.rename(old.with_name("kept"))


@pytest.fixture
def old(made):
    """The folder where the store of ``moved`` was made: not there."""
    yield made[0]
    shutil.rmtree(made[0], ignore_errors=True)


@pytest.fixture
def moved(made, tmp_path):
    return Path(shutil.copytree(made[1], tmp_path / "moved"))


def uri_of(folder):
    return f"sqlite:///{str(folder).replace('%', '%25')}/mlflow.db"


def record(folder, experiment="xor"):
    described = {"name": "n", "params": {}, "tags": {}, "dataset": ("xor", "d"), "folder": folder}
    with Tracking(uri_of(folder), experiment).run(**described) as run:
        run.text("hello", "notes.txt")
    return run.run_id


def addresses(folder):
    """Every text of the database that holds an address of a file."""
    found = []
    with contextlib.closing(sqlite3.connect(folder / "mlflow.db")) as database:
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in database.execute(f'SELECT * FROM "{table}"'):
                found += [value for value in row if isinstance(value, str) and value.startswith("file:")]
    return found


def notes(folder, run_id=None):
    """Where the store says that a run, or the only one, has its file, which is there."""
    client = connect(uri_of(folder))
    run = client.get_run(run_id) if run_id else client.search_runs(["1"])[0]
    path = place(run.info.artifact_uri) / "notes.txt"
    assert path.read_text() == "hello"
    return path.resolve()


def test_everything_moves_with_its_folder(old, moved):
    before = addresses(moved)
    assert all(address.startswith(f"{old.as_uri()}/mlartifacts") for address in before)
    assert len(before) == 7  # of two experiments, a run, a logged model, a version, which has two, and a trace
    assert notes(moved).is_relative_to(moved)
    after = addresses(moved)
    assert after == [address.replace(old.as_uri(), moved.as_uri()) for address in before]
    assert notes(moved, record(moved)).is_relative_to(moved)
    assert notes(moved, record(moved, "another experiment")).is_relative_to(moved)
    assert not old.exists()


def test_a_copy_has_files_of_its_own(old, moved):
    shutil.copytree(moved, old)
    before = addresses(old)
    assert notes(moved).is_relative_to(moved)
    assert notes(moved, record(moved)).is_relative_to(moved)
    assert addresses(old) == before


@pytest.mark.parametrize("runs", [True, False])
def test_another_project_in_the_old_place_is_left_alone(old, moved, runs):
    if not runs:
        with contextlib.closing(sqlite3.connect(moved / "mlflow.db")) as database, database:
            database.execute("DELETE FROM runs")
    (old / "mlartifacts").mkdir(parents=True)
    (old / "mlflow.db").touch()
    assert notes(moved, record(moved)).is_relative_to(moved)
    assert list((old / "mlartifacts").iterdir()) == []


def test_an_old_place_that_may_not_be_looked_into(old, moved, monkeypatch):
    exists = Path.exists

    def refusing(path):
        if path.is_relative_to(old):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return exists(path)

    monkeypatch.setattr(Path, "exists", refusing)
    assert notes(moved).is_relative_to(moved)


def test_by_a_symbolic_link_it_is_the_same_folder(old, moved):
    old.symlink_to(moved)
    before = addresses(moved)
    assert notes(moved).is_relative_to(moved)
    assert addresses(moved) == before
    old.unlink()
    assert notes(moved).is_relative_to(moved)


def test_what_was_left_behind_is_found_where_it_is(old, moved, tmp_path):
    shutil.copytree(moved / "mlartifacts", old / "mlartifacts")
    shutil.rmtree(moved / "mlartifacts")
    shutil.copy(moved / "mlflow.db", old)
    assert notes(moved).is_relative_to(old)
    assert notes(moved, record(moved)).is_relative_to(moved)


def test_a_location_that_somebody_chose_stays(old, moved, tmp_path):
    chosen = {"a": "s3://bucket/mlartifacts", "b": (tmp_path / "disk" / "mlartifacts").as_uri()}
    chosen["c"] = (old / "files").as_uri()
    with contextlib.closing(sqlite3.connect(moved / "mlflow.db")) as database, database:
        for number, location in enumerate(chosen.items(), 2):
            asked = "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage, workspace)"
            database.execute(f"{asked} VALUES (?, ?, ?, 'active', 'default')", (number, *location))
    client = connect(uri_of(moved))
    assert {name: client.get_experiment_by_name(name).artifact_location for name in chosen} == chosen
    assert notes(moved, record(moved, "b")).is_relative_to(tmp_path / "disk")
    assert notes(moved).is_relative_to(moved)


def test_several_processes_may_find_it_moved_at_once(old, moved):
    program = "import pathlib, sys; from chainrule.tracking.moved import follow; follow(pathlib.Path(sys.argv[1]))"
    processes = [subprocess.Popen([sys.executable, "-c", program, moved / "mlflow.db"]) for _ in range(4)]
    assert [process.wait() for process in processes] == [0] * 4
    assert notes(moved).is_relative_to(moved)


def test_a_store_that_mlflow_made(tmp_path):
    """Its first experiment has its files elsewhere, and those of chainrule's are beside it all the same."""
    (tmp_path / "old").mkdir()
    MlflowClient(uri_of(tmp_path / "old")).create_experiment("mine", f"{tmp_path.as_uri()}/disk/mlartifacts")
    record(tmp_path / "old")
    moved = (tmp_path / "old").rename(tmp_path / "moved")
    client = connect(uri_of(moved))
    xor = client.get_experiment_by_name("xor")
    assert xor.artifact_location == f"{moved.as_uri()}/mlartifacts"
    assert client.get_experiment_by_name("mine").artifact_location == f"{tmp_path.as_uri()}/disk/mlartifacts"
