"""Applying an optimizer to a network's flat vectors: its state, blocks that stay in cache, decoupled weight decay.

An optimizer's ``update`` is elementwise, so it may run over one block of the vectors after another. Blocks of 256K
numbers, 4 MB of theta, grad and two slots in float32, stay in a processor's outer cache from the first pass over them
to the last; of smaller ones there are so many that NumPy's calls cost more than a nearer cache gains.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.contract.kinds import Optimizer
from chainrule.contract.parameters import Parameters

BLOCK = 262_144
FLUSH_EVERY = 64
TINY = 1e-30


class Block(NamedTuple):
    """Views of the flat vectors that one ``update`` works on."""

    theta: Array
    grad: Array
    slots: dict[str, Array]


class Updates:
    """The state of one optimizer on one network's parameters. ``slots``: name to ``(n,)``, zeros at first."""

    def __init__(self, optimizer: Optimizer, parameters: Parameters) -> None:
        self.optimizer = optimizer
        self.weight_decay: float = getattr(optimizer, "weight_decay", 0.0)
        self._weights = parameters.theta[parameters.decaying]
        self.slots = {name: np.zeros_like(parameters.theta) for name in optimizer.slots}
        self._blocks = self._whole(parameters) if optimizer.whole_parameters else self._cut(parameters)
        self._flushes = parameters.theta.dtype == np.float32

    def apply(self, step: int, lr: float) -> None:
        """Make update number ``step`` (from 1) from the gradient that stands in ``parameters.grad``."""
        if self.weight_decay:
            self._weights *= 1 - lr * self.weight_decay
        for theta, grad, slots in self._blocks:
            self.optimizer.update(theta, grad, slots, step, lr)
        if self._flushes and step % FLUSH_EVERY == 0:
            self._flush_subnormals()

    def _cut(self, parameters: Parameters) -> list[Block]:
        theta, grad = parameters.theta, parameters.grad
        cuts = [slice(start, start + BLOCK) for start in range(0, theta.size, BLOCK)]
        return [Block(theta[cut], grad[cut], {k: v[cut] for k, v in self.slots.items()}) for cut in cuts]

    def _whole(self, parameters: Parameters) -> list[Block]:
        def view(vector: Array, start: int, shape: tuple[int, ...], size: int) -> Array:
            return vector[start : start + size].reshape(shape)

        return [
            Block(p.value, p.grad, {k: view(v, p.offset, p.shape, p.size) for k, v in self.slots.items()})
            for p in parameters
        ]

    def _flush_subnormals(self) -> None:
        """Set what has all but vanished to zero.

        Where gradients are zero for long (pixels that are always black), running averages decay into subnormal
        numbers, on which many processors compute several times slower.
        """
        for slot in self.slots.values():
            for start in range(0, slot.size, BLOCK):
                block = slot[start : start + BLOCK]
                block[np.abs(block) < TINY] = 0
