from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule import Array, Graph, Layer, Shape
from chainrule_plugins.layers._loops import drop


@dataclass
class Dropout(Layer):
    r"""Silences random inputs while training, so that no unit can rely on a particular other one.

    What is left is scaled up (inverted dropout), so that the expected value of y is x, and inference does nothing.

    Forward:
        $mask = 1 / (1 - rate)$ with probability $1 - rate$, else $0$
        $y = x \odot mask$ in training
        $y = x$ at inference

    Backward:
        $dx = dy \odot mask$

    Shapes:
        x, mask, y: (batch, *any)

    Args:
        rate: the probability that an input is dropped, at least 0 and less than 1; default 0.5.

    Raises:
        FieldError: rate is out of range.

    Reference:
        Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov (2014), "Dropout: A Simple Way to Prevent Neural
        Networks from Overfitting", JMLR 15, section 4; scaled in training as in its section 10.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> network = cr.Network([cr.make("layer", "dropout", rate=0.9)], input_shape=(3,), loss="mse")
        >>> network.predict(np.array([[1.0, 2.0, 3.0]]))
        array([[1., 2., 3.]], dtype=float32)
    """

    rate: float = 0.5

    def __post_init__(self) -> None:
        self.require("rate", 0 <= self.rate < 1, "at least 0 and less than 1")

    def reference(self, x: Array, training: bool) -> Array:
        if not training:
            return x
        keep = 1 - self.rate
        return np.where(self.rng.random(x.shape, np.float32) < keep, x / keep, 0)

    def build(self, input_shape: Shape) -> Shape:
        return input_shape

    def forward(self, x: Array, training: bool) -> Array:
        self.mask: Array | None = None
        if not training:
            return x
        keep = 1 - self.rate
        # Drawing is most of the cost of this layer, and float32 halves it; both dtypes drop the same units.
        uniform = self.work("uniform", x.shape, np.float32)
        self.rng.random(dtype=np.float32, out=uniform)
        self.mask, y = (self.work(name, x.shape, x.dtype) for name in ("mask", "y"))
        kept = np.array([1 / keep], x.dtype)
        if not drop(uniform.ravel(), x.ravel(), keep, kept, self.mask.ravel(), y.ravel()):
            np.multiply(uniform < keep, 1 / keep, out=self.mask)
            np.multiply(x, self.mask, out=y)
        return y

    def to_onnx(self, graph: Graph, x: str) -> str:
        return graph.add("Identity", x)

    def backward(self, dy: Array) -> Array:
        if self.mask is None:
            return dy
        return np.multiply(dy, self.mask, out=self.work("dx", dy.shape, dy.dtype))
