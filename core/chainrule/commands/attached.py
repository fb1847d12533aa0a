"""A file that a command made of a run, among the run's artifacts."""

from __future__ import annotations

import sys
from pathlib import Path

from chainrule.errors import TrackingError


def among_the_artifacts(run_id: str, file: Path, uri: str | None) -> None:
    """Log it with its run, and say so; a store that only lets itself be read has been enough for the file."""
    from chainrule.tracking.attaching import attach

    try:
        print(f"MLflow   {file.name} is among the artifacts of {attach(run_id, file, uri)}")
    except TrackingError as error:
        sys.stderr.write(f"{file.name} is not among the run's artifacts: {error}\n")
