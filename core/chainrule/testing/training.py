"""A small training for callbacks to listen to, of parts that the kit brings along."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.contract.arrays import Array, Shape, Task
from chainrule.contract.kinds import Callback, Initializer, Layer, Loss, Optimizer
from chainrule.contract.training import Training
from chainrule.network.network import Network
from chainrule.testing.kit import as_kept
from chainrule.training.trainer import Trainer


@dataclass
class Scattered(Initializer):
    """Numbers around 0 that are all different."""

    def __call__(self, shape: Shape, rng: np.random.Generator, dtype: Any) -> Array:
        return rng.normal(size=shape).astype(dtype)


@dataclass
class Line(Layer):
    """$y = x W + b$, with one output, of all numbers of a sample."""

    def build(self, input_shape: Shape) -> Shape:
        self.W = self.parameter("W", (math.prod(input_shape), 1), Scattered())
        self.b = self.parameter("b", (1,), Scattered(), decay=False)
        return (1,)

    def forward(self, x: Array, training: bool) -> Array:
        self.x, self.shape = x.reshape(len(x), -1), x.shape
        y: Array = self.x @ self.W.value + self.b.value
        return y

    def backward(self, dy: Array) -> Array:
        self.W.grad, self.b.grad = self.x.T @ dy, dy.sum(axis=0)
        dx: Array = dy @ self.W.value.T
        return dx.reshape(self.shape)


@dataclass
class Following(Layer):
    """For each token a distribution over the tokens that may follow: $y = softmax(W_x)$."""

    tokens: int = 2

    input_dtype = "int64"

    @property
    def input_range(self) -> range:
        return range(self.tokens)

    def build(self, input_shape: Shape) -> Shape:
        self.W = self.parameter("W", (self.tokens, self.tokens), Scattered())
        return (*input_shape, self.tokens)

    def forward(self, x: Array, training: bool) -> Array:
        self.x, e = x, np.exp(self.W.value[x])
        y: Array = e / e.sum(axis=-1, keepdims=True)
        self.y = y
        return y

    def backward(self, dy: Array) -> Array:
        dz = self.y * (dy - (dy * self.y).sum(axis=-1, keepdims=True))
        grad = np.zeros_like(self.W.value)
        np.add.at(grad, self.x, dz)
        self.W.grad = grad
        return np.zeros(self.x.shape, dy.dtype)


@dataclass
class Squared(Loss):
    """The mean of the squared errors."""

    def output(self, task: Task, classes: int) -> tuple[int, str]:
        return classes, ""

    def forward(self, prediction: Array, target: Array) -> float:
        self.error = prediction - target
        return float(np.square(self.error).mean())

    def backward(self) -> Array:
        return 2 * self.error / self.error.size


@dataclass
class Downhill(Optimizer):
    """A small step down the slope."""

    lr: float = 0.05

    def update(self, theta: Array, grad: Array, slots: dict[str, Array], step: int, lr: float) -> None:
        theta -= lr * grad


@dataclass
class Failing(Callback):
    """Ends a training with an error, in its second step."""

    def on_batch_end(self, trainer: Training) -> None:
        if trainer.step == 2:
            raise InterruptedError


class Saving(Callback):
    """Keeps the state of the training between its updates, as a checkpoint would."""

    def __init__(self) -> None:
        self.states: list[Any] = []

    def state(self) -> dict[str, Any]:
        return {}

    def on_batch_end(self, trainer: Trainer) -> None:  # type: ignore[override]
        trainer.rest.when(lambda: self.states.append(as_kept(trainer.state())))


def trainer(callback: Callback | None = None) -> Trainer:
    """A new network and its trainer, the same each time; such as the callback says that it takes."""
    tokens = callback.check_tokens if callback is not None else 0
    shape, *_ = [*(callback.check_input_shapes if callback is not None else ()), (3,)]
    layer = Following(tokens) if tokens else Line()
    network = Network([layer], shape, Squared(), seed=1, dtype="float64", task="regression")
    return Trainer(network, Downhill(), batch_size=4, seed=2)


def fit(trainer: Trainer, callbacks: Sequence[Callback], epochs: int = 3) -> Array:
    """Train on the same ten rows each time, with four for validation, and return the parameters."""
    rng, network = np.random.default_rng(4), trainer.network
    x, noise = rng.normal(size=(14, *network.input_shape)), rng.normal(size=(14, 1))
    y = x.reshape(14, -1).sum(axis=1, keepdims=True) + noise
    for layer in network.components:
        if isinstance(layer, Following):
            x = (x > 0).astype(np.int64)
            y = np.eye(layer.tokens)[np.roll(x, -1, axis=1)]
    trainer.fit((x[:10], y[:10]), epochs, validation=(x[10:], y[10:]), callbacks=callbacks)
    return trainer.network.parameters.theta.copy()
