"""The file of a run's folder in which stands what its store has not taken, ``unsent-....jsonl``.

Its first line says which run of which store, and what it takes to make that anew; each further one is a record.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from chainrule.errors import TrackingError
from chainrule.tracking.making import Making
from chainrule.tracking.records import Record
from chainrule.tracking.store import reason
from chainrule.tracking.uris import sqlite_path, sqlite_uri


@dataclasses.dataclass(frozen=True)
class Head:
    """``run_id``: None for a run that could not be made yet; ``folder``: the run's own, to which artifacts belong."""

    uri: str
    run_id: str | None
    making: Making
    folder: Path


class Kept:
    """The file of one run, which is there only while something waits; ``head`` gives its first line as of now."""

    def __init__(self, head: Callable[[], Head]) -> None:
        self._head = head
        self.path: Path | None = None

    @property
    def where(self) -> Path:
        """Its path, or where it will be."""
        head = self._head()
        return self.path or head.folder / f"unsent-{head.run_id or head.making.start_time}.jsonl"

    def add(self, records: Sequence[Record]) -> bool:
        """Add records to the file; False where there is none, and all that waits is to be written.

        Raises:
            OSError: it cannot be written. It is then as it was.
        """
        if self.path is None or not self.path.exists():
            return False
        size = self.path.stat().st_size
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(_lines(records))
        except OSError:
            with contextlib.suppress(OSError):
                os.truncate(self.path, size)
            raise
        return True

    def write(self, records: Sequence[Record]) -> None:
        """Let the file hold these records alone.

        Raises:
            OSError: it cannot be written, neither in the run's folder nor in that for temporary files.
        """
        try:
            self._write(self.where, records)
        except OSError:
            # The folder may be gone for good, or on a full disk; what a run gave is then worth a place elsewhere.
            self._write(Path(tempfile.gettempdir()) / self.where.name, records)

    def _write(self, place: Path, records: Sequence[Record]) -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        write(place, self._head(), records)
        self.path = place

    def remove(self) -> None:
        """Nothing waits."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
            self.path = None


def write(path: Path, head: Head, records: Sequence[Record]) -> None:
    """Write such a file, whole or not at all."""
    new = path.with_name(f".{path.name}.new")
    told = {
        "uri": head.uri,
        "run_id": head.run_id,
        "folder": os.path.relpath(head.folder, path.parent) if path.parent == head.folder else str(head.folder),
        "making": dataclasses.asdict(head.making),
    }
    store = sqlite_path(head.uri)
    if store is not None:  # the way from here to a store that may move together with the run
        told["store"] = os.path.relpath(store, path.parent)
    try:
        new.unlink(missing_ok=True)
        new.touch(mode=0o600)  # a URI may hold a password
        with new.open("w", encoding="utf-8") as file:
            file.write(_lines([told, *records]))
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)
        raise


def read(path: Path) -> tuple[Head, list[Record]]:
    """What such a file holds.

    Raises:
        TrackingError: it is none.
    """
    try:
        text = path.read_text(encoding="utf-8")
        # A last line without an end was being written when its process was killed.
        first, *records = [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
        folder = path.parent / first["folder"]
        return Head(_uri_in(first, path.parent), first["run_id"], Making(**first["making"]), folder), records
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise TrackingError(f"{path} does not hold what a run kept for later: {reason(error)}") from None


def _lines(records: Sequence[Any]) -> str:
    return "".join(f"{json.dumps(record)}\n" for record in records)


def _uri_in(first: dict[str, Any], folder: Path) -> str:
    if "store" in first:
        path = Path(os.path.normpath(folder.absolute() / first["store"]))
        if path.exists():
            return sqlite_uri(path)
    return str(first["uri"])
