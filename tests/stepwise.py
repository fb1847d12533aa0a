"""Layers that work step by step, and losses and metrics as people write them who know nothing of weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import chainrule as cr


@dataclass
class EachStep(cr.Layer):
    r"""The same weights at every step: $y_t = x_t W + b$."""

    units: int = 3

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        self.W = self.parameter("W", (input_shape[-1], self.units), "glorot_uniform")
        self.b = self.parameter("b", (self.units,), "normal", decay=False)
        return (*input_shape[:-1], self.units)

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        self.x = x
        return x @ self.W.value + self.b.value

    def backward(self, dy: cr.Array) -> cr.Array:
        rows, its_dy = self.x.reshape(-1, self.x.shape[-1]), dy.reshape(-1, self.units)
        self.W.grad = rows.T @ its_dy
        self.b.grad = its_dy.sum(axis=0)
        return dy @ self.W.value.T


@dataclass
class MaskedMean(cr.Layer):
    r"""The mean of the steps that count: $y = \sum_t m_t x_t / \sum_t m_t$."""

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        return input_shape[1:]

    def forward(self, x: cr.Array, training: bool, mask: cr.Array | None = None) -> cr.Array:
        self.seen = mask
        m = np.ones(x.shape[:2], x.dtype) if mask is None else mask.astype(x.dtype)
        self.share = (m / m.sum(axis=1, keepdims=True))[:, :, None]
        return (self.share * x).sum(axis=1)

    def backward(self, dy: cr.Array) -> cr.Array:
        return self.share * dy[:, None]


@dataclass
class Silence(cr.Layer):
    """Nothing, at the steps that do not count."""

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        return input_shape

    def forward(self, x: cr.Array, training: bool, mask: cr.Array | None = None) -> cr.Array:
        self.counts = np.ones(x.shape[:2]) if mask is None else mask
        return self.backward(x)

    def backward(self, dy: cr.Array) -> cr.Array:
        return dy * self.counts[:, :, None].astype(dy.dtype)


@dataclass
class SoftmaxAlone(cr.Activation):
    """A softmax that no loss takes over, since nobody has registered it."""

    def forward(self, z: cr.Array) -> cr.Array:
        e = np.exp(z - z.max(axis=-1, keepdims=True))
        self.a = e / e.sum(axis=-1, keepdims=True)
        return self.a

    def backward(self, da: cr.Array) -> cr.Array:
        return self.a * (da - (da * self.a).sum(axis=-1, keepdims=True))


@dataclass
class SigmoidAlone(cr.Activation):
    """The same of a sigmoid."""

    def forward(self, z: cr.Array) -> cr.Array:
        self.a = 1 / (1 + np.exp(-z))
        return self.a

    def backward(self, da: cr.Array) -> cr.Array:
        return da * self.a * (1 - self.a)


@dataclass
class PlainLoss(cr.Loss):
    r"""The mean over all numbers of $\log \cosh(prediction - target)$, by an author who has not heard of rows."""

    def output(self, task: cr.Task, classes: int) -> tuple[int, str]:
        return classes, "linear"

    def forward(self, prediction: cr.Array, target: cr.Array) -> float:
        self.error = prediction - target
        return float(np.log(np.cosh(self.error)).mean())

    def backward(self) -> cr.Array:
        return np.tanh(self.error) / self.error.size


@dataclass
class SummedLoss(PlainLoss):
    """A mean over the batch, and a sum over all numbers of a sample."""

    def forward(self, prediction: cr.Array, target: cr.Array) -> float:
        return super().forward(prediction, target) * prediction[0].size

    def backward(self) -> cr.Array:
        return super().backward() * self.error[0].size


@dataclass
class LossWithRows(PlainLoss):
    """One that says the losses of its rows, ``(batch,)``."""

    def rows(self) -> cr.Array:
        return np.log(np.cosh(self.error)).reshape(len(self.error), -1).mean(axis=1)


@dataclass
class LossOfPairs(PlainLoss):
    """What a row costs depends on the row before it, as in a contrastive loss."""

    def forward(self, prediction: cr.Array, target: cr.Array) -> float:
        return super().forward(prediction - np.roll(prediction, 1, axis=0), target)


@dataclass
class SquaredOff(cr.Metric):
    r"""The mean of $(prediction - target)^2$, by an author who has not heard of weights."""

    tasks = ("binary", "multiclass", "regression")
    goal = "min"
    default = False

    def reset(self) -> None:
        self.total, self.count = 0.0, 0

    def update(self, prediction: cr.Array, target: cr.Array) -> None:
        assert len(target), "nobody has to reckon with a batch of nothing"
        if target.ndim < prediction.ndim:
            assert prediction.ndim == 2, "classes come as rows"
            target = np.eye(prediction.shape[1])[target]
        self.total += float(np.square(prediction - target).sum())
        self.count += target.size

    def compute(self) -> float:
        return self.total / self.count


@dataclass
class Largest(SquaredOff):
    """The largest error: no mean over samples."""

    def update(self, prediction: cr.Array, target: cr.Array) -> None:
        self.total, self.count = max(self.total, float(np.abs(prediction - target).max())), 1


@dataclass
class Columns(SquaredOff):
    """An array, for each column."""

    array = True

    def compute(self) -> cr.Array:  # type: ignore[override]
        return np.array([self.total, self.count])
