from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import Array, Graph, Initializer, Layer, Shape, ShapeError
from chainrule_plugins.layers._sums import product_back


@dataclass
class Maxout(Layer):
    r"""Each output is the largest of several weighted sums: a convex function of the inputs that is learned too.

    With two pieces it can be a ReLU or an absolute value; with more, come as close as one likes to any convex function.

    Forward:
        $z_p = x W_p + b_p$ for each piece p
        $y = \max_p z_p$

    Backward:
        $dz_p = dy$ where $z_p$ is the first maximum, else $0$
        $dW_p = x^T \, dz_p$
        $db_p = \sum_{batch} dz_p$
        $dx = \sum_p dz_p \, W_p^T$

    Shapes:
        x: (batch, features)
        W: (pieces, features, units)
        b: (pieces, units)
        z: (pieces, batch, units)
        y: (batch, units)

    Args:
        units: the number of outputs, at least 1.
        pieces: the number of sums that compete for each output, at least 1; default 2.
        initializer: what W holds at first; any initializer, default "glorot_uniform". Each piece is drawn by itself, as
            the weight of a dense layer.
        bias_initializer: what b holds at first; any initializer, default "zeros". Weight decay spares b.
        bias: whether there is a b; default true.

    Raises:
        FieldError: a field is less than 1.
        ShapeError: the input is not a vector.

    Reference:
        Goodfellow, Warde-Farley, Mirza, Courville, Bengio (2013), "Maxout Networks", ICML, section 3.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> network = cr.Network([cr.make("layer", "maxout", units=1)], input_shape=(1,), loss="mse")
        >>> network.layers[0].W.value = [[[1.0]], [[-1.0]]]
        >>> network.predict(np.array([[3.0], [-4.0]]))
        array([[3.],
               [4.]], dtype=float32)
    """

    units: int
    pieces: int = 2
    initializer: str | Mapping[str, Any] | Initializer = "glorot_uniform"
    bias_initializer: str | Mapping[str, Any] | Initializer = "zeros"
    bias: bool = True

    check_examples = ({"units": 3}, {"units": 2, "pieces": 4, "bias": False}, {"units": 1, "pieces": 1})

    def __post_init__(self) -> None:
        self.require("units", self.units >= 1, "at least 1")
        self.require("pieces", self.pieces >= 1, "at least 1")

    def reference(self, x: Array, training: bool) -> Array:
        z = np.einsum("nf,pfu->npu", x, self.W.value) + (self.b.value if self.b is not None else 0)
        return np.array([[max(z[n, :, u]) for u in range(self.units)] for n in range(len(x))])

    def build(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 1:
            raise ShapeError(
                f"maxout takes vectors, of shape (features,), got input of shape {input_shape}: put a flatten before it"
            )
        initializer = {"name": "per_slice", "initializer": self.initializer, "axis": 0}
        self.W = self.parameter("W", (self.pieces, *input_shape, self.units), initializer)
        b_shape = (self.pieces, self.units)
        self.b = self.parameter("b", b_shape, self.bias_initializer, decay=False) if self.bias else None
        return (self.units,)

    def forward(self, x: Array, training: bool) -> Array:
        self.x = x
        z = np.matmul(x, self.W.value, out=self._by_piece("z", x))
        if self.b is not None:
            z += self.b.value[:, None]
        y = self.work("y", z.shape[1:], x.dtype)
        y[...] = z[0]
        # Which piece is the maximum, counted from 0. At a tie the first one stays: it alone gets the gradient.
        self.chosen = self.work("chosen", y.shape, np.min_scalar_type(self.pieces - 1))
        self.chosen[...] = 0
        for p in range(1, self.pieces):
            higher = np.greater(z[p], y, out=self.work("higher", y.shape, np.bool_))
            np.maximum(self.chosen, higher * self.chosen.dtype.type(p), out=self.chosen)
            np.maximum(y, z[p], out=y)
        return y

    def to_onnx(self, graph: Graph, x: str) -> str:
        z = graph.add("MatMul", x, self.W)  # (pieces, batch, units)
        if self.b is not None:
            z = graph.add("Add", z, graph.add("Unsqueeze", self.b, graph.constant([1])))
        return graph.add("ReduceMax", z, graph.constant([0]), keepdims=0)

    def backward(self, dy: Array) -> Array:
        self.backward_parameters(dy)
        dx = product_back(self.dz[0], self.W.value[0], self.work("dx", self.x.shape, dy.dtype))
        for p in range(1, self.pieces):
            dx += product_back(self.dz[p], self.W.value[p], self.work("dx_of_piece", dx.shape, dx.dtype))
        return dx

    def backward_parameters(self, dy: Array) -> None:
        self.dz = self._by_piece("dz", dy)
        for p in range(self.pieces):
            np.multiply(dy, self.chosen == p, out=self.dz[p])
        np.matmul(self.x.T, self.dz, out=self.W.grad)
        if self.b is not None:
            self.dz.sum(axis=1, out=self.b.grad)

    def _by_piece(self, name: str, like: Array) -> Array:
        """A kept array (pieces, batch, units), whose numbers are those of one that grows with the batch."""
        kept = self.work(name, (len(like), self.pieces, self.units), like.dtype)
        return kept.reshape(self.pieces, len(like), self.units)
