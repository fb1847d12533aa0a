"""Sums of products that stay finite."""

from __future__ import annotations

import math

import numpy as np

from chainrule import Array


def dot(a: Array, b: Array) -> float:
    """The sum of the products. Where float32 holds it not, or not exactly, it is computed, more slowly, in float64."""
    total = float(np.vdot(a, b))
    if 1e-20 < abs(total) < math.inf or a.dtype != np.float32:
        return total
    return float(np.vdot(a.astype(np.float64), b.astype(np.float64)))


def length(a: Array) -> float:
    """The root of the sum of squares, whatever its size."""
    return math.sqrt(dot(a, a))
