"""Plain gradient descent."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from chainrule import Array, Optimizer


@dataclass
class SGD(Optimizer):
    r"""A small step straight down the slope.

    Update:
        $\theta = \theta - lr \, grad$

    Args:
        lr: the learning rate, above 0 and finite; default 0.1.
        weight_decay: the strength of decoupled decay of weights, at least 0 and finite; default 0.

    Raises:
        FieldError: a value is out of range.

    Reference:
        Robbins, Monro (1951), "A Stochastic Approximation Method", Annals of Mathematical Statistics 22.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> theta = np.array([1.0, 2.0])
        >>> cr.make("optimizer", "sgd").update(theta, grad=np.array([10.0, -10.0]), slots={}, step=1, lr=0.1)
        >>> theta
        array([0., 3.])
    """

    lr: float = 0.1
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        self.require("lr", 0 < self.lr < math.inf, "above 0 and finite")
        self.require("weight_decay", 0 <= self.weight_decay < math.inf, "at least 0 and finite")

    def reference(self, theta: Array, gradient: Callable[[Array], Array], rates: Iterable[float]) -> Iterator[Array]:
        for lr in rates:
            theta = theta - lr * gradient(theta)
            yield theta

    def rule(self, theta: Array, grad: Array, lr: float) -> Array:
        return theta - lr * grad
