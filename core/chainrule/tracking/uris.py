"""Which store: its URI, absolute, whoever gives it."""

from __future__ import annotations

import os
import urllib.parse
import urllib.request
from pathlib import Path

from chainrule.errors import TrackingError

NO_SCHEME = ("databricks", "databricks-uc", "uc")
SQLITE = "sqlite:///"
ARTIFACTS = "mlartifacts"


def default_uri() -> str:
    """``MLFLOW_TRACKING_URI``, else ``mlflow.db`` in the working directory; absolute, for the directory may change."""
    return absolute_uri(os.environ.get("MLFLOW_TRACKING_URI") or sqlite_uri(Path.cwd() / "mlflow.db"))


def resolved(uri: str | None) -> str:
    """The store that somebody named, or the default one, absolute.

    Raises:
        TrackingError: it is no URI.
    """
    return absolute_uri(uri) if uri else default_uri()


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
    if not uri.startswith(SQLITE) or path in ("", ":memory:"):
        return uri
    path = path.rstrip("/")  # with a slash at its end, MLflow would make a folder of that name
    return f"{SQLITE if Path(path).is_absolute() else sqlite_uri(Path.cwd()) + '/'}{path}{found}{query}"


def sqlite_path(uri: str) -> Path | None:
    """The file of a SQLite store; None for other stores, and for one in memory."""
    path = urllib.parse.unquote(uri.removeprefix(SQLITE).partition("?")[0])
    return Path(path) if uri.startswith(SQLITE) and path not in ("", ":memory:") else None


def is_missing(uri: str) -> bool:
    """Whether it is a SQLite store whose file is not there."""
    path = sqlite_path(uri)
    return path is not None and not path.exists()


def is_remote(uri: str) -> bool:
    """Whether it is a server, which may answer late or not at all."""
    return uri.startswith(("http:", "https:"))


def sqlite_uri(path: Path) -> str:
    """The inverse. Only what would be read otherwise is quoted."""
    return SQLITE + path.as_posix().replace("%", "%25").replace("?", "%3F")


def artifact_root(path: Path) -> str:
    """Where the artifacts of a SQLite store lie: beside it."""
    return (path.parent / ARTIFACTS).as_uri()


def place(address: str) -> Path:
    """The path of a ``file:`` URI."""
    return Path(urllib.request.url2pathname(urllib.parse.urlsplit(address).path))
