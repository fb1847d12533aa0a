from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from chainrule import Array, Graph, Layer, Shape


@dataclass
class GaussianNoise(Layer):
    r"""Shakes its inputs while training, so that the network does not learn them by heart.

    Forward:
        $e \sim N(0, 1)$
        $y = x + deviation \cdot e$ in training
        $y = x$ at inference

    Backward:
        $dx = dy$

    Shapes:
        x, e, y: (batch, *any)

    Args:
        deviation: the standard deviation of the noise, at least 0 and finite; default 0.1.

    Raises:
        FieldError: deviation is out of range.

    Reference:
        Bishop (1995), "Training with Noise is Equivalent to Tikhonov Regularization", Neural Computation 7.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> network = cr.Network([cr.make("layer", "gaussian_noise", deviation=5.0)], input_shape=(3,), loss="mse")
        >>> network.predict(np.array([[1.0, 2.0, 3.0]]))
        array([[1., 2., 3.]], dtype=float32)
    """

    deviation: float = 0.1

    def __post_init__(self) -> None:
        self.require("deviation", 0 <= self.deviation < math.inf, "at least 0 and finite")

    def reference(self, x: Array, training: bool) -> Array:
        if not training:
            return x
        return x + self.deviation * np.asarray(self.rng.standard_normal(x.shape, np.float32), x.dtype)

    def build(self, input_shape: Shape) -> Shape:
        return input_shape

    def forward(self, x: Array, training: bool) -> Array:
        if not training:
            return x
        # Drawing is most of the cost of this layer, and float32 halves it; both dtypes get the same noise.
        e = self.work("e", x.shape, np.float32)
        self.rng.standard_normal(dtype=np.float32, out=e)
        y = self.work("y", x.shape, x.dtype)
        np.multiply(e, self.deviation, out=y, dtype=x.dtype)
        y += x
        return y

    def to_onnx(self, graph: Graph, x: str) -> str:
        return graph.add("Identity", x)

    def backward(self, dy: Array) -> Array:
        return dy
