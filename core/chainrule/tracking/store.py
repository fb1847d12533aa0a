"""Where runs are recorded: MLflow's tracking store, found and created.

Importing MLflow takes a second, and a new SQLite store another: both happen inside functions, so that a thread can do
them beside something else. Whatever is wrong with a store is one ``TrackingError`` that names its URI.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from typing import Any

from chainrule.errors import ChainruleError, TrackingError
from chainrule.process.garbage import made_to_stay
from chainrule.redaction import redacted
from chainrule.tracking.moved import follow
from chainrule.tracking.settings import configure
from chainrule.tracking.sqlite import check_sqlite, make_sqlite, patient, remove_half_made
from chainrule.tracking.tags import CONFIG_DIGEST, KIND, NAME_LENGTH, stored
from chainrule.tracking.uris import artifact_root, refuse_credentials, sqlite_path
from chainrule.words import cut, one_line

NO_ANSWER = ("ConnectionError", "ConnectTimeout", "ReadTimeout", "ChunkedEncodingError", "SSLError", "ProxyError")
BUSY = (408, 429)
DATABASE = {
    "database or disk is full": "the disk is full",
    "disk I/O error": "the disk cannot be read or written",
    "disk image is malformed": "the database is damaged",
    "database is locked": "another process keeps the database locked",
    "no such table": "the database was emptied, or another was put in its place",
    "attempt to write a readonly database": "the database cannot be written: it was moved, replaced or write-protected",
    "unable to open database file": "the database file cannot be opened",
}
"""What SQLite says, and what that means here."""
_SQLALCHEMY = re.compile(r"\([a-z]\w*(\.\w+)+\) |\[SQL: .*|\(Background on this error at: \S+\)")
_ANSWER = re.compile(r"too many (\d+) error responses|failed with error code (\d+)")


def connect(uri: str) -> Any:
    """An ``MlflowClient`` of a store that is there. Here, at first use, MLflow is imported.

    Raises:
        TrackingError: it is not there, or credentials for another host would be sent to it. Call it within ``usable``,
            for whatever MLflow raises.
    """
    refuse_credentials(uri)
    path = sqlite_path(uri)
    if path is not None:
        check_sqlite(path)
        follow(path)
    configure()
    with made_to_stay():
        from mlflow.tracking import MlflowClient

        return MlflowClient(uri if path is None else patient(uri))


def prepare_store(uri: str, experiment: str) -> str:
    """Make sure that the store and its experiment are there.

    Returns:
        The experiment's id.

    Raises:
        TrackingError: the store cannot be used, or the experiment has no name or was deleted.
    """
    if not experiment.strip():
        raise TrackingError("an experiment needs a name: tracking.experiment=NAME")
    experiment = stored(experiment, NAME_LENGTH)
    with usable(uri):
        path = sqlite_path(uri)
        if path is not None:
            remove_half_made(path)
            if not path.exists():
                make_sqlite(path)
        client = connect(uri)
        found = client.get_experiment_by_name(experiment)
        if found is None:
            found = _create_experiment(client, experiment, artifact_root(path) if path else None)
    if found.lifecycle_stage == "deleted":
        restore = (
            f"MLFLOW_TRACKING_URI={redacted(uri)} mlflow experiments restore --experiment-id {found.experiment_id}"
        )
        raise TrackingError(
            f'the experiment "{experiment}" was deleted in the tracking store. To bring it back: {restore}\n'
            "Or record under another name: tracking.experiment=NAME"
        )
    return str(found.experiment_id)


@contextlib.contextmanager
def usable(uri: str) -> Iterator[None]:
    """Turn any error inside into one ``TrackingError`` that names the store, the reason, and what to do."""
    try:
        yield
    except ChainruleError:
        raise
    except Exception as error:
        raise TrackingError(
            f"the tracking store {redacted(uri)} cannot be used: {reason(error)}\n"
            "Name another with tracking.uri or MLFLOW_TRACKING_URI, or run without: tracking=none"
        ) from error


def reason(error: BaseException) -> str:
    """Why, on one line. MLflow reports a refused or lost connection as a page of nested exceptions, and of a database
    SQLAlchemy's sentence, with SQL and the address of a manual."""
    if no_answer(error):
        return "the server does not answer"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    text = _SQLALCHEMY.sub("", one_line(error)).strip()
    failed = _ANSWER.search(text)
    if failed:
        return f"the server answers with error {failed[1] or failed[2]}"
    for theirs, ours in DATABASE.items():
        if theirs in text:
            return ours
    return redacted(cut(text or type(error).__name__, 300))


def no_answer(error: BaseException) -> bool:
    """Whether a server was not reached, or did not answer in time."""
    return any(_is_of_requests(link) and type(link).__name__ in NO_ANSWER for link in _links(error))


def is_outage(error: BaseException) -> bool:
    """Whether the store cannot be used now, as opposed to a record or a request that it never takes."""
    if no_answer(error):
        return True
    for link in _links(error):
        if _is_of_requests(link):  # of artifacts; an OSError, too
            status = getattr(getattr(link, "response", None), "status_code", 500)
            return bool(status >= 500 or status in BUSY)
    for link in _links(error):
        if hasattr(link, "get_http_status_code"):
            status = link.get_http_status_code()
            return bool(status >= 500 or status in BUSY)
    return False


def _links(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _is_of_requests(error: BaseException) -> bool:
    return type(error).__module__ == "requests.exceptions"


LATEST = "latest"
"""In place of a run's id: the one that finished and was trained last."""
LOOKED_AT = 200


def find_run(client: Any, run_id: str) -> Any:
    """The run as MLflow has it.

    Args:
        run_id: or ``LATEST``.

    Raises:
        TrackingError: there is none.
    """
    from mlflow.exceptions import MlflowException

    try:
        if run_id == LATEST:
            return _latest(client)
        return client.get_run(run_id)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            raise TrackingError(f'there is no run "{run_id}" in this store; chainrule ui shows what is there') from None
        raise


def _latest(client: Any) -> Any:
    places = [experiment.experiment_id for experiment in client.search_experiments()]
    finished = client.search_runs(
        places, "attributes.status = 'FINISHED'", order_by=["attributes.start_time DESC"], max_results=LOOKED_AT
    )
    for run in finished:
        if CONFIG_DIGEST in run.data.tags and KIND not in run.data.tags:  # others record runs here, too
            return run
    raise TrackingError("no run has finished in this store: chainrule train makes one")


def all_of(search: Any, *arguments: Any, **options: Any) -> Iterator[Any]:
    """All that one of the client's searches finds, which gives it by pages."""
    token = None
    while True:
        page = search(*arguments, **options, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def is_gone(client: Any, uri: str, run_id: str, error: Exception) -> bool:
    """Whether an error came because the run was deleted for good, or its database."""
    text, path = str(error), sqlite_path(uri)
    if path is not None:
        replaced = "readonly database" in text and os.access(path, os.W_OK)  # it is another file than was opened
        if not path.exists() or "no such table" in text or replaced:
            return True
    if getattr(error, "error_code", None) != "RESOURCE_DOES_NOT_EXIST":
        return False
    try:
        find_run(client, run_id)
    except TrackingError:
        return True
    except Exception:
        pass
    return False


def _create_experiment(client: Any, name: str, artifact_root: str | None) -> Any:
    from mlflow.exceptions import MlflowException

    try:
        client.create_experiment(name, artifact_root)
    except MlflowException:
        # Another process may have made it in the meantime.
        if client.get_experiment_by_name(name) is None:
            raise
    return client.get_experiment_by_name(name)
