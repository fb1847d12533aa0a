from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from chainrule import Array, Layer, Shape, ShapeError
from chainrule_plugins.layers.sums import feature_products, feature_sums


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
        gamma, beta: (features,)

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

    check_input_shapes = ((4,), (3, 2, 4))

    def __post_init__(self) -> None:
        self.require("eps", 0 < self.eps < math.inf, "above 0 and finite")

    def build(self, input_shape: Shape) -> Shape:
        if not input_shape:
            raise ShapeError("layer_norm takes samples of shape (*any, features), got single numbers, of shape ()")
        # Weight decay would pull gamma to 0, which is no simpler a function than 1.
        self.gamma = self.parameter("gamma", input_shape[-1:], {"name": "constant", "value": 1.0}, decay=False)
        self.beta = self.parameter("beta", input_shape[-1:], "zeros", decay=False)
        return input_shape

    def forward(self, x: Array, training: bool) -> Array:
        y, self.x_hat = (self.work(name, x.shape, x.dtype) for name in ("y", "x_hat"))
        centered = np.subtract(x, x.mean(axis=-1, keepdims=True), out=self.x_hat)
        var = np.square(centered, out=y).mean(axis=-1, keepdims=True)
        self.std = np.sqrt(var + self.eps)
        np.divide(centered, self.std, out=self.x_hat)
        np.multiply(self.x_hat, self.gamma.value, out=y)
        y += self.beta.value
        return y

    def backward(self, dy: Array) -> Array:
        rows, x_hat = dy.reshape(-1, dy.shape[-1]), self.x_hat.reshape(-1, dy.shape[-1])
        self.gamma.grad, self.beta.grad = feature_products(rows, x_hat), feature_sums(rows)
        dx_hat = np.multiply(dy, self.gamma.value, out=self.work("dx", dy.shape, dy.dtype))
        along = np.multiply(dx_hat, self.x_hat, out=self.work("along", dy.shape, dy.dtype)).mean(axis=-1, keepdims=True)
        dx_hat -= dx_hat.mean(axis=-1, keepdims=True)
        dx_hat -= np.multiply(self.x_hat, along, out=self.work("along", dy.shape, dy.dtype))
        dx_hat /= self.std
        return dx_hat
