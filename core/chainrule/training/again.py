"""Loss and gradient of the running batch once more, for an optimizer that looks again before it moves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chainrule.contract.arrays import Array
from chainrule.network.network import Network


class Again:
    """What an optimizer is given as ``evaluate``.

    Args:
        compute: computes loss and gradient of the running batch, and gives the loss.
    """

    def __init__(self, network: Network, compute: Callable[[], float]) -> None:
        self._network, self._compute = network, compute
        self._noise: Mapping[str, Any] = {}
        self._gathered: Sequence[Array] = ()

    def begin(self) -> None:
        """A step begins: what layers will draw in it is to be drawn again, and what they have gathered is to be there
        again, so that at the same parameters the loss is the same."""
        self._noise, self._gathered = self._network.random_state(), self._buffers()

    def __call__(self) -> float:
        """The loss at the present parameters; the gradient stands in ``parameters.grad``."""
        left = self._network.random_state(), self._buffers()
        self._take_back(self._noise, self._gathered)
        loss = self._compute()
        self._take_back(*left)
        return loss

    def _buffers(self) -> list[Array]:
        return [buffer.value.copy() for buffer in self._network.buffers]

    def _take_back(self, noise: Mapping[str, Any], gathered: Sequence[Array]) -> None:
        self._network.set_random_state(noise)
        for buffer, value in zip(self._network.buffers, gathered):
            buffer.value = value
