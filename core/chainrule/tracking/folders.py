"""Where the files of a run lie, as its store tells: beside a SQLite store, with which they may move."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from chainrule.tracking.tags import FOLDER
from chainrule.tracking.uris import sqlite_path


def folder_tag(uri: str, folder: Path) -> str:
    """The text of the tag: the way from the folder of a SQLite store, else the absolute path."""
    store = sqlite_path(uri)
    return str(folder.absolute()) if store is None else os.path.relpath(folder.absolute(), store.parent)


def folder_of(uri: str, tags: Mapping[str, str]) -> Path | None:
    """The folder of a run with these tags; None where they do not tell."""
    store = sqlite_path(uri)
    told = tags.get(FOLDER)
    return Path(os.path.normpath((store or Path("/x")).parent / told)) if told else None
