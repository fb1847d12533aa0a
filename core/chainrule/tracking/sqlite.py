"""A SQLite store: made whole or not at all, and waited for while others write to it."""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import sqlite3
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chainrule.errors import TrackingError
from chainrule.process.garbage import made_to_stay
from chainrule.process.liveness import is_gone, process
from chainrule.tracking.settings import configure
from chainrule.tracking.tags import SWEEP
from chainrule.tracking.uris import artifact_root, sqlite_uri

WAIT_SECONDS = 20
"""How long a SQLite store that another process writes to is waited for: as long as MLflow does within a session."""
_MAKING = threading.Lock()
"""Alembic, which makes the tables, keeps what it is about in globals; a run that was refused may still be at it."""


def check_sqlite(path: Path) -> None:
    """Whether it is a database that can be written. MLflow would try for 100 seconds, and make a new one."""
    if not path.exists():
        raise TrackingError(f"there is no store {path} yet: train something there first, or name another URI")
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a directory, not a SQLite file")
    with contextlib.closing(sqlite3.connect(path, timeout=WAIT_SECONDS)) as database:
        database.execute("BEGIN IMMEDIATE")


def names_in(path: Path) -> list[str]:
    """The names of experiments, then of sweeps, the latest first: read past MLflow, whose import takes a second.

    Raises:
        sqlite3.Error: it cannot be read.
    """
    experiments = "SELECT name FROM experiments WHERE lifecycle_stage = 'active' ORDER BY last_update_time DESC"
    sweeps = (
        "SELECT value FROM tags JOIN runs USING (run_uuid) WHERE key = ? AND lifecycle_stage = 'active' "
        "GROUP BY value ORDER BY max(start_time) DESC"
    )
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
        return [name for (name,) in [*database.execute(experiments), *database.execute(sweeps, (SWEEP,))]]


def patient(uri: str) -> str:
    """The URI of a SQLite file, with the time to wait; it is 5 seconds where MLflow looks a store over at first."""
    return uri if "timeout=" in uri else f"{uri}{'&' if '?' in uri else '?'}timeout={WAIT_SECONDS}"


def make_sqlite(path: Path) -> None:
    """Make a store under another name, then put it in place whole.

    So whoever is killed halfway, or comes second, breaks nothing: several processes that make one store at once in its
    own place break it for good.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{process().replace(' ', '_')}_{uuid.uuid4().hex}.new")
    new.touch()
    try:
        _make_tables(new, artifact_root(path))
        _put(new, path)
    finally:
        new.unlink(missing_ok=True)


def remove_half_made(path: Path) -> None:
    """Remove what processes that were killed in ``make_sqlite`` left beside a store, journals included."""
    for new in path.parent.glob(f".{glob.escape(path.name)}.*.new*"):
        told = new.name.removeprefix(f".{path.name}.").rsplit("_", 1)[0].rsplit("_", 2)
        if len(told) == 3 and is_gone(" ".join(told)):
            new.unlink(missing_ok=True)


def _make_tables(path: Path, artifact_root: str) -> None:
    configure()
    with _MAKING, made_to_stay():
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        with _not_awaiting_the_disk(path):
            SqlAlchemyStore(sqlite_uri(path), artifact_root).engine.dispose()  # type: ignore[no-untyped-call]
    with path.open("rb+") as file:
        os.fsync(file.fileno())


@contextlib.contextmanager
def _not_awaiting_the_disk(path: Path) -> Iterator[None]:
    """Inside, what is written to this database is not awaited to be on disk, statement by statement: MLflow makes its
    tables with hundreds of them, which took seconds, and a file that is not whole is never looked at."""
    from sqlalchemy import Engine, event

    def hasten(database: Any, _: Any) -> None:
        if isinstance(database, sqlite3.Connection):
            [[_, _, file], *_] = database.execute("PRAGMA database_list")
            if file and path.samefile(file):
                database.execute("PRAGMA synchronous = OFF")
                database.execute("PRAGMA journal_mode = MEMORY")

    event.listen(Engine, "connect", hasten)
    try:
        yield
    finally:
        event.remove(Engine, "connect", hasten)


def _put(new: Path, path: Path) -> None:
    """Move ``new`` to ``path``, unless somebody else was first."""
    try:
        os.link(new, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without hard links
        new.rename(path)
