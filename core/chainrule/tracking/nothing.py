"""Where nothing is recorded: what a run asks of its tracking, and no store behind it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from chainrule.tracking.run import NoRun


class NoTracking:
    """``tracking=none``: the same, and nothing is recorded."""

    uri = ""

    def warm_up(self) -> None:
        """Nothing to begin."""

    def prepare(self) -> None:
        """Nothing to prepare."""

    def close_orphans(self) -> None:
        """Nothing was recorded."""

    def finished(self, config_digest: str, needs: str, read: object) -> None:
        """Nothing was recorded."""

    def unfinished(self, config_digest: str) -> None:
        """Nothing was recorded."""

    def recorded(self, run_id: str) -> None:
        """Nothing was."""

    def begun(self, sweep: str, folder: Path) -> None:
        """Nothing was recorded."""

    def lost(self, run_id: str) -> None:
        """Nothing was recorded."""

    def reused_by(self, sweep: str, run_id: str, objective: str | None) -> None:
        """Nothing was recorded."""

    def note_failed(self, sweep: str, failed: Mapping[str, str]) -> None:
        """Nothing was recorded."""

    @contextlib.contextmanager
    def run(self, **described: Any) -> Iterator[NoRun]:
        """Nothing is recorded of what happens inside."""
        yield NoRun()
