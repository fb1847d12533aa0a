"""Loss and gradient of the running batch once more, for an optimizer that looks again before it moves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule.network.network import Network


class Again:
    """What an optimizer is given as ``evaluate``.

    Args:
        compute: computes loss and gradient of the running batch, and gives the loss.
    """

    def __init__(self, network: Network, compute: Callable[[], float]) -> None:
        self._network, self._compute = network, compute
        self._noise: dict[str, Any] = {}

    def begin(self) -> None:
        """A step begins: what layers will draw in it is to be drawn again."""
        self._noise = self._network.random_state()

    def __call__(self) -> float:
        """The loss at the present parameters; the gradient stands in ``parameters.grad``."""
        network = self._network
        drawn, buffers = network.random_state(), [buffer.value.copy() for buffer in network.buffers]
        network.set_random_state(self._noise)
        loss = self._compute()
        network.set_random_state(drawn)
        for buffer, value in zip(network.buffers, buffers):
            buffer.value = value
        return loss
