"""Matrix products; sums over all axes but the last, or but that and the first, for arrays that are long and narrow.

``sum(axis=0)`` goes along them row by row, and takes several times as long.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from chainrule import Array, in_parts

AT_ONCE = 64
"""Multiplications of a product in the time of another operation on one number."""
LARGE = 2**18
"""Numbers of a weight matrix whose products may be worth a second thread."""
LAID_OUT = 2**16
"""Numbers of a weight matrix from which on a library lays it out anew for its product with rows."""
NOT_LAID_OUT = 7
"""Rows of the other factor up to which it does without."""
FEW = 6
"""Columns of a weight matrix for each row that it is multiplied with, from which on these are few."""


def product(a: Array, b: Array, out: Array) -> Array:
    """``a @ b``, of which each thread computes some of the rows or columns, where that is left to layers."""
    numbers = len(a) * b.size // AT_ONCE
    if a.size < b.size:  # a thread lays out all of one factor for itself: the smaller one
        in_parts(lambda part: np.matmul(a, b[:, part], out=out[:, part]), b.shape[1], numbers, products=True)
    else:
        in_parts(lambda part: np.matmul(a[part], b, out=out[part]), len(a), numbers, products=True)
    return out


def product_back(a: Array, W: Array, out: Array) -> Array:
    """``a @ W.T``. Of few rows it is computed as ``(W @ a.T).T``: a library lays out the second factor, W.T number by
    number, and for 8 rows that takes as long as the product, for 32 half as long."""
    rows, columns = len(a), W.shape[1]
    if W.size < LAID_OUT:
        return np.dot(a, W.T, out)
    if rows <= NOT_LAID_OUT or FEW * rows > columns:
        return product(a, W.T, out)

    def compute(part: slice) -> None:
        out[:, part] = np.matmul(W[part], a.T).T

    in_parts(compute, len(W), rows * W.size // AT_ONCE, products=True)
    return out


def feature_sums(a: Array, out: Array | None = None) -> Array:
    """The sum of each column: ``(n, features)`` to ``(features,)``, as a matrix product."""
    sums: Array = np.dot(_ones(len(a), a.dtype), a, out=out)
    return sums


def feature_products(a: Array, b: Array) -> Array:
    """The sum of each column of ``a * b``."""
    products: Array = np.einsum("nf,nf->f", a, b)
    return products


def sample_sums(a: Array) -> Array:
    """The sum of each column of each sample: ``(batch, n, features)`` to ``(batch, features)``."""
    sums: Array = np.matmul(_ones(a.shape[1], a.dtype), a)
    return sums


def sample_products(a: Array, b: Array) -> Array:
    """The sum of each column of each sample of ``a * b``."""
    products: Array = np.einsum("npf,npf->nf", a, b)
    return products


@functools.lru_cache(maxsize=16)  # one for each size of batch; to make it would cost as much as the product
def _ones(n: int, dtype: np.dtype[Any]) -> Array:
    ones = np.ones(n, dtype)
    ones.flags.writeable = False
    return ones
