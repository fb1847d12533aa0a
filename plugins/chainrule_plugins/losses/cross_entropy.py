"""Losses of probabilities.

A loss that fuses with an activation has two forms. The first works from the prediction. That has been rounded: close to
1, little is left of the digits of 1 - p, and where it is 0 or 1, a logarithm must be clipped. The second form, fused,
works from the logits, and is exact for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule import Array, ConfigError, Loss, Task


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

    Raises:
        ConfigError: the task is regression.

    Reference:
        Nielsen (2015), "Neural Networks and Deep Learning", equation 57; from logits: Goodfellow, Bengio, Courville
        (2016), "Deep Learning", section 6.2.2.2.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> cr.make("loss", "binary_cross_entropy").forward_logits(np.array([[1e4], [-1e4]]), np.array([[0.0], [0.0]]))
        5000.0
    """

    fuses_with = "sigmoid"
    default_for = ("binary",)

    def output(self, task: Task, classes: int) -> tuple[int, str]:
        if task == "regression":
            raise ConfigError(
                "binary_cross_entropy is for binary and multiclass tasks, and the data is regression: take mse or "
                "half_squared_error"
            )
        return (classes if task == "multiclass" else 1), "sigmoid"

    def forward(self, prediction: Array, target: Array) -> float:
        self.p_yes, self.p_no, self.target = clipped(prediction), clipped(1 - prediction), target
        log_likelihood = target * np.log(self.p_yes) + (1 - target) * np.log(self.p_no)
        return -mean(log_likelihood, target.size)

    def backward(self) -> Array:
        dp: Array = (1 - self.target) / self.p_no - self.target / self.p_yes
        dp /= self.target.size
        return dp

    def forward_logits(self, logits: Array, target: Array) -> float:
        # exp(-|z|) cannot overflow, and serves both the loss and, for either sign of z, the sigmoid.
        e = np.abs(logits, out=self.work("e", logits.shape, logits.dtype))
        np.negative(e, out=e)
        np.exp(e, out=e)
        p: Array = np.where(logits >= 0, 1, e) / (1 + e)
        self.p = self.prediction = p
        self.target = target
        loss: Array = np.maximum(logits, 0) - target * logits + np.log1p(e)
        return mean(loss, loss.size)

    def backward_logits(self) -> Array:
        dz = np.subtract(self.p, self.target, out=self.work("dz", self.p.shape, self.p.dtype))
        dz /= dz.size
        return dz


@dataclass
class CategoricalCrossEntropy(Loss):
    r"""How surprised the network is by the true class: minus the logarithm of the probability that it gave to it.

    Fused with a softmax, $p = softmax(z)$, the gradient is the plain error.

    Forward:
        $loss = \frac{-1}{batch} \sum_n \sum_k t_{n,k} \log p_{n,k}$
        fused: $loss = \frac{1}{batch} \sum_n \sum_k t_{n,k} (\log \sum_j e^{z_{n,j}} - z_{n,k})$

    Backward:
        $dp = \frac{-1}{batch} t / p$
        fused: $dz = \frac{1}{batch} (p - t)$, where each row of t sums to 1

    Shapes:
        p (prediction), z (logits): (batch, classes)
        t (target): (batch,), the true class of each sample; or (batch, classes), one-hot or a distribution

    Raises:
        ConfigError: the task is not multiclass.

    Reference:
        Bridle (1990), "Probabilistic Interpretation of Feedforward Classification Network Outputs, with Relationships
        to Statistical Pattern Recognition"; Goodfellow, Bengio, Courville (2016), "Deep Learning", section 6.2.2.3.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> cr.make("loss", "categorical_cross_entropy").forward_logits(np.array([[1e4, 0.0, -1e4]]), np.array([1]))
        10000.0
    """

    integer_targets = True
    fuses_with = "softmax"
    default_for = ("multiclass",)

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
        self.p, self.target = clipped(prediction), target
        log_p = np.log(self.p)
        at_target = log_p[np.arange(len(target)), target] if target.ndim == 1 else target * log_p
        return -mean(at_target, len(target))

    def backward(self) -> Array:
        if self.target.ndim == 2:
            return -self.target / self.p / len(self.target)
        rows, dp = np.arange(len(self.target)), np.zeros_like(self.p)
        dp[rows, self.target] = -1 / self.p[rows, self.target] / len(rows)
        return dp

    def forward_logits(self, logits: Array, target: Array) -> float:
        # Subtracting a row's largest logit changes neither loss nor softmax, and no exponential can overflow.
        # The largest is looked for in columns: NumPy is slow at it where many rows are short.
        largest = logits.T.copy().max(axis=0)
        with np.errstate(over="ignore"):  # logits further apart than the dtype reaches are taken as that far apart
            p = np.subtract(logits, largest[:, None], out=self.work("prediction", logits.shape, logits.dtype))
        np.maximum(p, float(np.finfo(p.dtype).min), out=p)
        weight: Array | float
        if target.ndim == 1:
            weight, at_target = 1, p[np.arange(len(p)), target]
        else:
            weight, at_target = target.sum(axis=1), (target * p).sum(axis=1)
        np.exp(p, out=p)
        total = p.sum(axis=1)
        p /= total[:, None]
        self.p = self.prediction = p
        self.target = target
        return mean(weight * np.log(total) - at_target, len(p))

    def backward_logits(self) -> Array:
        p, target = self.p, self.target
        dz = self.work("dz", p.shape, p.dtype)
        if target.ndim == 1:
            np.copyto(dz, p)
            dz[np.arange(len(p)), target] -= 1  # of a one-hot t, only the ones are needed
        else:
            np.multiply(p, target.sum(axis=1, keepdims=True), out=dz)  # where the sums are 1 but for rounding
            dz -= target
        dz /= len(p)
        return dz


def clipped(p: Array) -> Array:
    """``p``, no less than the smallest normal number of its dtype: its logarithm and its reciprocal are finite."""
    return np.maximum(p, float(np.finfo(p.dtype).smallest_normal))


def mean(losses: Array, count: int) -> float:
    """The sum over ``count``, divided first: a sum of huge losses overflows where their mean does not."""
    return float((losses / count).sum(dtype=np.float64))
