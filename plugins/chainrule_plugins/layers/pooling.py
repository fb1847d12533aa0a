"""Layers that make an image smaller: a window at a time, or all of it to one pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule import Array, Graph, Layer, Shape, in_parts, loops
from chainrule_plugins.layers._images import image_shape, pixels_under, pooling_windows
from chainrule_plugins.layers._onnx import channels_first, channels_last, window_of


@dataclass
class MaxPool2d(Layer):
    r"""Keeps the strongest answer of each neighbourhood, so that a pattern is still found where it moves a little.

    Rows and columns at the lower and right edge that no window reaches are left out.

    Forward:
        $y_{n,i,j,c} = \max_{u,v} x_{n, s i + u, s j + v, c}$, with the stride $s$

    Backward:
        $dx_{n, s i + u, s j + v, c} = dy_{n,i,j,c}$ where the window has its first maximum, row by row, else $0$; added
        up where windows overlap

    Shapes:
        x: (batch, height, width, channels), or (batch, height, width), which is one channel
        y: (batch, rows, columns, channels), with rows = floor((height - size) / s) + 1, and columns likewise

    Args:
        size: of the square window, at least 1; default 2.
        stride: how far the window moves from place to place, at least 1; default null: as far as its size.

    Raises:
        FieldError: a field is less than 1.
        ShapeError: the input is no image, or smaller than the window.

    Reference:
        Scherer, Müller, Behnke (2010), "Evaluation of Pooling Operations in Convolutional Architectures for Object
        Recognition", ICANN.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> network = cr.Network(["max_pool2d", "flatten"], input_shape=(2, 4), loss="mse")
        >>> network.predict(np.array([[[1.0, 2.0, 3.0, 4.0], [8.0, 7.0, 6.0, 5.0]]]))
        array([[8., 6.]], dtype=float32)
    """

    size: int = 2
    stride: int | None = None

    check_examples = ({}, {"size": 3, "stride": 1})
    check_input_shapes = ((6, 6, 2), (4, 5), (5, 4))

    def __post_init__(self) -> None:
        self.require("size", self.size >= 1, "at least 1")
        self.require("stride", self.stride is None or self.stride >= 1, "at least 1, or null")

    def reference(self, x: Array, training: bool) -> Array:
        x = x[..., None] if x.ndim == 3 else x
        k, s = self.size, self.stride or self.size
        y = np.empty((len(x), (x.shape[1] - k) // s + 1, (x.shape[2] - k) // s + 1, x.shape[3]))
        for i, j in np.ndindex(*y.shape[1:3]):
            y[:, i, j] = x[:, s * i : s * i + k, s * j : s * j + k].max(axis=(1, 2))
        return y

    def build(self, input_shape: Shape) -> Shape:
        self.image = height, width, channels = image_shape("max_pool2d", input_shape)
        stride = self.size if self.stride is None else self.stride
        self.down, self.across = pooling_windows(height, width, self.size, stride)
        # Whether each pixel lies under the window once and only once.
        self.tiled = stride == self.size and height % self.size == 0 and width % self.size == 0
        return (self.down.places, self.across.places, channels)

    def forward(self, x: Array, training: bool) -> Array:
        self.input_shape = x.shape
        images = x.reshape(len(x), *self.image)
        first, *others = pixels_under(images, self.down, self.across)
        y = self.work("y", first.shape, x.dtype)
        # Which pixel under the window is the maximum, counted from 0. At a tie, such as of zeros that a ReLU left, the
        # first one stays: it alone gets the gradient, so that no more goes down than came in.
        chosen = self.chosen = self.work("chosen", y.shape, np.min_scalar_type(self.size**2 - 1))
        higher = self.work("higher", y.shape, np.bool_)

        def choose(part: slice) -> None:
            if choose_in_loops(images[part], y[part], chosen[part], self.size, self.down.stride):
                return
            y[part], chosen[part] = first[part], 0
            for k, pixels in enumerate(others, start=1):
                np.greater(pixels[part], y[part], out=higher[part])
                np.maximum(chosen[part], higher[part] * chosen.dtype.type(k), out=chosen[part])
                np.maximum(y[part], pixels[part], out=y[part])

        in_parts(choose, len(x), x.size)
        return y

    def to_onnx(self, graph: Graph, x: str) -> str:
        image, window = channels_first(graph, x, self.image), window_of(self.down, self.across)
        return channels_last(graph, graph.add("MaxPool", image, **window))

    def backward(self, dy: Array) -> Array:
        dx = self.work("dx", (len(dy), *self.image), dy.dtype)
        is_chosen = self.work("is_chosen", dy.shape, np.bool_)

        def hand_back(part: slice) -> None:
            if not self.tiled:
                dx[part] = 0
            elif hand_back_in_loops(dy[part], self.chosen[part], dx[part], self.size):
                return
            for k, pixels in enumerate(pixels_under(dx[part], self.down, self.across)):
                chosen = np.equal(self.chosen[part], k, out=is_chosen[part])
                if self.tiled:  # nothing to add up
                    np.multiply(dy[part], chosen, out=pixels)
                else:
                    pixels += dy[part] * chosen

        in_parts(hand_back, len(dx), dx.size)
        return dx.reshape(self.input_shape)


@loops
def choose_in_loops(x: Array, y: Array, chosen: Array, size: int, stride: int) -> None:
    """The largest pixel under each place of a window, and which it is. Channels come last: they are neighbours in
    memory, and computed several at once."""
    for n, i, j in np.ndindex(y.shape[:3]):
        for c in range(y.shape[3]):
            y[n, i, j, c], chosen[n, i, j, c] = x[n, i * stride, j * stride, c], 0
        for u in range(size):
            for v in range(size):
                for c in range(y.shape[3]):
                    pixel, largest = x[n, i * stride + u, j * stride + v, c], y[n, i, j, c]
                    higher = pixel > largest
                    chosen[n, i, j, c] = u * size + v if higher else chosen[n, i, j, c]
                    y[n, i, j, c] = pixel if higher or pixel != pixel else largest


@loops
def hand_back_in_loops(dy: Array, chosen: Array, dx: Array, size: int) -> None:
    """The gradient of each place to the pixel that was the largest, where windows do not overlap."""
    for n, i, j in np.ndindex(dy.shape[:3]):
        for u in range(size):
            for v in range(size):
                for c in range(dy.shape[3]):
                    is_chosen = chosen[n, i, j, c] == u * size + v
                    dx[n, i * size + u, j * size + v, c] = dy[n, i, j, c] if is_chosen else 0


@dataclass
class AveragePool2d(Layer):
    r"""Makes an image smaller: each neighbourhood becomes one pixel, its mean.

    Rows and columns at the lower and right edge that no window reaches are left out.

    Forward:
        $y_{n,i,j,c} = \frac{1}{size^2} \sum_{u,v} x_{n, s i + u, s j + v, c}$, with the stride $s$

    Backward:
        $dx_{n, s i + u, s j + v, c} = \frac{1}{size^2} dy_{n,i,j,c}$, added up where windows overlap

    Shapes:
        x: (batch, height, width, channels), or (batch, height, width), which is one channel
        y: (batch, rows, columns, channels), with rows = floor((height - size) / s) + 1, and columns likewise

    Args:
        size: of the square window, at least 1; default 2.
        stride: how far the window moves from place to place, at least 1; default null: as far as its size.

    Raises:
        FieldError: a field is less than 1.
        ShapeError: the input is no image, or smaller than the window.

    Reference:
        LeCun, Bottou, Bengio, Haffner (1998), "Gradient-Based Learning Applied to Document Recognition", Proceedings of
        the IEEE 86, section II, whose subsampling layers have a learned factor and bias besides.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> network = cr.Network(["average_pool2d", "flatten"], input_shape=(2, 4), loss="mse")
        >>> network.predict(np.array([[[1.0, 2.0, 3.0, 4.0], [8.0, 7.0, 6.0, 5.0]]]))
        array([[4.5, 4.5]], dtype=float32)
    """

    size: int = 2
    stride: int | None = None

    check_examples = ({}, {"size": 3, "stride": 1})
    check_input_shapes = ((5, 4, 2), (4, 5))

    def __post_init__(self) -> None:
        self.require("size", self.size >= 1, "at least 1")
        self.require("stride", self.stride is None or self.stride >= 1, "at least 1, or null")

    def reference(self, x: Array, training: bool) -> Array:
        x = x[..., None] if x.ndim == 3 else x
        k, s = self.size, self.stride or self.size
        y = np.empty((len(x), (x.shape[1] - k) // s + 1, (x.shape[2] - k) // s + 1, x.shape[3]))
        for i, j in np.ndindex(*y.shape[1:3]):
            y[:, i, j] = x[:, s * i : s * i + k, s * j : s * j + k].mean(axis=(1, 2))
        return y

    def build(self, input_shape: Shape) -> Shape:
        self.image = height, width, channels = image_shape("average_pool2d", input_shape)
        stride = self.size if self.stride is None else self.stride
        self.down, self.across = pooling_windows(height, width, self.size, stride)
        return (self.down.places, self.across.places, channels)

    def forward(self, x: Array, training: bool) -> Array:
        self.input_shape = x.shape
        first, *others = pixels_under(x.reshape(len(x), *self.image), self.down, self.across)
        y = self.work("y", first.shape, x.dtype)
        y[...] = first
        for pixels in others:
            y += pixels
        y /= self.size**2
        return y

    def to_onnx(self, graph: Graph, x: str) -> str:
        image, window = channels_first(graph, x, self.image), window_of(self.down, self.across)
        return channels_last(graph, graph.add("AveragePool", image, **window))

    def backward(self, dy: Array) -> Array:
        dx = self.work("dx", (len(dy), *self.image), dy.dtype)
        dx[...] = 0
        share = np.divide(dy, self.size**2, out=self.work("share", dy.shape, dy.dtype))
        for pixels in pixels_under(dx, self.down, self.across):
            pixels += share
        return dx.reshape(self.input_shape)


@dataclass
class GlobalAveragePool2d(Layer):
    r"""Makes one number of each channel: how much of its pattern the whole image holds, wherever it lies.

    Forward:
        $y_{n,c} = \frac{1}{height \cdot width} \sum_{i,j} x_{n,i,j,c}$

    Backward:
        $dx_{n,i,j,c} = \frac{1}{height \cdot width} dy_{n,c}$

    Shapes:
        x: (batch, height, width, channels), or (batch, height, width), which is one channel
        y: (batch, channels)

    Raises:
        ShapeError: the input is no image.

    Reference:
        Lin, Chen, Yan (2014), "Network in Network", ICLR, section 3.2.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> network = cr.Network(["global_average_pool2d"], input_shape=(2, 2, 1), loss="mse")
        >>> network.predict(np.array([[[[1.0], [2.0]], [[3.0], [4.0]]]]))
        array([[2.5]], dtype=float32)
    """

    check_input_shapes = ((5, 4, 2), (4, 5))

    def reference(self, x: Array, training: bool) -> Array:
        x = x[..., None] if x.ndim == 3 else x
        return np.array([[sample[..., c].mean() for c in range(x.shape[3])] for sample in x])

    def build(self, input_shape: Shape) -> Shape:
        height, width, self.channels = image_shape("global_average_pool2d", input_shape)
        self.pixels = height * width
        return (self.channels,)

    def forward(self, x: Array, training: bool) -> Array:
        self.input_shape = x.shape
        y = self.work("y", (len(x), self.channels), x.dtype)
        return x.reshape(len(x), self.pixels, self.channels).mean(axis=1, out=y)

    def to_onnx(self, graph: Graph, x: str) -> str:
        pixels = graph.add("Reshape", x, graph.constant([-1, self.pixels, self.channels]))
        return graph.add("ReduceMean", pixels, graph.constant([1]), keepdims=0)

    def backward(self, dy: Array) -> Array:
        dx = self.work("dx", (len(dy), self.pixels, self.channels), dy.dtype)
        dx[...] = (dy / self.pixels)[:, None, :]
        return dx.reshape(self.input_shape)
