"""Logarithms and sums that stay finite."""

from __future__ import annotations

import numpy as np

from chainrule import Array


def clipped(p: Array) -> Array:
    """``p``, no less than the smallest normal number of its dtype: its logarithm and its reciprocal are finite."""
    return np.maximum(p, float(np.finfo(p.dtype).smallest_normal))


def mean(losses: Array, count: int) -> float:
    """The sum over ``count``, divided first: a sum of huge losses overflows where their mean does not."""
    return float((losses / count).sum(dtype=np.float64))
