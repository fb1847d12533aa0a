"""Mean and standard deviation where rounding or the range of a dtype tells in them."""

from __future__ import annotations

import math

import numpy as np

from chainrule import Array
from chainrule_plugins.layers._sums import feature_sums

FAR = 1e3
"""Of a mean so many deviations away from 0 what was lost in rounding it is up to 1e-4 deviations in float32."""


def is_far(mean: Array, std: Array) -> bool:
    """Whether numbers lie so far from 0, beside their deviation, that they are to be centered once more: of a constant
    12345.678 in float32 its rounded mean leaves 0.001, of which a deviation of no more than that makes 1."""
    return bool((np.abs(mean) > FAR * std).any())


def all_finite(variances: Array) -> bool:
    """Whether none has overflowed, for ``(..., n)`` of them. One sum tells it, several times as fast as a look at each
    number: it is not finite where one of them is not."""
    return math.isfinite(float(feature_sums(variances.reshape(-1, 1))[0]))


def large_moments(x: Array, axis: int | tuple[int, ...], eps: float) -> tuple[Array, Array]:
    r"""$mean$ and $\sqrt{var + eps}$ along ``axis``, which is kept with a length of 1.

    They are those of the numbers divided by the largest, times that.
    """
    unit = np.abs(x).max(axis=axis, keepdims=True)
    unit[unit == 0] = 1
    scaled = x / unit
    std = scaled.std(axis=axis, keepdims=True) * unit
    return scaled.mean(axis=axis, keepdims=True) * unit, np.hypot(std, std.dtype.type(math.sqrt(eps)))


def large_rms(x: Array, axis: int, eps: float) -> Array:
    r"""$\sqrt{\frac{1}{n} \sum x^2 + eps}$ likewise."""
    unit = np.abs(x).max(axis=axis, keepdims=True)
    unit[unit == 0] = 1
    root: Array = np.sqrt(np.square(x / unit).mean(axis=axis, keepdims=True)) * unit
    rms: Array = np.hypot(root, root.dtype.type(math.sqrt(eps)))
    return rms
