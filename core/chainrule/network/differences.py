"""Derivatives by finite differences, and what rounding makes of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.contract.arrays import Array

EPS = float(np.finfo(np.float64).eps)
POINTS, ORDER, SPACING = 12, 4, 2.0**-30
FACTORS = tuple(4.0**power for power in (5, 3, 1, 0, -1, -3, -5))
SETTLED = 1e-8


def derivative(function: Callable[[], float], at: Array, index: Any, step: float) -> float:
    """The derivative of ``function()`` with respect to the number ``at[index]``, which it reads and which is changed
    in place meanwhile: the five-point formula, whose error is of order ``step``^4 (Abramowitz, Stegun 1964, table
    25.2), $f'(t) = (f(t-2h) - 8 f(t-h) + 8 f(t+h) - f(t+2h)) / 12 h$. h is the power of 2 next to ``step``: no rounding
    moves the points."""
    h = 2.0 ** round(math.log2(step))
    kept, weighted = at[index], 0.0
    for distance, weight in ((-2, 1), (-1, -8), (1, 8), (2, -1)):
        at[index] = kept + distance * h
        weighted += weight * function()
    at[index] = kept
    return weighted / (12 * h)


def rounding(function: Callable[[], float], at: Array) -> float:
    r"""How much of the values of ``function()`` is rounding: its standard deviation, measured.

    Along a line through ``at``, at points so close that the function is nearly straight there, differences of high
    order cancel the function and leave the noise: $\sigma^2 = \frac{(k!)^2}{(2k)!} mean((\Delta^k f)^2)$ (Moré, Wild
    2011, "Estimating Computational Noise", SIAM J. Sci. Comput. 33). It is no less than half a unit in the last place
    of f, and no more than 10,000: what varies more than that is no rounding.
    """
    kept = at.copy()
    direction = np.random.default_rng(0).choice([-SPACING, SPACING], at.shape) * np.maximum(np.abs(at), 1)
    values = []
    for i in range(POINTS):
        at[...] = kept + i * direction
        values.append(function())
    at[...] = kept
    gamma = math.factorial(ORDER) ** 2 / math.factorial(2 * ORDER)
    sigma = math.sqrt(gamma * float(np.square(np.diff(values, ORDER)).mean()))
    last_place = EPS * float(np.abs(values).max())
    return min(max(sigma, last_place / 2), 1e4 * last_place)


def blur(noise: float, step: float) -> float:
    r"""What rounding may add to a ``derivative``: $10 \sigma / h$.

    Four values, each off by $e$ at most, give $\frac{1 + 8 + 8 + 1}{12} \cdot e / h = 1.5 \, e / h$ (for the formula of
    two points: Nocedal, Wright 2006, "Numerical Optimization", section 8.1); hardly any e of thousands is beyond 6
    sigma.
    """
    return 10 * noise / step


def settled(function: Callable[[], float], at: Array, index: Any, step: float, noise: float) -> tuple[float, float]:
    """The derivative with the step, of several around ``step``, at which it is least in doubt; and its ``blur``.

    A long step averages rounding away, a short one keeps clear of kinks and curves. In doubt is the blur, and how much
    the next shorter step disagrees.
    """
    steps = [step * factor for factor in FACTORS]
    found = [derivative(function, at, index, step) for step in steps]
    doubts = [blur(noise, step) + abs(here - after) for step, here, after in zip(steps, found, found[1:])]
    best = int(np.argmin(doubts))
    return found[best], blur(noise, steps[best])


def relative_error(given: Array, numeric: Array, explained: Array | float = 0.0) -> float:
    """The largest difference, less what is ``explained``, over the largest number of either."""
    if given.size == 0:
        return 0.0
    off = np.maximum(np.abs(given - numeric) - explained, 0).max()
    return float(off / max(np.abs(given).max(), np.abs(numeric).max())) if off else 0.0
