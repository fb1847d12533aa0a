"""The built-in activations, in order of increasing complexity.

Each keeps its output ``a``, from which every derivative here can be computed: no activation keeps its input.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import Activation, Array, hookimpl


@dataclass
class Linear(Activation):
    r"""Nothing happens: for outputs that may be any number.

    Forward:
        $a = z$

    Backward:
        $dz = da$

    Shapes:
        z, a: (batch, *any)

    Reference:
        Goodfellow, Bengio, Courville (2016), "Deep Learning", section 6.2.2.1.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> cr.make("activation", "linear").forward(np.array([[-1.0, 2.0]]))
        array([[-1.,  2.]])
    """

    def forward(self, z: Array) -> Array:
        return z

    def backward(self, da: Array) -> Array:
        return da


@dataclass
class ReLU(Activation):
    r"""Lets through what is positive: simple, fast, and its gradient does not fade in deep networks.

    Forward:
        $a = \max(z, 0)$

    Backward:
        $dz = da$ where $z > 0$, else $0$

    Shapes:
        z, a: (batch, *any)

    Reference:
        Nair, Hinton (2010), "Rectified Linear Units Improve Restricted Boltzmann Machines", ICML.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> cr.make("activation", "relu").forward(np.array([[-1.0, 2.0]]))
        array([[0., 2.]])
    """

    def forward(self, z: Array) -> Array:
        self.a = np.maximum(z, 0, out=self.work("a", z.shape, z.dtype))
        return self.a

    def backward(self, da: Array) -> Array:
        # At the kink, z = 0, any slope from 0 to 1 is a subgradient. Taking 0 leaves a unit that is off alone.
        return np.multiply(da, self.a > 0, out=self.work("dz", da.shape, da.dtype))


@dataclass
class LeakyReLU(Activation):
    r"""A ReLU that lets a little through when it is off, so that no unit stops learning for good.

    Forward:
        $a = \max(z, slope \cdot z)$

    Backward:
        $dz = da$ where $z > 0$, else $slope \cdot da$

    Shapes:
        z, a: (batch, *any)

    Args:
        slope: of the negative side, at least 0 and less than 1; default 0.01.

    Raises:
        FieldError: slope is out of range.

    Reference:
        Maas, Hannun, Ng (2013), "Rectifier Nonlinearities Improve Neural Network Acoustic Models", ICML.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> cr.make("activation", "leaky_relu", slope=0.1).forward(np.array([[-1.0, 2.0]]))
        array([[-0.1,  2. ]])
    """

    slope: float = 0.01

    def __post_init__(self) -> None:
        self.require("slope", 0 <= self.slope < 1, "at least 0 and less than 1")

    def forward(self, z: Array) -> Array:
        self.a = np.multiply(z, self.slope, out=self.work("a", z.shape, z.dtype))
        return np.maximum(z, self.a, out=self.a)

    def backward(self, da: Array) -> Array:
        dz = self.work("dz", da.shape, da.dtype)
        # Which side z was on is 1 or 0, so that max(side, slope) is the derivative. At the kink it is the slope.
        np.maximum(self.a > 0, self.slope, out=dz, dtype=da.dtype)
        dz *= da
        return dz


@dataclass
class Sigmoid(Activation):
    r"""Squeezes any number into a probability between 0 and 1.

    Forward:
        $a = 1 / (1 + e^{-z})$

    Backward:
        $dz = da \odot a (1 - a)$

    Shapes:
        z, a: (batch, *any)

    Reference:
        Rumelhart, Hinton, Williams (1986), "Learning representations by back-propagating errors", Nature 323,
        equation 2.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> cr.make("activation", "sigmoid").forward(np.array([[-1e4, 0.0, 1e4]]))
        array([[0. , 0.5, 1. ]])
    """

    def forward(self, z: Array) -> Array:
        a = self.a = np.negative(z, out=self.work("a", z.shape, z.dtype))
        # For very negative z, e^-z overflows to infinity, and 1 over that is 0: just what a should be there.
        with np.errstate(over="ignore"):
            np.exp(a, out=a)
        a += 1
        return np.divide(1, a, out=a)

    def backward(self, da: Array) -> Array:
        dz = np.subtract(1, self.a, out=self.work("dz", da.shape, da.dtype))
        dz *= self.a
        dz *= da
        return dz


@dataclass
class Tanh(Activation):
    r"""Squeezes any number into the range from -1 to 1, around zero.

    Forward:
        $a = \tanh(z)$

    Backward:
        $dz = da \odot (1 - a^2)$

    Shapes:
        z, a: (batch, *any)

    Reference:
        LeCun, Bottou, Orr, Müller (1998), "Efficient BackProp", section 4.4.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> cr.make("activation", "tanh").forward(np.array([[-1e4, 0.0, 1e4]]))
        array([[-1.,  0.,  1.]])
    """

    def forward(self, z: Array) -> Array:
        self.a = np.tanh(z, out=self.work("a", z.shape, z.dtype))
        return self.a

    def backward(self, da: Array) -> Array:
        dz = np.multiply(self.a, self.a, out=self.work("dz", da.shape, da.dtype))
        np.subtract(1, dz, out=dz)
        dz *= da
        return dz


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

    def forward(self, z: Array) -> Array:
        # The second form of the formula: e^-|z| cannot overflow. (np.logaddexp is as stable, and ten times slower.)
        a = self.a = np.abs(z, out=self.work("a", z.shape, z.dtype))
        np.negative(a, out=a)
        np.exp(a, out=a)
        np.log1p(a, out=a)
        a += np.maximum(z, 0, out=self.work("positive", z.shape, z.dtype))
        return a

    def backward(self, da: Array) -> Array:
        dz = np.negative(self.a, out=self.work("dz", da.shape, da.dtype))
        np.expm1(dz, out=dz)  # e^-a - 1, with all its digits where a is small
        np.negative(dz, out=dz)
        dz *= da
        return dz


@dataclass
class Softmax(Activation):
    r"""Turns the scores of each row into probabilities that sum to 1.

    Forward:
        $a_k = e^{z_k} / \sum_j e^{z_j}$

    Backward:
        $dz_k = a_k (da_k - \sum_j da_j \, a_j)$

    Shapes:
        z, a: (batch, *any, classes)

    Reference:
        Bridle (1990), "Probabilistic Interpretation of Feedforward Classification Network Outputs, with Relationships
        to Statistical Pattern Recognition".

    Example:
        >>> import numpy as np, chainrule as cr
        >>> cr.make("activation", "softmax").forward(np.array([[1e4, 1e4, -1e4]]))
        array([[0.5, 0.5, 0. ]])
    """

    def forward(self, z: Array) -> Array:
        # Subtracting a row's largest score changes nothing in the quotient, and no exponential can overflow.
        largest: Array = z.max(axis=-1, keepdims=True)
        with np.errstate(over="ignore"):  # two scores may be further apart than the dtype reaches: e^-inf is right
            a = self.a = np.subtract(z, largest, out=self.work("a", z.shape, z.dtype))
        np.exp(a, out=a)
        a /= a.sum(axis=-1, keepdims=True)
        return a

    def backward(self, da: Array) -> Array:
        dz = np.multiply(da, self.a, out=self.work("dz", da.shape, da.dtype))
        average: Array = dz.sum(axis=-1, keepdims=True)  # of da, weighted by the probabilities
        np.subtract(da, average, out=dz)
        dz *= self.a
        return dz


@hookimpl
def register_components(registry: Any) -> None:
    for cls in (Linear, Sigmoid, Tanh, Softplus, Softmax):
        registry.add(cls)
    registry.add(ReLU, name="relu")
    registry.add(LeakyReLU, name="leaky_relu")
