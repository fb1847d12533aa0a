from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from chainrule import Array, Graph, Layer, Shape


@dataclass
class Flatten(Layer):
    r"""Lays each sample out as one vector: what stands between images and dense layers.

    Forward:
        $y_{n,k} = x_{n,i,j,...}$, the last axis of x running fastest

    Backward:
        $dx_{n,i,j,...} = dy_{n,k}$

    Shapes:
        x: (batch, *any)
        y: (batch, features), features being the product of any

    Example:
        >>> import chainrule as cr
        >>> network = cr.Network(["flatten"], input_shape=(28, 28), loss="mse")
        >>> network.output_shape
        (784,)
    """

    check_input_shapes = ((4,), (3, 2, 4))

    def reference(self, x: Array, training: bool) -> Array:
        return np.array([sample.ravel() for sample in x])

    def build(self, input_shape: Shape) -> Shape:
        self.input_shape = input_shape
        self.features = math.prod(input_shape)
        return (self.features,)

    def forward(self, x: Array, training: bool) -> Array:
        return x.reshape(len(x), self.features)

    def to_onnx(self, graph: Graph, x: str) -> str:
        return graph.add("Reshape", x, graph.constant([-1, self.features]))

    def backward(self, dy: Array) -> Array:
        return dy.reshape(len(dy), *self.input_shape)
