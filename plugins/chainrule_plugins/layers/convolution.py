from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from chainrule import Activation, Array, Initializer, Layer, Shape, ShapeError
from chainrule_plugins.layers._images import Sliding, image_shape, pixels_under
from chainrule_plugins.layers._sums import feature_sums

CACHE = 2**20
"""Bytes of pixels that are laid out at a time. They should stay in the processor's second-level cache: with the whole
batch at a time, the same matrix product takes twice as long."""


@dataclass
class Conv2d(Layer):
    r"""Looks for the same small patterns everywhere in an image: each filter slides over it, and says how well it fits.

    The pixels under the kernel are laid out as the rows of a matrix $X$ (im2col), one for each place of the kernel, so
    that each pass is a matrix product. That is done for a few images at a time, which stay in the processor's cache.
    For a batch of n images the layer keeps these arrays, beside its input, in numbers of 4 or 8 bytes:

        y: $n \cdot rows \cdot columns \cdot filters$
        dx: $n \cdot height \cdot width \cdot channels$
        X: $m \cdot rows \cdot columns \cdot kernel\_height \cdot kernel\_width \cdot channels$
        d_pixels, a part of dX: $k \cdot rows \cdot columns \cdot channels$
        dW, of the images that are at hand: $kernel\_height \cdot kernel\_width \cdot channels \cdot filters$
        x and dx with zeros around, if "same": $2 \cdot n \cdot padded\_height \cdot padded\_width \cdot channels$

    Here m is how many images of the batch have their X in 1 MiB, and k how many have dx (with its zeros), dy and
    d_pixels together in it; one at least. So neither X nor d_pixels grows with a batch that is larger.

    Forward:
        $y_{n,i,j,f} = b_f + \sum_{u,v,c} x_{n, s i + d u, s j + d v, c} \, W_{u,v,c,f}$
        with the stride $s$ and the dilation $d$, x having its zeros around it; as a matrix product:
        $y = X W + b$

    Backward:
        $dW = X^T \, dy$
        $db = \sum_{batch, rows, columns} dy$
        $dX = dy \, W^T$
        $dx_{n,p,q,c} = \sum dX$ over each place and element of the kernel under which the pixel lay

    Shapes:
        x: (batch, height, width, channels), or (batch, height, width), which is one channel
        W: (kernel_height, kernel_width, channels, filters)
        b: (filters,)
        y: (batch, rows, columns, filters); "valid": rows = floor((height - d (kernel_height - 1) - 1) / s) + 1;
            "same": rows = ceil(height / s); columns likewise

    Args:
        filters: the number of patterns, which are the channels of y; at least 1.
        kernel: the size of a pattern, at least 1: a number, or height and width; default 3.
        stride: how far the kernel moves from place to place, at least 1; default 1.
        padding: "valid": the kernel stays within the image; "same": the image gets zeros around it, in each direction
            max((rows - 1) s + d (kernel_height - 1) + 1 - height, 0), half of them on either side, an odd one below or
            to the right, as in TensorFlow; default "valid".
        dilation: the distance of the pixels under the kernel, at least 1; default 1: they are neighbours.
        activation: what the network applies to y; any activation, default "linear".
        initializer: what W holds at first; any initializer, default "glorot_uniform".
        bias_initializer: what b holds at first; any initializer, default "zeros". Weight decay spares b.
        bias: whether there is a b; default true.

    Raises:
        FieldError: a field is out of range.
        ShapeError: the input is no image, or smaller than the kernel.

    Reference:
        LeCun, Bottou, Bengio, Haffner (1998), "Gradient-Based Learning Applied to Document Recognition", Proceedings of
        the IEEE 86, section II; as matrix products: Chellapilla, Puri, Simard (2006), "High Performance Convolutional
        Neural Networks for Document Processing"; dilation: Yu, Koltun (2016), "Multi-Scale Context Aggregation by
        Dilated Convolutions", ICLR.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> sums = cr.make("layer", "conv2d", filters=1, kernel=2, initializer={"name": "constant", "value": 1.0})
        >>> network = cr.Network([sums, "flatten"], input_shape=(3, 3), loss="mse")
        >>> network.predict(np.arange(9.0).reshape(1, 3, 3))
        array([[ 8., 12., 20., 24.]], dtype=float32)
    """

    filters: int
    kernel: int | Sequence[int] = 3
    stride: int = 1
    padding: Literal["valid", "same"] = "valid"
    dilation: int = 1
    activation: str | Mapping[str, Any] | Activation = "linear"
    initializer: str | Mapping[str, Any] | Initializer = "glorot_uniform"
    bias_initializer: str | Mapping[str, Any] | Initializer = "zeros"
    bias: bool = True

    check_examples = (
        {"filters": 3, "kernel": 2},
        {"filters": 2, "padding": "same", "stride": 2, "activation": "tanh"},
        {"filters": 2, "kernel": (1, 2), "dilation": 3, "bias": False},
    )
    check_input_shapes = ((5, 4, 2), (4, 5))

    def __post_init__(self) -> None:
        self.require("filters", self.filters >= 1, "at least 1")
        sizes = self._kernel_sizes()
        self.require("kernel", len(sizes) == 2 and min(sizes) >= 1, "at least 1: a number, or height and width")
        self.require("stride", self.stride >= 1, "at least 1")
        self.require("dilation", self.dilation >= 1, "at least 1")

    def _kernel_sizes(self) -> Shape:
        return (self.kernel, self.kernel) if isinstance(self.kernel, int) else tuple(self.kernel)

    def build(self, input_shape: Shape) -> Shape:
        self.image = height, width, self.channels = image_shape("conv2d", input_shape)
        self.down, self.across = (
            Sliding(length, size, self.stride, self.dilation, same=self.padding == "same")
            for length, size in zip((height, width), self._kernel_sizes())
        )
        self.places = (self.down.places, self.across.places)
        if min(self.places) == 0:
            raise ShapeError(
                f"the kernel reaches over {self.down.reach} by {self.across.reach} pixels, and the image has only "
                f'{height} by {width}: take a smaller kernel or dilation, or padding "same"'
            )
        window = (self.down.size, self.across.size, self.channels)
        self.window_size = math.prod(window)
        self.W = self.parameter("W", (*window, self.filters), self.initializer)
        self.b = self.parameter("b", (self.filters,), self.bias_initializer, decay=False) if self.bias else None
        self.child("activation", self.activation)
        return (*self.places, self.filters)

    def forward(self, x: Array, training: bool) -> Array:
        self.input_shape = x.shape
        self.x = self._padded(x.reshape(len(x), *self.image))
        windows, W = self._windows(), self.W.value.reshape(-1, self.filters)
        y = self.work("y", (len(x), *self.places, self.filters), x.dtype)
        for images in self._chunks(math.prod(self.places) * self.window_size):
            y_rows = y[images].reshape(-1, self.filters)
            np.dot(self._laid_out(windows[images]), W, out=y_rows)
            if self.b is not None:
                y_rows += self.b.value
        return y

    def backward(self, dy: Array) -> Array:
        self.backward_parameters(dy)
        dx = self.work("padded_dx", self.x.shape, dy.dtype)
        # One product for each element of the kernel. As a single one, $dX$ would have rows as long as the window, and
        # each sum below would pick a few numbers from every row; so it adds long runs of them, and is faster.
        W = self.W.value.reshape(-1, self.channels, self.filters)
        for images in self._chunks(dx[0].size + math.prod(self.places) * (self.filters + self.channels)):
            dx_images = dx[images]
            dx_images[...] = 0
            dy_rows = dy[images].reshape(-1, self.filters)
            d_pixels = self.work("d_pixels", (len(dy_rows), self.channels), dy.dtype)
            for pixels, W_at in zip(pixels_under(dx_images, self.down, self.across), W):
                pixels += np.dot(dy_rows, W_at.T, out=d_pixels).reshape(pixels.shape)
        return self._unpadded(dx).reshape(self.input_shape)

    def backward_parameters(self, dy: Array) -> None:
        windows, dW = self._windows(), self.W.grad.reshape(-1, self.filters)
        dW[...] = 0
        if self.b is not None:
            self.b.grad[...] = 0
        for images in self._chunks(math.prod(self.places) * self.window_size):
            dy_rows = dy[images].reshape(-1, self.filters)
            dW += np.dot(self._laid_out(windows[images]).T, dy_rows, out=self.work("dW", dW.shape, dW.dtype))
            if self.b is not None:
                self.b.grad += feature_sums(dy_rows)

    # ---- im2col

    def _windows(self) -> Array:
        """The pixels under the kernel at each place, as a view: (batch, rows, columns, *window)."""
        views = np.lib.stride_tricks.sliding_window_view(self.x, (self.down.reach, self.across.reach), axis=(1, 2))
        s, d = self.stride, self.dilation
        return views[:, ::s, ::s, :, ::d, ::d].transpose(0, 1, 2, 4, 5, 3)

    def _laid_out(self, windows: Array) -> Array:
        """X: ``windows`` as a matrix, one row for each place."""
        X = self.work("X", (windows.size,), windows.dtype)
        if self.across.size * self.channels < self.across.places:
            # Copying is fast along long runs of neighbours in memory. With few channels these are the rows of the
            # image, not of the window: X is laid out as columns. To the matrix product it is all the same.
            turned = windows.transpose(3, 4, 5, 0, 1, 2)
            X.reshape(turned.shape)[...] = turned
            return X.reshape(self.window_size, -1).T
        X.reshape(windows.shape)[...] = windows
        return X.reshape(-1, self.window_size)

    def _chunks(self, numbers: int) -> Iterator[slice]:
        """The batch, as many images at a time as stay in the cache, with so many ``numbers`` for each of them."""
        count = max(1, CACHE // (numbers * self.x.itemsize))
        for start in range(0, len(self.x), count):
            yield slice(start, start + count)

    # ---- zeros around the image

    def _padded(self, x: Array) -> Array:
        if self.padding == "valid":
            return x
        height, width, channels = self.image
        shape = (len(x), height + sum(self.down.padding), width + sum(self.across.padding), channels)
        padded = self.work("padded_x", shape, x.dtype)
        padded[...] = 0
        padded[:, self.down.inside, self.across.inside] = x
        return padded

    def _unpadded(self, dx: Array) -> Array:
        if self.padding == "valid":
            return dx
        unpadded = self.work("dx", (len(dx), *self.image), dx.dtype)
        unpadded[...] = dx[:, self.down.inside, self.across.inside]
        return unpadded
