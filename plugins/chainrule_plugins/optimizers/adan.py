"""Adam's kin with Nesterov's look ahead written out: the change of the gradient is followed too."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from chainrule import Array, Optimizer


@dataclass
class Adan(Optimizer):
    r"""Momentum that sees where the gradient is going: its mean, and the mean of how it changes, both drive the step.

    Update:
        $\Delta = grad - grad_{before}$
        $m = \beta_1 m + (1 - \beta_1) \, grad$
        $v = \beta_2 v + (1 - \beta_2) \, \Delta$
        $n = \beta_3 n + (1 - \beta_3) \, (grad + \beta_2 \Delta)^2$
        $\theta = \theta - lr \, (m + \beta_2 v) / (\sqrt{n} + eps)$
        at the first step: $m = grad$, $v = 0$, $n = grad^2$

    The paper's betas are the shares of the new, 1 minus these. Its weight decay divides theta by
    $1 + lr \cdot weight\_decay$; here it is the trainer's, which multiplies by $1 - lr \cdot weight\_decay$, the same
    but for the square of that. Restarts are left out, as in most of the paper's experiments.

    Args:
        lr: the learning rate, above 0 and finite; default 0.001. The paper takes 5 to 10 times Adam's.
        beta1: the share of the past in the mean of gradients, at least 0 and less than 1; default 0.98.
        beta2: the share of the past in the mean of their changes, at least 0 and less than 1; default 0.92.
        beta3: the share of the past in the mean of squares, at least 0 and less than 1; default 0.99.
        eps: keeps the divisor from zero, above 0 and finite; default 1e-8.
        weight_decay: the strength of decoupled decay of weights, at least 0 and finite; default 0. The paper takes
            0.02.

    Raises:
        FieldError: a value is out of range.

    Reference:
        Xie, Zhou, Li, Lin, Yan (2022), "Adan: Adaptive Nesterov Momentum Algorithm for Faster Optimizing Deep Models",
        algorithm 1.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> adan = cr.make("optimizer", "adan", beta1=0.5, beta2=0.5, beta3=0.0)
        >>> theta, slots = np.array([1.0]), {name: np.zeros(1) for name in adan.slots}
        >>> for step, grad in enumerate([1.0, 3.0], start=1):  # by 1/1, then by (2 + 0.5) / 4, of the learning rate
        ...     adan.update(theta, np.array([grad]), slots, step, lr=0.5)
        >>> theta.round(4)
        array([0.1875])
    """

    lr: float = 0.001
    beta1: float = 0.98
    beta2: float = 0.92
    beta3: float = 0.99
    eps: float = 1e-8
    weight_decay: float = 0.0
    slots = ("m", "v", "n", "before")
    squares_gradient = True

    def __post_init__(self) -> None:
        self.require("lr", 0 < self.lr < math.inf, "above 0 and finite")
        self.require("beta1", 0 <= self.beta1 < 1, "at least 0 and less than 1")
        self.require("beta2", 0 <= self.beta2 < 1, "at least 0 and less than 1")
        self.require("beta3", 0 <= self.beta3 < 1, "at least 0 and less than 1")
        self.require("eps", 0 < self.eps < math.inf, "above 0 and finite")
        self.require("weight_decay", 0 <= self.weight_decay < math.inf, "at least 0 and finite")

    def reference(self, theta: Array, gradient: Callable[[Array], Array], rates: Iterable[float]) -> Iterator[Array]:
        grads = []
        for lr in rates:
            grads.append(gradient(theta))
            m, v, n = grads[0], np.zeros(theta.shape), grads[0] ** 2
            for before, grad in pairwise(grads):
                m = self.beta1 * m + (1 - self.beta1) * grad
                v = self.beta2 * v + (1 - self.beta2) * (grad - before)
                n = self.beta3 * n + (1 - self.beta3) * (grad + self.beta2 * (grad - before)) ** 2
            theta = theta - lr * (m + self.beta2 * v) / (np.sqrt(n) + self.eps)
            yield theta

    def rule(
        self, theta: Array, grad: Array, m: Array, v: Array, n: Array, before: Array, step: int, lr: float
    ) -> tuple[Array, Array, Array, Array, Array]:
        first = step == 1
        change = np.where(first, 0.0, 1.0) * (grad - before)
        m = self.beta1 * m + np.where(first, 1.0, 1 - self.beta1) * grad
        v = self.beta2 * v + (1 - self.beta2) * change
        n = self.beta3 * n + np.where(first, 1.0, 1 - self.beta3) * (grad + self.beta2 * change) ** 2
        return theta - lr * ((m + self.beta2 * v) / (np.sqrt(n) + self.eps)), m, v, n, grad
