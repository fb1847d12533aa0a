"""The arrays of a page: each as base64 of its numbers, with shape and type, and each once."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

NUMBERS = 850_000
"""In one page, of four bytes, some 4.5 MB. What is left out is said there."""
TYPES = {"i": "i8", "u": "i8", "b": "i8"}


class Arrays:
    """Those of one page; ``arrays``: as JSON has them."""

    def __init__(self) -> None:
        self.arrays: list[dict[str, Any]] = []
        self._numbers = 0
        self._known: dict[tuple[Any, ...], int] = {}

    def add(self, array: Any) -> int | None:
        """Its number; None of what is none, of several by name, and of what finds no room."""
        if not isinstance(array, np.ndarray):
            return None
        kind = "u1" if array.dtype == np.uint8 else TYPES.get(array.dtype.kind, array.dtype.str[1:])
        raw = np.ascontiguousarray(array, np.dtype(f"<{kind}")).tobytes()
        key = (array.shape, kind, raw)
        if key not in self._known:
            if self._numbers + len(raw) // 4 > NUMBERS:
                return None
            self._numbers += len(raw) // 4
            self._known[key] = len(self.arrays)
            self.arrays.append({"shape": list(array.shape), "type": kind, "data": base64.b64encode(raw).decode()})
        return self._known[key]
