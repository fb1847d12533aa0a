from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from chainrule import Array, Optimizer


@dataclass
class AdaGrad(Optimizer):
    r"""Each parameter's step shrinks with all the gradients that it has met: what is rarely moved still moves far.

    Update:
        $v = v + grad^2$
        $\theta = \theta - lr \, grad / (\sqrt{v} + eps)$

    Args:
        lr: the learning rate, above 0 and finite; default 0.01.
        eps: keeps the divisor from zero, above 0 and finite; default 1e-8.
        weight_decay: the strength of decoupled decay of weights, at least 0 and finite; default 0.

    Raises:
        FieldError: a value is out of range.

    Reference:
        Duchi, Hazan, Singer (2011), "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization",
        JMLR 12: the method with diagonal matrices.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> theta, slots = np.array([1.0]), {"v": np.array([0.0])}
        >>> for step, grad in enumerate([3.0, 4.0], start=1):  # moves by 3/3, then by 4/5, of the learning rate
        ...     cr.make("optimizer", "adagrad").update(theta, np.array([grad]), slots, step, lr=0.5)
        >>> theta.round(4)
        array([0.1])
    """

    lr: float = 0.01
    eps: float = 1e-8
    weight_decay: float = 0.0
    slots = ("v",)

    def __post_init__(self) -> None:
        self.require("lr", 0 < self.lr < math.inf, "above 0 and finite")
        self.require("eps", 0 < self.eps < math.inf, "above 0 and finite")
        self.require("weight_decay", 0 <= self.weight_decay < math.inf, "at least 0 and finite")

    def update(self, theta: Array, grad: Array, slots: dict[str, Array], step: int, lr: float) -> None:
        v, scratch = slots["v"], self.work("scratch", grad.shape, grad.dtype)
        v += np.multiply(grad, grad, out=scratch)
        np.sqrt(v, out=scratch)
        scratch += self.eps
        np.divide(grad, scratch, out=scratch)
        scratch *= lr
        theta -= scratch
