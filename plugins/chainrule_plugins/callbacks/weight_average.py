from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import Array, Callback, TrainedNetwork, Training

NOTHING_YET: dict[str, Any] = {"average": [], "count": 0, "trained": []}


@dataclass
class WeightAverage(Callback):
    r"""Averages the weights over the last updates: the noise of the single steps cancels out.

    After update number $n$, with $\theta$ all parameters, and buffers such as running statistics likewise:
    $rate = (1 - decay) / (1 - decay^n)$
    $average = average + rate \, (\theta - average)$

    That is the exponential moving average $m = decay \cdot m + (1 - decay) \, \theta$ from zero on, over
    $1 - decay^n$ to make up for the zero. Training itself goes on from theta, and the losses and metrics of its epochs,
    on validation data too, are those of theta. At its end the network takes the average: it is what is tested, used and
    saved. Another ``fit`` takes theta up again where it was. Callbacks that change weights, such as max_norm, stand
    before this one.

    Args:
        decay: the share of the past, at least 0 and less than 1; default 0.999: about the last 1000 updates count.

    Raises:
        FieldError: decay is out of range.

    Reference:
        Kingma, Ba (2015), "Adam: A Method for Stochastic Optimization", section 7.2; averaging as such: Polyak,
        Juditsky (1992), "Acceleration of Stochastic Approximation by Averaging".

    Example:
        >>> import chainrule as cr
        >>> network = cr.Network([{"name": "dense", "units": 1, "bias": False}], input_shape=(1,), loss="mse")
        >>> network.parameters["0.dense.W"].value = 0.0
        >>> average = cr.make("callback", "weight_average", decay=0.5)
        >>> _ = cr.Trainer(network, {"name": "sgd", "lr": 0.25}).fit(([[1.0]], [8.0]), epochs=2, callbacks=[average])
        >>> network.parameters["0.dense.W"].value  # of 4 and 6, the later one counts twice
        array([[5.3333335]], dtype=float32)
    """

    decay: float = 0.999

    def __post_init__(self) -> None:
        self.require("decay", 0 <= self.decay < 1, "at least 0 and less than 1")
        self.load_state(NOTHING_YET)

    def state(self) -> dict[str, Any]:
        return {"average": copied(self._average), "count": self._count, "trained": copied(self._trained)}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self._average: list[Array] = copied(state["average"])
        self._count: int = state["count"]
        self._trained: list[Array] = copied(state["trained"])  # theta, while the network holds the average

    def on_train_start(self, trainer: Training) -> None:
        if trainer.epoch == 0:
            self.load_state(NOTHING_YET)  # of an earlier training, whose network was another
        elif self._trained:
            put(trainer.network, self._trained)
            self._trained = []

    def on_batch_end(self, trainer: Training) -> None:
        theta = arrays(trainer.network)
        if not self._average:
            self._average = [np.zeros_like(value) for value in theta]
        self._count += 1
        rate = (1 - self.decay) / (1 - self.decay**self._count)
        for average, value in zip(self._average, theta, strict=True):
            average += rate * (value - average)  # what does not change, frozen parameters say, is its average exactly

    def on_train_end(self, trainer: Training) -> None:
        self._trained = copied(arrays(trainer.network))
        put(trainer.network, self._average)


def arrays(network: TrainedNetwork) -> list[Array]:
    """All that training changes: the network's own arrays."""
    return [network.parameters.theta, *(buffer.value for buffer in network.buffers)]


def put(network: TrainedNetwork, values: Sequence[Array]) -> None:
    for own, value in zip(arrays(network), values, strict=True):
        own[...] = value


def copied(values: Sequence[Array]) -> list[Array]:
    return [value.copy() for value in values]
