"""Losses of probabilities.

A loss that fuses with an activation has two forms. The first works from the prediction. That has been rounded: close to
1, little is left of the digits of 1 - p, and where it is 0 or 1, a logarithm must be clipped. The second form, fused,
works from the logits, and is exact for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule import Array, ConfigError, Graph, Loss, Task
from chainrule_plugins.losses._loops import sigmoid_error, sigmoid_loss, softmax_error, softmax_loss
from chainrule_plugins.losses._stable import clipped, log_in_onnx, mean


@dataclass
class BinaryCrossEntropy(Loss):
    r"""How surprised the network is by yes-or-no answers: the price of being sure and wrong has no bound.

    Fused with a sigmoid, $p = 1 / (1 + e^{-z})$, the gradient is the plain error.

    Forward:
        $loss = \frac{-1}{batch \cdot outputs} \sum (t \log p + (1 - t) \log(1 - p))$
        fused: $loss = \frac{1}{batch \cdot outputs} \sum (\max(z, 0) - t z + \log(1 + e^{-|z|}))$

    Backward:
        $dp = \frac{1}{batch \cdot outputs} (\frac{1 - t}{1 - p} - \frac{t}{p})$
        fused: $dz = \frac{1}{batch \cdot outputs} (p - t)$

    Shapes:
        p (prediction), z (logits), t (target): (batch, *outputs); t from 0 to 1

    Args:
        label_smoothing: s, how far each target is moved towards 1/2, $t = (1 - s) \, t + s / 2$, so that no answer is
            worth being ever surer of; at least 0 and less than 1, default 0.0.

    Raises:
        FieldError: label_smoothing is out of range.
        ConfigError: the task is regression.

    Reference:
        Nielsen (2015), "Neural Networks and Deep Learning", equation 57; from logits: Goodfellow, Bengio, Courville
        (2016), "Deep Learning", section 6.2.2.2; smoothing: Szegedy, Vanhoucke, Ioffe, Shlens, Wojna (2016),
        "Rethinking the Inception Architecture for Computer Vision", CVPR, section 7, for two classes.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> cr.make("loss", "binary_cross_entropy").forward_logits(np.array([[1e4], [-1e4]]), np.array([[0.0], [0.0]]))
        5000.0
    """

    label_smoothing: float = 0.0

    check_examples = ({}, {"label_smoothing": 0.2})

    fuses_with = "sigmoid"
    default_for = ("binary",)

    def __post_init__(self) -> None:
        self.require("label_smoothing", 0 <= self.label_smoothing < 1, "at least 0 and less than 1")

    def reference(self, prediction: Array, target: Array) -> float:
        t = (1 - self.label_smoothing) * target + self.label_smoothing / 2
        return float(np.mean(-t * np.log(prediction) - (1 - t) * np.log1p(-prediction)))

    def output(self, task: Task, classes: int) -> tuple[int, str]:
        if task == "regression":
            raise ConfigError(
                "binary_cross_entropy is for binary and multiclass tasks, and the data is regression: take mse or "
                "half_squared_error"
            )
        return (classes if task == "multiclass" else 1), "sigmoid"

    def forward(self, prediction: Array, target: Array) -> float:
        target = self.target = smoothed(target, self.label_smoothing, classes=2)
        self.p_yes, self.p_no = clipped(prediction), clipped(1 - prediction)
        log_likelihood = target * np.log(self.p_yes) + (1 - target) * np.log(self.p_no)
        self.losses: Array = np.negative(log_likelihood, out=log_likelihood)
        return mean(self.losses, target.size)

    def to_onnx(self, graph: Graph, prediction: str, target: str) -> str:
        t = target
        if self.label_smoothing:
            t = graph.add("Add", graph.add("Mul", t, 1 - self.label_smoothing), self.label_smoothing / 2)
        yes = graph.add("Mul", t, log_in_onnx(graph, prediction))
        no = graph.add("Mul", graph.add("Sub", 1.0, t), log_in_onnx(graph, graph.add("Sub", 1.0, prediction)))
        return graph.add("Neg", graph.add("ReduceMean", graph.add("Add", yes, no), keepdims=0))

    def backward(self) -> Array:
        dp: Array = (1 - self.target) / self.p_no - self.target / self.p_yes
        dp /= self.target.size
        return dp

    def forward_logits(self, logits: Array, target: Array) -> float:
        target = self.target = smoothed(target, self.label_smoothing, classes=2)
        if sigmoid_loss.in_use:
            p = self.p = self.work("p", logits.shape, logits.dtype)
            losses = self.losses = self.work("losses", logits.shape, logits.dtype)
            total = self.work("mean", (1,), np.float64)
            if sigmoid_loss(logits, target, p, losses, total):
                return float(total[0])
        # exp(-|z|) cannot overflow, and serves both the loss and, for either sign of z, the sigmoid.
        e = np.abs(logits, out=self.work("e", logits.shape, logits.dtype))
        np.negative(e, out=e)
        np.exp(e, out=e)
        p = self.p = np.exp(np.minimum(logits, 0))
        p /= 1 + e
        losses = self.losses = np.maximum(logits, 0) - target * logits + np.log1p(e)
        return mean(losses, losses.size)

    def backward_logits(self) -> Array:
        dz = self.work("dz", self.p.shape, self.p.dtype)
        if not sigmoid_error(self.p, self.target, dz):
            np.subtract(self.p, self.target, out=dz)
            dz /= dz.size
        return dz

    def activated(self) -> Array:
        return self.p

    def rows(self) -> Array:
        return self.losses


@dataclass
class CategoricalCrossEntropy(Loss):
    r"""How surprised the network is by the true class: minus the logarithm of the probability that it gave to it.

    Fused with a softmax, $p = softmax(z)$, the gradient is the plain error.

    Forward:
        $loss = \frac{-1}{rows} \sum_n \sum_k t_{n,k} \log p_{n,k}$
        fused: $loss = \frac{1}{rows} \sum_n \sum_k t_{n,k} (\log \sum_j e^{z_{n,j}} - z_{n,k})$

    Backward:
        $dp = \frac{-1}{rows} t / p$
        fused: $dz = \frac{1}{rows} (p - t)$, where each row of t sums to 1

    A row n is a sample or, of sequences, a sample's step: rows is the batch size times the number of steps.

    Shapes:
        p (prediction), z (logits): (batch, *steps, classes)
        t (target): (batch, *steps), the true class of each row; or (batch, *steps, classes), one-hot or a distribution

    Args:
        label_smoothing: s, the share of each target that is spread evenly over all K classes,
            $t = (1 - s) \, t + s / K$, so that no answer is worth being ever surer of; at least 0 and less than 1,
            default 0.0.

    Raises:
        FieldError: label_smoothing is out of range.
        ConfigError: the task is not multiclass.

    Reference:
        Bridle (1990), "Probabilistic Interpretation of Feedforward Classification Network Outputs, with Relationships
        to Statistical Pattern Recognition"; Goodfellow, Bengio, Courville (2016), "Deep Learning", section 6.2.2.3;
        smoothing: Szegedy, Vanhoucke, Ioffe, Shlens, Wojna (2016), "Rethinking the Inception Architecture for Computer
        Vision", CVPR, section 7.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> cr.make("loss", "categorical_cross_entropy").forward_logits(np.array([[1e4, 0.0, -1e4]]), np.array([1]))
        10000.0
    """

    label_smoothing: float = 0.0

    check_examples = ({}, {"label_smoothing": 0.2})

    integer_targets = True
    fuses_with = "softmax"
    default_for = ("multiclass",)

    def __post_init__(self) -> None:
        self.require("label_smoothing", 0 <= self.label_smoothing < 1, "at least 0 and less than 1")

    def reference(self, prediction: Array, target: Array) -> float:
        classes = prediction.shape[-1]
        one_hot = np.eye(classes)[target] if target.ndim < prediction.ndim else target
        t = (1 - self.label_smoothing) * one_hot + self.label_smoothing / classes
        return float(np.mean(-np.einsum("...k,...k->...", t, np.log(prediction))))

    def output(self, task: Task, classes: int) -> tuple[int, str]:
        if task == "binary":
            raise ConfigError(
                "categorical_cross_entropy is for multiclass tasks, and the data is binary: take binary_cross_entropy, "
                "mse or half_squared_error"
            )
        if task == "regression":
            raise ConfigError(
                "categorical_cross_entropy is for multiclass tasks, and the data is regression: take mse or "
                "half_squared_error"
            )
        return classes, "softmax"

    def forward(self, prediction: Array, target: Array) -> float:
        prediction, target = self._in_rows(prediction, target)
        self.p = clipped(prediction)
        log_p = np.log(self.p)
        at_target = log_p[np.arange(len(target)), target] if target.ndim == 1 else target * log_p
        self.losses = np.negative(at_target, out=at_target)
        return mean(self.losses, len(target))

    def to_onnx(self, graph: Graph, prediction: str, target: str) -> str:
        log_p, classes = log_in_onnx(graph, prediction), graph.constant([-1])
        likelihood = graph.add("ReduceSum", graph.add("Mul", target, log_p), classes)
        if self.label_smoothing:  # a share of it is that of a target spread evenly over the classes
            even = graph.add("Mul", graph.add("ReduceMean", log_p, classes), self.label_smoothing)
            likelihood = graph.add("Add", graph.add("Mul", likelihood, 1 - self.label_smoothing), even)
        return graph.add("Neg", graph.add("ReduceMean", likelihood, keepdims=0))

    def backward(self) -> Array:
        if self.target.ndim == 2:
            return (-self.target / self.p / len(self.target)).reshape(self.shape)
        index, dp = np.arange(len(self.target)), np.zeros_like(self.p)
        dp[index, self.target] = -1 / self.p[index, self.target] / len(index)
        return dp.reshape(self.shape)

    def forward_logits(self, logits: Array, target: Array) -> float:
        logits, target = self._in_rows(logits, target)
        p = self.p = self.work("prediction", logits.shape, logits.dtype)
        if target.ndim == 1 and softmax_loss.in_use:
            self.losses, total = self.work("losses", target.shape, p.dtype), self.work("mean", (1,), np.float64)
            if softmax_loss(logits, target, p, self.losses, total):
                return float(total[0])
        z = logits.T.copy()  # a row for each class: NumPy is slow at what follows where many rows are short
        # Subtracting a sample's largest logit changes neither loss nor softmax, and no exponential can overflow.
        with np.errstate(over="ignore"):  # logits further apart than the dtype reaches are taken as that far apart
            z -= z.max(axis=0)
        np.maximum(z, float(np.finfo(z.dtype).min), out=z)
        weight: Array | float
        if target.ndim == 1:  # of a one-hot t, only the ones are needed
            weight, at_target = 1, z[target, np.arange(len(target))]
        else:
            weight, at_target = target.sum(axis=1), (target.T * z).sum(axis=0)
        e = np.exp(z, out=z)
        total = e.sum(axis=0)
        np.divide(e, total, out=p.T)
        self.losses = weight * np.log(total) - at_target
        return mean(self.losses, len(p))

    def backward_logits(self) -> Array:
        p, target = self.p, self.target
        dz = self.work("dz", p.shape, p.dtype)
        if target.ndim == 1:
            if softmax_error(p, target, dz):
                return dz.reshape(self.shape)
            np.copyto(dz, p)
            dz[np.arange(len(target)), target] -= 1
        else:
            np.multiply(p, target.sum(axis=1, keepdims=True), out=dz)  # where the sums are 1 but for rounding
            dz -= target
        dz /= len(p)
        return dz.reshape(self.shape)

    def activated(self) -> Array:
        return self.p.reshape(self.shape)

    def rows(self) -> Array:
        losses = self.losses if self.losses.ndim == 1 else self.losses.sum(axis=1)
        return losses.reshape(self.shape[:-1])

    def _in_rows(self, given: Array, target: Array) -> tuple[Array, Array]:
        """Both with a row for each sample and step. The target, smoothed, and the shape are kept for the way back."""
        self.shape = given.shape
        classes = given.shape[-1]
        if given.ndim > 2:
            target = target.reshape((-1,) if target.ndim < given.ndim else (-1, classes))
            given = given.reshape(-1, classes)
        if self.label_smoothing and target.ndim == 1:
            target = np.eye(classes, dtype=given.dtype)[target]
        self.target = smoothed(target, self.label_smoothing, classes)
        return given, self.target


def smoothed(target: Array, smoothing: float, classes: int) -> Array:
    """``target`` with a share of it spread evenly over the classes."""
    return (1 - smoothing) * target + smoothing / classes if smoothing else target
