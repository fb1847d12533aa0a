"""Optimizers around others, of whole vectors and whole parameters; a schedule that watches; a pull on matrices."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from chainrule import Optimizer, Regularizer, Schedule, make, within


class Around(Optimizer):
    """What optimizers share that leave the step to an inner one, in their field ``optimizer``."""

    own = ()

    def __post_init__(self):
        with within("optimizer"):
            self.inner = make("optimizer", self.optimizer)

    lr = property(lambda self: self.inner.lr)
    weight_decay = property(lambda self: getattr(self.inner, "weight_decay", 0.0))
    slots = property(lambda self: (*self.inner.slots, *self.own))


@dataclass
class SharpnessAware(Around):
    r"""Takes its step by the gradient where the loss around is worst, and so finds flat valleys.

    $grad = \nabla f(\theta + rho \cdot g / |g|)$ with $g = \nabla f(\theta)$; then the inner optimizer's step

    Foret, Kleiner, Mobahi, Neyshabur (2021), equations 2 and 3.

    Args:
        optimizer: the inner one, which works elementwise; default "sgd".
        rho: how far it looks, at least 0 and finite; default 0.05.
    """

    optimizer: str | Mapping[str, Any] | Optimizer = "sgd"
    rho: float = 0.05

    whole_vector = True

    def __post_init__(self):
        super().__post_init__()
        self.require("optimizer", not self.inner.whole_parameters, "an optimizer that works elementwise")
        self.require("rho", 0 <= self.rho < math.inf, "at least 0 and finite")

    def reference(self, theta, gradient, rates):
        def uphill(at):
            g = gradient(at)
            return gradient(at + self.rho * g / np.sqrt((g**2).sum())) if g.any() else g

        return self.inner.reference(theta, uphill, rates)

    def update(self, theta, grad, slots, step, lr, evaluate):
        here, length = theta.copy(), np.linalg.norm(grad.astype(np.float64))
        if length > 0:
            theta += (self.rho / length * grad.astype(np.float64)).astype(theta.dtype)
            evaluate()
            theta[...] = here
        self.inner.update(theta, grad, slots, step, lr, **self.inner.asks_for({"evaluate": evaluate}))


@dataclass
class SlowWeights(Around):
    r"""Fast weights run ahead; slow ones follow them a part of the way, and take them back there.

    Every k steps: $\phi = \phi + \alpha (\theta - \phi)$, $\theta = \phi$; between them the inner optimizer's steps

    Zhang, Lucas, Hinton, Ba (2019), algorithm 1.

    Args:
        optimizer: the inner one, any; default "sgd".
        k: the steps between, at least 1; default 5.
        alpha: the part of the way, above 0 and at most 1; default 0.5.
    """

    optimizer: str | Mapping[str, Any] | Optimizer = "sgd"
    k: int = 5
    alpha: float = 0.5

    own = ("slow",)
    check_examples = ({}, {"optimizer": "adam", "k": 2}, {"optimizer": {"name": "layerwise_rates", "spared": "*.b"}})

    def __post_init__(self):
        super().__post_init__()
        self.require("k", self.k >= 1, "at least 1")
        self.require("alpha", 0 < self.alpha <= 1, "above 0 and at most 1")

    whole_parameters = property(lambda self: self.inner.whole_parameters)
    whole_vector = property(lambda self: self.inner.whole_vector)

    def update(self, theta, grad, slots, step, lr, **told):
        if step == 1:
            slots["slow"][...] = theta
        self.inner.update(theta, grad, slots, step, lr, **self.inner.asks_for(told))
        if step % self.k == 0:
            slots["slow"] += self.alpha * (theta - slots["slow"])
            theta[...] = slots["slow"]


@dataclass
class LayerwiseRates(Optimizer):
    r"""Each weight matrix moves in proportion to its own length, so that all layers learn at one pace.

    $m = \beta m + r \cdot grad$, $\theta = \theta - lr \cdot m$ with $r = trust \cdot |\theta| / |grad|$, and $r = 1$
    for what is spared, for biases, and where a length is 0

    You, Gitman, Ginsburg (2017), algorithm 1, without decay.

    Args:
        lr: the learning rate, above 0 and finite; default 0.1.
        trust: at least 0 and finite; default 0.1.
        beta: what is left of the mean at each step, at least 0 and less than 1; default 0.9.
        spared: a pattern of names, such as "0.*", that are moved as they are; default "" for none.
    """

    lr: float = 0.1
    trust: float = 0.1
    beta: float = 0.9
    spared: str = ""

    whole_parameters = True
    slots = ("m",)

    def __post_init__(self):
        self.require("lr", 0 < self.lr < math.inf, "above 0 and finite")
        self.require("trust", 0 <= self.trust < math.inf, "at least 0 and finite")
        self.require("beta", 0 <= self.beta < 1, "at least 0 and less than 1")

    def reference(self, theta, gradient, rates, name, decay):
        m = 0
        for lr in rates:
            g = gradient(theta)
            long, steep = np.sqrt((theta**2).sum()), np.sqrt((g**2).sum())
            r = self.trust * long / steep if decay and long * steep and not fnmatchcase(name, self.spared) else 1
            m = self.beta * m + r * g
            theta = theta - lr * m
            yield theta

    def update(self, theta, grad, slots, step, lr, name, decay):
        lengths = [float(np.linalg.norm(array.astype(np.float64))) for array in (theta, grad)]
        plain = not decay or fnmatchcase(name, self.spared) or not all(lengths)
        slots["m"] *= self.beta
        slots["m"] += grad if plain else self.trust * lengths[0] / lengths[1] * grad
        theta -= lr * slots["m"]


@dataclass
class Secants(Optimizer):
    r"""Learns from its last step how the slope changes, and goes to where it would be 0.

    $\theta = \theta - t \cdot H grad$, H the BFGS update of $\frac{s \cdot y}{y \cdot y} I$ by $s = \Delta\theta$ and
    $y = \Delta grad$, where $s \cdot y > 0$; t is lr, halved until the loss is no larger than before, or five times

    Nocedal, Wright (2006), algorithm 7.4 with a single pair.

    Args:
        lr: the length of a step, above 0 and finite; default 1.0.
    """

    lr: float = 1.0

    whole_vector = True
    slots = ("theta", "grad")

    def __post_init__(self):
        self.require("lr", 0 < self.lr < math.inf, "above 0 and finite")

    def update(self, theta, grad, slots, step, lr, evaluate):
        g = grad.astype(np.float64)
        s, y = theta - slots["theta"].astype(np.float64), g - slots["grad"]
        slots["theta"][...], slots["grad"][...] = theta, grad
        if step > 1 and s @ y > 1e-10 * (y @ y):
            share = (s @ g) / (s @ y)
            g = (g - share * y) * (s @ y) / (y @ y)
            g = g + (share - (y @ g) / (s @ y)) * s
        before = evaluate()
        for halved in range(6):
            theta[...] = slots["theta"] - lr * 0.5**halved * g
            if evaluate() <= before:
                break


@dataclass
class Patience(Schedule):
    r"""Goes on at a smaller rate once epochs bring nothing more.

    $factor = shrink^n$, where n counts how often the monitored value was not below its best for so many epochs

    Args:
        epochs: how many are waited for, at least 1; default 3.
        shrink: above 0 and less than 1; default 0.5.
        monitor: what is to become small; default "validation/loss", or "train/loss" where there is none.
    """

    epochs: int = 3
    shrink: float = 0.5
    monitor: str = "validation/loss"

    def __post_init__(self):
        self.require("epochs", self.epochs >= 1, "at least 1")
        self.require("shrink", 0 < self.shrink < 1, "above 0 and less than 1")
        self.n, self.waited, self.best = 0, 0, math.inf

    def observe(self, metrics):
        value = metrics.get(self.monitor, metrics["train/loss"])
        self.waited = 0 if value < self.best else self.waited + 1
        self.best = min(self.best, value)
        if self.waited == self.epochs:
            self.n, self.waited = self.n + 1, 0

    def __call__(self, step, total):
        return self.shrink**self.n


@dataclass
class Orthogonality(Regularizer):
    r"""Draws the columns of each weight matrix, or its rows where they are fewer, to right angles and a length of 1.

    $penalty = strength \, |W^T W - I|^2$, $grad = grad + 4 \, strength \, W (W^T W - I)$

    Brock, Lim, Ritchie, Weston (2017), section 3.2.

    Args:
        strength: at least 0 and finite; default 0.01.
    """

    strength: float = 0.01

    whole_parameters = True

    def __post_init__(self):
        self.require("strength", 0 <= self.strength < math.inf, "at least 0 and finite")

    def reference(self, theta):
        W = theta.reshape(-1, theta.shape[-1])
        columns = W.T if W.shape[0] >= W.shape[1] else W
        return self.strength * sum(
            (a @ b - (i == j)) ** 2 for i, a in enumerate(columns) for j, b in enumerate(columns)
        )

    def off(self, theta):
        W = theta.reshape(-1, theta.shape[-1]).astype(np.float64)
        W = W if W.shape[0] >= W.shape[1] else W.T
        return W, W.T @ W - np.eye(W.shape[1])

    def penalty(self, theta):
        return self.strength * float(np.square(self.off(theta)[1]).sum())

    def add_gradient(self, theta, grad):
        W, off = self.off(theta)
        slope = 4 * self.strength * W @ off
        rows = grad.reshape(-1, grad.shape[-1])
        rows += slope if slope.shape == rows.shape else slope.T


COMPONENTS = (SharpnessAware, SlowWeights, LayerwiseRates, Secants, Patience, Orthogonality)
