"""Activations that round off the corner of a rectifier."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from chainrule import Activation, Array, Graph

# The solution of "mean 0 and variance 1 are a fixed point" (Klambauer et al. 2017, section 2).
SELU_LAMBDA = 1.0507009873554805
SELU_ALPHA = 1.6732632423543772


@dataclass
class Softplus(Activation):
    r"""A ReLU with its corner rounded off: positive everywhere, and smooth.

    Forward:
        $a = \log(1 + e^z) = \max(z, 0) + \log(1 + e^{-|z|})$

    Backward:
        $dz = da \odot 1 / (1 + e^{-z}) = da \odot (1 - e^{-a})$

    Shapes:
        z, a: (batch, *any)

    Reference:
        Dugas, Bengio, Bélisle, Nadeau, Garcia (2001), "Incorporating Second-Order Functional Knowledge for Better
        Option Pricing", NIPS 13.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> cr.make("activation", "softplus").forward(np.array([[-1e4, 0.0, 1e4]]))
        array([[0.00000000e+00, 6.93147181e-01, 1.00000000e+04]])
    """

    def reference(self, z: Array) -> Array:
        return np.logaddexp(0, z)

    def rule(self, z: Array) -> Array:
        # The second form of the formula: e^-|z| cannot overflow. (np.logaddexp is as stable, and ten times slower.)
        return np.log1p(np.exp(-np.abs(z))) + np.maximum(z, 0)

    def derivative(self, a: Array) -> Array:
        return -np.expm1(-a)  # 1 - e^-a, with all its digits where a is small

    def to_onnx(self, graph: Graph, x: str) -> str:
        return graph.add("Softplus", x)


@dataclass
class ELU(Activation):
    r"""A ReLU that bends down softly to -alpha: what is off still learns, and the mean stays near zero.

    Forward:
        $a = z$ where $z > 0$, else $alpha \, (e^z - 1)$

    Backward:
        $dz = da$ where $z > 0$, else $da \odot alpha \, e^z = da \odot (a + alpha)$

    Shapes:
        z, a: (batch, *any)

    Args:
        alpha: minus the value that very negative z approach, above 0 and finite; default 1.0, with which the slope is
            continuous.

    Raises:
        FieldError: alpha is out of range.

    Reference:
        Clevert, Unterthiner, Hochreiter (2016), "Fast and Accurate Deep Network Learning by Exponential Linear Units
        (ELUs)", ICLR, section 3.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> cr.make("activation", "elu", alpha=2.0).forward(np.array([[-1e4, 0.0, 1e4]]))
        array([[-2.e+00,  0.e+00,  1.e+04]])
    """

    alpha: float = 1.0

    check_examples = ({}, {"alpha": 2.0}, {"alpha": 0.25})
    check_kinks = (0.0,)
    check_sizes = (1e-45,)

    def __post_init__(self) -> None:
        self.require("alpha", 0 < self.alpha < math.inf, "above 0 and finite")

    def reference(self, z: Array) -> Array:
        return np.where(z > 0, z, self.alpha * (np.exp(z) - 1))

    def rule(self, z: Array) -> Array:
        # Each side is 0 where the other one counts. expm1: e^z - 1, with all its digits where z is small.
        return np.maximum(z, 0) + self.alpha * np.expm1(np.minimum(z, 0))

    def derivative(self, a: Array) -> Array:
        return np.where(a > 0, 1, a + self.alpha)

    def to_onnx(self, graph: Graph, x: str) -> str:
        return graph.add("Elu", x, alpha=self.alpha)


@dataclass
class SELU(Activation):
    r"""An ELU so scaled that mean 0 and variance 1 are kept from layer to layer, and drawn back to when they stray.

    That holds for weights of mean 0 and variance 1 / fan_in: the initializer lecun_normal.

    Forward:
        $a = \lambda z$ where $z > 0$, else $\lambda \alpha (e^z - 1)$
        with $\lambda = 1.0507009873554805$ and $\alpha = 1.6732632423543772$

    Backward:
        $dz = \lambda \, da$ where $z > 0$, else $da \odot \lambda \alpha e^z = da \odot (a + \lambda \alpha)$

    Shapes:
        z, a: (batch, *any)

    Reference:
        Klambauer, Unterthiner, Mayr, Hochreiter (2017), "Self-Normalizing Neural Networks", NIPS, equation 2.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> cr.make("activation", "selu").forward(np.array([[-1e4, 0.0, 1.0]])).round(4)
        array([[-1.7581,  0.    ,  1.0507]])
    """

    check_kinks = (0.0,)

    def reference(self, z: Array) -> Array:
        return 1.0507009873554805 * np.where(z > 0, z, 1.6732632423543772 * (np.exp(z) - 1))

    def rule(self, z: Array) -> Array:
        return SELU_LAMBDA * np.maximum(z, 0) + SELU_LAMBDA * SELU_ALPHA * np.expm1(np.minimum(z, 0))

    def derivative(self, a: Array) -> Array:
        return np.where(a > 0, SELU_LAMBDA, a + SELU_LAMBDA * SELU_ALPHA)

    def to_onnx(self, graph: Graph, x: str) -> str:
        return graph.add("Selu", x, alpha=SELU_ALPHA, gamma=SELU_LAMBDA)
