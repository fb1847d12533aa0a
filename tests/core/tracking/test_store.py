"""Finding and making a tracking store, and what is said of one that cannot be used."""

import contextlib
import errno
import os
import socket
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import mlflow.environment_variables
import pytest
import sqlalchemy
import sqlalchemy.event
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from chainrule import TrackingError
from chainrule.process.liveness import process
from chainrule.tracking import pages, settings, sqlite, store, uris
from chainrule.tracking.tracking import Tracking

# MLflow's own models use a loader strategy that SQLAlchemy 2.1 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    uri = f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db"
    store.prepare_store(uri, "first")
    return uri


@pytest.fixture(autouse=True)
def working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


def names_in(folder):
    return {path.name for path in folder.iterdir()}


def refused(uri, experiment="xor"):
    with pytest.raises(TrackingError) as caught:
        store.prepare_store(uri, experiment)
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert lines[1] == "Name another with tracking.uri or MLFLOW_TRACKING_URI, or run without: tracking=none"
    return lines[0]


def test_the_default_is_an_absolute_sqlite_file(tmp_path):
    assert uris.default_uri() == f"sqlite:///{tmp_path}/mlflow.db"
    assert uris.default_uri().startswith("sqlite:////")


def test_the_environment_names_the_store(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://host:5000")
    assert uris.default_uri() == "http://host:5000"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///runs/m.db?timeout=5")
    assert uris.default_uri() == f"sqlite:///{tmp_path}/runs/m.db?timeout=5"


@pytest.mark.parametrize("uri", ["sqlite:////a/m.db", "sqlite://", "sqlite:///:memory:", "http://h", "databricks"])
def test_what_is_absolute_stays(uri):
    assert uris.absolute_uri(uri) == uri


def test_a_slash_at_the_end_names_the_same_file(tmp_path):
    assert uris.absolute_uri("sqlite:///runs/m.db/") == f"sqlite:///{tmp_path}/runs/m.db"
    assert uris.absolute_uri("sqlite:////a/m.db/?timeout=5") == "sqlite:////a/m.db?timeout=5"


def test_a_path_is_no_uri():
    with pytest.raises(TrackingError) as caught:
        uris.absolute_uri("runs/mlflow.db")
    assert str(caught.value) == (
        'the tracking URI "runs/mlflow.db" has no scheme: write sqlite:///runs/mlflow.db for a SQLite file, or '
        "http://HOST:PORT for a server (tracking.uri or MLFLOW_TRACKING_URI)"
    )


@pytest.mark.parametrize("name", ["with space", "100%", "50%20off", "what?", "ä#b"])
def test_the_store_lies_in_the_folder_whatever_its_name(tmp_path, monkeypatch, name):
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / name)
    (tmp_path / name / "mlflow.db").touch()
    path = uris.sqlite_path(uris.default_uri())
    assert path == tmp_path / name / "mlflow.db"
    from sqlalchemy.engine import make_url  # what MLflow opens

    assert Path(make_url(uris.default_uri()).database) == path


@pytest.mark.parametrize("blank", ["", "  "])
def test_an_experiment_needs_a_name(tmp_path, blank):
    """MLflow takes blanks, and shows an experiment that nobody can find."""
    with pytest.raises(TrackingError, match=r"an experiment needs a name: tracking\.experiment=NAME"):
        store.prepare_store(f"sqlite:///{tmp_path}/mlflow.db", blank)
    assert not (tmp_path / "mlflow.db").exists()


def test_a_new_store_is_made_whole(tmp_path):
    uri = f"sqlite:///{tmp_path}/new/folder/mlflow.db"
    first = store.prepare_store(uri, "xor")
    assert first == store.prepare_store(uri, "xor")
    experiment = MlflowClient(uri).get_experiment(first)
    assert experiment.artifact_location == (tmp_path / "new" / "folder" / "mlartifacts").as_uri()
    assert names_in(tmp_path / "new" / "folder") == {"mlflow.db"}
    assert not (tmp_path / "mlruns").exists()


def test_a_new_store_is_not_awaited_statement_by_statement_and_others_are_as_ever(tmp_path):
    """MLflow makes it with hundreds of them; what another thread writes meanwhile is as safe as it was."""
    other = sqlalchemy.create_engine(f"sqlite:///{tmp_path}/other.db")
    found: dict[str, set[str]] = {"made": set(), "other": set()}

    def ask(connection):
        whose = "made" if ".new" in str(connection.engine.url) else "other"
        database = connection.connection.dbapi_connection
        for pragma in ("synchronous", "journal_mode"):
            found[whose].add(f"{pragma} {database.execute(f'PRAGMA {pragma}').fetchone()[0]}")
        if whose == "made" and not found["other"]:
            other.connect().close()

    sqlalchemy.event.listen(sqlalchemy.Engine, "engine_connect", ask)
    try:
        sqlite.make_sqlite(tmp_path / "mlflow.db")
    finally:
        sqlalchemy.event.remove(sqlalchemy.Engine, "engine_connect", ask)
        other.dispose()
    assert found == {
        "made": {"synchronous 0", "journal_mode memory"},
        "other": {"synchronous 2", "journal_mode delete"},
    }
    with contextlib.closing(sqlite3.connect(tmp_path / "mlflow.db")) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path}/mlflow.db")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2, "nothing of it is left"
    engine.dispose()


def test_an_interrupt_leaves_no_half_made_store(tmp_path, monkeypatch):
    def interrupted(new, path):
        raise KeyboardInterrupt

    monkeypatch.setattr(sqlite, "_put", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.prepare_store(f"sqlite:///{tmp_path}/mlflow.db", "xor")
    assert names_in(tmp_path) == set()


def test_what_a_killed_process_left_of_a_store_is_removed_by_the_next(uri, tmp_path):
    host, number, started = process().split(" ")
    gone, living = (f".mlflow.db.{host}_{number}_{began}_0.new" for began in (int(started) - 1000, started))
    for name in (gone, f"{gone}-journal", living, ".mlflow.db.other.new"):
        (tmp_path / name).touch()
    (tmp_path / "mlflow.db").write_bytes(Path(uri.removeprefix("sqlite:///")).read_bytes())
    store.prepare_store(f"sqlite:///{tmp_path}/mlflow.db", "first")
    assert names_in(tmp_path) == {"mlflow.db", living, ".mlflow.db.other.new"}


def test_who_comes_second_replaces_nothing(tmp_path):
    for content in ("first", "second"):
        new = tmp_path / content
        new.write_text(content)
        sqlite._put(new, tmp_path / "mlflow.db")
    assert (tmp_path / "mlflow.db").read_text() == "first"


def test_stores_that_are_made_at_once_in_one_process(tmp_path):
    """A run that was refused may still be making its store when the next one, elsewhere, makes another."""
    trackings = [Tracking(f"sqlite:///{tmp_path}/{number}.db", "xor") for number in range(3)]
    for tracking in trackings:
        tracking.warm_up()
    assert [tracking.prepare() for tracking in trackings] == ["1", "1", "1"]


def test_a_file_system_without_hard_links_will_do(tmp_path, monkeypatch):
    def link(source, target):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    (tmp_path / "new").write_text("store")
    sqlite._put(tmp_path / "new", tmp_path / "mlflow.db")
    assert (tmp_path / "mlflow.db").read_text() == "store"


def test_an_experiment_that_others_make_meanwhile_is_taken(uri):
    client = MlflowClient(uri)
    made = client.create_experiment("raced")
    assert store._create_experiment(client, "raced", None).experiment_id == made


def test_a_deleted_experiment_is_told_with_the_way_back(uri):
    client = MlflowClient(uri)
    number = store.prepare_store(uri, "deleted")
    client.delete_experiment(number)
    with pytest.raises(TrackingError) as caught:
        store.prepare_store(uri, "deleted")
    first, second = str(caught.value).splitlines()
    restore = f"mlflow experiments restore --experiment-id {number}"
    assert first == (
        'the experiment "deleted" was deleted in the tracking store. To bring it back: '
        f"MLFLOW_TRACKING_URI={uri} {restore}"
    )
    assert second == "Or record under another name: tracking.experiment=NAME"
    client.restore_experiment(number)
    assert store.prepare_store(uri, "deleted") == number


def test_a_folder_is_no_store(tmp_path):
    assert refused(f"sqlite:///{tmp_path}") == (
        f"the tracking store sqlite:///{tmp_path} cannot be used: it is a directory, not a SQLite file"
    )


def test_a_file_that_is_no_database(tmp_path):
    (tmp_path / "mlflow.db").write_text("not a database, by far " * 100)
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    assert refused(uri) == f"the tracking store {uri} cannot be used: file is not a database"


def test_a_folder_that_cannot_be_written():
    """/proc takes no file, even from root."""
    assert refused("sqlite:////proc/mlflow.db").startswith(
        "the tracking store sqlite:////proc/mlflow.db cannot be used"
    )


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    assert refused(f"sqlite:///{tmp_path}/file/mlflow.db").endswith(f"cannot be used: File exists: {tmp_path}/file")


def test_a_database_of_an_older_mlflow(uri, tmp_path):
    import sqlite3
    from contextlib import closing

    old = tmp_path / "mlflow.db"
    old.write_bytes(Path(uri.removeprefix("sqlite:///")).read_bytes())
    with closing(sqlite3.connect(old)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '451aebb31d03'")
    assert "mlflow db upgrade" in refused(f"sqlite:///{old}")


def test_a_scheme_that_nobody_knows():
    assert refused("htp://host").startswith("the tracking store htp://host cannot be used: ")


def test_a_server_that_is_not_there():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert refused(uri) == f"the tracking store {uri} cannot be used: the server does not answer"


def test_a_server_that_never_answers(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert refused(uri) == f"the tracking store {uri} cannot be used: the server does not answer"


def test_messages_hold_no_password():
    assert refused("htp://me:secret@host").startswith("the tracking store htp://***@host cannot be used: ")


def test_warming_up_keeps_the_error_for_later(tmp_path):
    tracking = Tracking(f"sqlite:///{tmp_path}", "xor")
    tracking.warm_up()
    with pytest.raises(TrackingError, match="it is a directory"):
        tracking.prepare()


@pytest.mark.parametrize("command", ["import chainrule", "import chainrule.tracking.tracking"])
def test_importing_loads_no_mlflow(command):
    code = f"{command}; import sys; sys.exit('mlflow' in sys.modules or 'sqlalchemy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_making_a_store_and_a_run_prints_nothing(tmp_path):
    code = """
from pathlib import Path
from chainrule.tracking.tracking import tracking_of
tracking = tracking_of({"enabled": True, "uri": None, "experiment": "xor"})
tracking.warm_up()
with tracking.run(name="n", params={}, tags={}, dataset=("xor", "d"), folder=Path("run")) as run:
    run.log({"loss": 1.0}, step=1)
    run.text("hello", "notes.txt")
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
    assert names_in(tmp_path) == {"mlartifacts", "mlflow.db"}


def test_settings_of_the_user_stay(monkeypatch):
    monkeypatch.setattr(os, "environ", {"MLFLOW_HTTP_REQUEST_TIMEOUT": "60"})
    settings.configure()
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "60"
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_settings_are_ones_that_mlflow_knows():
    assert all(hasattr(mlflow.environment_variables, name) for name in settings.SETTINGS)


def test_pages_need_a_store(tmp_path):
    with pytest.raises(TrackingError, match=r"there is no store /.*/mlflow\.db yet: train something there first"):
        pages.serve_ui(str, "127.0.0.1", 5000, None)
    assert names_in(tmp_path) == set()


def test_pages_of_an_unknown_run(uri, program):
    shown = program("ui", "0123", MLFLOW_TRACKING_URI=uri)
    assert shown.status != 0
    assert 'there is no run "0123" in this store; chainrule ui shows what is there' in shown.err


def test_pages_on_a_port_that_is_taken(uri):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(TrackingError, match=f"port {port} of 127.0.0.1 is in use: name another with --port"):
            pages.serve_ui(str, "127.0.0.1", port, uri)


@pytest.mark.slow
def test_a_store_that_others_write_to_for_seconds_is_waited_for(tmp_path, monkeypatch):
    path = tmp_path / "mlflow.db"
    sqlite.make_sqlite(path)
    check = sqlite.check_sqlite
    with contextlib.closing(sqlite3.connect(path, check_same_thread=False)) as other:
        held = threading.Timer(7, other.commit)  # SQLAlchemy by itself would wait 5 seconds

        def locked_right_after(path):
            check(path)
            other.execute("BEGIN EXCLUSIVE")
            held.start()

        monkeypatch.setattr(store, "check_sqlite", locked_right_after)
        assert store.connect(f"sqlite:///{path}").search_experiments()
        held.join()


@pytest.mark.slow
def test_processes_that_start_in_one_new_store_at_once_record_all(tmp_path):
    code = """
import sys
from pathlib import Path
from chainrule.tracking.tracking import tracking_of
tracking = tracking_of({"enabled": True, "uri": None, "experiment": "xor"})
with tracking.run(name=sys.argv[1], params={}, tags={}, dataset=("xor", "d"), folder=Path("run" + sys.argv[1])) as run:
    for step in range(20):
        run.log({"loss": step}, step=step)
    run.text("hello", "notes.txt")
"""
    jobs = [subprocess.Popen([sys.executable, "-c", code, str(job)], cwd=tmp_path) for job in range(8)]
    assert [job.wait() for job in jobs] == [0] * 8
    assert names_in(tmp_path) == {"mlartifacts", "mlflow.db"}
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    client = MlflowClient(uri)
    runs = client.search_runs([store.prepare_store(uri, "xor")])
    assert sorted(run.info.run_name for run in runs) == [str(job) for job in range(8)]
    for run in runs:
        assert run.info.status == "FINISHED"
        assert len(client.get_metric_history(run.info.run_id, "loss")) == 20
        assert len(client.list_artifacts(run.info.run_id)) == 1


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (
            "(sqlite3.OperationalError) database or disk is full [SQL: INSERT INTO metrics (key) VALUES (?)] "
            "[parameters: ('loss',)] (Background on this error at: https://sqlalche.me/e/20/e3q8)",
            "the disk is full",
        ),
        ("(sqlite3.OperationalError) no such table: runs", "the database was emptied, or another was put in its place"),
        ("(psycopg2.errors.UndefinedTable) relation is unknown [SQL: SELECT 1]", "relation is unknown"),
        (
            "Max retries exceeded (Caused by ResponseError('too many 503 error responses'))",
            "the server answers with error 503",
        ),
        ("API request to endpoint /api failed with error code 404 != 200", "the server answers with error 404"),
    ],
)
def test_what_a_database_or_a_server_says_is_told_in_our_words(theirs, ours):
    assert store.reason(MlflowException(theirs)) == ours
