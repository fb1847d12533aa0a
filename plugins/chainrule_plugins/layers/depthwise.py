from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from chainrule import Activation, Array, Graph, Initializer, Layer, Shape, ShapeError
from chainrule_plugins.layers._im2col import Window, chunks
from chainrule_plugins.layers._images import Sliding, image_shape
from chainrule_plugins.layers._onnx import channels_first, channels_last, window_of
from chainrule_plugins.layers._references import with_zeros
from chainrule_plugins.layers._sums import feature_sums


@dataclass
class DepthwiseConv2d(Layer):
    r"""Looks for patterns in each channel by itself, with filters of its own.

    Together with a conv2d of kernel 1 behind it, which mixes the channels, it does much of what a conv2d does, with far
    fewer weights and products.

    Forward:
        $y_{n,i,j,k} = b_k + \sum_{u,v} x_{n, s i + d u, s j + d v, c} \, W_{u,v,c,q}$
        for $k = c \cdot multiplier + q$, with the stride $s$ and the dilation $d$, x having its zeros around it

    Backward:
        $dW_{u,v,c,q} = \sum_{n,i,j} x_{n, s i + d u, s j + d v, c} \, dy_{n,i,j,k}$
        $db = \sum_{batch, rows, columns} dy$
        $dx_{n,p,r,c} = \sum dy_{n,i,j,k} \, W_{u,v,c,q}$ over all q, and $i, j, u, v$ with $p = s i + d u$ and
        $r = s j + d v$

    Shapes:
        x: (batch, height, width, channels), or (batch, height, width), which is one channel
        W: (kernel_height, kernel_width, channels, multiplier)
        b: (channels * multiplier,)
        y: (batch, rows, columns, channels * multiplier), rows and columns as those of conv2d

    Args:
        multiplier: the number of filters of each channel, at least 1; default 1.
        kernel: the size of a pattern, at least 1: a number, or height and width; default 3.
        stride: how far the kernel moves from place to place, at least 1; default 1.
        padding: "valid": the kernel stays within the image; "same": the image gets zeros around it, as for conv2d;
            default "valid".
        dilation: the distance of the pixels under the kernel, at least 1; default 1: they are neighbours.
        activation: what the network applies to y; any activation, default "linear".
        initializer: what W holds at first; any initializer, default "glorot_uniform". Each channel's part is drawn by
            itself, as a weight of one channel and multiplier filters, which is all that y sums up.
        bias_initializer: what b holds at first; any initializer, default "zeros". Weight decay spares b.
        bias: whether there is a b; default true.

    Raises:
        FieldError: a field is out of range.
        ShapeError: the input is no image, or smaller than the kernel.

    Reference:
        Sifre, Mallat (2014), "Rigid-Motion Scattering for Texture Classification", arXiv:1403.1687; Howard and others
        (2017), "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications", arXiv:1704.04861,
        equation 3; with a multiplier: Chollet (2017), "Xception: Deep Learning with Depthwise Separable Convolutions",
        CVPR.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> ones = {"name": "constant", "value": 1.0}
        >>> sums = cr.make("layer", "depthwise_conv2d", kernel=2, initializer=ones)
        >>> network = cr.Network([sums, "flatten"], input_shape=(2, 2, 2), loss="mse")
        >>> network.predict(np.array([[[[1.0, 10.0], [2.0, 20.0]], [[3.0, 30.0], [4.0, 40.0]]]]))
        array([[ 10., 100.]], dtype=float32)
    """

    multiplier: int = 1
    kernel: int | Sequence[int] = 3
    stride: int = 1
    padding: Literal["valid", "same"] = "valid"
    dilation: int = 1
    activation: str | Mapping[str, Any] | Activation = "linear"
    initializer: str | Mapping[str, Any] | Initializer = "glorot_uniform"
    bias_initializer: str | Mapping[str, Any] | Initializer = "zeros"
    bias: bool = True

    check_examples = (
        {"kernel": 2, "stride": 2},
        {"multiplier": 2, "padding": "same", "activation": "tanh"},
        {"multiplier": 3, "kernel": (1, 2), "dilation": 3, "bias": False},
    )
    check_input_shapes = ((5, 4, 2), (4, 5))

    def __post_init__(self) -> None:
        self.require("multiplier", self.multiplier >= 1, "at least 1")
        sizes = self._kernel_sizes()
        self.require("kernel", len(sizes) == 2 and min(sizes) >= 1, "at least 1: a number, or height and width")
        self.require("stride", self.stride >= 1, "at least 1")
        self.require("dilation", self.dilation >= 1, "at least 1")

    def _kernel_sizes(self) -> Shape:
        return (self.kernel, self.kernel) if isinstance(self.kernel, int) else tuple(self.kernel)

    def reference(self, x: Array, training: bool) -> Array:
        s, d, W = self.stride, self.dilation, self.W.value
        x = x[..., None] if x.ndim == 3 else x
        for axis in (1, 2):
            x = with_zeros(x, axis, d * (W.shape[axis - 1] - 1) + 1, s, self.padding)
        rows, columns = ((x.shape[axis] - d * (W.shape[axis - 1] - 1) - 1) // s + 1 for axis in (1, 2))
        y = np.zeros((len(x), rows, columns, *W.shape[2:]))
        for i, j, u, v in np.ndindex(rows, columns, *W.shape[:2]):
            y[:, i, j] += x[:, s * i + d * u, s * j + d * v, :, None] * W[u, v]
        return y.reshape(len(x), rows, columns, -1) + (self.b.value if self.b is not None else 0)

    def build(self, input_shape: Shape) -> Shape:
        self.image = height, width, channels = image_shape("depthwise_conv2d", input_shape)
        down, across = (
            Sliding(length, size, self.stride, self.dilation, self.padding)
            for length, size in zip((height, width), self._kernel_sizes())
        )
        # As if x had a copy of each channel for each of its filters, and each copy a single one.
        self.window = Window(down, across, channels * self.multiplier)
        if min(self.window.places) < 1:
            raise ShapeError(
                f"the kernel reaches over {down.reach} by {across.reach} pixels, and the image has only {height} by "
                f'{width}: take a smaller kernel or dilation, or padding "same"'
            )
        shape = (down.size, across.size, channels, self.multiplier)
        self.W = self.parameter("W", shape, {"name": "per_slice", "initializer": self.initializer, "axis": 2})
        filters = (self.window.channels,)
        self.b = self.parameter("b", filters, self.bias_initializer, decay=False) if self.bias else None
        self.child("activation", self.activation)
        return (*self.window.places, *filters)

    def forward(self, x: Array, training: bool) -> Array:
        self.input_shape = x.shape
        self.x = self._padded(x.reshape(len(x), *self.image))
        y = self.work("y", (len(x), *self.window.places, self.window.channels), x.dtype)
        _sum_under(self.window, self.x, self._filters(self.W.value), y)
        if self.b is not None:
            rows = y.reshape(-1, y.shape[2] * y.shape[3])
            rows += np.tile(self.b.value, y.shape[2])
        return y

    def to_onnx(self, graph: Graph, x: str) -> str:
        W = graph.add("Transpose", self.W, perm=(2, 3, 0, 1))  # and as one filter for each channel of y
        W = graph.add("Reshape", W, graph.constant([self.window.channels, 1, *self.W.shape[:2]]))
        window = window_of(self.window.down, self.window.across)
        y = graph.add("Conv", channels_first(graph, x, self.image), W, self.b, group=self.image[2], **window)
        return channels_last(graph, y)

    def backward(self, dy: Array) -> Array:
        self.backward_parameters(dy)
        # It is the same kind of sum, of dy with zeros between its places and around them, by the kernel turned round.
        down, across = self.window.down, self.window.across
        rows, columns = (Sliding(a.length + a.reach - 1, a.size, 1, a.dilation) for a in (down, across))
        turned = Window(rows, columns, self.window.channels)
        spaced = self.work("spaced_dy", (len(dy), *turned.padded_shape), dy.dtype)
        spaced[...] = 0
        spaced[:, *(_places_of(a) for a in (down, across))] = dy
        dx = self.work("dx", (len(dy), *self.image[:2], dy.shape[-1]), dy.dtype)
        _sum_under(turned, spaced, self._filters(self.W.value)[::-1, ::-1], dx)
        if self.multiplier > 1:
            dx = np.dot(dx.reshape(-1, self.multiplier), np.ones(self.multiplier, dy.dtype))
        return dx.reshape(self.input_shape)

    def backward_parameters(self, dy: Array) -> None:
        _products_under(self.window, self.x, dy, self._filters(self.W.grad))
        if self.b is not None:
            feature_sums(dy.reshape(-1, dy.shape[-1]), out=self.b.grad)

    def _filters(self, W: Array) -> Array:
        """One for each channel of y: (kernel_height, kernel_width, channels * multiplier)."""
        return W.reshape(*W.shape[:2], -1)

    def _padded(self, x: Array) -> Array:
        """``x`` with each channel as often as it has filters, and with its zeros; its rows are whole in memory."""
        if self.multiplier == 1:
            return np.ascontiguousarray(self.window.padded(x, self.work))
        padded = self.work("padded_x", (len(x), *self.window.padded_shape), x.dtype)
        padded[...] = 0
        copies = padded.reshape(*padded.shape[:3], -1, self.multiplier)
        copies[:, self.window.down.inside, self.window.across.inside] = x[..., None]
        return padded


def _places_of(axis: Sliding) -> slice:
    """Where the places stand in an axis along which the turned kernel slides, each number of it under all elements."""
    first = axis.reach - 1 - axis.padding[0]
    return slice(first, first + (axis.places - 1) * axis.stride + 1, axis.stride)


def _sum_under(window: Window, x: Array, W: Array, y: Array) -> None:
    r"""Write $y_{n,i,j,c} = \sum_{u,v} x_{n, s i + d u, s j + d v, c} \, W_{u,v,c}$."""
    s, across = window.across.stride, window.across
    if s == 1:
        np.einsum("uvnir,uvr->nir", _runs(window, x), np.tile(W, y.shape[2]), out=y.reshape(*y.shape[:2], -1))
        return
    # Along runs it is faster to compute what stands between the places too than to jump from each to the next.
    each = Window(window.down, Sliding(x.shape[2], across.size, 1, across.dilation), window.channels)
    runs, filters = _runs(each, x), np.tile(W, each.across.places)
    for images in chunks(y, runs[0, 0, 0].size):
        sums = np.einsum("uvnir,uvr->nir", runs[:, :, images], filters)
        y[images] = sums.reshape(*sums.shape[:2], -1, window.channels)[:, :, ::s]


def _products_under(window: Window, x: Array, dy: Array, dW: Array) -> None:
    r"""Write $dW_{u,v,c} = \sum_{n,i,j} x_{n, s i + d u, s j + d v, c} \, dy_{n,i,j,c}$."""
    parts = chunks(x, x[0].size + dy[0].size)
    if window.across.stride > 1:
        dW[...] = 0
        for images in parts:
            dW += np.einsum("nijuvc,nijc->uvc", window.windows(x[images]), dy[images])
        return
    products = np.zeros((*dW.shape[:2], *dy.shape[2:]), dy.dtype)  # apart for each column, as the runs are
    for images in parts:
        runs, dy_runs = _runs(window, x[images]), dy[images].reshape(-1, dy.shape[1], math.prod(dy.shape[2:]))
        for u, v in np.ndindex(*dW.shape[:2]):
            products[u, v] += np.einsum("nir,nir->r", runs[u, v], dy_runs).reshape(dy.shape[2:])
    products.sum(axis=2, out=dW)


def _runs(window: Window, x: Array) -> Array:
    """The pixels under each element of a window with stride 1, (height, width, n, rows, columns * channels), as a view.

    Neighbouring places lie side by side in memory: a row of them, with all channels, is one run of numbers. With few
    channels einsum is several times as fast along it as along the channels of each place.
    """
    windows = window.windows(x)
    n, rows, columns, height, width, channels = windows.shape
    return windows.transpose(3, 4, 0, 1, 2, 5).reshape(height, width, n, rows, columns * channels)
