from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from chainrule import Activation, Array, Graph, Initializer, Layer, Shape
from chainrule_plugins.layers._im2col import Window
from chainrule_plugins.layers._images import Sliding, image_shape
from chainrule_plugins.layers._onnx import channels_first, channels_last, window_of
from chainrule_plugins.layers._sums import feature_sums


@dataclass
class Conv2dTranspose(Layer):
    r"""Makes images larger: each pixel paints the patterns of its channels around its place, and they add up.

    It is the transpose of conv2d's map: what that does on the way back, this does on the way forward. So each pass is
    one of conv2d's, by matrix products, of which $X$ has the pixels of dy under the kernel as its rows.

    Forward:
        $y_{n,p,q,f} = b_f + \sum_{i,j,u,v,c} x_{n,i,j,c} \, W_{u,v,c,f}$ over $p = s i + u - top$ and
        $q = s j + v - left$, with the stride $s$

    Backward:
        $dx = X W^T$, that is $dx_{n,i,j,c} = \sum_{u,v,f} dy_{n, s i + u - top, s j + v - left, f} \, W_{u,v,c,f}$
        $dW^T = X^T x$
        $db = \sum_{batch, rows, columns} dy$

    Shapes:
        x: (batch, height, width, channels), or (batch, height, width), which is one channel
        W: (kernel_height, kernel_width, channels, filters)
        b: (filters,)
        y: (batch, rows, columns, filters); "valid": rows = (height - 1) s + max(kernel_height, s); "same":
            rows = height s; columns likewise, as in TensorFlow and Keras

    Args:
        filters: the number of channels of y, at least 1.
        kernel: the size of a pattern, at least 1: a number, or height and width; default 3.
        stride: how far apart two neighbouring pixels paint, at least 1; default 1.
        padding: "valid": y has room for all that is painted, and top = left = 0; "same": the edges are cut off, in each
            direction max(kernel_height - s, 0), half of it on either side, an odd one below or to the right; default
            "valid".
        activation: what the network applies to y; any activation, default "linear".
        initializer: what W holds at first; any initializer, default "glorot_uniform".
        bias_initializer: what b holds at first; any initializer, default "zeros". Weight decay spares b.
        bias: whether there is a b; default true.

    Raises:
        FieldError: a field is out of range.
        ShapeError: the input is no image.

    Reference:
        Zeiler, Krishnan, Taylor, Fergus (2010), "Deconvolutional Networks", CVPR; Dumoulin, Visin (2016), "A guide to
        convolution arithmetic for deep learning", arXiv:1603.07285, section 4.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> ones = {"name": "constant", "value": 1.0}
        >>> paint = cr.make("layer", "conv2d_transpose", filters=1, kernel=2, initializer=ones)
        >>> network = cr.Network([paint, "flatten"], input_shape=(1, 2), loss="mse")
        >>> network.predict(np.array([[[1.0, 2.0]]])).reshape(2, 3)
        array([[1., 3., 2.],
               [1., 3., 2.]], dtype=float32)
    """

    filters: int
    kernel: int | Sequence[int] = 3
    stride: int = 1
    padding: Literal["valid", "same"] = "valid"
    activation: str | Mapping[str, Any] | Activation = "linear"
    initializer: str | Mapping[str, Any] | Initializer = "glorot_uniform"
    bias_initializer: str | Mapping[str, Any] | Initializer = "zeros"
    bias: bool = True

    multiplies_in_parts = True
    check_examples = (
        {"filters": 3, "kernel": 2},
        {"filters": 2, "padding": "same", "stride": 2, "activation": "tanh"},
        {"filters": 2, "kernel": (1, 2), "stride": 3, "bias": False},
    )
    check_input_shapes = ((3, 4, 2), (2, 3))

    def __post_init__(self) -> None:
        self.require("filters", self.filters >= 1, "at least 1")
        sizes = self._kernel_sizes()
        self.require("kernel", len(sizes) == 2 and min(sizes) >= 1, "at least 1: a number, or height and width")
        self.require("stride", self.stride >= 1, "at least 1")

    def _kernel_sizes(self) -> Shape:
        return (self.kernel, self.kernel) if isinstance(self.kernel, int) else tuple(self.kernel)

    def reference(self, x: Array, training: bool) -> Array:
        s, W = self.stride, self.W.value
        x = x[..., None] if x.ndim == 3 else x
        sizes = [(length - 1) * s + max(size, s) for length, size in zip(x.shape[1:3], W.shape[:2])]
        y = np.zeros((len(x), *sizes, self.filters))
        for i, j, u, v in np.ndindex(*x.shape[1:3], *W.shape[:2]):
            y[:, s * i + u, s * j + v] += np.einsum("nc,cf->nf", x[:, i, j], W[u, v])
        if self.padding == "same":
            top, left = (max(size - s, 0) // 2 for size in W.shape[:2])
            y = y[:, top : top + s * x.shape[1], left : left + s * x.shape[2]]
        return y + (self.b.value if self.b is not None else 0)

    def build(self, input_shape: Shape) -> Shape:
        self.image = height, width, self.channels = image_shape("conv2d_transpose", input_shape)
        s = self.stride
        # That of the conv2d of which it is the transpose: it slides over y, and has a place for each pixel of x.
        down, across = (
            Sliding(length * s if self.padding == "same" else (length - 1) * s + max(size, s), size, s, 1, self.padding)
            for length, size in zip((height, width), self._kernel_sizes())
        )
        self.window = Window(down, across, self.filters)
        self.W = self.parameter("W", (down.size, across.size, self.channels, self.filters), self.initializer)
        self.b = self.parameter("b", (self.filters,), self.bias_initializer, decay=False) if self.bias else None
        self.child("activation", self.activation)
        return (down.length, across.length, self.filters)

    def forward(self, x: Array, training: bool) -> Array:
        self.input_shape = x.shape
        self.x = x.reshape(len(x), *self.image)
        y = self.work("padded_y", (len(x), *self.window.padded_shape), x.dtype)
        b = 0.0 if self.b is None else self.b.value
        self.window.spread(self.x, self.W.value.reshape(-1, *self.W.shape[2:]), y, self.work, start=b)
        return self.window.unpadded(y, self.work, "y")

    def to_onnx(self, graph: Graph, x: str) -> str:
        down, across = self.window.down, self.window.across
        W = graph.add("Transpose", self.W, perm=(2, 3, 0, 1))
        # Where the kernel is smaller than the stride, y goes on behind what is painted last.
        beyond = tuple(max(axis.stride - axis.size, 0) for axis in (down, across))
        image, window = channels_first(graph, x, self.image), window_of(down, across)
        return channels_last(graph, graph.add("ConvTranspose", image, W, self.b, output_padding=beyond, **window))

    def backward(self, dy: Array) -> Array:
        self.backward_parameters(dy)
        dx = self.work("dx", self.x.shape, dy.dtype)
        self.window.apply(self.padded_dy, self.W.value.transpose(0, 1, 3, 2), dx, self.work)
        return dx.reshape(self.input_shape)

    def backward_parameters(self, dy: Array) -> None:
        self.padded_dy = self.window.padded(dy, self.work, "padded_dy")
        dW = self.work("dW_turned", (*self.W.shape[:2], self.filters, self.channels), dy.dtype)
        self.window.correlate(self.padded_dy, self.x, dW, None, self.work)
        self.W.grad = dW.transpose(0, 1, 3, 2)
        if self.b is not None:
            feature_sums(dy.reshape(-1, self.filters), out=self.b.grad)
