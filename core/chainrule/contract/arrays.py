"""The names that annotations share: arrays, shapes, tasks; the streams of randomness that one seed gives; batches."""

from __future__ import annotations

import numbers
import zlib
from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.errors import FieldError
from chainrule.words import quoted

Array: TypeAlias = npt.NDArray[Any]
Shape: TypeAlias = tuple[int, ...]
Task: TypeAlias = Literal["binary", "multiclass", "regression"]


def stream(seed: int, purpose: str, index: int = 0) -> np.random.Generator:
    """An independent stream of random numbers for one purpose.

    Initialization, shuffling and dropout each draw from a stream of their own, so that a change in how much one of
    them draws does not change the others. The streams are spawned from one seed as NumPy documents it for
    ``numpy.random.SeedSequence`` (``spawn_key``).
    """
    for name, given in (("seed", seed), ("index", index)):
        if isinstance(given, bool) or not isinstance(given, numbers.Integral) or given < 0:
            raise FieldError(f"got {quoted(given)}, expected a whole number, 0 or more", key=name)
    if not isinstance(purpose, str):
        raise FieldError(f"got {quoted(purpose)}, expected text", key="purpose")
    key = (zlib.crc32(purpose.encode("utf-8", "surrogatepass")), index)
    return np.random.default_rng(np.random.SeedSequence(int(seed), spawn_key=key))


def batches(n: int, batch_size: int) -> Iterator[slice]:
    """The rows of each batch, in order; the last one may be smaller."""
    for start in range(0, n, batch_size):
        yield slice(start, min(start + batch_size, n))
