"""Where runs are recorded: MLflow's tracking store, found and created.

Importing MLflow takes a second, and a new SQLite store another: both happen inside functions, so that a thread can do
them beside something else. Whatever is wrong with a store is one ``TrackingError`` that names its URI.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from chainrule.errors import ChainruleError, TrackingError
from chainrule.process.garbage import made_to_stay
from chainrule.tracking.moved import follow
from chainrule.tracking.settings import configure
from chainrule.tracking.sqlite import check_sqlite, make_sqlite, patient
from chainrule.tracking.tags import NAME_LENGTH, stored
from chainrule.tracking.uris import artifact_root, sqlite_path
from chainrule.words import cut, one_line, redacted

NO_ANSWER = ("ConnectionError", "ConnectTimeout", "ReadTimeout")


def connect(uri: str) -> Any:
    """An ``MlflowClient`` of a store that is there. Here, at first use, MLflow is imported.

    Raises:
        TrackingError: it is not there. Call it within ``usable``, for whatever MLflow raises.
    """
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
        if path is not None and not path.exists():
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
    """Why, on one line. MLflow reports a refused or lost connection as a page of nested exceptions."""
    link: BaseException | None = error
    while link is not None:
        if type(link).__module__ == "requests.exceptions" and type(link).__name__ in NO_ANSWER:
            return "the server does not answer"
        link = link.__cause__ or link.__context__
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return redacted(cut(one_line(error) or type(error).__name__, 300))


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


def _create_experiment(client: Any, name: str, artifact_root: str | None) -> Any:
    from mlflow.exceptions import MlflowException

    try:
        client.create_experiment(name, artifact_root)
    except MlflowException:
        # Another process may have made it in the meantime.
        if client.get_experiment_by_name(name) is None:
            raise
    return client.get_experiment_by_name(name)
