"""Layers that give numbers mean 0 and variance 1: over the batch, or within each sample."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from chainrule import Array, Graph, Layer, Shape, ShapeError
from chainrule_plugins.layers._loops import normalize, slope_of_normalized
from chainrule_plugins.layers._moments import all_finite, is_far, large_moments
from chainrule_plugins.layers._sums import feature_products, feature_sums


@dataclass
class BatchNorm(Layer):
    r"""Gives each feature mean 0 and variance 1 over the batch, then a scale and a shift that are learned.

    In training, the statistics are those of the batch; at inference, running ones, which training gathers and which are
    saved with the network. The features are the last axis: for images, the channels, whose statistics are over the
    pixels of all images of the batch.

    Forward:
        $mean = \frac{1}{m} \sum x$
        $var = \frac{1}{m} \sum (x - mean)^2$, over the $m$ numbers of a feature
        $\hat{x} = (x - mean) / \sqrt{var + eps}$
        $y = gamma \odot \hat{x} + beta$
        in training, for the inference to come:
        $running\_mean = momentum \cdot running\_mean + (1 - momentum) \, mean$
        $running\_var = momentum \cdot running\_var + (1 - momentum) \frac{m}{m - 1} var$
        not where $m = 1$: a single number tells nothing of the variance

    Backward:
        $dgamma = \sum dy \odot \hat{x}$
        $dbeta = \sum dy$
        $dx = \frac{gamma}{\sqrt{var + eps}} (dy - \frac{1}{m} dbeta - \frac{1}{m} \hat{x} \odot dgamma)$
        after a forward pass at inference, whose statistics do not depend on x:
        $dx = \frac{gamma}{\sqrt{running\_var + eps}} dy$

    Shapes:
        x, y: (batch, *any, features)
        gamma, beta, running_mean, running_var: (features,); gamma is 1 at first, beta is 0 at first, running_mean is 0
            at first, running_var is 1 at first. Weight decay spares gamma and beta.

    Args:
        momentum: the share of the running statistics that each batch leaves, at least 0 and less than 1; default 0.9.
        eps: keeps the division sound where a feature is constant, above 0; default 1e-5.

    Raises:
        FieldError: a field is out of range.
        ShapeError: a sample is a single number, without an axis of features.

    Reference:
        Ioffe, Szegedy (2015), "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
        Shift", ICML, algorithm 1; the variance for inference: algorithm 2.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> network = cr.Network(["batch_norm"], input_shape=(1,), loss="mse")
        >>> network.layers[0].forward(np.array([[1.0], [3.0]]), training=True).round(3)
        array([[-1.],
               [ 1.]])
    """

    momentum: float = 0.9
    eps: float = 1e-5

    check_examples = ({}, {"momentum": 0.0})
    check_input_shapes = ((4,), (3, 2, 4))
    check_sizes = (1e20, 8e37)
    check_constants = (54321.098,)

    def __post_init__(self) -> None:
        self.require("momentum", 0 <= self.momentum < 1, "at least 0 and less than 1")
        self.require("eps", 0 < self.eps < math.inf, "above 0 and finite")

    def reference(self, x: Array, training: bool) -> tuple[Array, dict[str, Array]]:
        means, variances = self.running_mean.value.copy(), self.running_var.value.copy()
        y, m = np.empty(x.shape), x[..., 0].size
        for f in range(x.shape[-1]):
            mean, var = (x[..., f].mean(), x[..., f].var()) if training else (means[f], variances[f])
            y[..., f] = self.gamma.value[f] * (x[..., f] - mean) / math.sqrt(var + self.eps) + self.beta.value[f]
            if training and m > 1:
                means[f] = self.momentum * means[f] + (1 - self.momentum) * mean
                variances[f] = self.momentum * variances[f] + (1 - self.momentum) * m / (m - 1) * var
        return y, {"running_mean": means, "running_var": variances}

    def build(self, input_shape: Shape) -> Shape:
        if not input_shape:
            raise ShapeError("batch_norm takes samples of shape (*any, features), got single numbers, of shape ()")
        features = input_shape[-1:]
        # Weight decay would pull gamma to 0, which is no simpler a function than 1.
        self.gamma = self.parameter("gamma", features, {"name": "constant", "value": 1.0}, decay=False)
        self.beta = self.parameter("beta", features, "zeros", decay=False)
        self.running_mean = self.buffer("running_mean", features, 0.0)
        self.running_var = self.buffer("running_var", features, 1.0)
        return input_shape

    def forward(self, x: Array, training: bool) -> Array:
        self.training = training
        rows = x.reshape(-1, x.shape[-1])
        y, x_hat = (self.work(name, x.shape, x.dtype) for name in ("y", "x_hat"))
        self.x_hat = x_hat.reshape(rows.shape)
        if training:
            with np.errstate(over="ignore", invalid="ignore"):  # it is seen below
                mean = feature_sums(rows) / len(rows)
                centered = np.subtract(rows, mean, out=self.x_hat)
                var = feature_products(centered, centered) / len(rows)
            self.std = np.sqrt(var + self.eps)
            if is_far(mean, self.std):
                centered -= feature_sums(centered) / len(rows)
                var = feature_products(centered, centered) / len(rows)
                self.std = np.sqrt(var + self.eps)
            if not all_finite(var):
                mean, self.std = (moment[0] for moment in large_moments(rows, 0, self.eps))
                centered = np.subtract(rows, mean, out=self.x_hat)
                # The running variance would stay infinite for ever; a large number is forgotten like any other.
                var = np.square(np.minimum(self.std, math.sqrt(np.finfo(var.dtype).max) / 2))
            self._gather(mean, var, len(rows))
        else:
            mean, var = self.running_mean.value, self.running_var.value
            centered = np.subtract(rows, mean, out=self.x_hat)
            self.std = np.sqrt(var + self.eps)
        gamma, beta = self.gamma.value, self.beta.value
        if not normalize(self.x_hat, self.std, gamma, beta, y.reshape(rows.shape)):
            np.divide(centered, self.std, out=self.x_hat)
            np.multiply(x_hat, gamma, out=y)
            y += beta
        return y

    def _gather(self, mean: Array, var: Array, m: int) -> None:
        if m > 1:
            new = 1 - self.momentum
            self.running_mean.value = self.momentum * self.running_mean.value + new * mean
            self.running_var.value = self.momentum * self.running_var.value + new * (m / (m - 1)) * var

    def to_onnx(self, graph: Graph, x: str) -> str:
        std = graph.add("Sqrt", graph.add("Add", self.running_var, self.eps))
        x_hat = graph.add("Div", graph.add("Sub", x, self.running_mean), std)
        return graph.add("Add", graph.add("Mul", x_hat, self.gamma), self.beta)

    def backward(self, dy: Array) -> Array:
        m, rows = len(self.x_hat), dy.reshape(self.x_hat.shape)
        dgamma, dbeta = feature_products(rows, self.x_hat), feature_sums(rows)
        self.gamma.grad, self.beta.grad = dgamma, dbeta
        dx = self.work("dx", dy.shape, dy.dtype)
        dx_rows = dx.reshape(rows.shape)
        if self.training:
            along, mean, scale = dgamma / m, dbeta / m, self.gamma.value / self.std
            if not slope_of_normalized(rows, self.x_hat, along, mean, scale, dx_rows):
                np.multiply(self.x_hat, along, out=dx_rows)
                dx_rows += mean
                np.subtract(rows, dx_rows, out=dx_rows)
                dx_rows *= scale
        else:
            np.multiply(rows, self.gamma.value / self.std, out=dx_rows)
        return dx


@dataclass
class LayerNorm(Layer):
    r"""Gives the features of each sample mean 0 and variance 1, then a scale and a shift that are learned.

    A sample's statistics are its own: the size of the batch does not matter, and inference is as training.

    Forward:
        $mean = \frac{1}{features} \sum x$
        $var = \frac{1}{features} \sum (x - mean)^2$, over the last axis
        $\hat{x} = (x - mean) / \sqrt{var + eps}$
        $y = gamma \odot \hat{x} + beta$

    Backward:
        $dgamma = \sum dy \odot \hat{x}$, over all axes but the last
        $dbeta = \sum dy$
        $d\hat{x} = gamma \odot dy$
        $dx = (d\hat{x} - \frac{1}{features} \sum d\hat{x} - \frac{1}{features} \hat{x} \sum d\hat{x} \odot \hat{x}) /
        \sqrt{var + eps}$, the sums over the last axis

    Shapes:
        x, y: (batch, *any, features)
        gamma, beta: (features,); gamma is 1 at first, beta is 0 at first. Weight decay spares gamma and beta.

    Args:
        eps: keeps the division sound where all features are equal, above 0; default 1e-5.

    Raises:
        FieldError: eps is out of range.
        ShapeError: a sample is a single number, without an axis of features.

    Reference:
        Ba, Kiros, Hinton (2016), "Layer Normalization", arXiv:1607.06450, equations 3 and 4.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> network = cr.Network(["layer_norm"], input_shape=(2,), loss="mse")
        >>> network.predict(np.array([[1.0, 3.0], [40.0, 20.0]])).round(3)
        array([[-1.,  1.],
               [ 1., -1.]], dtype=float32)
    """

    eps: float = 1e-5

    check_input_shapes = ((5,), (3, 2, 7))
    check_sizes = (1e20, 8e37)
    check_constants = (54321.098,)

    def __post_init__(self) -> None:
        self.require("eps", 0 < self.eps < math.inf, "above 0 and finite")

    def reference(self, x: Array, training: bool) -> Array:
        y = np.empty(x.shape)
        for at in np.ndindex(*x.shape[:-1]):
            y[at] = (x[at] - x[at].mean()) / math.sqrt(x[at].var() + self.eps)
        return self.gamma.value * y + self.beta.value

    def build(self, input_shape: Shape) -> Shape:
        if not input_shape:
            raise ShapeError("layer_norm takes samples of shape (*any, features), got single numbers, of shape ()")
        # Weight decay would pull gamma to 0, which is no simpler a function than 1.
        self.gamma = self.parameter("gamma", input_shape[-1:], {"name": "constant", "value": 1.0}, decay=False)
        self.beta = self.parameter("beta", input_shape[-1:], "zeros", decay=False)
        return input_shape

    def forward(self, x: Array, training: bool) -> Array:
        y, self.x_hat = (self.work(name, x.shape, x.dtype) for name in ("y", "x_hat"))
        with np.errstate(over="ignore", invalid="ignore"):  # it is seen below
            mean = x.mean(axis=-1, keepdims=True)
            centered = np.subtract(x, mean, out=self.x_hat)
            var = np.square(centered, out=y).mean(axis=-1, keepdims=True)
        self.std = np.sqrt(var + self.eps)
        if is_far(mean, self.std):
            centered -= centered.mean(axis=-1, keepdims=True)
            var = np.square(centered, out=y).mean(axis=-1, keepdims=True)
            self.std = np.sqrt(var + self.eps)
        if not all_finite(var):
            mean, self.std = large_moments(x, -1, self.eps)
            np.subtract(x, mean, out=centered)
        np.divide(centered, self.std, out=self.x_hat)
        np.multiply(self.x_hat, self.gamma.value, out=y)
        y += self.beta.value
        return y

    def to_onnx(self, graph: Graph, x: str) -> str:
        return graph.add("LayerNormalization", x, self.gamma, self.beta, axis=-1, epsilon=self.eps)

    def backward(self, dy: Array) -> Array:
        rows, x_hat = dy.reshape(-1, dy.shape[-1]), self.x_hat.reshape(-1, dy.shape[-1])
        self.gamma.grad, self.beta.grad = feature_products(rows, x_hat), feature_sums(rows)
        dx_hat = np.multiply(dy, self.gamma.value, out=self.work("dx", dy.shape, dy.dtype))
        along = np.multiply(dx_hat, self.x_hat, out=self.work("along", dy.shape, dy.dtype)).mean(axis=-1, keepdims=True)
        dx_hat -= dx_hat.mean(axis=-1, keepdims=True)
        dx_hat -= np.multiply(self.x_hat, along, out=self.work("along", dy.shape, dy.dtype))
        dx_hat /= self.std
        return dx_hat
