"""Layers that make an image larger without learning how: by repeating its pixels, or by zeros around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chainrule import Array, Graph, Layer, Shape
from chainrule_plugins.layers._images import image_shape
from chainrule_plugins.layers._onnx import with_channels


@dataclass
class Upsample2d(Layer):
    r"""Makes an image larger: each pixel becomes a block of its own kind.

    Forward:
        $y_{n, i, j, c} = x_{n, \lfloor i / f \rfloor, \lfloor j / g \rfloor, c}$, f and g being the factors

    Backward:
        $dx_{n,i,j,c} = \sum_{u < f, v < g} dy_{n, f i + u, g j + v, c}$

    Shapes:
        x: (batch, height, width, channels), or (batch, height, width), which is one channel
        y: (batch, height f, width g, channels)

    Args:
        factor: how many times as large it becomes, at least 1: a number, or that of the rows and that of the columns;
            default 2.

    Raises:
        FieldError: factor is less than 1.
        ShapeError: the input is no image.

    Reference:
        Odena, Dumoulin, Olah (2016), "Deconvolution and Checkerboard Artifacts", Distill, where a convolution follows
        it in place of a conv2d_transpose.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> network = cr.Network([cr.make("layer", "upsample2d", factor=(1, 2)), "flatten"], (1, 3), loss="mse")
        >>> network.predict(np.array([[[1.0, 2.0, 3.0]]]))
        array([[1., 1., 2., 2., 3., 3.]], dtype=float32)
    """

    factor: int | Sequence[int] = 2

    check_examples = ({}, {"factor": (3, 1)})
    check_input_shapes = ((3, 2, 2), (2, 3))

    def __post_init__(self) -> None:
        factors = self._factors()
        self.require("factor", len(factors) == 2 and min(factors) >= 1, "at least 1: a number, or rows and columns")

    def _factors(self) -> Shape:
        return (self.factor, self.factor) if isinstance(self.factor, int) else tuple(self.factor)

    def reference(self, x: Array, training: bool) -> Array:
        x = x[..., None] if x.ndim == 3 else x
        f, g = (self.factor, self.factor) if isinstance(self.factor, int) else self.factor
        y = np.empty((len(x), x.shape[1] * f, x.shape[2] * g, x.shape[3]))
        for i, j in np.ndindex(*y.shape[1:3]):
            y[:, i, j] = x[:, i // f, j // g]
        return y

    def build(self, input_shape: Shape) -> Shape:
        self.image = height, width, channels = image_shape("upsample2d", input_shape)
        self.f, self.g = self._factors()
        return (height * self.f, width * self.g, channels)

    def forward(self, x: Array, training: bool) -> Array:
        self.input_shape = x.shape
        height, width, channels = self.image
        y = self.work("y", (len(x), height * self.f, width * self.g, channels), x.dtype)
        blocks = y.reshape(len(x), height, self.f, width, self.g, channels)
        blocks[...] = x.reshape(len(x), height, 1, width, 1, channels)
        return y

    def to_onnx(self, graph: Graph, x: str) -> str:
        height, width, channels = self.image
        pixels = graph.add("Reshape", x, graph.constant([-1, height, 1, width, 1, channels]))
        blocks = graph.add("Expand", pixels, graph.constant([1, 1, self.f, 1, self.g, 1]))
        return graph.add("Reshape", blocks, graph.constant([-1, height * self.f, width * self.g, channels]))

    def backward(self, dy: Array) -> Array:
        height, width, channels = self.image
        # First over the rows of a block, which are long runs of neighbours in memory.
        rows = dy.reshape(-1, self.f, width * self.g * channels).sum(axis=1)
        rows = rows.reshape(-1, height, width, self.g, channels)
        dx = self.work("dx", (len(dy), *self.image), dy.dtype)
        dx[...] = rows[..., 0, :]
        for v in range(1, self.g):
            dx += rows[..., v, :]
        return dx.reshape(self.input_shape)


@dataclass
class ZeroPad2d(Layer):
    r"""Puts zeros around an image: room for what a kernel would otherwise lose at its edges.

    Forward:
        $y_{n, i + top, j + left, c} = x_{n,i,j,c}$, and $0$ elsewhere

    Backward:
        $dx_{n,i,j,c} = dy_{n, i + top, j + left, c}$

    Shapes:
        x: (batch, height, width, channels), or (batch, height, width), which is one channel
        y: (batch, top + height + bottom, left + width + right, channels)

    Args:
        padding: how many zeros, at least 0: a number for each side, or those at the top, at the bottom, at the left and
            at the right; default 1.

    Raises:
        FieldError: padding is less than 0, or neither one number nor four.
        ShapeError: the input is no image.

    Reference:
        Dumoulin, Visin (2016), "A guide to convolution arithmetic for deep learning", arXiv:1603.07285, section 2.2.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> pad = cr.make("layer", "zero_pad2d", padding=(0, 0, 2, 1))
        >>> cr.Network([pad, "flatten"], (1, 2), loss="mse").predict(np.array([[[1.0, 2.0]]]))
        array([[0., 0., 1., 2., 0.]], dtype=float32)
    """

    padding: int | Sequence[int] = 1

    check_examples = ({}, {"padding": (0, 1, 2, 3)})
    check_input_shapes = ((3, 2, 2), (2, 3))

    def __post_init__(self) -> None:
        sides = self._sides()
        expected = "at least 0: a number, or those at the top, the bottom, the left and the right"
        self.require("padding", len(sides) == 4 and min(sides) >= 0, expected)

    def _sides(self) -> Shape:
        return (self.padding,) * 4 if isinstance(self.padding, int) else tuple(self.padding)

    def reference(self, x: Array, training: bool) -> Array:
        x = x[..., None] if x.ndim == 3 else x
        top, bottom, left, right = [self.padding] * 4 if isinstance(self.padding, int) else self.padding
        return np.pad(x, [(0, 0), (top, bottom), (left, right), (0, 0)])

    def build(self, input_shape: Shape) -> Shape:
        self.image = height, width, channels = image_shape("zero_pad2d", input_shape)
        top, bottom, left, right = self._sides()
        self.inside = (slice(None), slice(top, top + height), slice(left, left + width))
        self.output_shape = (top + height + bottom, left + width + right, channels)
        return self.output_shape

    def forward(self, x: Array, training: bool) -> Array:
        self.input_shape = x.shape
        y = self.work("y", (len(x), *self.output_shape), x.dtype)
        y[...] = 0
        y[self.inside] = x.reshape(len(x), *self.image)
        return y

    def to_onnx(self, graph: Graph, x: str) -> str:
        top, bottom, left, right = self._sides()
        zeros = graph.constant([0, top, left, 0, 0, bottom, right, 0])  # before each axis, then behind each
        return graph.add("Pad", with_channels(graph, x, self.image), zeros)

    def backward(self, dy: Array) -> Array:
        return dy[self.inside].reshape(self.input_shape)
