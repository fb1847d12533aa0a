"""Activations that let each number through by a share that it sets itself: a rectifier whose gate opens gradually."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from chainrule import Activation, Array, Graph


@dataclass
class Swish(Activation):
    r"""Each number times its own sigmoid: a ReLU without a corner, that dips a little below zero on its way.

    With beta 1 it is also called SiLU; the larger beta, the closer it is to ReLU.

    Forward:
        $s = 1 / (1 + e^{-beta \, z})$
        $a = z s$

    Backward:
        $dz = da \odot (s + beta \, a (1 - s))$

    Shapes:
        z, a: (batch, *any)

    Args:
        beta: how sharp its bend is, above 0 and finite; default 1.0.

    Raises:
        FieldError: beta is out of range.

    Reference:
        Ramachandran, Zoph, Le (2017), "Searching for Activation Functions".

    Example:
        >>> import numpy as np, chainrule as cr
        >>> cr.make("activation", "swish").forward(np.array([[-1.0, 0.0, 1e4]])).round(4)
        array([[-2.689e-01,  0.000e+00,  1.000e+04]])
    """

    beta: float = 1.0

    check_examples = ({}, {"beta": 3.0})

    def __post_init__(self) -> None:
        self.require("beta", 0 < self.beta < math.inf, "above 0 and finite")

    def reference(self, z: Array) -> Array:
        a: Array = z * (1 + np.tanh(self.beta * z / 2)) / 2  # a sigmoid is a tanh, moved and scaled
        return a

    def forward(self, z: Array) -> Array:
        s = self.s = self.work("s", z.shape, z.dtype)
        # For very negative z, the exponential overflows to infinity, and 1 over that is 0: just what s should be there.
        with np.errstate(over="ignore"):
            np.multiply(-self.beta, z, out=s)
            np.exp(s, out=s)
        s += 1
        np.divide(1, s, out=s)
        self.a = np.multiply(z, s, out=self.work("a", z.shape, z.dtype))
        return self.a

    def to_onnx(self, graph: Graph, x: str) -> str:
        return graph.add("Mul", x, graph.add("Sigmoid", graph.add("Mul", x, self.beta)))

    def backward(self, da: Array) -> Array:
        dz = np.subtract(1, self.s, out=self.work("dz", da.shape, da.dtype))
        dz *= self.beta
        dz *= self.a
        dz += self.s
        dz *= da
        return dz


@dataclass
class GELU(Activation):
    r"""Each number times the share of a bell curve that lies below it: the larger it is among others, the more is kept.

    Forward:
        $a = z \, \Phi(z)$, where $\Phi(z) = (1 + erf(z / \sqrt{2})) / 2$ is the normal distribution function

    Backward:
        $dz = da \odot (\Phi(z) + z \, \varphi(z))$, where $\varphi(z) = e^{-z^2 / 2} / \sqrt{2 \pi}$

    Shapes:
        z, a: (batch, *any)

    Reference:
        Hendrycks, Gimpel (2016), "Gaussian Error Linear Units (GELUs)", section 2: exact, not an approximation.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> cr.make("activation", "gelu").forward(np.array([[-1.0, 0.0, 1e4]])).round(4)
        array([[-1.587e-01,  0.000e+00,  1.000e+04]])
    """

    check_sizes = (1e25,)

    def reference(self, z: Array) -> Array:
        return np.array([x * math.erfc(-x / math.sqrt(2)) / 2 for x in z.ravel()]).reshape(z.shape)

    def forward(self, z: Array) -> Array:
        from scipy.special import ndtr

        self.z = z
        self.below = self.work("below", z.shape, z.dtype)
        ndtr(z, out=self.below)
        return np.multiply(z, self.below, out=self.work("a", z.shape, z.dtype))

    def to_onnx(self, graph: Graph, x: str) -> str:
        return graph.add("Gelu", x, approximate="none")

    def backward(self, da: Array) -> Array:
        dz = self.work("dz", da.shape, da.dtype)
        with np.errstate(over="ignore"):  # z^2 may be infinite: e^-inf is right
            np.multiply(self.z, self.z, out=dz)
        dz /= -2
        np.exp(dz, out=dz)
        dz *= self.z
        dz /= math.sqrt(2 * math.pi)
        dz += self.below
        dz *= da
        return dz


@dataclass
class Mish(Activation):
    r"""Much like Swish, with a tanh of a softplus in place of the sigmoid.

    Forward:
        $t = \tanh(\log(1 + e^z)) = n / (n + 2)$ with $n = e^z (e^z + 2)$
        $a = z t$

    Backward:
        $dz = da \odot (t + z (1 - t^2) \, e^z / (1 + e^z))$

    Shapes:
        z, a: (batch, *any)

    Reference:
        Misra (2020), "Mish: A Self Regularized Non-Monotonic Activation Function", BMVC.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> cr.make("activation", "mish").forward(np.array([[-1.0, 0.0, 1e4]])).round(4)
        array([[-3.034e-01,  0.000e+00,  1.000e+04]])
    """

    def reference(self, z: Array) -> Array:
        return z * np.tanh(np.logaddexp(0, z))

    def forward(self, z: Array) -> Array:
        self.z = z
        # From z = 20 on, t is 1 to the last digit in float64, and e^z would overflow sooner or later.
        e = self.e = np.minimum(z, 20, out=self.work("e", z.shape, z.dtype))
        np.exp(e, out=e)
        n = np.add(e, 2, out=self.work("n", z.shape, z.dtype))
        n *= e
        self.t = np.add(n, 2, out=self.work("t", z.shape, z.dtype))
        np.divide(n, self.t, out=self.t)
        return np.multiply(z, self.t, out=self.work("a", z.shape, z.dtype))

    def to_onnx(self, graph: Graph, x: str) -> str:
        return graph.add("Mish", x)

    def backward(self, da: Array) -> Array:
        dz = np.multiply(self.t, self.t, out=self.work("dz", da.shape, da.dtype))
        np.subtract(1, dz, out=dz)
        dz *= self.z
        dz *= self.e
        dz /= np.add(1, self.e, out=self.work("n", da.shape, da.dtype))
        dz += self.t
        dz *= da
        return dz
