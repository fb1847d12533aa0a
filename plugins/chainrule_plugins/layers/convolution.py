from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from chainrule import Activation, Array, Graph, Initializer, Layer, Shape, ShapeError
from chainrule_plugins.layers._im2col import Window
from chainrule_plugins.layers._images import Sliding, image_shape
from chainrule_plugins.layers._onnx import channels_first, channels_last, window_of
from chainrule_plugins.layers._references import with_zeros


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

    bias_last = True
    multiplies_in_parts = True
    check_examples = (
        {"filters": 3, "kernel": 2, "stride": 2},
        {"filters": 2, "padding": "same", "activation": "tanh"},
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

    def reference(self, x: Array, training: bool) -> Array:
        s, d, W = self.stride, self.dilation, self.W.value
        x = x[..., None] if x.ndim == 3 else x
        for axis in (1, 2):
            x = with_zeros(x, axis, d * (W.shape[axis - 1] - 1) + 1, s, self.padding)
        rows, columns = ((x.shape[axis] - d * (W.shape[axis - 1] - 1) - 1) // s + 1 for axis in (1, 2))
        y = np.zeros((len(x), rows, columns, self.filters)) + (self.b.value if self.b is not None else 0)
        for i, j, u, v in np.ndindex(rows, columns, *W.shape[:2]):
            y[:, i, j] += np.einsum("nc,cf->nf", x[:, s * i + d * u, s * j + d * v], W[u, v])
        return y

    def build(self, input_shape: Shape) -> Shape:
        self.image = height, width, channels = image_shape("conv2d", input_shape)
        down, across = (
            Sliding(length, size, self.stride, self.dilation, self.padding)
            for length, size in zip((height, width), self._kernel_sizes())
        )
        self.window = Window(down, across, channels)
        if min(self.window.places) < 1:
            raise ShapeError(
                f"the kernel reaches over {down.reach} by {across.reach} pixels, and the image has only {height} by "
                f'{width}: take a smaller kernel or dilation, or padding "same"'
            )
        self.W = self.parameter("W", (down.size, across.size, channels, self.filters), self.initializer)
        self.b = self.parameter("b", (self.filters,), self.bias_initializer, decay=False) if self.bias else None
        self.child("activation", self.activation)
        return (*self.window.places, self.filters)

    def forward(self, x: Array, training: bool) -> Array:
        self.input_shape = x.shape
        self.x = self.window.padded(x.reshape(len(x), *self.image), self.work)
        y = self.work("y", (len(x), *self.window.places, self.filters), x.dtype)
        return self.window.apply(self.x, self.W.value, y, self.work, lambda rows: self.add_bias(rows, self.b))

    def to_onnx(self, graph: Graph, x: str) -> str:
        W = graph.add("Transpose", self.W, perm=(3, 2, 0, 1))
        window = window_of(self.window.down, self.window.across)
        y = graph.add("Conv", channels_first(graph, x, self.image), W, self.b, **window)
        return channels_last(graph, y)

    def backward(self, dy: Array) -> Array:
        self.backward_parameters(dy)
        dx = self.work("padded_dx", self.x.shape, dy.dtype)
        W = self.W.value.reshape(-1, self.window.channels, self.filters)
        self.window.spread(dy, W.transpose(0, 2, 1), dx, self.work)
        return self.window.unpadded(dx, self.work).reshape(self.input_shape)

    def backward_parameters(self, dy: Array) -> None:
        self.window.correlate(self.x, dy, self.W.grad, self.b.grad if self.b is not None else None, self.work)


@dataclass
class Conv1d(Layer):
    r"""Looks for the same short patterns everywhere in a sequence: each filter slides along it.

    As in conv2d, of which it is the case of images that are one pixel high, what lies under the kernel is laid out as
    the rows of a matrix $X$, for a few sequences at a time, so that each pass is a matrix product.

    Forward:
        $y_{n,i,f} = b_f + \sum_{u,c} x_{n, s i + d u, c} \, W_{u,c,f}$
        with the stride $s$ and the dilation $d$, x having its zeros around it; as a matrix product:
        $y = X W + b$

    Backward:
        $dW = X^T \, dy$
        $db = \sum_{batch, steps} dy$
        $dX = dy \, W^T$
        $dx_{n,p,c} = \sum dX$ over each place and element of the kernel under which the number lay

    Shapes:
        x: (batch, length, channels), or (batch, length), which is one channel
        W: (kernel, channels, filters)
        b: (filters,)
        y: (batch, steps, filters); "valid": steps = floor((length - d (kernel - 1) - 1) / s) + 1; "same" and "causal":
            steps = ceil(length / s)

    Args:
        filters: the number of patterns, which are the channels of y; at least 1.
        kernel: the length of a pattern, at least 1; default 3.
        stride: how far the kernel moves from place to place, at least 1; default 1.
        padding: "valid": the kernel stays within the sequence; "same": this gets zeros around it, in all
            max((steps - 1) s + d (kernel - 1) + 1 - length, 0), half of them on either side, an odd one behind, as in
            TensorFlow; "causal": it gets d (kernel - 1) zeros before it, so that no y knows of an x that comes later;
            default "valid".
        dilation: the distance of the numbers under the kernel, at least 1; default 1: they are neighbours.
        activation: what the network applies to y; any activation, default "linear".
        initializer: what W holds at first; any initializer, default "glorot_uniform".
        bias_initializer: what b holds at first; any initializer, default "zeros". Weight decay spares b.
        bias: whether there is a b; default true.

    Raises:
        FieldError: a field is out of range.
        ShapeError: the input is no sequence, or shorter than the kernel.

    Reference:
        Waibel, Hanazawa, Hinton, Shikano, Lang (1989), "Phoneme Recognition Using Time-Delay Neural Networks", IEEE
        Transactions on Acoustics, Speech, and Signal Processing 37, section II; causal and dilated: van den Oord and
        others (2016), "WaveNet: A Generative Model for Raw Audio", arXiv:1609.03499, section 2.1.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> ones = {"name": "constant", "value": 1.0}
        >>> sums = cr.make("layer", "conv1d", filters=1, kernel=2, padding="causal", initializer=ones)
        >>> network = cr.Network([sums, "flatten"], input_shape=(4,), loss="mse")
        >>> network.predict(np.array([[1.0, 2.0, 3.0, 4.0]]))
        array([[1., 3., 5., 7.]], dtype=float32)
    """

    filters: int
    kernel: int = 3
    stride: int = 1
    padding: Literal["valid", "same", "causal"] = "valid"
    dilation: int = 1
    activation: str | Mapping[str, Any] | Activation = "linear"
    initializer: str | Mapping[str, Any] | Initializer = "glorot_uniform"
    bias_initializer: str | Mapping[str, Any] | Initializer = "zeros"
    bias: bool = True

    bias_last = True
    multiplies_in_parts = True
    check_examples = (
        {"filters": 3, "kernel": 2, "stride": 2},
        {"filters": 2, "padding": "same", "activation": "tanh"},
        {"filters": 2, "padding": "causal", "dilation": 2, "bias": False},
    )
    check_input_shapes = ((7, 2), (5,))

    def __post_init__(self) -> None:
        for field in ("filters", "kernel", "stride", "dilation"):
            self.require(field, getattr(self, field) >= 1, "at least 1")

    def reference(self, x: Array, training: bool) -> Array:
        s, d, W = self.stride, self.dilation, self.W.value
        x = x[..., None] if x.ndim == 2 else x
        x = with_zeros(x, 1, d * (self.kernel - 1) + 1, s, self.padding)
        steps = (x.shape[1] - d * (self.kernel - 1) - 1) // s + 1
        y = np.zeros((len(x), steps, self.filters)) + (self.b.value if self.b is not None else 0)
        for i, u in np.ndindex(steps, self.kernel):
            y[:, i] += np.einsum("nc,cf->nf", x[:, s * i + d * u], W[u])
        return y

    def build(self, input_shape: Shape) -> Shape:
        if len(input_shape) not in (1, 2):
            raise ShapeError(
                f"conv1d takes sequences, of shape (length, channels) or (length,), got input of shape {input_shape}"
            )
        self.length, channels = input_shape if len(input_shape) == 2 else (*input_shape, 1)
        along = Sliding(self.length, self.kernel, self.stride, self.dilation, self.padding)
        if along.places < 1:
            raise ShapeError(
                f"the kernel reaches over {along.reach} steps, and the sequence has only {self.length}: take a smaller "
                'kernel or dilation, or padding "same" or "causal"'
            )
        self.window = Window(Sliding(1, 1), along, channels)
        self.W = self.parameter("W", (self.kernel, channels, self.filters), self.initializer)
        self.b = self.parameter("b", (self.filters,), self.bias_initializer, decay=False) if self.bias else None
        self.child("activation", self.activation)
        return (along.places, self.filters)

    def forward(self, x: Array, training: bool) -> Array:
        self.input_shape = x.shape
        self.x = self.window.padded(x.reshape(len(x), 1, self.length, -1), self.work)
        y = self.work("y", (len(x), self.window.places[1], self.filters), x.dtype)
        return self.window.apply(self.x, self.W.value, y, self.work, lambda rows: self.add_bias(rows, self.b))

    def to_onnx(self, graph: Graph, x: str) -> str:
        x = graph.add("Reshape", x, graph.constant([-1, self.length, self.window.channels]))
        x, W = graph.add("Transpose", x, perm=(0, 2, 1)), graph.add("Transpose", self.W, perm=(2, 1, 0))
        y = graph.add("Conv", x, W, self.b, **window_of(self.window.across))
        return graph.add("Transpose", y, perm=(0, 2, 1))

    def backward(self, dy: Array) -> Array:
        self.backward_parameters(dy)
        dx = self.work("padded_dx", self.x.shape, dy.dtype)
        self.window.spread(dy, self.W.value.transpose(0, 2, 1), dx, self.work)
        return self.window.unpadded(dx, self.work).reshape(self.input_shape)

    def backward_parameters(self, dy: Array) -> None:
        self.window.correlate(self.x, dy, self.W.grad, self.b.grad if self.b is not None else None, self.work)
