"""Artifacts that moved with their SQLite store: MLflow keeps absolute addresses, which lead back to the old folder.

So the addresses of a store that was made in another folder, and has its artifacts beside it, are rewritten when it is
opened, in one transaction. What somebody put elsewhere on purpose stays there.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from chainrule.tracking.sqlite import WAIT_SECONDS
from chainrule.tracking.uris import ARTIFACTS, artifact_root, place

ADDRESSES = (
    ("runs", "artifact_uri", ""),
    ("logged_models", "artifact_location", ""),
    ("model_versions", "source", ""),
    ("model_versions", "storage_location", ""),
    ("trace_tags", "value", " AND key = 'mlflow.artifactLocation'"),
)
"""Where MLflow keeps them, beside its experiments: table, column, and of which rows."""


def follow(path: Path) -> None:
    """Let the addresses of artifacts that lie beside the store lead there."""
    here = artifact_root(path)
    # Autocommit: the transaction is begun here, and one that is not committed is rolled back.
    with contextlib.closing(sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None)) as database:
        if _left(database, path) is None:
            return
        database.execute("BEGIN IMMEDIATE")
        root = _left(database, path)  # asked again: another process may have rewritten all meanwhile
        if root is not None:
            _rewrite(database, root, here)
        database.execute("COMMIT")


def _rewrite(database: sqlite3.Connection, root: str, here: str) -> None:
    for kept in _tables(database):
        table, column, _ = kept
        for row, old, new in _below(database, root, here, kept):
            if _there(new) or not _there(old):  # else it was left behind
                database.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (new, row))
    for experiment, of_experiment in _roots(database).items():
        if of_experiment == root:
            database.execute(
                "UPDATE experiments SET artifact_location = ? || substr(artifact_location, ?) WHERE experiment_id = ?",
                (here, len(root) + 1, experiment),
            )


def _left(database: sqlite3.Connection, path: Path) -> str | None:
    """The root of artifacts that a store had in a folder which it has left, if it has left one.

    The first experiment is there from the start, so its root tells where the store was made. Where MLflow itself made
    the store, elsewhere, artifacts that have come along tell. A folder that somebody chose may be called the same.
    """
    here, roots = artifact_root(path), _roots(database)
    made = roots.pop(0, None)
    for root in [made] if made else sorted({*roots.values()} - {here}):
        if root == here or _same(root, here):
            continue
        came_along = any(_there(new) for kept in _tables(database) for *_, new in _below(database, root, here, kept))
        old = root.removesuffix(f"/{ARTIFACTS}")
        if came_along or (made and (not _there(old) or _there(f"{old}/{path.name}"))):  # nobody, or another store
            return root
    return None


def _roots(database: sqlite3.Connection) -> dict[int, str]:
    """By the ids of experiments the folders of their artifacts, less the id, where those are called as by default."""
    if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'experiments'").fetchone():
        return {}
    asked = "SELECT experiment_id, artifact_location FROM experiments WHERE artifact_location LIKE 'file:%'"
    roots = {experiment: location.removesuffix(f"/{experiment}") for experiment, location in database.execute(asked)}
    return {experiment: root for experiment, root in roots.items() if root.endswith(f"/{ARTIFACTS}")}


def _tables(database: sqlite3.Connection) -> list[tuple[str, str, str]]:
    """Those of ``ADDRESSES`` that are there: a store may be older than a table."""
    known = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return [kept for kept in ADDRESSES if kept[0] in known]


def _below(
    database: sqlite3.Connection, root: str, here: str, kept: tuple[str, str, str]
) -> Iterator[tuple[int, str, str]]:
    """The rows with an address below a root: their number, the address, and what it would be here."""
    table, column, rows = kept
    asked = f"SELECT rowid, {column} FROM {table} WHERE substr({column}, 1, ?) = ?{rows}"
    for row, old in database.execute(asked, (len(root) + 1, f"{root}/")).fetchall():
        yield row, old, here + old.removeprefix(root)


def _same(one: str, other: str) -> bool:
    """Whether both are one folder, of which one may be a symbolic link."""
    return _there(one) and _there(other) and place(one).samefile(place(other))


def _there(address: str) -> bool:
    with contextlib.suppress(OSError):  # of a folder that this user may not look into, nothing is here
        return place(address).exists()
    return False
