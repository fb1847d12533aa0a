"""Adam and what was made of it: momentum for the direction, and steps of its own size for each parameter."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
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

    A gradient $10^k$ times as large as those that follow stays in v for long: its weight hardly moves for some
    $2 k \ln 10 / (1 - \beta_2)$ steps, 4,600 for each k. clip_norm and clip_value spare it that. What is beyond 2.2e15
    in float32, or 7.1e145 in float64, counts as that, so that no sum of squares becomes infinite.

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
        >>> theta, slots = np.array([1.0, 1.0]), {"M": np.zeros(2), "V": np.zeros(2)}
        >>> cr.make("optimizer", "adam").update(theta, np.array([0.001, -1000.0]), slots, step=1, lr=0.5)
        >>> theta.round(4)
        array([0.5, 1.5])
    """

    lr: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0
    default = True
    slots = ("M", "V")
    squares_gradient = True

    def __post_init__(self) -> None:
        self.require("lr", 0 < self.lr < math.inf, "above 0 and finite")
        self.require("beta1", 0 <= self.beta1 < 1, "at least 0 and less than 1")
        self.require("beta2", 0 <= self.beta2 < 1, "at least 0 and less than 1")
        self.require("eps", 0 < self.eps < math.inf, "above 0 and finite")
        self.require("weight_decay", 0 <= self.weight_decay < math.inf, "at least 0 and finite")

    def reference(self, theta: Array, gradient: Callable[[Array], Array], rates: Iterable[float]) -> Iterator[Array]:
        m = v = np.zeros(theta.shape)
        for t, lr in enumerate(rates, start=1):
            grad = gradient(theta)
            m = self.beta1 * m + (1 - self.beta1) * grad
            v = self.beta2 * v + (1 - self.beta2) * grad**2
            m_hat = m / (1 - self.beta1**t)
            v_hat = v / (1 - self.beta2**t)
            theta = theta - lr * m_hat / (np.sqrt(v_hat) + self.eps)
            yield theta

    def rule(self, theta: Array, grad: Array, M: Array, V: Array, step: int, lr: float) -> tuple[Array, Array, Array]:
        a = (1 - self.beta1) / (1 - self.beta1**step)
        c = np.sqrt((1 - self.beta2) / (1 - self.beta2**step))
        M = self.beta1 * M + grad
        V = self.beta2 * V + grad**2
        return theta - lr * a / c * (M / (np.sqrt(V) + self.eps / c)), M, V


@dataclass
class AdamW(Adam):
    r"""Adam whose weights also shrink a little at each step, by a share that no gradient has a part in.

    It is adam, whose weight_decay is decoupled too, with a default that is not zero. An L2 penalty is something else:
    its gradient would pass through m and v, and weights with large gradients would hardly shrink.

    Update:
        $\theta = (1 - lr \cdot weight\_decay) \, \theta$ for weights, not for biases
        then as adam: $\theta = \theta - lr \, \hat m / (\sqrt{\hat v} + eps)$

    In the paper a schedule multiplies the decay, and the learning rate does not; here, as is usual, both do.

    Args:
        lr: the learning rate, above 0 and finite; default 0.001.
        beta1: the share of the past in the mean of gradients, at least 0 and less than 1; default 0.9.
        beta2: the share of the past in the mean of their squares, at least 0 and less than 1; default 0.999.
        eps: keeps the divisor from zero, above 0 and finite; default 1e-8.
        weight_decay: the strength of decoupled decay of weights, at least 0 and finite; default 0.01.

    Raises:
        FieldError: a value is out of range.

    Reference:
        Loshchilov, Hutter (2019), "Decoupled Weight Decay Regularization", ICLR, algorithm 2.

    Example:
        >>> import chainrule as cr
        >>> cr.make("optimizer", "adamw")
        AdamW(lr=0.001, beta1=0.9, beta2=0.999, eps=1e-08, weight_decay=0.01)
    """

    weight_decay: float = 0.01


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
        >>> theta, slots = np.array([1.0]), {"M": np.zeros(1), "V": np.zeros(1)}
        >>> cr.make("optimizer", "nadam", beta1=0.5).update(theta, np.array([1000.0]), slots, step=1, lr=0.3)
        >>> theta.round(4)  # the first step is 1 + beta1 / (1 + beta1) as long as Adam's
        array([0.6])
    """

    lr: float = 0.002
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0
    slots = ("M", "V")
    squares_gradient = True

    def __post_init__(self) -> None:
        self.require("lr", 0 < self.lr < math.inf, "above 0 and finite")
        self.require("beta1", 0 <= self.beta1 < 1, "at least 0 and less than 1")
        self.require("beta2", 0 <= self.beta2 < 1, "at least 0 and less than 1")
        self.require("eps", 0 < self.eps < math.inf, "above 0 and finite")
        self.require("weight_decay", 0 <= self.weight_decay < math.inf, "at least 0 and finite")

    def reference(self, theta: Array, gradient: Callable[[Array], Array], rates: Iterable[float]) -> Iterator[Array]:
        m = v = np.zeros(theta.shape)
        for t, lr in enumerate(rates, start=1):
            grad = gradient(theta)
            m = self.beta1 * m + (1 - self.beta1) * grad
            v = self.beta2 * v + (1 - self.beta2) * grad**2
            m_hat = self.beta1 * m / (1 - self.beta1 ** (t + 1)) + (1 - self.beta1) * grad / (1 - self.beta1**t)
            v_hat = v / (1 - self.beta2**t)
            theta = theta - lr * m_hat / (np.sqrt(v_hat) + self.eps)
            yield theta

    def rule(self, theta: Array, grad: Array, M: Array, V: Array, step: int, lr: float) -> tuple[Array, Array, Array]:
        a = (1 - self.beta1) / (1 - self.beta1**step)
        b = self.beta1 * (1 - self.beta1**step) / (1 - self.beta1 ** (step + 1))
        c = np.sqrt((1 - self.beta2) / (1 - self.beta2**step))
        M = self.beta1 * M + grad
        V = self.beta2 * V + grad**2
        return theta - lr * a / c * ((b * M + grad) / (np.sqrt(V) + self.eps / c)), M, V
