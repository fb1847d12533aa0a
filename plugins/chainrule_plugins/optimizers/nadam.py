from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from chainrule import Array, Optimizer


@dataclass
class NAdam(Optimizer):
    r"""Adam with Nesterov's look ahead: the newest gradient counts at once, not from the next step on.

    Update:
        $m = \beta_1 m + (1 - \beta_1) \, grad$
        $v = \beta_2 v + (1 - \beta_2) \, grad^2$
        $\hat m = \beta_1 m / (1 - \beta_1^{t+1}) + (1 - \beta_1) \, grad / (1 - \beta_1^t)$
        $\hat v = v / (1 - \beta_2^t)$
        $\theta = \theta - lr \, \hat m / (\sqrt{\hat v} + eps)$

    The paper lets $\beta_1$ change from step to step; here it is constant. As in adam, the slots hold
    $M = m / (1 - \beta_1)$ and $V = v / (1 - \beta_2)$, and what they leave out remains as three numbers:

        $\hat m = a \, (b M + grad)$ with $a = (1 - \beta_1) / (1 - \beta_1^t)$,
        $b = \beta_1 (1 - \beta_1^t) / (1 - \beta_1^{t+1})$
        $\sqrt{\hat v} = c \sqrt{V}$ with $c = \sqrt{(1 - \beta_2) / (1 - \beta_2^t)}$
        $\theta = \theta - (lr \, a / c) \, (b M + grad) / (\sqrt{V} + eps / c)$

    Args:
        lr: the learning rate, above 0 and finite; default 0.002.
        beta1: the share of the past in the mean of gradients, at least 0 and less than 1; default 0.9.
        beta2: the share of the past in the mean of their squares, at least 0 and less than 1; default 0.999.
        eps: keeps the divisor from zero, above 0 and finite; default 1e-8.
        weight_decay: the strength of decoupled decay of weights, at least 0 and finite; default 0.

    Raises:
        FieldError: a value is out of range.

    Reference:
        Dozat (2016), "Incorporating Nesterov Momentum into Adam", ICLR workshop.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> theta, slots = np.array([1.0]), {"m": np.zeros(1), "v": np.zeros(1)}
        >>> cr.make("optimizer", "nadam", beta1=0.5).update(theta, np.array([1000.0]), slots, step=1, lr=0.3)
        >>> theta.round(4)  # the first step is 1 + beta1 / (1 + beta1) as long as Adam's
        array([0.6])
    """

    lr: float = 0.002
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
        b = self.beta1 * (1 - self.beta1**step) / (1 - self.beta1 ** (step + 1))
        c = math.sqrt((1 - self.beta2) / (1 - self.beta2**step))
        move, scratch = (self.work(name, grad.shape, grad.dtype) for name in ("move", "scratch"))
        M *= self.beta1
        M += grad
        V *= self.beta2
        V += np.multiply(grad, grad, out=scratch)
        np.multiply(b, M, out=move)
        move += grad
        np.sqrt(V, out=scratch)
        scratch += self.eps / c
        move /= scratch
        move *= lr * a / c
        theta -= move
