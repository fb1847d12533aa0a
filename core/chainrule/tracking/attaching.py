"""A file that is made of a run after its end, among its artifacts."""

from __future__ import annotations

from pathlib import Path

from chainrule.tracking.store import connect, find_run, usable
from chainrule.tracking.uris import resolved


def attach(run_id: str, file: Path, uri: str | None = None) -> str:
    """Log it under its own name; one of that name that is there is replaced. The id of the run.

    Args:
        uri: the store; None for the default one.

    Raises:
        TrackingError: there is no such run or store, or it does not take the file.
    """
    uri = resolved(uri)
    with usable(uri):
        client = connect(uri)
        found: str = find_run(client, run_id).info.run_id
        client.log_artifact(found, str(file))
    return found
