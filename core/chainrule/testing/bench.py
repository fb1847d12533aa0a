"""A layer or an activation, built in a network of its own, to be run by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.contract.arrays import Array, Shape, Task
from chainrule.contract.kinds import Activation, Layer, Loss
from chainrule.contract.parameters import Snapshot
from chainrule.network.network import Network
from chainrule.testing.arrays import away_from
from chainrule.testing.subject import Subject

BATCH = 5


@dataclass
class NoLoss(Loss):
    """Stands where a network must have a loss: 0, whatever is predicted."""

    def output(self, task: Task, classes: int) -> tuple[int, str]:
        return classes, ""

    def forward(self, prediction: Array, target: Array) -> float:
        self.zeros = np.zeros_like(prediction)
        return 0.0

    def backward(self) -> Array:
        return self.zeros


class Bench:
    """One layer with its parameters, which hold different numbers, not the special ones that they may start with."""

    def __init__(self, subject: Subject, shape: Shape, dtype: str = "float64", loss: Any = None) -> None:
        self.network = Network([subject.make()], shape, loss or NoLoss(), seed=3, dtype=dtype, task="regression")
        self.layer: Layer | Activation = self.network.layers[0]
        self.output_shape = self.network.shapes[0]
        self.initial = self.network.parameters.theta.copy()
        self.network.parameters.theta[...] += 0.3 * subject.rng(9).normal(size=self.initial.size)

    def forward(self, x: Array, training: bool = True, copy: bool = True) -> Array:
        """With a copy of ``x``, as whether it is written to is a check of its own; so for ``backward``."""
        x = x.copy() if copy else x
        if isinstance(self.layer, Activation):
            return self.layer.forward(x)
        return self.layer.forward(x, training)

    def backward(self, dy: Array, copy: bool = True) -> Array:
        return self.layer.backward(dy.copy() if copy else dy)

    def gradients(self) -> dict[str, Array]:
        """A copy of each parameter's gradient, by its name within the layer: ``"W"``, or ``"first.0.dense.W"`` of a
        layer in it."""
        prefix = f"{self.network.steps[0].name}."
        return {parameter.name.removeprefix(prefix): parameter.grad.copy() for parameter in self.network.parameters}

    def state(self) -> tuple[Snapshot, dict[str, Any]]:
        """All that a forward pass may change: parameters, buffers, and where the random numbers stand."""
        return self.network.snapshot(), self.network.random_state()

    def restore(self, state: tuple[Snapshot, dict[str, Any]]) -> None:
        self.network.restore(state[0])
        self.network.set_random_state(state[1])


def inputs(subject: Subject, shape: Shape, batch: int = BATCH, index: int = 0) -> Array:
    """``x``: the same numbers for the same index, none close to a kink."""
    return away_from(subject.kinks, subject.rng(index).normal(size=(batch, *shape)))
