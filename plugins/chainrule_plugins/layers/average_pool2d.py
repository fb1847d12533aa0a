from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule import Array, Layer, Shape
from chainrule_plugins.layers.images import image_shape, pixels_under, pooling_windows


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

    def backward(self, dy: Array) -> Array:
        dx = self.work("dx", (len(dy), *self.image), dy.dtype)
        dx[...] = 0
        share = np.divide(dy, self.size**2, out=self.work("share", dy.shape, dy.dtype))
        for pixels in pixels_under(dx, self.down, self.across):
            pixels += share
        return dx.reshape(self.input_shape)
