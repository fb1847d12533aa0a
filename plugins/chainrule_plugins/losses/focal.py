"""The cross-entropy that turns to what is still wrong."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from chainrule import Array, ConfigError, Graph, Loss, Task
from chainrule_plugins.losses._stable import clipped, log_in_onnx, mean


@dataclass
class Focal(Loss):
    r"""A cross-entropy in which answers that are right already hardly count: many easy noes do not drown a few yeses.

    Of several classes each is asked for by itself, as by binary_cross_entropy.

    Forward:
        $loss = \frac{-1}{batch \cdot outputs} \sum a \, t \, (1 - p)^{gamma} \log p
        + b \, (1 - t) \, p^{gamma} \log(1 - p)$ with $a = alpha$ and $b = 1 - alpha$, or both 1 without alpha
        fused, $p = 1 / (1 + e^{-z})$: $\log p = -\log(1 + e^{-z})$ and $\log(1 - p) = -\log(1 + e^z)$

    Backward:
        $dp = \frac{1}{batch \cdot outputs} (a \, t \, (1 - p)^{gamma} (gamma \frac{\log p}{1 - p} - \frac{1}{p})
        - b \, (1 - t) \, p^{gamma} (gamma \frac{\log(1 - p)}{p} - \frac{1}{1 - p}))$
        fused: $dz = \frac{1}{batch \cdot outputs} (a \, t \, (1 - p)^{gamma} (gamma \, p \log p - (1 - p))
        - b \, (1 - t) \, p^{gamma} (gamma \, (1 - p) \log(1 - p) - p))$

    Shapes:
        p (prediction), z (logits), t (target): (batch, *outputs); t from 0 to 1

    Args:
        gamma: how soon an answer counts as right: with 0 it is the cross-entropy, with 2 an answer of 0.9 counts a
            hundredth; at least 0 and finite, default 2.0.
        alpha: the share of the yeses, above 0 and less than 1; default 0.25. With null yes and no count alike.

    Raises:
        FieldError: a field is out of range.
        ConfigError: the task is regression.

    Reference:
        Lin, Goyal, Girshick, He, Dollár (2017), "Focal Loss for Dense Object Detection", ICCV, equation 5.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> focal = cr.make("loss", "focal", alpha=None)
        >>> sure, unsure = (focal.forward(np.array([[p]]), np.array([[1.0]])) for p in (0.9, 0.5))
        >>> round(unsure / sure)  # of cross-entropies it would be 7
        164
    """

    gamma: float = 2.0
    alpha: float | None = 0.25

    check_examples = ({}, {"gamma": 0.5, "alpha": None}, {"gamma": 0.0, "alpha": 0.75})
    check_sizes = (1e38,)

    fuses_with = "sigmoid"

    def __post_init__(self) -> None:
        self.require("gamma", 0 <= self.gamma < math.inf, "at least 0 and finite")
        self.require("alpha", self.alpha is None or 0 < self.alpha < 1, "above 0 and less than 1, or null")

    def reference(self, prediction: Array, target: Array) -> float:
        a, b = (1.0, 1.0) if self.alpha is None else (self.alpha, 1 - self.alpha)
        losses = []
        for p, t in zip(prediction.flat, target.flat):
            yes, no = (1 - p) ** self.gamma * math.log(p), p**self.gamma * math.log1p(-p)
            losses.append(-a * t * yes - b * (1 - t) * no)
        return float(np.mean(losses))

    def output(self, task: Task, classes: int) -> tuple[int, str]:
        if task == "regression":
            raise ConfigError("focal is for binary and multiclass tasks, and the data is regression: take mse or huber")
        return (classes if task == "multiclass" else 1), "sigmoid"

    def _shares(self, target: Array) -> tuple[Array, Array]:
        """How much yes and no count, for each answer."""
        yes, no = (1.0, 1.0) if self.alpha is None else (self.alpha, 1 - self.alpha)
        return yes * target, no * (1 - target)

    def forward(self, prediction: Array, target: Array) -> float:
        self.yes, self.no = self._shares(target)
        self.p, self.q = clipped(prediction), clipped(1 - prediction)
        self.log_p, self.log_q = np.log(self.p), np.log(self.q)
        losses: Array = self.yes * self.q**self.gamma * self.log_p + self.no * self.p**self.gamma * self.log_q
        self.losses = np.negative(losses, out=losses)
        return mean(losses, losses.size)

    def to_onnx(self, graph: Graph, prediction: str, target: str) -> str:
        yes, no = (1.0, 1.0) if self.alpha is None else (self.alpha, 1 - self.alpha)

        def losses(share: float, t: str, p: str, q: str) -> str:
            weight = graph.add("Mul", graph.add("Mul", t, share), graph.add("Pow", q, self.gamma))
            return graph.add("Mul", weight, log_in_onnx(graph, p))

        p, q = prediction, graph.add("Sub", 1.0, prediction)
        both = graph.add("Add", losses(yes, target, p, q), losses(no, graph.add("Sub", 1.0, target), q, p))
        return graph.add("Neg", graph.add("ReduceMean", both, keepdims=0))

    def backward(self) -> Array:
        p, q, gamma = self.p, self.q, self.gamma
        dp: Array = self.yes * q**gamma * (gamma * self.log_p / q - 1 / p)
        dp -= self.no * p**gamma * (gamma * self.log_q / p - 1 / q)
        dp /= dp.size
        return dp

    def forward_logits(self, logits: Array, target: Array) -> float:
        yes, no = self._shares(target)
        # e^-|z| cannot overflow, and serves the logarithms of both answers, and the sigmoid.
        e = np.exp(-np.abs(logits))
        rest = np.log1p(e)
        log_p, log_q = np.minimum(logits, 0) - rest, np.minimum(-logits, 0) - rest
        p, q = np.where(logits >= 0, 1, e) / (1 + e), np.where(logits >= 0, e, 1) / (1 + e)
        with np.errstate(over="ignore"):  # e^-inf is right
            yes *= np.exp(self.gamma * log_q)  # (1 - p)^gamma with all its digits, where p is close to 1
            no *= np.exp(self.gamma * log_p)
        self.prediction: Array = p
        self.dz: Array = yes * (self.gamma * p * log_p - q) - no * (self.gamma * q * log_q - p)
        losses: Array = -yes * log_p - no * log_q
        self.losses = losses
        return mean(losses, losses.size)

    def backward_logits(self) -> Array:
        dz: Array = self.dz / self.dz.size
        return dz

    def activated(self) -> Array:
        return self.prediction

    def rows(self) -> Array:
        return self.losses
