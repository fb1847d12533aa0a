"""Where runs are recorded: MLflow's tracking store, found, created and served.

Importing MLflow takes a second, and a new SQLite store another: both happen inside functions, and ``in_thread`` lets
them happen while something else is done. Whatever is wrong with a store is one ``TrackingError`` that names its URI.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import gc
import logging
import os
import re
import shlex
import socket
import sqlite3
import subprocess
import sys
import threading
import urllib.parse
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from chainrule.errors import ChainruleError, TrackingError
from chainrule.garbage import made_to_stay
from chainrule.signals import ended_by_signals

SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",  # a new store logs its making; errors come as exceptions, with messages of ours
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # A server that stops answering blocks a call for minutes by default. So: two tries, 10 seconds each.
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",
}
"""Environment variables that are set before MLflow is imported, unless the user set them."""

WAIT_SECONDS = 20
"""How long a SQLite store that another process writes to is waited for: as long as MLflow does within a session."""

NO_SCHEME = ("databricks", "databricks-uc", "uc")
SQLITE = "sqlite:///"


def default_uri() -> str:
    """``MLFLOW_TRACKING_URI``, else ``mlflow.db`` in the working directory; absolute, for the directory may change."""
    return absolute_uri(os.environ.get("MLFLOW_TRACKING_URI") or _sqlite_uri(Path.cwd() / "mlflow.db"))


def absolute_uri(uri: str) -> str:
    """The same store, named so that neither the working directory nor a leftover ``./mlruns`` changes it.

    Raises:
        TrackingError: it is no URI.
    """
    if ":" not in uri and uri not in NO_SCHEME:
        raise TrackingError(
            f'the tracking URI "{uri}" has no scheme: write {SQLITE}{uri} for a SQLite file, or http://HOST:PORT for a '
            "server (tracking.uri or MLFLOW_TRACKING_URI)"
        )
    path, found, query = uri.removeprefix(SQLITE).partition("?")
    if not uri.startswith(SQLITE) or path in ("", ":memory:") or Path(path).is_absolute():
        return uri
    return f"{_sqlite_uri(Path.cwd())}/{path}{found}{query}"


def connect(uri: str) -> Any:
    """An ``MlflowClient`` of a store that is there. Here, at first use, MLflow is imported.

    Raises:
        TrackingError: it is not there. Call it within ``usable``, for whatever MLflow raises.
    """
    path = _sqlite_path(uri)
    if path is not None:
        _check_sqlite(path)
    _configure_mlflow()
    with made_to_stay():
        from mlflow.tracking import MlflowClient

        return MlflowClient(uri if path is None else _patient(uri))


def prepare_store(uri: str, experiment: str) -> str:
    """Make sure that the store and its experiment are there.

    Returns:
        The experiment's id.

    Raises:
        TrackingError: the store cannot be used, or the experiment was deleted.
    """
    with usable(uri):
        path = _sqlite_path(uri)
        if path is not None and not path.exists():
            _make_sqlite(path)
        client = connect(uri)
        found = client.get_experiment_by_name(experiment)
        if found is None:
            found = _create_experiment(client, experiment, _artifact_root(path) if path else None)
    if found.lifecycle_stage == "deleted":
        restore = f"MLFLOW_TRACKING_URI={shown(uri)} mlflow experiments restore --experiment-id {found.experiment_id}"
        raise TrackingError(
            f'the experiment "{experiment}" was deleted in the tracking store. To bring it back: {restore}\n'
            "Or record under another name: tracking.experiment=NAME"
        )
    return str(found.experiment_id)


def in_thread(work: Callable[[], str]) -> Future[str]:
    """Begin ``work``; ``result()`` waits for it, and gives what it returned or raised."""
    future: Future[str] = Future()

    def do() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=do, name="mlflow").start()
    return future


@contextlib.contextmanager
def usable(uri: str) -> Iterator[None]:
    """Turn any error inside into one ``TrackingError`` that names the store, the reason, and what to do."""
    try:
        yield
    except ChainruleError:
        raise
    except Exception as error:
        raise TrackingError(
            f"the tracking store {shown(uri)} cannot be used: {reason(error)}\n"
            "Name another with tracking.uri or MLFLOW_TRACKING_URI, or run without: tracking=none"
        ) from error


def reason(error: BaseException) -> str:
    """Why, on one line. MLflow reports a refused or lost connection as a page of nested exceptions."""
    link: BaseException | None = error
    while link is not None:
        if type(link).__module__ == "requests.exceptions" and type(link).__name__ in NO_ANSWER:
            return "the server does not answer"
        link = link.__cause__ or link.__context__
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return shown(cut(" ".join(str(error).split()) or type(error).__name__, 300))


NO_ANSWER = ("ConnectionError", "ConnectTimeout", "ReadTimeout")


def shown(text: str) -> str:
    """``text`` without the passwords that URIs in it may hold.

    >>> shown("postgresql://me:secret@host/runs")
    'postgresql://***@host/runs'
    """
    return re.sub(r"(?<=://)[^/\s]+@", "***@", text)


def cut(text: str, length: int) -> str:
    """``text``, or its beginning and an ellipsis.

    >>> cut("gradient", 5)
    'grad…'
    """
    return text if len(text) <= length else text[: length - 1] + "…"


def serve_ui(run_id: str | None, host: str, port: int, uri: str | None) -> int:
    """Serve MLflow's own pages on a store until interrupted; for a store that is a server, say where they are.

    Args:
        run_id: show the way to the page of this run.
        uri: the store; None for the default.

    Returns:
        The exit status.

    Raises:
        TrackingError: there is no such store or run, or the port is taken.
    """
    uri = absolute_uri(uri) if uri else default_uri()
    path = _sqlite_path(uri)
    with usable(uri):
        client = connect(uri)
        page = page_of(find_run(client, run_id).info) if run_id else _latest_runs(client)
    if uri.startswith("http"):
        print(f"MLflow: {shown(uri.rstrip('/'))}/{page}")
        return 0
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
        raise TrackingError(f"port {port} of {host} is in use: name another with --port")
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--host", host, "--port", str(port)]
    command += ["--backend-store-uri", uri]
    if path is not None:
        command += ["--default-artifact-root", _artifact_root(path)]
    # One worker serves one user; MLflow's job runners are for language models, and are six processes.
    environment = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", **os.environ}
    print(f"MLflow: http://{host}:{port}/{page} (Ctrl-C ends it)", flush=True)
    with ended_by_signals(), subprocess.Popen(command, env=environment) as server:
        try:
            return server.wait()
        except KeyboardInterrupt:
            server.terminate()
            server.wait()
            return 0


def page_of(run: Any) -> str:
    """The place of a run's page, below MLflow's address: among its pages for model training, not those for chatbots."""
    return f"#/experiments/{run.experiment_id}/runs/{run.run_id}?workflowType=machine_learning"


def way_to(uri: str, run: Any) -> str:
    """The address of a run's page, where the store is a server; else the command that opens it."""
    if uri.startswith("http"):
        return f"{shown(uri.rstrip('/'))}/{page_of(run)}"
    other = "" if uri == default_uri() else f" --uri {shlex.quote(uri)}"
    return f"chainrule ui {run.run_id}{other}"


def _latest_runs(client: Any) -> str:
    """The place of the table of runs that holds the latest one. MLflow's start page shows experiments of chatbots."""
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    latest = client.search_runs(experiments, max_results=1, order_by=["attributes.start_time DESC"])
    return f"#/experiments/{latest[0].info.experiment_id}/runs?workflowType=machine_learning" if latest else ""


def find_run(client: Any, run_id: str) -> Any:
    """The run as MLflow has it.

    Raises:
        TrackingError: there is none.
    """
    from mlflow.exceptions import MlflowException

    try:
        return client.get_run(run_id)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            raise TrackingError(f'there is no run "{run_id}" in this store; chainrule ui shows what is there') from None
        raise


def _configure_mlflow() -> None:
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)  # it warns of each try that failed
    if "mlflow" not in sys.modules:
        atexit.register(gc.freeze)  # or Python looks for garbage among all of MLflow's objects once more as it ends


def _create_experiment(client: Any, name: str, artifact_root: str | None) -> Any:
    from mlflow.exceptions import MlflowException

    try:
        client.create_experiment(name, artifact_root)
    except MlflowException:
        # Another process may have made it in the meantime.
        if client.get_experiment_by_name(name) is None:
            raise
    return client.get_experiment_by_name(name)


def _check_sqlite(path: Path) -> None:
    """Whether it is a database that can be written. MLflow would try for 100 seconds, and make a new one."""
    if not path.exists():
        raise TrackingError(f"there is no store {path} yet: train something there first, or name another URI")
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a directory, not a SQLite file")
    with contextlib.closing(sqlite3.connect(path, timeout=WAIT_SECONDS)) as database:
        database.execute("BEGIN IMMEDIATE")


def _patient(uri: str) -> str:
    """The URI of a SQLite file, with the time to wait; it is 5 seconds where MLflow looks a store over at first."""
    return uri if "timeout=" in uri else f"{uri}{'&' if '?' in uri else '?'}timeout={WAIT_SECONDS}"


def _make_sqlite(path: Path) -> None:
    """Make a store under another name, then put it in place whole.

    So whoever is killed halfway, or comes second, breaks nothing: several processes that make one store at once in its
    own place break it for good.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{uuid.uuid4().hex}.new")
    new.touch()
    try:
        _make_tables(new, _artifact_root(path))
        _put(new, path)
    finally:
        new.unlink(missing_ok=True)


def _make_tables(path: Path, artifact_root: str) -> None:
    _configure_mlflow()
    with made_to_stay():
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        SqlAlchemyStore(_sqlite_uri(path), artifact_root).engine.dispose()  # type: ignore[no-untyped-call]


def _put(new: Path, path: Path) -> None:
    """Move ``new`` to ``path``, unless somebody else was first."""
    try:
        os.link(new, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without hard links
        new.rename(path)


def _artifact_root(path: Path) -> str:
    return (path.parent / "mlartifacts").as_uri()


def _sqlite_path(uri: str) -> Path | None:
    """The file of a SQLite store; None for other stores, and for one in memory."""
    path = urllib.parse.unquote(uri.removeprefix(SQLITE).partition("?")[0])
    return Path(path) if uri.startswith(SQLITE) and path not in ("", ":memory:") else None


def _sqlite_uri(path: Path) -> str:
    """The inverse. Only what would be read otherwise is quoted."""
    return SQLITE + path.as_posix().replace("%", "%25").replace("?", "%3F")
