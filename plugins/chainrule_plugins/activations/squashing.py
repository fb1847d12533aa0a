"""Activations that squeeze any number into a bounded range."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from chainrule import Activation, Array, Graph


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

    def reference(self, z: Array) -> Array:
        return (1 + np.tanh(z / 2)) / 2  # the same function, without an exponential that may overflow

    def forward(self, z: Array) -> Array:
        a = self.a = np.negative(z, out=self.work("a", z.shape, z.dtype))
        # For very negative z, e^-z overflows to infinity, and 1 over that is 0: just what a should be there.
        with np.errstate(over="ignore"):
            np.exp(a, out=a)
        a += 1
        return np.divide(1, a, out=a)

    def to_onnx(self, graph: Graph, x: str) -> str:
        return graph.add("Sigmoid", x)

    def derivative(self, a: Array) -> Array:
        slope: Array = a * (1 - a)
        return slope


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

    def reference(self, z: Array) -> Array:
        a: Array = 1 - 2 / (1 + np.exp(2 * z))
        return a

    def rule(self, z: Array) -> Array:
        return np.tanh(z)

    def derivative(self, a: Array) -> Array:
        return 1 - a**2

    def to_onnx(self, graph: Graph, x: str) -> str:
        return graph.add("Tanh", x)


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

    check_sizes = (3e38,)

    def reference(self, z: Array) -> Array:
        a = np.empty(z.shape)
        for row in np.ndindex(z.shape[:-1]):
            for k, score in enumerate(z[row]):
                a[row][k] = 1 / sum(math.exp(other - score) for other in z[row])
        return a

    def forward(self, z: Array) -> Array:
        # Subtracting a row's largest score changes nothing in the quotient, and no exponential can overflow.
        largest: Array = z.max(axis=-1, keepdims=True)
        with np.errstate(over="ignore"):  # two scores may be further apart than the dtype reaches: e^-inf is right
            a = self.a = np.subtract(z, largest, out=self.work("a", z.shape, z.dtype))
        np.exp(a, out=a)
        a /= a.sum(axis=-1, keepdims=True)
        return a

    def to_onnx(self, graph: Graph, x: str) -> str:
        return graph.add("Softmax", x, axis=-1)

    def backward(self, da: Array) -> Array:
        dz = np.multiply(da, self.a, out=self.work("dz", da.shape, da.dtype))
        average: Array = dz.sum(axis=-1, keepdims=True)  # of da, weighted by the probabilities
        np.subtract(da, average, out=dz)
        dz *= self.a
        return dz
