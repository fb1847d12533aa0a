from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from chainrule import Array, Optimizer


@dataclass
class AdaDelta(Optimizer):
    r"""Steps as large as the last ones were, in the gradient's own units: no learning rate need be found.

    Update:
        $v = \rho v + (1 - \rho) \, grad^2$
        $\Delta = grad \, \sqrt{u + eps} / \sqrt{v + eps}$
        $u = \rho u + (1 - \rho) \, \Delta^2$
        $\theta = \theta - lr \, \Delta$

    Args:
        lr: multiplies each step, above 0 and finite; default 1.0, which is the paper's method.
        rho: the share of the past in both mean squares, at least 0 and less than 1; default 0.95.
        eps: starts the first steps and keeps the divisor from zero, above 0 and finite; default 1e-6.
        weight_decay: the strength of decoupled decay of weights, at least 0 and finite; default 0. lr multiplies it,
            and is far larger here than elsewhere.

    Raises:
        FieldError: a value is out of range.

    Reference:
        Zeiler (2012), "ADADELTA: An Adaptive Learning Rate Method", algorithm 1.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> theta, slots = np.array([1.0]), {"v": np.zeros(1), "u": np.zeros(1)}
        >>> adadelta = cr.make("optimizer", "adadelta", rho=0.75, eps=0.01)
        >>> adadelta.update(theta, np.array([1000.0]), slots, step=1, lr=1.0)
        >>> theta.round(4)  # the step was 0.1 / 0.5
        array([0.8])
    """

    lr: float = 1.0
    rho: float = 0.95
    eps: float = 1e-6
    weight_decay: float = 0.0
    slots = ("v", "u")

    def __post_init__(self) -> None:
        self.require("lr", 0 < self.lr < math.inf, "above 0 and finite")
        self.require("rho", 0 <= self.rho < 1, "at least 0 and less than 1")
        self.require("eps", 0 < self.eps < math.inf, "above 0 and finite")
        self.require("weight_decay", 0 <= self.weight_decay < math.inf, "at least 0 and finite")

    def update(self, theta: Array, grad: Array, slots: dict[str, Array], step: int, lr: float) -> None:
        v, u = slots["v"], slots["u"]
        move, scratch = (self.work(name, grad.shape, grad.dtype) for name in ("move", "scratch"))
        self._mean_square(v, grad, scratch)
        np.add(u, self.eps, out=move)
        move /= np.add(v, self.eps, out=scratch)
        np.sqrt(move, out=move)  # one root of the quotient, in place of the quotient of two
        move *= grad
        self._mean_square(u, move, scratch)
        move *= lr
        theta -= move

    def _mean_square(self, mean: Array, x: Array, scratch: Array) -> None:
        mean *= self.rho
        np.multiply(1 - self.rho, x, out=scratch)
        scratch *= x
        mean += scratch
