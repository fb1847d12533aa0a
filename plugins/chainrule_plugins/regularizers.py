"""The built-in regularizers: penalties on large weights."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import Array, Regularizer, hookimpl


@dataclass
class L1(Regularizer):
    r"""Pulls every weight towards zero with the same force: what is not needed ends up at zero.

    Penalty:
        $penalty = strength \sum_i |\theta_i|$

    Gradient:
        $grad_i = grad_i + strength \cdot sign(\theta_i)$

    Shapes:
        theta, grad: (n,)

    Args:
        strength: at least 0 and finite; default 1e-4.

    Raises:
        FieldError: strength is out of range.

    Reference:
        Tibshirani (1996), "Regression Shrinkage and Selection via the Lasso", JRSS B 58.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> cr.make("regularizer", "l1", strength=0.5).penalty(np.array([1.0, -3.0]))
        2.0
    """

    strength: float = 1e-4

    check_kinks = (0.0,)
    check_sizes = (1e38,)

    def __post_init__(self) -> None:
        self.require("strength", 0 <= self.strength < math.inf, "at least 0 and finite")

    def reference(self, theta: Array) -> float:
        return self.strength * math.fsum(abs(w) for w in theta.ravel())

    def penalty(self, theta: Array) -> float:
        with np.errstate(over="ignore"):  # the sum may leave float32, and does not leave float64, which is slower
            total = float(np.abs(theta).sum())
        return self.strength * (total if math.isfinite(total) else float(np.abs(theta).sum(dtype=np.float64)))

    def add_gradient(self, theta: Array, grad: Array) -> None:
        # sign(0) = 0: at the kink, a weight of zero is left there.
        pull = np.sign(theta, out=self.work("pull", theta.shape, theta.dtype))
        pull *= self.strength
        grad += pull


@dataclass
class L2(Regularizer):
    r"""Pulls every weight towards zero, large ones harder: many small weights are better than a few large ones.

    Penalty:
        $penalty = \frac{strength}{2} \sum_i \theta_i^2$

    Gradient:
        $grad_i = grad_i + strength \cdot \theta_i$

    Shapes:
        theta, grad: (n,)

    Args:
        strength: at least 0 and finite; default 1e-4.

    Raises:
        FieldError: strength is out of range.

    Reference:
        Krogh, Hertz (1991), "A Simple Weight Decay Can Improve Generalization", NIPS 4.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> cr.make("regularizer", "l2", strength=0.5).penalty(np.array([1.0, -3.0]))
        2.5
    """

    strength: float = 1e-4

    check_sizes = (1e20,)

    def __post_init__(self) -> None:
        self.require("strength", 0 <= self.strength < math.inf, "at least 0 and finite")

    def reference(self, theta: Array) -> float:
        return self.strength / 2 * math.fsum(w**2 for w in theta.ravel())

    def penalty(self, theta: Array) -> float:
        total = float(np.vdot(theta, theta))
        if not math.isfinite(total):  # in float32, and slower
            wide = theta.astype(np.float64)
            total = float(np.vdot(wide, wide))
        return self.strength / 2 * total

    def add_gradient(self, theta: Array, grad: Array) -> None:
        grad += np.multiply(theta, self.strength, out=self.work("pull", theta.shape, theta.dtype))


@hookimpl
def register_components(registry: Any) -> None:
    for cls in (L1, L2):
        registry.add(cls)
