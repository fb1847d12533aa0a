from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from chainrule import Array, Optimizer


@dataclass
class Adam(Optimizer):
    r"""Momentum for the direction, and a step size of its own for each parameter, both corrected for starting at zero.

    Update:
        $m = \beta_1 m + (1 - \beta_1) \, grad$
        $v = \beta_2 v + (1 - \beta_2) \, grad^2$
        $\hat m = m / (1 - \beta_1^t)$
        $\hat v = v / (1 - \beta_2^t)$
        $\theta = \theta - lr \, \hat m / (\sqrt{\hat v} + eps)$

    The code reaches the same numbers in fewer passes over memory. Its slots hold $M = m / (1 - \beta_1)$ and
    $V = v / (1 - \beta_2)$, plain decaying sums; what they leave out are constants, of which two numbers remain:

        $M = \beta_1 M + grad$
        $V = \beta_2 V + grad^2$
        $\hat m = a M$ with $a = (1 - \beta_1) / (1 - \beta_1^t)$
        $\sqrt{\hat v} = c \sqrt{V}$ with $c = \sqrt{(1 - \beta_2) / (1 - \beta_2^t)}$
        $\theta = \theta - lr \, a M / (c \sqrt{V} + eps) = \theta - (lr \, a / c) \, M / (\sqrt{V} + eps / c)$

    Args:
        lr: the learning rate, above 0 and finite; default 0.001.
        beta1: the share of the past in the mean of gradients, at least 0 and less than 1; default 0.9.
        beta2: the share of the past in the mean of their squares, at least 0 and less than 1; default 0.999.
        eps: keeps the divisor from zero, above 0 and finite; default 1e-8.
        weight_decay: the strength of decoupled decay of weights (AdamW), at least 0 and finite; default 0.

    Raises:
        FieldError: a value is out of range.

    Reference:
        Kingma, Ba (2015), "Adam: A Method for Stochastic Optimization", algorithm 1; the order of computation is that
        of the end of its section 2, taken further.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> theta, slots = np.array([1.0, 1.0]), {"m": np.zeros(2), "v": np.zeros(2)}
        >>> cr.make("optimizer", "adam").update(theta, np.array([0.001, -1000.0]), slots, step=1, lr=0.5)
        >>> theta.round(4)
        array([0.5, 1.5])
    """

    lr: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0
    slots = ("m", "v")

    def __post_init__(self) -> None:
        self.require("lr", 0 < self.lr < math.inf, "above 0 and finite")
        self.require("beta1", 0 <= self.beta1 < 1, "at least 0 and less than 1")
        self.require("beta2", 0 <= self.beta2 < 1, "at least 0 and less than 1")
        self.require("eps", 0 < self.eps < math.inf, "above 0 and finite")
        self.require("weight_decay", 0 <= self.weight_decay < math.inf, "at least 0 and finite")

    def update(self, theta: Array, grad: Array, slots: dict[str, Array], step: int, lr: float) -> None:
        M, V = slots["m"], slots["v"]
        a = (1 - self.beta1) / (1 - self.beta1**step)
        c = math.sqrt((1 - self.beta2) / (1 - self.beta2**step))
        M *= self.beta1
        M += grad
        V *= self.beta2
        grad *= grad
        V += grad
        move = np.sqrt(V, out=grad)  # the gradient is used up: its place serves for what is left to compute
        move += self.eps / c
        np.divide(M, move, out=move)
        move *= lr * a / c
        theta -= move
