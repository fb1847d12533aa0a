"""The delivery of what a run tells, in a thread beside the training, which waits for no store."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import shlex
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chainrule.errors import TrackingError
from chainrule.redaction import redacted
from chainrule.tracking.kept import Head
from chainrule.tracking.making import Making, make_run, remove_doubles, unmake
from chainrule.tracking.outbox import Outbox
from chainrule.tracking.pages import way_to
from chainrule.tracking.records import Record, deliver
from chainrule.tracking.store import connect, is_gone, is_outage, no_answer, prepare_store, reason
from chainrule.tracking.uris import is_missing, is_remote

log = logging.getLogger(__name__)

SHARE = 0.02
"""Of the time of a core, what delivery takes from the training."""
PAUSE_SECONDS = 2.0
"""No pause between deliveries is longer, while the store answers."""
SILENT_SECONDS = 1.0
"""After so long without an answer, what is logged is kept on disk."""
FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 0.5, 10.0
"""How long a store that cannot be used is left alone: twice as long each time."""
QUIET_SECONDS, MOST_SECONDS = 5.0, 15.0
"""At the end, how long a server may let nothing arrive before the rest is kept, and how long all may take."""
HURRIED_QUIET_SECONDS, HURRIED_MOST_SECONDS = 1.2, 3.0
"""The same after a signal; the first of them also where the server was silent before."""
LOCAL_QUIET_SECONDS, LOCAL_HURRIED_QUIET_SECONDS, LOCAL_MOST_SECONDS = 30.0, 3.0, 90.0
"""The same for a database, which does not hang, but has to wait for others that write to it."""
DELIBERATE_SECONDS = 1.0
"""Signals that come so soon after one are its echo, from a group of processes; one that comes later means it."""


class Delivery:
    """Brings what one run tells to its store, in a thread that alone talks to MLflow for it.

    The status comes last. Nothing here raises what the store or the disk raises.

    Args:
        collect: hands over with ``put`` what has been logged since it was last called; called under ``outbox.lock``.
        run_id: of a run that is there; None for one that is to be made as ``making`` says.
    """

    def __init__(
        self, uri: str, folder: Path, making: Making, collect: Callable[[], None], run_id: str | None = None
    ) -> None:
        self.run_id = run_id
        self.where: str | None = None
        """The page of the run, or the command that opens it."""
        self.why: Exception | None = None
        """Why the last try failed; None if it did not."""
        self.tried = threading.Event()
        """The first try to reach the run has ended."""
        self._uri, self._folder, self._making = uri, folder.absolute(), making
        self.outbox = Outbox(collect, lambda: Head(uri, self.run_id, self._making, self._folder))
        self._client: Any = None
        self._made: Any = None
        self._tries = 0
        self._silent_since: float | None = None
        self._last_arrival = self._next_keeping = 0.0
        self._said = self._gone = False
        self._wake, self._ending, self._settled, self._over = (threading.Event() for _ in range(4))
        self._thread = threading.Thread(target=self._work, name="delivery", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def put(self, record: Record) -> None:
        """Hand over a record."""
        self.outbox.put(record)
        self.look()

    def look(self) -> None:
        """Say that there is something to collect. While the store is silent, it is kept on disk."""
        if not self._wake.is_set():
            self._wake.set()
        now = time.monotonic()
        if self._is_silent(now) and now > self._next_keeping:
            self.outbox.keep()
            end = time.monotonic()
            self._next_keeping = end + max(FIRST_RETRY_SECONDS, (end - now) / SHARE)

    def abandon(self) -> None:
        """Deliver no more: what was to be recorded did not begin."""
        self._over.set()
        self._wake.set()

    def finish(self, came: list[int], quickly: bool) -> None:
        """Wait some seconds until all has arrived, else keep the rest, and say so.

        Args:
            came: fills as signals come, one of which ends the wait.
            quickly: a signal came before, which ended the run.
        """
        start = self._last_arrival = time.monotonic()
        quiet, most = self._patience(start, quickly)
        heard = 0
        self._ending.set()
        self._wake.set()
        while True:
            if self._settled.wait(0.05):  # all was tried: it has arrived, or is in the file, or the disk is full
                if self.outbox.rewrite():
                    break
                self._settled.clear()
            now = time.monotonic()
            if quickly and now - start < DELIBERATE_SECONDS:
                heard = len(came)
            if len(came) > heard or now - self._last_arrival > quiet or now - start > most:
                break
        self.abandon()
        self._say_what_is_left()
        if not len(self.outbox):
            self._thread.join(1)

    def _patience(self, now: float, quickly: bool) -> tuple[float, float]:
        """How long nothing may arrive at the end, and how long all may take, in seconds."""
        if not is_remote(self._uri):
            trouble = quickly or self.why is not None
            return (LOCAL_HURRIED_QUIET_SECONDS if trouble else LOCAL_QUIET_SECONDS), LOCAL_MOST_SECONDS
        trouble = quickly or self.why is not None or self._is_silent(now)
        most = HURRIED_MOST_SECONDS if quickly else MOST_SECONDS
        return (HURRIED_QUIET_SECONDS if trouble else QUIET_SECONDS), most

    def warn(self) -> None:
        """Say, once, that what is logged is kept."""
        if not self._said:
            self._said = True
            log.warning(
                "MLflow at %s does not take what is logged (%s). Training goes on; what cannot be sent is kept in %s, "
                "and sent as soon as it can be.",
                redacted(self._uri),
                self._reason,
                self.outbox.path,
            )

    def _is_silent(self, now: float) -> bool:
        """Whether a store that was asked has not answered for a while."""
        since = self._silent_since
        return since is not None and now - since > SILENT_SECONDS

    def _work(self) -> None:
        retry = FIRST_RETRY_SECONDS
        while not self._over.is_set():
            if not self._silent_since:
                self._wake.wait()
            self._wake.clear()
            last = self._ending.is_set()
            before = time.thread_time()
            outage = self._round(last)
            if last:
                self._settled.set()
            cost = time.thread_time() - before
            retry = min(2 * retry, LAST_RETRY_SECONDS) if outage else FIRST_RETRY_SECONDS / 2
            pause = retry if outage else min(cost / SHARE, PAUSE_SECONDS)
            self._over.wait(FIRST_RETRY_SECONDS) if last else self._ending.wait(pause)

    def _round(self, last: bool) -> bool:
        """Try to deliver all that waits; whether the store could not be used."""
        outage = failed = False
        for waiting in self.outbox.batch(last):
            if "status" in waiting.record:
                if outage:
                    break
                self._remove_doubles()
            why = waiting.why = self._try(waiting.record)
            if self._over.is_set():
                return outage
            failed |= why is not None
            if why is None:
                self.outbox.arrived(waiting)
            elif not (self._gone or is_outage(why)):
                self.outbox.refused(waiting)
            else:
                outage = True
                if self._gone or not last or no_answer(why):
                    break
        if not len(self.outbox):
            self.outbox.rewrite()
        elif failed and self.outbox.keep() and not last:
            self.warn()
        return outage

    def _try(self, record: Record) -> Exception | None:
        """None if it arrived, else why it did not."""
        if self._silent_since is None:
            self._silent_since = time.monotonic()
        try:
            deliver(self._reached(), str(self.run_id), record, self._folder)
        except Exception as error:
            self.why = error
            if self.run_id is not None and not self._gone and is_gone(self._client, self._uri, self.run_id, error):
                self._gone = True
                self.outbox.all_again()
            if not (self._gone or is_outage(error)):
                self._silent_since = None
            return error
        finally:
            self.tried.set()
        self._gone = False
        self._silent_since = self.why = None
        self._last_arrival = time.monotonic()
        return None

    def _reached(self) -> Any:
        """The client of a store in which the run is."""
        if self._client is None or is_missing(self._uri):
            self._client = connect(self._uri)
        if self.run_id is None:
            if self._making.experiment_id is None:
                number = prepare_store(self._uri, self._making.experiment)
                self._making = dataclasses.replace(self._making, experiment_id=number)
            if self._over.is_set():
                raise TrackingError("nobody waits for it any more")
            self._tries += 1
            self._made = make_run(self._uri, self._making, again=self._tries > 1)
            self.run_id, self.where = self._made.run_id, way_to(self._uri, self._made)
            self.tried.set()
            if self._over.is_set():  # given up meanwhile
                unmake(self._client, self._making, self._made)
        return self._client

    def _remove_doubles(self) -> None:
        if self._made is not None and is_remote(self._uri):
            with contextlib.suppress(Exception):
                remove_doubles(self._client, self._making, self._made)

    @property
    def _reason(self) -> str:
        if self._gone:
            return "the run or its database was deleted"
        why = self.why or self.outbox.failed
        return "the server takes long to answer" if why is None else reason(why)

    def _say_what_is_left(self) -> None:
        with self.outbox.lock:
            kept, left = self.outbox.rewrite(), len(self.outbox)
        if not left:
            return
        if not kept and self.outbox.why is not None:
            log.warning(
                "%d records of this run do not arrive in MLflow (%s), cannot be kept in %s (%s), and are lost",
                left,
                self._reason,
                self.outbox.path,
                reason(self.outbox.why),
            )
            return
        log.warning(
            "%d records of this run do not arrive in MLflow: %s\n%s with: chainrule resend %s%s",
            left,
            self._reason,
            "Make it anew" if self._gone else "Send them later",
            shlex.quote(str(self.outbox.path)),
            " --anew" if self._gone else "",
        )
