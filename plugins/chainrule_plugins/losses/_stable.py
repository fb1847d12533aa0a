"""Logarithms and sums that stay finite."""

from __future__ import annotations

import math

import numpy as np

from chainrule import Array, Graph


def clipped(p: Array) -> Array:
    """``p``, no less than the smallest normal number of its dtype: its logarithm and its reciprocal are finite."""
    return np.maximum(p, float(np.finfo(p.dtype).smallest_normal))


def log_in_onnx(graph: Graph, p: str) -> str:
    """The logarithm of ``clipped`` p, as operators."""
    return graph.add("Log", graph.add("Max", p, float(np.finfo(graph.dtype).smallest_normal)))


def squared_length(error: Array) -> float:
    """The sum of squares. Only where it leaves float32 it is computed, more slowly, in float64."""
    total = float(np.vdot(error, error))
    if math.isfinite(total):
        return total
    wide = error.astype(np.float64)
    return float(np.vdot(wide, wide))


def mean(losses: Array, count: int) -> float:
    """The sum over ``count``, in float64, where no sum of numbers of float32 overflows; those of float64 are divided
    first: a sum of huge losses overflows where their mean does not."""
    if losses.dtype == np.float64:
        return float(np.add.reduce(losses / count, axis=None))
    return float(np.add.reduce(losses, axis=None, dtype=np.float64)) / count
