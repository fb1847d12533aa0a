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


def product(a: Array, b: Array, out: Array) -> Array:
    """``a @ b``, of which each thread computes some of the rows or columns, where that is left to layers."""
    numbers = len(a) * b.size // AT_ONCE
    if a.size < b.size:  # a thread lays out all of one factor for itself: the smaller one
        in_parts(lambda part: np.matmul(a, b[:, part], out=out[:, part]), b.shape[1], numbers, products=True)
    else:
        in_parts(lambda part: np.matmul(a[part], b, out=out[part]), len(a), numbers, products=True)
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
