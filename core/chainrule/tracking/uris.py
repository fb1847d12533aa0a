"""Which store: its URI, absolute, whoever gives it."""

from __future__ import annotations

import os
import urllib.parse
import urllib.request
from pathlib import Path

from chainrule.errors import TrackingError
from chainrule.redaction import redacted

NO_SCHEME = ("databricks", "databricks-uc", "uc")
SQLITE = "sqlite:///"
ARTIFACTS = "mlartifacts"
CREDENTIALS = (
    *("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_AUTH"),
    *("MLFLOW_TRACKING_AWS_SIGV4", "MLFLOW_TRACKING_CLIENT_CERT_PATH", "PGPASSWORD", "MYSQL_PWD"),
)
"""Variables that MLflow, or a database's driver below it, would send to whatever host it is told to speak to."""
CREDENTIALS_FILE = Path(".mlflow", "credentials")  # in the user's home: the same
PORTS = {"http": 80, "https": 443}


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
        named = redacted(uri)
        raise TrackingError(
            f'the tracking URI "{named}" has no scheme: write {SQLITE}{named} for a SQLite file, or http://HOST:PORT '
            "for a server (tracking.uri or MLFLOW_TRACKING_URI)"
        )
    path, found, query = uri.removeprefix(SQLITE).partition("?")
    if not uri.startswith(SQLITE) or path in ("", ":memory:"):
        return uri
    path = path.rstrip("/")  # with a slash at its end, MLflow would make a folder of that name
    return f"{SQLITE if Path(path).is_absolute() else sqlite_uri(Path.cwd()) + '/'}{path}{found}{query}"


def refuse_credentials(uri: str) -> None:
    """Refuse a host other than the one of ``MLFLOW_TRACKING_URI`` while there are credentials that would go to it.

    Raises:
        TrackingError: names the host, and what would be sent to it.
    """
    host = _host(uri)
    if host is None or host == _host(os.environ.get("MLFLOW_TRACKING_URI", "")):
        return
    sent = [name for name in CREDENTIALS if os.environ.get(name)]
    sent += [str(file) for file in [Path.home() / CREDENTIALS_FILE] if file.exists()]
    if sent:
        raise TrackingError(
            f"nothing was sent to {redacted(uri)}: it would get {sent[0]}, which is meant for the host of "
            "MLFLOW_TRACKING_URI alone\n"
            f"Set MLFLOW_TRACKING_URI to this host if it may have them, or take {', '.join(sent)} away"
        )


def _host(uri: str) -> tuple[str, str, int | None] | None:
    """By what, where and on which port a server is spoken to; None where the store is none."""
    try:
        parts = urllib.parse.urlsplit(uri)
        scheme = parts.scheme.partition("+")[0]  # postgresql+psycopg2 is no other server than postgresql
        return (scheme, parts.hostname, parts.port or PORTS.get(scheme)) if parts.hostname else None
    except ValueError as error:
        raise TrackingError(f"the tracking URI {redacted(uri)} is none: {error}") from error


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
