"""Layers that lay the numbers of a sample out in another way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chainrule import Array, Graph, Layer, Shape, ShapeError


@dataclass
class Reshape(Layer):
    r"""Gives each sample another shape: what stands between dense layers and images.

    Forward:
        $y_{n,k,l,...} = x_{n,i,j,...}$ where both are the same number of the sample, counted with the last axis running
        fastest

    Backward:
        $dx_{n,i,j,...} = dy_{n,k,l,...}$

    Shapes:
        x: (batch, *any)
        y: (batch, *shape)

    Args:
        shape: of a sample of y, each axis at least 1; one of them may be -1: as long as the others leave room for.

    Raises:
        FieldError: an axis is 0 or less, other than one of -1.
        ShapeError: the input's numbers do not fill that shape.

    Example:
        >>> import chainrule as cr
        >>> network = cr.Network([cr.make("layer", "reshape", shape=(7, -1, 3))], input_shape=(84,), loss="mse")
        >>> network.output_shape
        (7, 4, 3)
    """

    shape: Sequence[int]

    check_examples = ({"shape": (2, -1)}, {"shape": (4, 3, 2)}, {"shape": (24,)})
    check_input_shapes = ((24,), (3, 2, 4))

    def __post_init__(self) -> None:
        axes_right = all(n >= 1 or n == -1 for n in self.shape) and list(self.shape).count(-1) <= 1
        self.require("shape", axes_right, "axes of at least 1, of which one may be -1")

    def reference(self, x: Array, training: bool) -> Array:
        return np.array([np.reshape(sample.ravel(), self.shape) for sample in x])

    def build(self, input_shape: Shape) -> Shape:
        numbers, known = math.prod(input_shape), math.prod(n for n in self.shape if n != -1)
        if numbers % known if -1 in self.shape else numbers != known:
            raise ShapeError(
                f"reshape to {tuple(self.shape)}: a sample of shape {input_shape} has {numbers} numbers, which do not "
                "fill it"
            )
        self.input_shape = input_shape
        self.output_shape = tuple(numbers // known if n == -1 else n for n in self.shape)
        return self.output_shape

    def forward(self, x: Array, training: bool) -> Array:
        return x.reshape(len(x), *self.output_shape)

    def to_onnx(self, graph: Graph, x: str) -> str:
        return graph.add("Reshape", x, graph.constant([-1, *self.output_shape]))

    def backward(self, dy: Array) -> Array:
        return dy.reshape(len(dy), *self.input_shape)


@dataclass
class Permute(Layer):
    r"""Puts the axes of each sample into another order, such as channels first or last.

    Forward:
        $y_{n, a_{o_1}, a_{o_2}, ...} = x_{n, a_1, a_2, ...}$, with the order $o$

    Backward:
        $dx_{n, a_1, a_2, ...} = dy_{n, a_{o_1}, a_{o_2}, ...}$

    Shapes:
        x: (batch, *any)
        y: (batch, *permuted): axis k of a sample of y is axis order[k] of x

    Args:
        order: the axes of a sample of x, counted from 1 as in Keras, in the order of y: (2, 1) swaps two.

    Raises:
        FieldError: order is no order of the numbers from 1 on.
        ShapeError: the input has another number of axes.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> network = cr.Network([cr.make("layer", "permute", order=(2, 1)), "flatten"], (2, 3), loss="mse")
        >>> network.predict(np.array([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]))
        array([[1., 4., 2., 5., 3., 6.]], dtype=float32)
    """

    order: Sequence[int]

    check_examples = ({"order": (3, 1, 2)}, {"order": (1, 3, 2)})
    check_input_shapes = ((3, 2, 4),)

    def __post_init__(self) -> None:
        expected = "the axes of a sample, each number from 1 on once"
        self.require("order", sorted(self.order) == list(range(1, len(self.order) + 1)), expected)

    def reference(self, x: Array, training: bool) -> Array:
        y = np.empty([len(x), *(x.shape[axis] for axis in self.order)])
        for n, *index in np.ndindex(*x.shape):
            y[(n, *(index[axis - 1] for axis in self.order))] = x[(n, *index)]
        return y

    def build(self, input_shape: Shape) -> Shape:
        if len(input_shape) != len(self.order):
            raise ShapeError(
                f"permute puts {len(self.order)} axes into the order {tuple(self.order)}, and a sample of shape "
                f"{input_shape} has {len(input_shape)}"
            )
        self.axes = (0, *self.order)
        self.axes_back = tuple(int(axis) for axis in np.argsort(self.axes))
        return tuple(input_shape[axis - 1] for axis in self.order)

    def forward(self, x: Array, training: bool) -> Array:
        return self._laid_out("y", x.transpose(self.axes))

    def to_onnx(self, graph: Graph, x: str) -> str:
        return graph.add("Transpose", x, perm=self.axes)

    def backward(self, dy: Array) -> Array:
        return self._laid_out("dx", dy.transpose(self.axes_back))

    def _laid_out(self, name: str, a: Array) -> Array:
        """A copy whose last axis runs fastest: layers that follow would each make one of a view."""
        copy = self.work(name, a.shape, a.dtype)
        copy[...] = a
        return copy
