"""Optimizers that look at signs alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from chainrule import Array, Optimizer


@dataclass
class Lion(Optimizer):
    r"""Every parameter moves by the same length, up or down, as the newest gradient and the past ones vote.

    Update:
        $\theta = \theta - lr \, sign(\beta_1 m + (1 - \beta_1) \, grad)$
        $m = \beta_2 m + (1 - \beta_2) \, grad$

    With $\Delta = grad - m$, both means are steps from m towards the gradient: $m + (1 - \beta_1) \Delta$ and
    $m + (1 - \beta_2) \Delta$.

    Args:
        lr: the length of each step, above 0 and finite; default 0.0001. The paper advises a third to a tenth of Adam's.
        beta1: the share of the past in the vote, at least 0 and less than 1; default 0.9.
        beta2: the share of the past in what is remembered, at least 0 and less than 1; default 0.99.
        weight_decay: the strength of decoupled decay of weights, at least 0 and finite; default 0. The paper advises
            one that is larger than for Adam, as lr is smaller.

    Raises:
        FieldError: a value is out of range.

    Reference:
        Chen et al. (2023), "Symbolic Discovery of Optimization Algorithms", NeurIPS, algorithm 2.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> theta, slots = np.array([1.0, 1.0, 1.0]), {"m": np.zeros(3)}
        >>> cr.make("optimizer", "lion").update(theta, np.array([0.001, 0.0, -1000.0]), slots, step=1, lr=0.25)
        >>> theta
        array([0.75, 1.  , 1.25])
    """

    lr: float = 0.0001
    beta1: float = 0.9
    beta2: float = 0.99
    weight_decay: float = 0.0
    slots = ("m",)

    def __post_init__(self) -> None:
        self.require("lr", 0 < self.lr < math.inf, "above 0 and finite")
        self.require("beta1", 0 <= self.beta1 < 1, "at least 0 and less than 1")
        self.require("beta2", 0 <= self.beta2 < 1, "at least 0 and less than 1")
        self.require("weight_decay", 0 <= self.weight_decay < math.inf, "at least 0 and finite")

    def reference(self, theta: Array, gradient: Callable[[Array], Array], rates: Iterable[float]) -> Iterator[Array]:
        m = np.zeros(theta.shape)
        for lr in rates:
            grad = gradient(theta)
            theta = theta - lr * np.sign(self.beta1 * m + (1 - self.beta1) * grad)
            m = self.beta2 * m + (1 - self.beta2) * grad
            yield theta

    def update(self, theta: Array, grad: Array, slots: dict[str, Array], step: int, lr: float) -> None:
        m = slots["m"]
        delta, vote = (self.work(name, grad.shape, grad.dtype) for name in ("delta", "vote"))
        np.subtract(grad, m, out=delta)
        np.multiply(1 - self.beta1, delta, out=vote)
        vote += m
        np.sign(vote, out=vote)
        vote *= lr
        theta -= vote
        delta *= 1 - self.beta2
        m += delta
