"""Comparing the backward pass with finite differences."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from chainrule.contract.arguments import require_count
from chainrule.errors import FieldError
from chainrule.network.differences import SETTLED, blur, derivative, relative_error, rounding, settled
from chainrule.network.network import Network
from chainrule.words import quoted


def gradient_check(
    network: Network, x: Any, y: Any, entries: int = 100, step: float = 1e-4, weight: Any = None, mask: Any = None
) -> dict[str, float]:
    r"""Compare the backward pass with finite differences, in float64, on a copy of the network.

    See ``derivative`` for the formula. Where it disagrees, longer and shorter steps are tried too, from 1,000 to 1/64
    of ``step``, and the one that is least in doubt is taken: shorter ones keep clear of kinks (of a ReLU, say), longer
    ones of rounding. Layers that draw random numbers draw the same ones each time.

    A loss is rounded, and the differences with it, by $10 \sigma / h$ at most: see ``blur``, and ``rounding`` for how
    sigma is measured. So much of a difference is not counted. A gradient that is 0 in truth, such as that of a bias
    before a batch norm, is therefore right when it is 0 but for rounding; and one that is less than some 1e-12 of the
    loss is too small for differences to tell.

    Args:
        x, y: a batch, as for ``loss_and_gradient``.
        entries: how many numbers of each parameter are tried, the same ones each time.
        step: h.
        weight, mask: as ``Split`` has them.

    Returns:
        For each parameter, the largest difference, less what rounding explains, over the largest gradient of that
        parameter. It is below 1e-6 where the backward pass is right.
    """
    entries = require_count("entries", entries)
    if not isinstance(network, Network):
        raise FieldError(f"got {quoted(network)}, expected a Network", key="network")
    if not isinstance(step, numbers.Real) or not 0 < step <= 1:
        raise FieldError(f"got {quoted(step)}, expected a number above 0, and 1 at most", key="step")
    twin = network.copy("float64")
    inputs, targets = twin.pair(x, y, weight=weight, mask=mask)
    twin.compute_loss(inputs, targets, training=True)  # each stream of random numbers exists from here on
    state, buffers = twin.random_state(), twin.snapshot().buffers

    def loss() -> float:
        twin.set_random_state(state)
        for buffer, value in zip(twin.buffers, buffers):
            buffer.value = value
        return twin.compute_loss(inputs, targets, training=True)

    loss()
    twin.parameters.grad[...] = 1  # shows up where a layer adds to its gradient, or forgets one
    twin.compute_gradient()
    gradient = twin.parameters.grad.copy()
    theta = twin.parameters.theta
    noise, rng = rounding(loss, theta), np.random.default_rng(0)
    errors = {}
    for parameter in twin.parameters:
        chosen = rng.permutation(parameter.size)[:entries] + parameter.offset
        given = gradient[chosen]
        numeric = np.array([derivative(loss, theta, i, step) for i in chosen])
        explained = np.full(numeric.shape, blur(noise, step))
        for at in np.flatnonzero(np.abs(given - numeric) > SETTLED * np.abs(given).max()):
            numeric[at], explained[at] = settled(loss, theta, chosen[at], step, noise)
        errors[parameter.name] = relative_error(given, numeric, explained)
    return errors
