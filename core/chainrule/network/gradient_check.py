"""Comparing the backward pass with finite differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.contract.arguments import require_count
from chainrule.contract.arrays import Array
from chainrule.network.network import Network


def derivative(function: Callable[[], float], at: Array, index: Any, step: float) -> float:
    """The derivative of ``function()`` with respect to the number ``at[index]``, which it reads and which is changed
    in place meanwhile: the five-point formula, whose error is of order ``step``^4 (Abramowitz, Stegun 1964, table
    25.2), $f'(t) = (f(t-2h) - 8 f(t-h) + 8 f(t+h) - f(t+2h)) / 12 h$."""
    kept, weighted = at[index], 0.0
    for distance, weight in ((-2, 1), (-1, -8), (1, 8), (2, -1)):
        at[index] = kept + distance * step
        weighted += weight * function()
    at[index] = kept
    return weighted / (12 * step)


def relative_error(given: Array, numeric: Array) -> float:
    """The largest difference over the largest number of either, or over 1e-8 where both are smaller."""
    if given.size == 0:
        return 0.0
    return float(np.abs(given - numeric).max() / max(np.abs(given).max(), np.abs(numeric).max(), 1e-8))


def gradient_check(network: Network, x: Any, y: Any, entries: int = 100, step: float = 1e-4) -> dict[str, float]:
    """Compare the backward pass with finite differences, in float64, on a copy of the network.

    See ``derivative`` for the formula. A kink (of a ReLU, say) that lies within ``2 * step`` spoils it. Layers that
    draw random numbers draw the same ones each time.

    Args:
        x, y: a batch, as for ``loss_and_gradient``.
        entries: how many numbers of each parameter are tried, the same ones each time.
        step: h.

    Returns:
        For each parameter, the largest difference over the largest gradient of that parameter (or 1e-8, if that is
        larger: where a gradient is zero, such as that of a bias before a softmax that is shared by all classes, only
        rounding is left to compare).
    """
    entries = require_count("entries", entries)
    twin = network.copy("float64")
    inputs, targets = twin.pair(x, y)
    target = targets.loss
    twin.compute_loss(inputs, target, training=True)  # each stream of random numbers exists from here on
    state, buffers = twin.random_state(), twin.snapshot().buffers

    def loss() -> float:
        twin.set_random_state(state)
        for buffer, value in zip(twin.buffers, buffers):
            buffer.value = value
        return twin.compute_loss(inputs, target, training=True)

    loss()
    twin.parameters.grad[...] = 1  # shows up where a layer adds to its gradient, or forgets one
    twin.compute_gradient()
    gradient = twin.parameters.grad.copy()
    theta = twin.parameters.theta
    rng = np.random.default_rng(0)
    errors = {}
    for parameter in twin.parameters:
        chosen = rng.permutation(parameter.size)[:entries] + parameter.offset
        numeric = np.array([derivative(loss, theta, i, step) for i in chosen])
        errors[parameter.name] = relative_error(gradient[chosen], numeric)
    return errors
