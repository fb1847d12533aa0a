from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import chainrule
from chainrule import Array, Layer, Shape


@dataclass
class Activation(Layer):
    r"""Any activation as a layer of its own, for where no other layer's `activation` fits, as after a normalization.

    The network applies it, as it does the `activation` of any layer; what is left for this layer is to hand on.

    Forward:
        $y = f(x)$

    Backward:
        $dx = dy \, f'(x)$

    Shapes:
        x, y: (batch, *any)

    Args:
        activation: f; any activation.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> network = cr.Network([cr.make("layer", "activation", activation="relu")], input_shape=(2,), loss="mse")
        >>> network.predict(np.array([[-1.0, 2.0]]))
        array([[0., 2.]], dtype=float32)
    """

    activation: str | Mapping[str, Any] | chainrule.Activation

    check_examples = ({"activation": "tanh"},)

    def build(self, input_shape: Shape) -> Shape:
        self.child("activation", self.activation)
        return input_shape

    def forward(self, x: Array, training: bool) -> Array:
        return x

    def backward(self, dy: Array) -> Array:
        return dy
