from __future__ import annotations

from dataclasses import dataclass

from chainrule import Array, Layer, Shape
from chainrule_plugins.layers.images import image_shape


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

    def build(self, input_shape: Shape) -> Shape:
        height, width, self.channels = image_shape("global_average_pool2d", input_shape)
        self.pixels = height * width
        return (self.channels,)

    def forward(self, x: Array, training: bool) -> Array:
        self.input_shape = x.shape
        y = self.work("y", (len(x), self.channels), x.dtype)
        return x.reshape(len(x), self.pixels, self.channels).mean(axis=1, out=y)

    def backward(self, dy: Array) -> Array:
        dx = self.work("dx", (len(dy), self.pixels, self.channels), dy.dtype)
        dx[...] = (dy / self.pixels)[:, None, :]
        return dx.reshape(self.input_shape)
