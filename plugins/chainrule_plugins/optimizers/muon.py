"""The optimizer that takes a matrix as a whole: what it does to vectors counts, not what its numbers are."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np

from chainrule import Array, Optimizer
from chainrule_plugins.optimizers.adam import Adam

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of a quintic that is steep at 0, so that small singular values grow fast, and leaves large ones near 1."""


@dataclass
class Muon(Optimizer):
    r"""Moves each matrix as far in every direction: rare directions, which momentum drowns, learn as fast as others.

    Update:
        of a matrix, with fan_in rows and fan_out columns:
        $B = \mu B + G$, with the gradient G
        $D = G + \mu B$ with nesterov, else $B$
        $X = D / (\|D\| + 10^{-7})$, and five times
        $X = a X + b \, X X^T X + c \, (X X^T)^2 X$ with $a = 3.4445$, $b = -4.775$, $c = 2.0315$
        $W = W - lr \sqrt{\max(1, fan_{out} / fan_{in})} \, X$

    X has the singular vectors of D, and singular values between about 0.7 and 1.2. Everything else is moved as by
    adamw: what has less than two axes, and what is named in adamw_for. The author advises that for the first and the
    last layer of a network, and for embeddings.

    Shapes:
        W: (fan_in, fan_out), or (height, width, in, out), taken as the matrix (height * width * in, out)

    Args:
        lr: the learning rate, above 0 and finite; default 0.02. It is how far a matrix moves in each direction.
        momentum: mu, what is left of B at each step, at least 0 and less than 1; default 0.95.
        nesterov: whether the newest gradient counts at once; default true.
        iterations: how often the quintic is applied, at least 1; default 5.
        weight_decay: the strength of decoupled decay of weights, at least 0 and finite; default 0.
        adamw_for: names of parameters that are moved by adamw, or patterns: ["0.*", "*.embedding.*"]; default none.
        adamw_rate: the learning rate of adamw as a multiple of lr, above 0 and finite; default 0.05.
        adamw_beta1: the share of the past in its mean of gradients, at least 0 and less than 1; default 0.9.
        adamw_beta2: the share of the past in its mean of squares, at least 0 and less than 1; default 0.95.
        adamw_eps: keeps its divisor from zero, above 0 and finite; default 1e-10.

    Raises:
        FieldError: a value is out of range.

    Reference:
        Jordan et al. (2024), "Muon: An optimizer for hidden layers in neural networks",
        https://kellerjordan.github.io/posts/muon. The scale by fans is that of its code.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> W, slots = np.zeros((2, 2)), {"M": np.zeros((2, 2)), "V": np.zeros((2, 2))}
        >>> cr.make("optimizer", "muon").update(W, np.diag([100.0, -1.0]), slots, step=1, lr=0.5)
        >>> W.round(2)
        array([[-0.35,  0.  ],
               [ 0.  ,  0.35]])
    """

    lr: float = 0.02
    momentum: float = 0.95
    nesterov: bool = True
    iterations: int = 5
    weight_decay: float = 0.0
    adamw_for: Sequence[str] = ()
    adamw_rate: float = 0.05
    adamw_beta1: float = 0.9
    adamw_beta2: float = 0.95
    adamw_eps: float = 1e-10
    slots = ("M", "V")
    whole_parameters = True

    check_examples = ({}, {"nesterov": False, "iterations": 3, "momentum": 0.5}, {"adamw_for": ["*.dense.W"]})

    def __post_init__(self) -> None:
        self.require("lr", 0 < self.lr < math.inf, "above 0 and finite")
        self.require("momentum", 0 <= self.momentum < 1, "at least 0 and less than 1")
        self.require("iterations", self.iterations >= 1, "at least 1")
        self.require("weight_decay", 0 <= self.weight_decay < math.inf, "at least 0 and finite")
        self.require("adamw_rate", 0 < self.adamw_rate < math.inf, "above 0 and finite")
        self.require("adamw_beta1", 0 <= self.adamw_beta1 < 1, "at least 0 and less than 1")
        self.require("adamw_beta2", 0 <= self.adamw_beta2 < 1, "at least 0 and less than 1")
        self.require("adamw_eps", 0 < self.adamw_eps < math.inf, "above 0 and finite")
        self._adam = Adam(beta1=self.adamw_beta1, beta2=self.adamw_beta2, eps=self.adamw_eps)

    def reference(
        self, theta: Array, gradient: Callable[[Array], Array], rates: Iterable[float], name: str = ""
    ) -> Iterator[Array]:
        if theta.ndim < 2 or any(fnmatchcase(name, pattern) for pattern in self.adamw_for):
            yield from self._adam.reference(theta, gradient, [self.adamw_rate * lr for lr in rates])
            return
        B = np.zeros(theta.shape)
        for lr in rates:
            G = gradient(theta)
            B = self.momentum * B + G
            D = G + self.momentum * B if self.nesterov else B
            U, singular, V = np.linalg.svd(D.reshape(-1, D.shape[-1]), full_matrices=False)
            singular = singular / (np.sqrt(np.sum(singular**2)) + 1e-7)
            for _ in range(self.iterations):  # X X^T X has the singular vectors of X, and the cubes of its values
                singular = 3.4445 * singular - 4.7750 * singular**3 + 2.0315 * singular**5
            X = (U * singular) @ V
            theta = theta - lr * math.sqrt(max(1.0, X.shape[1] / X.shape[0])) * X.reshape(D.shape)
            yield theta

    def update(self, theta: Array, grad: Array, slots: dict[str, Array], step: int, lr: float, name: str = "") -> None:
        if theta.ndim < 2 or any(fnmatchcase(name, pattern) for pattern in self.adamw_for):
            self._adam.update(theta, grad, slots, step, self.adamw_rate * lr)
            return
        B = slots["M"]
        B *= self.momentum
        B += grad
        if self.nesterov:
            grad += self.momentum * B
        else:
            grad[...] = B
        D = grad.reshape(-1, grad.shape[-1])
        fan_in, fan_out = D.shape
        X = self._orthogonalized(D)
        X *= lr * math.sqrt(max(1.0, fan_out / fan_in))
        theta -= X.reshape(theta.shape)

    def _orthogonalized(self, D: Array) -> Array:
        """A new matrix with the singular vectors of ``D``, and singular values near 1."""
        a, b, c = COEFFICIENTS
        X = D if D.shape[0] <= D.shape[1] else D.T  # the product of the shorter side with itself is the smaller one
        X = X / (math.sqrt(float(np.einsum("ij,ij->", X, X, dtype=np.float64))) + 1e-7)
        for _ in range(self.iterations):
            A = X @ X.T
            P = A @ A
            P *= c
            P += b * A
            product = P @ X
            X *= a
            X += product
        return X if D.shape[0] <= D.shape[1] else X.T
