"""Optimizers that keep their speed from step to step."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from chainrule import Array, Optimizer


@dataclass
class Momentum(Optimizer):
    r"""A heavy ball: it gathers speed where slopes agree, and rolls through small bumps.

    Update:
        $v = \beta v + grad$
        $\theta = \theta - lr \, v$

    Args:
        lr: the learning rate, above 0 and finite; default 0.01.
        momentum: beta, what is left of the speed at each step, at least 0 and less than 1; default 0.9.
        weight_decay: the strength of decoupled decay of weights, at least 0 and finite; default 0.

    Raises:
        FieldError: a value is out of range.

    Reference:
        Polyak (1964), "Some methods of speeding up the convergence of iteration methods", USSR Computational
        Mathematics and Mathematical Physics 4.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> momentum = cr.make("optimizer", "momentum", momentum=0.5)
        >>> theta, slots = np.array([1.0]), {"v": np.array([0.0])}
        >>> for step in (1, 2):
        ...     momentum.update(theta, np.array([1.0]), slots, step, lr=0.25)
        >>> theta, slots["v"]
        (array([0.375]), array([1.5]))
    """

    lr: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 0.0
    slots = ("v",)

    def __post_init__(self) -> None:
        self.require("lr", 0 < self.lr < math.inf, "above 0 and finite")
        self.require("momentum", 0 <= self.momentum < 1, "at least 0 and less than 1")
        self.require("weight_decay", 0 <= self.weight_decay < math.inf, "at least 0 and finite")

    def update(self, theta: Array, grad: Array, slots: dict[str, Array], step: int, lr: float) -> None:
        v = slots["v"]
        v *= self.momentum
        v += grad
        theta -= np.multiply(lr, v, out=self.work("move", v.shape, v.dtype))


@dataclass
class Nesterov(Optimizer):
    r"""Momentum that looks ahead: it takes the slope where the speed is about to carry it, and so brakes in time.

    In the paper the slope is taken at a point ahead of the parameters. Here, as is usual, theta is that point: the
    same path, one step of speed further on, and the gradient is needed at theta alone.

    Update:
        $v = \beta v + grad$
        $\theta = \theta - lr \, (grad + \beta v)$

    Args:
        lr: the learning rate, above 0 and finite; default 0.01.
        momentum: beta, what is left of the speed at each step, at least 0 and less than 1; default 0.9.
        weight_decay: the strength of decoupled decay of weights, at least 0 and finite; default 0.

    Raises:
        FieldError: a value is out of range.

    Reference:
        Sutskever, Martens, Dahl, Hinton (2013), "On the importance of initialization and momentum in deep learning",
        equations 3 and 4.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> nesterov = cr.make("optimizer", "nesterov", momentum=0.5)
        >>> theta, slots = np.array([1.0]), {"v": np.array([0.0])}
        >>> nesterov.update(theta, np.array([1.0]), slots, step=1, lr=0.25)
        >>> theta, slots["v"]
        (array([0.625]), array([1.]))
    """

    lr: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 0.0
    slots = ("v",)

    def __post_init__(self) -> None:
        self.require("lr", 0 < self.lr < math.inf, "above 0 and finite")
        self.require("momentum", 0 <= self.momentum < 1, "at least 0 and less than 1")
        self.require("weight_decay", 0 <= self.weight_decay < math.inf, "at least 0 and finite")

    def update(self, theta: Array, grad: Array, slots: dict[str, Array], step: int, lr: float) -> None:
        v = slots["v"]
        v *= self.momentum
        v += grad
        move = np.multiply(self.momentum, v, out=self.work("move", v.shape, v.dtype))
        move += grad
        move *= lr
        theta -= move
