"""Losses of probabilities.

A loss that fuses with an activation has two forms. The first works from the prediction. That has been rounded: close to
1, little is left of the digits of 1 - p, and where it is 0 or 1, a logarithm must be clipped. The second form, fused,
works from the logits, and is exact for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule import Array, ConfigError, Loss, Task
from chainrule_plugins.losses._stable import clipped, mean


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
        smoothing: how far each target is moved towards 1/2, $t = (1 - smoothing) \, t + smoothing / 2$, so that no
            answer is worth being ever surer of; at least 0 and less than 1, default 0.0.

    Raises:
        FieldError: smoothing is out of range.
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

    smoothing: float = 0.0

    check_examples = ({}, {"smoothing": 0.2})

    fuses_with = "sigmoid"
    default_for = ("binary",)

    def __post_init__(self) -> None:
        self.require("smoothing", 0 <= self.smoothing < 1, "at least 0 and less than 1")

    def output(self, task: Task, classes: int) -> tuple[int, str]:
        if task == "regression":
            raise ConfigError(
                "binary_cross_entropy is for binary and multiclass tasks, and the data is regression: take mse or "
                "half_squared_error"
            )
        return (classes if task == "multiclass" else 1), "sigmoid"

    def forward(self, prediction: Array, target: Array) -> float:
        target = self.target = smoothed(target, self.smoothing, classes=2)
        self.p_yes, self.p_no = clipped(prediction), clipped(1 - prediction)
        log_likelihood = target * np.log(self.p_yes) + (1 - target) * np.log(self.p_no)
        return -mean(log_likelihood, target.size)

    def backward(self) -> Array:
        dp: Array = (1 - self.target) / self.p_no - self.target / self.p_yes
        dp /= self.target.size
        return dp

    def forward_logits(self, logits: Array, target: Array) -> float:
        target = self.target = smoothed(target, self.smoothing, classes=2)
        # exp(-|z|) cannot overflow, and serves both the loss and, for either sign of z, the sigmoid.
        e = np.abs(logits, out=self.work("e", logits.shape, logits.dtype))
        np.negative(e, out=e)
        np.exp(e, out=e)
        p: Array = np.where(logits >= 0, 1, e) / (1 + e)
        self.p = p
        loss: Array = np.maximum(logits, 0) - target * logits + np.log1p(e)
        return mean(loss, loss.size)

    def backward_logits(self) -> Array:
        dz = np.subtract(self.p, self.target, out=self.work("dz", self.p.shape, self.p.dtype))
        dz /= dz.size
        return dz

    def activated(self) -> Array:
        return self.p


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

    Args:
        smoothing: the share of each target that is spread evenly over all K classes,
            $t = (1 - smoothing) \, t + smoothing / K$, so that no answer is worth being ever surer of; at least 0 and
            less than 1, default 0.0.

    Raises:
        FieldError: smoothing is out of range.
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

    smoothing: float = 0.0

    check_examples = ({}, {"smoothing": 0.2})

    integer_targets = True
    fuses_with = "softmax"
    default_for = ("multiclass",)

    def __post_init__(self) -> None:
        self.require("smoothing", 0 <= self.smoothing < 1, "at least 0 and less than 1")

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
        target = self.target = self._smoothed(target, prediction)
        self.p = clipped(prediction)
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
        target = self.target = self._smoothed(target, logits)
        z = logits.T.copy()  # a row for each class: NumPy is slow at what follows where many rows are short
        # Subtracting a sample's largest logit changes neither loss nor softmax, and no exponential can overflow.
        with np.errstate(over="ignore"):  # logits further apart than the dtype reaches are taken as that far apart
            z -= z.max(axis=0)
        np.maximum(z, float(np.finfo(z.dtype).min), out=z)
        weight: Array | float
        if target.ndim == 1:  # of a one-hot t, only the ones are needed
            self.rows = np.arange(len(target))
            weight, at_target = 1, z[target, self.rows]
        else:
            weight, at_target = target.sum(axis=1), (target.T * z).sum(axis=0)
        e = np.exp(z, out=z)
        total = e.sum(axis=0)
        p = self.work("prediction", logits.shape, logits.dtype)
        np.divide(e, total, out=p.T)
        self.p = p
        return mean(weight * np.log(total) - at_target, len(p))

    def backward_logits(self) -> Array:
        p, target = self.p, self.target
        dz = self.work("dz", p.shape, p.dtype)
        if target.ndim == 1:
            np.copyto(dz, p)
            dz[self.rows, target] -= 1
        else:
            np.multiply(p, target.sum(axis=1, keepdims=True), out=dz)  # where the sums are 1 but for rounding
            dz -= target
        dz /= len(p)
        return dz

    def activated(self) -> Array:
        return self.p

    def _smoothed(self, target: Array, like: Array) -> Array:
        classes = like.shape[-1]
        if self.smoothing and target.ndim == 1:
            target = np.eye(classes, dtype=like.dtype)[target]
        return smoothed(target, self.smoothing, classes)


@dataclass
class KLDivergence(Loss):
    r"""How much more surprised the network is than one that knows the target distribution: 0 where it is matched.

    It is the cross-entropy less the target's entropy, which no prediction can go below. The two have the same gradient,
    and for one-hot targets they are the same.

    Forward:
        $loss = \frac{1}{batch} \sum_n \sum_k t_{n,k} \log (t_{n,k} / p_{n,k})$, where $0 \log 0 = 0$
        $loss = H(t, p) - H(t, t)$ with $H(t, p) = \frac{-1}{batch} \sum_n \sum_k t_{n,k} \log p_{n,k}$

    Backward:
        $dp = \frac{-1}{batch} t / p$
        fused: $dz = \frac{1}{batch} (p - t)$, where each row of t sums to 1

    Shapes:
        p (prediction), z (logits), t (target): (batch, classes); each row of t is a distribution

    Raises:
        ConfigError: the task is not multiclass.

    Reference:
        Kullback, Leibler (1951), "On Information and Sufficiency", Annals of Mathematical Statistics 22; with the
        cross-entropy: Goodfellow, Bengio, Courville (2016), "Deep Learning", section 3.13.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> kl_divergence, t = cr.make("loss", "kl_divergence"), np.array([[0.5, 0.5, 0.0]])
        >>> round(kl_divergence.forward(np.array([[0.25, 0.25, 0.5]]), t), 4)  # log 2
        0.6931
        >>> kl_divergence.forward(t, t)
        0.0
    """

    fuses_with = "softmax"

    def __post_init__(self) -> None:
        self._cross_entropy = CategoricalCrossEntropy()

    def output(self, task: Task, classes: int) -> tuple[int, str]:
        if task != "multiclass":
            instead = "binary_cross_entropy" if task == "binary" else "mse, mae or huber"
            raise ConfigError(f"kl_divergence is for multiclass tasks, and the data is {task}: take {instead}")
        return classes, "softmax"

    def forward(self, prediction: Array, target: Array) -> float:
        return self._cross_entropy.forward(prediction, target) - entropy(target)

    def backward(self) -> Array:
        return self._cross_entropy.backward()

    def forward_logits(self, logits: Array, target: Array) -> float:
        return self._cross_entropy.forward_logits(logits, target) - entropy(target)

    def backward_logits(self) -> Array:
        return self._cross_entropy.backward_logits()

    def activated(self) -> Array:
        return self._cross_entropy.activated()


def smoothed(target: Array, smoothing: float, classes: int) -> Array:
    """``target`` with a share of it spread evenly over the classes."""
    return (1 - smoothing) * target + smoothing / classes if smoothing else target


def entropy(t: Array) -> float:
    """The mean entropy of the rows of ``t``."""
    return -mean(t * np.log(clipped(t)), len(t))
