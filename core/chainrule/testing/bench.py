"""A layer or an activation, built in a network of its own, to be run by hand, and what it is given there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.contract.arrays import Array, Shape, Task
from chainrule.contract.kinds import Activation, Layer, Loss
from chainrule.contract.parameters import Buffer, Parameter, Snapshot
from chainrule.contract.signatures import takes
from chainrule.network.network import Network
from chainrule.network.streams import Streams
from chainrule.testing.arrays import away_from
from chainrule.testing.packing import PackedLayer
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
    """One layer with its parameters, which hold different numbers, not the special ones that they may start with.

    They are numbers that float32 can hold, so that both dtypes start from the same ones.
    """

    def __init__(
        self,
        subject: Subject,
        shape: Shape,
        dtype: str = "float64",
        loss: Any = None,
        seed: int = 3,
        moved: float = 0.3,
    ) -> None:
        self.network = Network([subject.usable()], shape, loss or NoLoss(), seed=seed, dtype=dtype, task="regression")
        self.layer: Layer | Activation = self.network.layers[0]
        self.output_shape = self.network.shapes[0]
        self.component = self.layer.layer if isinstance(self.layer, PackedLayer) else self.layer
        self.takes_mask = takes_mask(type(self.component))
        theta = self.network.parameters.theta
        self.initial = theta.copy()
        if moved:
            theta[...] = (theta + moved * subject.rng(9).normal(size=theta.size)).astype(np.float32)

    def forward(self, x: Array, training: bool = True, copy: bool = True, mask: Array | None = None) -> Array:
        """With a copy of ``x``, as whether it is written to is a check of its own; so for ``backward``."""
        x = x.copy() if copy else x
        if isinstance(self.layer, Activation):
            return self.layer.forward(x)
        if self.takes_mask:
            return self.layer.forward(x, training, mask=mask)  # type: ignore[call-arg]
        return self.layer.forward(x, training)

    def backward(self, dy: Array, copy: bool = True) -> Array:
        dx = self.layer.backward(dy.copy() if copy else dy)
        for shared, first in self.network.shared:  # as the network adds up
            first.grad += shared.grad
        return dx

    def gradients(self) -> dict[str, Array]:
        """A copy of each parameter's gradient, by its name within the layer: ``"W"``, or ``"first.0.dense.W"`` of a
        layer in it."""
        return {self.own_name(parameter): parameter.grad.copy() for parameter in self.network.parameters}

    def buffers(self) -> dict[str, Array]:
        """A copy of each buffer, by its name within the layer."""
        return {self.own_name(buffer): buffer.value.copy() for buffer in self.network.buffers}

    def own_name(self, item: Parameter | Buffer) -> str:
        """What a parameter or a buffer is called within the layer."""
        return item.name.removeprefix(f"{self.network.steps[0].name}.")

    def state(self) -> tuple[Snapshot, dict[str, Any]]:
        """All that a forward pass may change: parameters, buffers, and where the random numbers stand."""
        return self.network.snapshot(), self.network.random_state()

    def restore(self, state: tuple[Snapshot, dict[str, Any]]) -> None:
        """Take all of it back; a stream that was not there yet starts anew."""
        self.network.restore(state[0])
        streams = Streams(self.network.seed)
        new = {layer: streams.of(layer).bit_generator.state for layer in self.network.random_state()}
        self.network.set_random_state({**new, **state[1]})


def inputs(
    subject: Subject, shape: Shape, batch: int = BATCH, index: int = 0, dtype: str = "float64", size: float = 1.0
) -> Array:
    """``x``: the same numbers for the same index, none close to a kink; so many times as large as usual. Of a layer
    that takes whole numbers, such as it says that it takes: the least and the largest among them, and some repeated."""
    rng = subject.rng(index)
    taken = subject.input_range
    if taken is None:
        return away_from(subject.kinks, size * rng.normal(size=(batch, *shape))).astype(dtype)
    if size > 1:  # of whole numbers there are no larger ones: the smaller half of them
        taken = taken[: (len(taken) + 1) // 2]
    x = np.asarray(taken)[rng.integers(len(taken), size=(batch, *shape))]
    first = x.reshape(-1)[:4]
    first[...] = (taken[-1], taken[0], taken[-1], taken[-1])[: len(first)]
    return x


def takes_mask(cls: type) -> bool:
    """Whether its ``forward`` is given a mask."""
    return issubclass(cls, Layer) and takes(cls.forward, "mask")


def masks(subject: Subject, shape: Shape, batch: int = BATCH) -> dict[str, Array]:
    """Which steps count: of rows that end early, and of rows with steps missing anywhere, the first and the last among
    them. One counts in each."""
    rng, steps = subject.rng(50 + batch), shape[0]
    lengths = rng.integers(1, steps + 1, size=(batch, 1))
    holes = rng.random((batch, steps)) < 0.6
    holes[np.arange(batch), rng.integers(steps, size=batch)] = True
    if steps > 1:
        holes[:1], holes[1:2] = np.arange(steps) > 0, np.arange(steps) < steps - 1
    return {"with rows that end early": np.arange(steps) < lengths, "with steps masked here and there": holes}
