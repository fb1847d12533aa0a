"""Layers that give the numbers within each sample a common size: all of them, or a group of channels at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from chainrule import Array, Graph, Layer, Shape, ShapeError
from chainrule_plugins.layers._moments import all_finite, is_far, large_moments, large_rms
from chainrule_plugins.layers._sums import feature_products, sample_products, sample_sums


@dataclass
class RMSNorm(Layer):
    r"""Gives the features of each sample a mean square of 1, then a scale that is learned.

    It is a layer_norm that does not center: what that does beside it, is little.

    Forward:
        $rms = \sqrt{\frac{1}{features} \sum x^2 + eps}$, over the last axis
        $\hat{x} = x / rms$
        $y = gamma \odot \hat{x}$

    Backward:
        $dgamma = \sum dy \odot \hat{x}$, over all axes but the last
        $d\hat{x} = gamma \odot dy$
        $dx = (d\hat{x} - \frac{1}{features} \hat{x} \sum d\hat{x} \odot \hat{x}) / rms$, the sum over the last axis

    Shapes:
        x, y: (batch, *any, features)
        gamma: (features,); gamma is 1 at first. Weight decay spares gamma.

    Args:
        eps: keeps the division sound where all features are 0, above 0; default 1e-6.

    Raises:
        FieldError: eps is out of range.
        ShapeError: a sample is a single number, without an axis of features.

    Reference:
        Zhang, Sennrich (2019), "Root Mean Square Layer Normalization", NeurIPS, equation 4.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> network = cr.Network(["rms_norm"], input_shape=(2,), loss="mse")
        >>> network.predict(np.array([[3.0, 3.0], [-1.0, 7.0]])).round(3)
        array([[ 1. ,  1. ],
               [-0.2,  1.4]], dtype=float32)
    """

    eps: float = 1e-6

    check_input_shapes = ((4,), (3, 2, 4))
    check_sizes = (1e20, 8e37)

    def __post_init__(self) -> None:
        self.require("eps", 0 < self.eps < math.inf, "above 0 and finite")

    def reference(self, x: Array, training: bool) -> Array:
        y = np.empty(x.shape)
        for at in np.ndindex(*x.shape[:-1]):
            y[at] = self.gamma.value * x[at] / math.sqrt(sum(x[at] ** 2) / x.shape[-1] + self.eps)
        return y

    def build(self, input_shape: Shape) -> Shape:
        if not input_shape:
            raise ShapeError("rms_norm takes samples of shape (*any, features), got single numbers, of shape ()")
        # Weight decay would pull gamma to 0, which is no simpler a function than 1.
        self.gamma = self.parameter("gamma", input_shape[-1:], {"name": "constant", "value": 1.0}, decay=False)
        return input_shape

    def forward(self, x: Array, training: bool) -> Array:
        y, self.x_hat = (self.work(name, x.shape, x.dtype) for name in ("y", "x_hat"))
        with np.errstate(over="ignore"):  # it is seen below
            mean_square = np.square(x, out=y).mean(axis=-1, keepdims=True)
        self.rms = np.sqrt(mean_square + self.eps)
        if not all_finite(mean_square):
            self.rms = large_rms(x, -1, self.eps)
        np.divide(x, self.rms, out=self.x_hat)
        return np.multiply(self.x_hat, self.gamma.value, out=y)

    def to_onnx(self, graph: Graph, x: str) -> str:
        mean_square = graph.add("ReduceMean", graph.add("Mul", x, x), graph.constant([-1]))
        rms = graph.add("Sqrt", graph.add("Add", mean_square, self.eps))
        return graph.add("Mul", graph.add("Div", x, rms), self.gamma)

    def backward(self, dy: Array) -> Array:
        rows, x_hat = dy.reshape(-1, dy.shape[-1]), self.x_hat.reshape(-1, dy.shape[-1])
        self.gamma.grad = feature_products(rows, x_hat)
        dx_hat = np.multiply(dy, self.gamma.value, out=self.work("dx", dy.shape, dy.dtype))
        along = np.multiply(dx_hat, self.x_hat, out=self.work("along", dy.shape, dy.dtype)).mean(axis=-1, keepdims=True)
        dx_hat -= np.multiply(self.x_hat, along, out=self.work("along", dy.shape, dy.dtype))
        dx_hat /= self.rms
        return dx_hat


@dataclass
class GroupNorm(Layer):
    r"""Gives each group of channels of a sample mean 0 and variance 1, then a scale and a shift that are learned.

    A sample's statistics are its own, over all of its places: unlike batch_norm it does not mind small batches, and
    inference is as training. With one group it is a layer_norm of the whole sample; with as many as there are channels,
    instance normalization.

    Forward:
        $mean = \frac{1}{m} \sum x$
        $var = \frac{1}{m} \sum (x - mean)^2$, over the $m$ numbers of a group: all places, and its channels
        $\hat{x} = (x - mean) / \sqrt{var + eps}$
        $y = gamma \odot \hat{x} + beta$

    Backward:
        $dgamma = \sum dy \odot \hat{x}$, over all axes but the last
        $dbeta = \sum dy$
        $d\hat{x} = gamma \odot dy$
        $dx = (d\hat{x} - \frac{1}{m} \sum d\hat{x} - \frac{1}{m} \hat{x} \sum d\hat{x} \odot \hat{x}) /
        \sqrt{var + eps}$, the sums over a group

    Shapes:
        x, y: (batch, *any, channels)
        gamma, beta: (channels,); gamma is 1 at first, beta is 0 at first. Weight decay spares gamma and beta.

    Args:
        groups: into how many the channels are divided, neighbours together, at least 1; default 32.
        eps: keeps the division sound where a group is constant, above 0; default 1e-5.

    Raises:
        FieldError: a field is out of range.
        ShapeError: the groups do not divide the channels, or a sample is a single number, without an axis of channels.

    Reference:
        Wu, He (2018), "Group Normalization", ECCV, equations 1, 2 and 7.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> network = cr.Network([cr.make("layer", "group_norm", groups=2)], input_shape=(4,), loss="mse")
        >>> network.predict(np.array([[1.0, 3.0, 40.0, 20.0]])).round(3)
        array([[-1.,  1.,  1., -1.]], dtype=float32)
    """

    groups: int = 32
    eps: float = 1e-5

    check_examples = ({"groups": 2}, {"groups": 1}, {"groups": 4, "eps": 0.1})
    check_input_shapes = ((4,), (3, 2, 4))
    check_sizes = (1e20, 8e37)
    check_constants = (54321.098,)

    def __post_init__(self) -> None:
        self.require("groups", self.groups >= 1, "at least 1")
        self.require("eps", 0 < self.eps < math.inf, "above 0 and finite")

    def reference(self, x: Array, training: bool) -> Array:
        y = np.empty(x.shape)
        size = x.shape[-1] // self.groups
        for n, g in np.ndindex(len(x), self.groups):
            channels = slice(g * size, (g + 1) * size)
            group = x[n, ..., channels]
            y[n, ..., channels] = (group - group.mean()) / math.sqrt(group.var() + self.eps)
        return self.gamma.value * y + self.beta.value

    def build(self, input_shape: Shape) -> Shape:
        if not input_shape:
            raise ShapeError("group_norm takes samples of shape (*any, channels), got single numbers, of shape ()")
        *places, channels = input_shape
        if channels % self.groups:
            raise ShapeError(
                f"group_norm: {self.groups} groups do not divide {channels} channels: take groups of one size, such as "
                f"groups={math.gcd(self.groups, channels)}"
            )
        self.input_shape, self.places, self.size = input_shape, math.prod(places), channels // self.groups
        # Weight decay would pull gamma to 0, which is no simpler a function than 1.
        self.gamma = self.parameter("gamma", (channels,), {"name": "constant", "value": 1.0}, decay=False)
        self.beta = self.parameter("beta", (channels,), "zeros", decay=False)
        return input_shape

    def forward(self, x: Array, training: bool) -> Array:
        y, self.x_hat = (self.work(name, self._by_place(x).shape, x.dtype) for name in ("y", "x_hat"))
        with np.errstate(over="ignore", invalid="ignore"):  # it is seen below
            mean = self._group_means(sample_sums(self._by_place(x)))
            centered = np.subtract(self._by_place(x), self._each_channel(mean), out=self.x_hat)
            var = self._group_means(sample_products(centered, centered))
        self.std = np.sqrt(var + self.eps)
        if is_far(mean, self.std):
            centered -= self._each_channel(self._group_means(sample_sums(centered)))
            var = self._group_means(sample_products(centered, centered))
            self.std = np.sqrt(var + self.eps)
        if not all_finite(var):
            groups = x.reshape(len(x), self.places, self.groups, self.size)
            mean, self.std = (moment[:, 0, :, 0] for moment in large_moments(groups, (1, 3), self.eps))
            np.subtract(self._by_place(x), self._each_channel(mean), out=centered)
        np.divide(centered, self._each_channel(self.std), out=self.x_hat)
        np.multiply(self.x_hat, self.gamma.value, out=y)
        y += self.beta.value
        return y.reshape(x.shape)

    def to_onnx(self, graph: Graph, x: str) -> str:
        groups = graph.add("Reshape", x, graph.constant([-1, self.places, self.groups, self.size]))
        over = graph.constant([1, 3])
        centered = graph.add("Sub", groups, graph.add("ReduceMean", groups, over))
        var = graph.add("ReduceMean", graph.add("Mul", centered, centered), over)
        x_hat = graph.add("Div", centered, graph.add("Sqrt", graph.add("Add", var, self.eps)))
        x_hat = graph.add("Reshape", x_hat, graph.constant([-1, *self.input_shape]))
        return graph.add("Add", graph.add("Mul", x_hat, self.gamma), self.beta)

    def backward(self, dy: Array) -> Array:
        by_place = self._by_place(dy)
        sums, products = sample_sums(by_place), sample_products(by_place, self.x_hat)
        self.gamma.grad, self.beta.grad = products.sum(axis=0), sums.sum(axis=0)
        gamma = self.gamma.value
        dx = np.multiply(by_place, gamma, out=self.work("dx", by_place.shape, dy.dtype))
        along = self._each_channel(self._group_means(gamma * products))
        dx -= np.multiply(self.x_hat, along, out=self.work("along", dx.shape, dy.dtype))
        dx -= self._each_channel(self._group_means(gamma * sums))
        dx /= self._each_channel(self.std)
        return dx.reshape(dy.shape)

    def _by_place(self, a: Array) -> Array:
        return a.reshape(len(a), self.places, -1)

    def _group_means(self, sums: Array) -> Array:
        """Of the sums of each channel, (batch, channels), the mean of each group, (batch, groups)."""
        means: Array = sums.reshape(-1, self.groups, self.size).sum(axis=-1) / (self.places * self.size)
        return means

    def _each_channel(self, of_groups: Array) -> Array:
        return np.repeat(of_groups, self.size, axis=1)[:, None]
