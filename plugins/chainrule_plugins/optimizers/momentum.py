"""Optimizers that keep their speed from step to step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from chainrule import Array, Optimizer


@dataclass
class Momentum(Optimizer):
    r"""A heavy ball: it gathers speed where slopes agree, and rolls through small bumps.

    Update:
        $v = \beta v + grad$
        $\theta = \theta - lr \, v$
        with lr_in_velocity:
        $v = \beta v + lr \, grad$
        $\theta = \theta - v$

    While lr is constant, both are one path. Where a schedule changes it, the first, which is PyTorch's, multiplies all
    of the speed by today's rate: a rate cut to a tenth brakes at once. In the second, the papers', each gradient keeps
    the rate of its own step: the ball rolls on, and slows down over some $1 / (1 - \beta)$ steps.

    Args:
        lr: the learning rate, above 0 and finite; default 0.01.
        momentum: beta, what is left of the speed at each step, at least 0 and less than 1; default 0.9.
        weight_decay: the strength of decoupled decay of weights, at least 0 and finite; default 0.
        lr_in_velocity: whether gradients are multiplied by lr as they enter the speed; default false.

    Raises:
        FieldError: a value is out of range.

    Reference:
        Polyak (1964), "Some methods of speeding up the convergence of iteration methods", USSR Computational
        Mathematics and Mathematical Physics 4.
        With lr in the velocity: Sutskever, Martens, Dahl, Hinton (2013), "On the importance of initialization and
        momentum in deep learning", ICML, equations 1 and 2; Goodfellow, Bengio, Courville (2016), "Deep Learning",
        algorithm 8.2; so do Keras and scikit-learn. Without: the note of torch.optim.SGD names the difference.

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
    lr_in_velocity: bool = False
    slots = ("v",)

    check_examples = ({}, {"lr_in_velocity": True})

    def __post_init__(self) -> None:
        self.require("lr", 0 < self.lr < math.inf, "above 0 and finite")
        self.require("momentum", 0 <= self.momentum < 1, "at least 0 and less than 1")
        self.require("weight_decay", 0 <= self.weight_decay < math.inf, "at least 0 and finite")

    def reference(self, theta: Array, gradient: Callable[[Array], Array], rates: Iterable[float]) -> Iterator[Array]:
        v = np.zeros(theta.shape)
        for lr in rates:
            entering, leaving = (lr, 1.0) if self.lr_in_velocity else (1.0, lr)
            v = self.momentum * v + entering * gradient(theta)
            theta = theta - leaving * v
            yield theta

    def rule(self, theta: Array, grad: Array, v: Array, lr: float) -> tuple[Array, Array]:
        entering, leaving = (lr, 1.0) if self.lr_in_velocity else (1.0, lr)
        v = self.momentum * v + entering * grad
        return theta - leaving * v, v


@dataclass
class Nesterov(Optimizer):
    r"""Momentum that looks ahead: it takes the slope where the speed is about to carry it, and so brakes in time.

    In the paper the slope is taken at a point ahead of the parameters. Here, as is usual, theta is that point, one step
    of speed further on, and the gradient is needed at theta alone.

    Update:
        $v = \beta v + grad$
        $\theta = \theta - lr \, (grad + \beta v)$
        with lr_in_velocity:
        $v = \beta v + lr \, grad$
        $\theta = \theta - (lr \, grad + \beta v)$

    While lr is constant, both are the paper's path. Where a schedule changes it, the second alone is; the first, which
    is PyTorch's, multiplies all of the speed by today's rate, as momentum does. beta is constant in both.

    Args:
        lr: the learning rate, above 0 and finite; default 0.01.
        momentum: beta, what is left of the speed at each step, at least 0 and less than 1; default 0.9.
        weight_decay: the strength of decoupled decay of weights, at least 0 and finite; default 0.
        lr_in_velocity: whether gradients are multiplied by lr as they enter the speed; default false.

    Raises:
        FieldError: a value is out of range.

    Reference:
        Sutskever, Martens, Dahl, Hinton (2013), "On the importance of initialization and momentum in deep learning",
        ICML, equations 3 and 4; their theta is our $\theta + \beta v$, and their v our $-v$. With lr in the velocity:
        so do Keras and scikit-learn. Without: the note of torch.optim.SGD.

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
    lr_in_velocity: bool = False
    slots = ("v",)

    check_examples = ({}, {"lr_in_velocity": True})

    def __post_init__(self) -> None:
        self.require("lr", 0 < self.lr < math.inf, "above 0 and finite")
        self.require("momentum", 0 <= self.momentum < 1, "at least 0 and less than 1")
        self.require("weight_decay", 0 <= self.weight_decay < math.inf, "at least 0 and finite")

    def reference(self, theta: Array, gradient: Callable[[Array], Array], rates: Iterable[float]) -> Iterator[Array]:
        v = np.zeros(theta.shape)
        for lr in rates:
            entering, leaving = (lr, 1.0) if self.lr_in_velocity else (1.0, lr)
            push = entering * gradient(theta)
            v = self.momentum * v + push
            theta = theta - leaving * (push + self.momentum * v)
            yield theta

    def rule(self, theta: Array, grad: Array, v: Array, lr: float) -> tuple[Array, Array]:
        entering, leaving = (lr, 1.0) if self.lr_in_velocity else (1.0, lr)
        push = entering * grad
        v = self.momentum * v + push
        return theta - leaving * (self.momentum * v + push), v
