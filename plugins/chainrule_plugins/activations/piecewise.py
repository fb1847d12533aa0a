"""Activations made of straight lines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule import Activation, Array, Graph, Shape, ShapeError


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

    def reference(self, z: Array) -> Array:
        return z

    def forward(self, z: Array) -> Array:
        return z

    def to_onnx(self, graph: Graph, x: str) -> str:
        return graph.add("Identity", x)

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

    check_kinks = (0.0,)

    def reference(self, z: Array) -> Array:
        return np.where(z > 0, z, 0.0)

    def rule(self, z: Array) -> Array:
        return np.maximum(z, 0)

    def derivative(self, a: Array) -> Array:
        # At the kink, z = 0, any slope from 0 to 1 is a subgradient. Taking 0 leaves a unit that is off alone.
        return a > 0

    def to_onnx(self, graph: Graph, x: str) -> str:
        return graph.add("Relu", x)


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

    check_kinks = (0.0,)
    check_sizes = (1e-44,)

    def __post_init__(self) -> None:
        self.require("slope", 0 <= self.slope < 1, "at least 0 and less than 1")

    def reference(self, z: Array) -> Array:
        return np.where(z > 0, z, self.slope * z)

    def rule(self, z: Array) -> Array:
        return np.maximum(z, self.slope * z)

    def derivative(self, a: Array) -> Array:
        return np.where(a > 0, 1, self.slope)  # at the kink it is the slope

    def to_onnx(self, graph: Graph, x: str) -> str:
        return graph.add("LeakyRelu", x, alpha=self.slope)


@dataclass
class PReLU(Activation):
    r"""A leaky ReLU that learns how much each unit lets through when it is off.

    Forward:
        $a = \max(z, 0) + s \min(z, 0)$, with the trained slope s

    Backward:
        $dz = da$ where $z > 0$, else $s \, da$
        $ds = \sum da \min(z, 0)$, over the batch and all axes but the last one; with one_slope over that too

    Weight decay spares slope: it would draw the unit to a ReLU.

    Shapes:
        z, a: (batch, *any, channels)
        s: (channels,), or (1,) with one_slope

    Args:
        slope: of the negative side at first, at least 0 and less than 1; default 0.25.
        one_slope: whether all units have the same; default false.

    Raises:
        FieldError: slope is out of range.
        ShapeError: samples are single numbers.

    Reference:
        He, Zhang, Ren, Sun (2015), "Delving Deep into Rectifiers: Surpassing Human-Level Performance on ImageNet
        Classification", ICCV, equations 1 to 4.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> network = cr.Network(["prelu"], (2,), "mse")
        >>> network.parameters["0.prelu.slope"].value = [0.5, 0.1]
        >>> network.predict(np.array([[-1.0, -1.0], [2.0, 2.0]]))
        array([[-0.5, -0.1],
               [ 2. ,  2. ]], dtype=float32)
    """

    slope: float = 0.25
    one_slope: bool = False

    check_examples = ({}, {"slope": 0.1, "one_slope": True})
    check_kinks = (0.0,)

    def __post_init__(self) -> None:
        self.require("slope", 0 <= self.slope < 1, "at least 0 and less than 1")

    def build(self, input_shape: Shape) -> None:
        if not input_shape:
            raise ShapeError("prelu takes samples of shape (channels,) or (*any, channels), got single numbers")
        start = {"name": "constant", "value": self.slope}
        self.s = self.parameter("slope", (1,) if self.one_slope else input_shape[-1:], start, decay=False)

    def reference(self, z: Array) -> Array:
        s = np.broadcast_to(self.s.value, z.shape)
        return np.where(z > 0, z, s * z)

    def forward(self, z: Array) -> Array:
        self.negative = np.minimum(z, 0, out=self.work("negative", z.shape, z.dtype))
        a = np.multiply(self.negative, self.s.value, out=self.work("a", z.shape, z.dtype))
        self.positive = np.maximum(z, 0, out=self.work("positive", z.shape, z.dtype))
        a += self.positive
        return a

    def to_onnx(self, graph: Graph, x: str) -> str:
        return graph.add("PRelu", x, self.s)

    def backward(self, da: Array) -> Array:
        dz = np.multiply(da, self.negative, out=self.work("dz", da.shape, da.dtype))
        self.s.grad = dz.sum() if self.one_slope else dz.reshape(-1, dz.shape[-1]).sum(axis=0)
        np.multiply(da, self.s.value, out=dz)
        np.copyto(dz, da, where=self.positive > 0)  # at the kink it is s, as of leaky_relu
        return dz
