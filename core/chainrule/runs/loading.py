"""The data of a run: loaded, or, of a job of a sweep, what an equal dataset has loaded in this process before."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.contract.data import Data
from chainrule.contract.kinds import Dataset
from chainrule.contract.split import Split

SETTLED_SECONDS = 2.0
"""A file that was written to less long ago may be once more within one tick of its clock, and look the same."""


def loaded(dataset: Dataset) -> Data:
    """What it gives, with its training samples weighed by their class where that was asked for. Nobody can write into
    its arrays."""
    data = dataset.load()
    if dataset.class_weight is not None:
        data = data.with_class_weights(dataset.class_weight)
    for split in data.splits.values():
        if isinstance(split, Split):
            for array in (*split.arrays, *split.weighing.values()):
                if isinstance(array, np.ndarray):
                    array.flags.writeable = False
    return data


class Kept:
    """What the last job of a sweep loaded: one dataset's at most, until another is asked for, or the sweep ends."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Let it go."""
        self._of: Any = None
        self._data: Data | None = None

    def load(self, dataset: Dataset, given: Mapping[str, Any]) -> Data:
        """What such a dataset loaded last, where it is the same class with the same fields, as they were ``given``, and
        the files that it says it reads are as they were; else what it loads now."""
        of = _known_by(dataset, given)
        if of is not None and of == self._of and self._data is not None:
            return self._data
        self.forget()  # before there are two
        data = loaded(dataset)
        if of is not None and of == _known_by(dataset, given):
            self._of, self._data = of, data
        return data


KEPT = Kept()
"""Of this process: a worker is given one job after another, and nothing else lives from one to the next."""


def _known_by(dataset: Dataset, given: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """All that decides what it loads; None where that is not known."""
    paths = dataset.files_read()
    if paths is None:
        return None
    states = []
    for path in paths:
        try:
            file = Path(path).absolute()
            found = file.stat()
        except (OSError, ValueError):  # what it says of that, load says
            return None
        if abs(time.time() - found.st_mtime) < SETTLED_SECONDS:
            return None
        states.append((file, found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns))
    return type(dataset), json.dumps(given, sort_keys=True), tuple(states)
