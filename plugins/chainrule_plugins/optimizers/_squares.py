"""Gradients whose squares can be summed, and sums of products that stay finite."""

from __future__ import annotations

import math

import numpy as np

from chainrule import Array

# A sum stops growing once what is added is less than an eighth of eps of it: so no sum of squares leaves the dtype, of
# however many. In float32 2.2e15, in float64 7.1e145.
LARGEST = {
    np.dtype(dtype): math.sqrt(float(np.finfo(dtype).max) * float(np.finfo(dtype).eps) / 8)
    for dtype in (np.float32, np.float64)
}


def bound(grad: Array) -> None:
    """Cut off, in place, what is larger than ``LARGEST``: its square would make a sum infinite, and leave it so.

    Where every gradient is divided by the root of such a sum, the step is what it would have been, as the unit of the
    gradient cancels. The product of the vector with itself tells at once, and far faster than a look at each number,
    that there is nothing to cut.
    """
    largest = LARGEST[grad.dtype]
    if not np.vdot(grad, grad) < largest * largest:
        np.clip(grad, -largest, largest, out=grad)


def dot(a: Array, b: Array) -> float:
    """The sum of the products. Where float32 holds it not, or not exactly, it is computed, more slowly, in float64."""
    total = float(np.vdot(a, b))
    if 1e-20 < abs(total) < math.inf or a.dtype != np.float32:
        return total
    return float(np.vdot(a.astype(np.float64), b.astype(np.float64)))


def length(a: Array) -> float:
    """The root of the sum of squares, whatever its size."""
    return math.sqrt(dot(a, a))
