"""Which files a run has written into its folder, where others may lie already."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

CONFIG = "config.yaml"
OVERRIDES = "overrides.yaml"
"""Written by every run; so a folder below that holds it is another run's."""
CHECKPOINTS = "checkpoints"
"""A folder whose files are for this machine alone."""
State = tuple[int, int, int, int]


def files_in(folder: Path) -> dict[str, State]:
    """Each file that is not hidden, by its place below the folder, with what changes when it is written."""
    found: dict[str, State] = {}
    for here, folders, names in os.walk(folder):
        at = Path(here)
        if at != folder and OVERRIDES in names:
            folders.clear()
            continue
        folders[:] = [name for name in folders if not name.startswith(".") and name != CHECKPOINTS]
        for path in (at / name for name in names if not name.startswith((".", "unsent-"))):
            if path.is_file():
                state = path.stat()
                found[path.relative_to(folder).as_posix()] = (
                    state.st_ino,
                    state.st_size,
                    state.st_mtime_ns,
                    state.st_ctime_ns,
                )
    return dict(sorted(found.items()))


def written(folder: Path, before: Mapping[str, State]) -> list[str]:
    """The files that are new or changed since ``files_in`` gave ``before``."""
    return [name for name, state in files_in(folder).items() if before.get(name) != state]
