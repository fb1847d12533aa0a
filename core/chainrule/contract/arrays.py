"""The names that annotations share: arrays, shapes, tasks; the streams of randomness that one seed gives; batches."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
Shape: TypeAlias = tuple[int, ...]
Task: TypeAlias = Literal["binary", "multiclass", "regression"]


def stream(seed: int, purpose: str, index: int = 0) -> np.random.Generator:
    """An independent stream of random numbers for one purpose.

    Initialization, shuffling and dropout each draw from a stream of their own, so that a change in how much one of
    them draws does not change the others. The streams are spawned from one seed as NumPy documents it for
    ``numpy.random.SeedSequence`` (``spawn_key``).
    """
    key = (zlib.crc32(purpose.encode()), index)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def batches(n: int, batch_size: int) -> Iterator[slice]:
    """The rows of each batch, in order; the last one may be smaller."""
    for start in range(0, n, batch_size):
        yield slice(start, min(start + batch_size, n))
