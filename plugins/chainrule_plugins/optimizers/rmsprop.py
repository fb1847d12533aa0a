from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from chainrule import Array, Optimizer


@dataclass
class RMSProp(Optimizer):
    r"""Each parameter's step is divided by how large its gradients have been of late, so that all move alike.

    Update:
        $v = \rho v + (1 - \rho) \, grad^2$
        $\theta = \theta - lr \, grad / (\sqrt{v} + eps)$

    Args:
        lr: the learning rate, above 0 and finite; default 0.001.
        rho: the share of the past in the mean square, at least 0 and less than 1; default 0.9.
        eps: keeps the divisor from zero, above 0 and finite; default 1e-8.
        weight_decay: the strength of decoupled decay of weights, at least 0 and finite; default 0.

    Raises:
        FieldError: a value is out of range.

    Reference:
        Hinton, with Srivastava and Swersky (2012), "Neural Networks for Machine Learning", lecture 6e. The lecture has
        no eps.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> rmsprop = cr.make("optimizer", "rmsprop", rho=0.75)
        >>> theta, slots = np.array([1.0, 1.0]), {"v": np.zeros(2)}
        >>> rmsprop.update(theta, np.array([0.001, 1000.0]), slots, step=1, lr=0.25)
        >>> theta.round(4)
        array([0.5, 0.5])
    """

    lr: float = 0.001
    rho: float = 0.9
    eps: float = 1e-8
    weight_decay: float = 0.0
    slots = ("v",)

    def __post_init__(self) -> None:
        self.require("lr", 0 < self.lr < math.inf, "above 0 and finite")
        self.require("rho", 0 <= self.rho < 1, "at least 0 and less than 1")
        self.require("eps", 0 < self.eps < math.inf, "above 0 and finite")
        self.require("weight_decay", 0 <= self.weight_decay < math.inf, "at least 0 and finite")

    def update(self, theta: Array, grad: Array, slots: dict[str, Array], step: int, lr: float) -> None:
        v, scratch = slots["v"], self.work("scratch", grad.shape, grad.dtype)
        v *= self.rho
        np.multiply(1 - self.rho, grad, out=scratch)
        scratch *= grad
        v += scratch
        np.sqrt(v, out=scratch)
        scratch += self.eps
        np.divide(grad, scratch, out=scratch)
        scratch *= lr
        theta -= scratch
