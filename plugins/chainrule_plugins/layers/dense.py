from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import Activation, Array, Graph, Initializer, Layer, Shape, ShapeError
from chainrule_plugins.layers._sums import LARGE, feature_sums, product, product_back


@dataclass
class Dense(Layer):
    r"""Each output is a weighted sum of all inputs, plus a bias.

    Forward:
        $y = x W + b$

    Backward:
        $dW = x^T \, dy$
        $db = \sum_{batch} dy$
        $dx = dy \, W^T$

    Shapes:
        x: (batch, features)
        W: (features, units)
        b: (units,)
        y: (batch, units)

    Args:
        units: the number of outputs, at least 1.
        activation: what the network applies to y; any activation, default "linear".
        initializer: what W holds at first; any initializer, default "glorot_uniform".
        bias_initializer: what b holds at first; any initializer, default "zeros". Weight decay spares b.
        bias: whether there is a b; default true.

    Raises:
        FieldError: units is less than 1.
        ShapeError: the input is not a vector.

    Reference:
        Rumelhart, Hinton, Williams (1986), "Learning representations by back-propagating errors", Nature 323.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> sum_of_inputs = cr.make("layer", "dense", units=1, initializer={"name": "constant", "value": 1.0})
        >>> network = cr.Network([sum_of_inputs], input_shape=(3,), loss="mse", seed=0)
        >>> network.predict(np.array([[1.0, 2.0, 3.0]]))
        array([[6.]], dtype=float32)
    """

    units: int
    activation: str | Mapping[str, Any] | Activation = "linear"
    initializer: str | Mapping[str, Any] | Initializer = "glorot_uniform"
    bias_initializer: str | Mapping[str, Any] | Initializer = "zeros"
    bias: bool = True

    bias_last = True
    check_examples = ({"units": 3}, {"units": 1, "bias": False, "activation": "tanh"})

    def __post_init__(self) -> None:
        self.require("units", self.units >= 1, "at least 1")

    def reference(self, x: Array, training: bool) -> Array:
        y = np.zeros((len(x), self.units)) + (self.b.value if self.b is not None else 0)
        for i, weights in enumerate(self.W.value):
            y += np.outer(x[:, i], weights)
        return y

    def build(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 1:
            raise ShapeError(
                f"dense takes vectors, of shape (features,), got input of shape {input_shape}: put a flatten before it"
            )
        self.W = self.parameter("W", (*input_shape, self.units), self.initializer)
        self.product = product if self.W.size >= LARGE else np.dot
        self.b = self.parameter("b", (self.units,), self.bias_initializer, decay=False) if self.bias else None
        self.child("activation", self.activation)
        return (self.units,)

    def forward(self, x: Array, training: bool) -> Array:
        self.x = x
        y = self.product(x, self.W.value, self.work("y", (len(x), self.units), x.dtype))
        return self.add_bias(y, self.b)

    def to_onnx(self, graph: Graph, x: str) -> str:
        y = graph.add("MatMul", x, self.W)
        return y if self.b is None else graph.add("Add", y, self.b)

    def backward(self, dy: Array) -> Array:
        self.backward_parameters(dy)
        return product_back(dy, self.W.value, self.work("dx", self.x.shape, dy.dtype))

    def backward_parameters(self, dy: Array) -> None:
        self.product(self.x.T, dy, self.W.grad)
        if self.b is not None:
            feature_sums(dy, out=self.b.grad)
