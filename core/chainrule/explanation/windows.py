"""Sums and choices over windows that slide over an input, recognized by their numbers: convolutions, pooling."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from chainrule.contract.arrays import Array
from chainrule.network.step_trace import close

STRIDES = (1, 2, 3, 4)
SIZES = (2, 3, 4, 5)
"""Of pooling windows."""


def convolution_of(x: Array, y: Array, weights: Array, bias: Array | None) -> dict[str, Any] | None:
    r"""Stride and padding with which $y_o = \sum_{a, c} x_{s o + a - p, c} W_{a, c} + b$, for ``x`` ``(n, *size,
    channels)``, ``weights`` ``(*kernel, channels, filters)``; None where there are none."""
    axes = x.ndim - 2
    if axes not in (1, 2) or weights.shape[axes:] != (x.shape[-1], y.shape[-1]) or y.ndim != x.ndim:
        return None
    kernel = weights.shape[:axes]
    for stride, low in _placings(x.shape[1:-1], y.shape[1:-1], kernel, padded=True):
        windows = windows_of(x[:1], y.shape[1:-1], kernel, stride, low)
        product = np.tensordot(windows, weights, axes=axes + 1) + (0 if bias is None else bias)
        if close(product, y[:1]):
            return {"kernel": list(kernel), "stride": stride, "low": list(low)}
    return None


def pooling_of(x: Array, y: Array) -> dict[str, Any] | None:
    """Size and stride of square windows of which ``y`` holds the largest numbers, or the means; None else."""
    axes = x.ndim - 2
    if axes not in (1, 2) or y.ndim != x.ndim or y.shape[-1] != x.shape[-1] or x.size == y.size:
        return None
    for size in SIZES:
        kernel = (size,) * axes
        for stride, low in _placings(x.shape[1:-1], y.shape[1:-1], kernel, padded=False):
            windows = windows_of(x[:1], y.shape[1:-1], kernel, stride, low)
            within = tuple(range(axes + 1, 2 * axes + 1))
            for of in ("max", "mean"):
                if close(getattr(windows, of)(axis=within), y[:1]):
                    return {"kernel": list(kernel), "stride": stride, "low": list(low), "of": of}
    return None


def windows_of(x: Array, out: tuple[int, ...], kernel: tuple[int, ...], stride: int, low: tuple[int, ...]) -> Array:
    """What each window holds, ``(n, *out, *kernel, channels)``, where it reaches beyond ``x`` zeros."""
    high = [(o - 1) * stride + k - size - p for o, k, size, p in zip(out, kernel, x.shape[1:-1], low)]
    room = [(0, 0), *((p, max(h, 0)) for p, h in zip(low, high)), (0, 0)]
    axes = tuple(range(1, x.ndim - 1))
    windows = sliding_window_view(np.pad(x, room), kernel, axis=axes)
    stepped = windows[(slice(None), *(slice(0, (o - 1) * stride + 1, stride) for o in out))]
    moved: Array = np.moveaxis(stepped, x.ndim - 1, -1)
    return moved


def _placings(
    size: tuple[int, ...], out: tuple[int, ...], kernel: tuple[int, ...], padded: bool
) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Strides, with the room before each axis, that give an output of that size."""
    for stride in STRIDES:
        lows = []
        for length, o, k in zip(size, out, kernel):
            beyond = (o - 1) * stride + k - length  # room before and after, less what no window reaches
            even = max(beyond, 0) // 2
            lows.append([even, *(p for p in range(k) if p != even)] if padded and beyond > -stride else [0])
            if beyond <= -stride or (not padded and beyond > 0):
                lows[-1] = []
        yield from ((stride, low) for low in itertools.product(*lows))
