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

    def rule(self, theta: Array, grad: Array, m: Array, lr: float) -> tuple[Array, Array]:
        delta = grad - m
        vote = m + (1 - self.beta1) * delta
        return theta - lr * np.sign(vote), m + (1 - self.beta2) * delta


@dataclass
class Rprop(Optimizer):
    r"""Each parameter has a step of its own, that grows while the slope keeps its sign, and shrinks where it turns.

    How steep the slope is does not matter. That wants gradients without noise, of all samples at once: in small batches
    signs turn by chance, and all steps shrink.

    Update:
        $s = sign(grad)$
        $size = \min(grow \cdot size, largest)$ where $s = s_{before}$
        $size = \max(shrink \cdot size, smallest)$ and $s = 0$ where $s = -s_{before}$
        $\theta = \theta - lr \cdot size \cdot s$
        with $size = 1$ at first, $s_{before} = 0$ at first, and this $s$ as the next step's $s_{before}$

    So lr is the length of the first step, and what sizes are multiples of: a schedule multiplies all of them.

    This is iRprop-, without the weight backtracking of the first paper: where the slope has turned, a parameter stays
    where it is for a step.

    Args:
        lr: the first step of each parameter, above 0 and finite; default 0.01. The paper takes 0.1.
        grow: the factor of a step that goes on, at least 1 and finite; default 1.2.
        shrink: the factor of a step that went too far, above 0 and less than 1; default 0.5.
        smallest: the smallest size, above 0 and at most 1; default 1e-4, with the default lr a step of 1e-6, as in the
            paper.
        largest: the largest size, at least 1 and finite; default 5000, with the default lr a step of 50, as in the
            paper.
        weight_decay: the strength of decoupled decay of weights, at least 0 and finite; default 0.

    Raises:
        FieldError: a value is out of range.

    Reference:
        Riedmiller, Braun (1993), "A Direct Adaptive Method for Faster Backpropagation Learning: The RPROP Algorithm",
        IEEE International Conference on Neural Networks; this variant: Igel, Hüsken (2000), "Improving the Rprop
        Learning Algorithm", iRprop-.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> rprop = cr.make("optimizer", "rprop", grow=2.0)
        >>> theta, slots = np.array([8.0]), {"size": np.zeros(1), "sign": np.zeros(1)}
        >>> for step in range(1, 6):  # by 1, by 2, by 4, by 8 down: too far, so stay there, and go on by 4 from then on
        ...     rprop.update(theta, theta.copy(), slots, step, lr=1.0)
        ...     print(theta, slots["size"])
        [7.] [1.]
        [5.] [2.]
        [1.] [4.]
        [-7.] [8.]
        [-7.] [4.]
    """

    lr: float = 0.01
    grow: float = 1.2
    shrink: float = 0.5
    smallest: float = 1e-4
    largest: float = 5000.0
    weight_decay: float = 0.0
    slots = ("size", "sign")

    check_examples = ({}, {"grow": 3.0, "largest": 4.0, "smallest": 0.3})

    def __post_init__(self) -> None:
        self.require("lr", 0 < self.lr < math.inf, "above 0 and finite")
        self.require("grow", 1 <= self.grow < math.inf, "at least 1 and finite")
        self.require("shrink", 0 < self.shrink < 1, "above 0 and less than 1")
        self.require("smallest", 0 < self.smallest <= 1, "above 0 and at most 1")
        self.require("largest", 1 <= self.largest < math.inf, "at least 1 and finite")
        self.require("weight_decay", 0 <= self.weight_decay < math.inf, "at least 0 and finite")

    def reference(self, theta: Array, gradient: Callable[[Array], Array], rates: Iterable[float]) -> Iterator[Array]:
        size, before = np.ones(theta.shape), np.zeros(theta.shape)
        for lr in rates:
            s = np.sign(gradient(theta))
            size = np.where(s * before > 0, np.minimum(self.grow * size, self.largest), size)
            size = np.where(s * before < 0, np.maximum(self.shrink * size, self.smallest), size)
            s = np.where(s * before < 0, 0, s)
            theta, before = theta - lr * size * s, s
            yield theta

    def rule(self, theta: Array, grad: Array, size: Array, sign: Array, lr: float) -> tuple[Array, Array, Array]:
        size = size + (size == 0)  # a slot holds zeros at first; no size becomes 0
        same = sign * np.sign(grad)  # 1 where the sign is what it was, -1 where it has turned, 0 where either one was 0
        # The parabola through (1, grow), (0, 1) and (-1, shrink): far faster than a choice of three.
        factor = ((self.grow + self.shrink - 2) / 2 * same + (self.grow - self.shrink) / 2) * same + 1
        size = np.clip(size * factor, self.smallest, self.largest)
        sign = np.sign(grad) * (same >= 0)
        return theta - lr * (size * sign), size, sign
