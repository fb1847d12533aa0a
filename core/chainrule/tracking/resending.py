"""What a run had to keep, sent later."""

from __future__ import annotations

import contextlib
import dataclasses
import shlex
from pathlib import Path

from chainrule.errors import TrackingError
from chainrule.tracking.kept import Head, read, write
from chainrule.tracking.making import make_run, remove_doubles
from chainrule.tracking.outbox import Waiting, fewer
from chainrule.tracking.records import Record, deliver
from chainrule.tracking.store import connect, is_gone, is_outage, reason, usable
from chainrule.tracking.uris import is_missing


def resend(path: Path, *, anew: bool = False) -> int:
    """Send what a run had to keep in its ``unsent-....jsonl``; what has arrived leaves the file.

    Args:
        anew: make the run first, whose first one was deleted, or its database.

    Returns:
        The number of records that were sent.

    Raises:
        TrackingError: this is no such file, its run is gone, or some records still do not arrive.
    """
    head, records = read(path)
    made = None
    with usable(head.uri):
        if anew or head.run_id is None:
            # The experiment may have another number in a database that is new.
            making = dataclasses.replace(head.making, experiment_id=None)
            made = make_run(head.uri, making, again=True)
            head = dataclasses.replace(head, run_id=made.run_id)
            write(path, head, records)
        elif is_missing(head.uri):
            raise _gone(path, head)
        client = connect(head.uri)
    left: list[Record] = []
    why: Exception | None = None
    for record in (waiting.record for waiting in fewer([Waiting(record) for record in records])):
        if "status" in record and why is not None and is_outage(why):
            left.append(record)
            continue
        try:
            deliver(client, str(head.run_id), record, head.folder)
        except Exception as error:
            if is_gone(client, head.uri, str(head.run_id), error):
                raise _gone(path, head) from None
            why = error
            left.append(record)
    if made is not None:
        with contextlib.suppress(Exception):
            remove_doubles(client, head.making, made)
    if why is None:
        path.unlink()
        return len(records)
    write(path, head, left)
    raise TrackingError(
        f"{len(left)} records that a run kept do not arrive in MLflow: {reason(why)}\n"
        f"Send them later with: chainrule resend {shlex.quote(str(path))}"
    )


def _gone(path: Path, head: Head) -> TrackingError:
    return TrackingError(
        f"the run {head.run_id} is not there any more: it or its database was deleted\n"
        f"To make it anew, of what was kept: chainrule resend {shlex.quote(str(path))} --anew"
    )
