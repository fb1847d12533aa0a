"""Optimizers that give each parameter steps of its own size, by the gradients that it has met."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
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
    squares_gradient = True

    def __post_init__(self) -> None:
        self.require("lr", 0 < self.lr < math.inf, "above 0 and finite")
        self.require("eps", 0 < self.eps < math.inf, "above 0 and finite")
        self.require("weight_decay", 0 <= self.weight_decay < math.inf, "at least 0 and finite")

    def reference(self, theta: Array, gradient: Callable[[Array], Array], rates: Iterable[float]) -> Iterator[Array]:
        met = []
        for lr in rates:
            met.append(gradient(theta))
            theta = theta - lr * met[-1] / (np.sqrt(sum(grad**2 for grad in met)) + self.eps)
            yield theta

    def rule(self, theta: Array, grad: Array, v: Array, lr: float) -> tuple[Array, Array]:
        v = v + grad**2
        return theta - lr * (grad / (np.sqrt(v) + self.eps)), v


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
    squares_gradient = True

    def __post_init__(self) -> None:
        self.require("lr", 0 < self.lr < math.inf, "above 0 and finite")
        self.require("rho", 0 <= self.rho < 1, "at least 0 and less than 1")
        self.require("eps", 0 < self.eps < math.inf, "above 0 and finite")
        self.require("weight_decay", 0 <= self.weight_decay < math.inf, "at least 0 and finite")

    def reference(self, theta: Array, gradient: Callable[[Array], Array], rates: Iterable[float]) -> Iterator[Array]:
        v = np.zeros(theta.shape)
        for lr in rates:
            grad = gradient(theta)
            v = self.rho * v + (1 - self.rho) * grad**2
            theta = theta - lr * grad / (np.sqrt(v) + self.eps)
            yield theta

    def rule(self, theta: Array, grad: Array, v: Array, lr: float) -> tuple[Array, Array]:
        v = self.rho * v + (1 - self.rho) * grad**2
        return theta - lr * (grad / (np.sqrt(v) + self.eps)), v


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
    squares_gradient = True

    def __post_init__(self) -> None:
        self.require("lr", 0 < self.lr < math.inf, "above 0 and finite")
        self.require("rho", 0 <= self.rho < 1, "at least 0 and less than 1")
        self.require("eps", 0 < self.eps < math.inf, "above 0 and finite")
        self.require("weight_decay", 0 <= self.weight_decay < math.inf, "at least 0 and finite")

    def reference(self, theta: Array, gradient: Callable[[Array], Array], rates: Iterable[float]) -> Iterator[Array]:
        v = u = np.zeros(theta.shape)
        for lr in rates:
            grad = gradient(theta)
            v = self.rho * v + (1 - self.rho) * grad**2
            move = grad * np.sqrt(u + self.eps) / np.sqrt(v + self.eps)
            u = self.rho * u + (1 - self.rho) * move**2
            theta = theta - lr * move
            yield theta

    def rule(self, theta: Array, grad: Array, v: Array, u: Array, lr: float) -> tuple[Array, Array, Array]:
        v = self.rho * v + (1 - self.rho) * grad**2
        delta = grad * np.sqrt((u + self.eps) / (v + self.eps))  # one root of the quotient, in place of two
        u = self.rho * u + (1 - self.rho) * delta**2
        return theta - lr * delta, v, u
