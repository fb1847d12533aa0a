"""What one run tells and its store has not taken: in memory, and in a file for the case that memory ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from chainrule.tracking.kept import Head, Kept
from chainrule.tracking.records import Record, joined


@dataclass(eq=False)
class Waiting:
    """A record that has not arrived, whether it stands in the file, and why it did not arrive when that was tried."""

    record: Record
    kept: bool = False
    why: Exception | None = None


class Outbox:
    """The records of one run, in their order. Nothing here raises what the disk raises: it stands in ``why``.

    Args:
        collect: hands over with ``put`` what has been logged since it was last called; called under ``lock``.
        head: what the first line of the file says now.
    """

    def __init__(self, collect: Callable[[], None], head: Callable[[], Head]) -> None:
        self.lock = threading.RLock()
        self.why: OSError | None = None
        """Why the file could not be written."""
        self._collect = collect
        self._file = Kept(head)
        self._waiting: list[Waiting] = []
        self._refused: list[Waiting] = []
        self._arrived: list[Waiting] = []

    def __len__(self) -> int:
        return len(self._unsent)

    @property
    def path(self) -> Path:
        """The file, or where it will be."""
        return self._file.where

    @property
    def failed(self) -> Exception | None:
        """Why the last of those that wait did not arrive; None where none was tried."""
        return next((waiting.why for waiting in reversed(self._unsent) if waiting.why is not None), None)

    def put(self, record: Record) -> None:
        with self.lock:
            self._waiting.append(Waiting(record))

    def batch(self, last: bool) -> list[Waiting]:
        """All that is to be tried now; at last what was refused, too."""
        with self.lock:
            self._collect()
            if last:
                self._waiting, self._refused = [*self._refused, *self._waiting], []
            self._waiting = fewer(self._waiting)
            return list(self._waiting)

    def arrived(self, waiting: Waiting) -> None:
        with self.lock:
            self._waiting.remove(waiting)
            self._arrived.append(waiting)

    def refused(self, waiting: Waiting) -> None:
        """It was not taken for its own sake: others need not wait for it."""
        with self.lock:
            self._waiting.remove(waiting)
            self._refused.append(waiting)

    def all_again(self) -> None:
        """What has arrived is lost there, and waits again."""
        with self.lock:
            again = [*self._arrived, *self._refused, *self._waiting]
            self._waiting = [Waiting(waiting.record) for waiting in again]
            self._arrived, self._refused = [], []

    def keep(self) -> bool:
        """Let all that has not arrived stand in the file, beside what stands there; whether it does."""
        with self.lock:
            self._collect()
            new = [waiting for waiting in self._unsent if not waiting.kept]
            try:
                if new and not self._file.add([waiting.record for waiting in new]):
                    return self.rewrite()
            except OSError as error:
                self.why = error
                return False
            for waiting in new:
                waiting.kept = True
            return True

    def rewrite(self) -> bool:
        """Let the file hold what has not arrived, and nothing else; whether it does. Where nothing waits, it goes."""
        with self.lock:
            unsent = self._unsent
            try:
                if unsent:
                    self._file.write([waiting.record for waiting in unsent])
                else:
                    self._file.remove()
            except OSError as error:
                self.why = error
                return False
            for waiting in unsent:
                waiting.kept = True
            return True

    @property
    def _unsent(self) -> list[Waiting]:
        return [*self._refused, *self._waiting]


def fewer(waiting: list[Waiting]) -> list[Waiting]:
    """The same, in fewer records."""
    result: list[Waiting] = []
    for one in waiting:
        both = joined(result[-1].record, one.record) if result else None
        if both is None:
            result.append(one)
        else:
            result[-1] = Waiting(both, result[-1].kept and one.kept, one.why or result[-1].why)
    return result
