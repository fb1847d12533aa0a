"""How a sequence of whole numbers becomes one of vectors, and how these say where they stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import Array, Graph, Initializer, Layer, Shape, ShapeError


@dataclass
class Embedding(Layer):
    r"""Gives each token, such as a letter or a word, a vector of its own, which is learned.

    It stands first in a network, whose inputs are then the tokens' numbers.

    Forward:
        $y = W_x$, the row of W for each token; that is $y = O W$ with a row of O for each token, $O_{n,k} = 1$ where
        $x_n = k$, else $0$

    Backward:
        $dW = O^T \, dy$: each row is the sum of dy where its token stands

    Shapes:
        x: (batch, *any), whole numbers
        W: (tokens, units)
        y: (batch, *any, units)

    Args:
        tokens: how many there are, at least 1; x holds numbers from 0 to tokens - 1.
        units: the numbers of a vector, at least 1.
        initializer: what W holds at first; any initializer, default "normal".

    Raises:
        FieldError: a field is less than 1.

    Reference:
        Bengio, Ducharme, Vincent, Jauvin (2003), "A Neural Probabilistic Language Model", JMLR 3, section 2.

    Example:
        >>> import chainrule as cr
        >>> network = cr.Network([cr.make("layer", "embedding", tokens=5, units=2)], input_shape=(3,), loss="mse")
        >>> network.parameters["0.embedding.W"].value = [[0, 0], [1, 2], [3, 4], [5, 6], [7, 8]]
        >>> network.predict([[4, 1, 1]])
        array([[[7., 8.],
                [1., 2.],
                [1., 2.]]], dtype=float32)
    """

    tokens: int
    units: int
    initializer: str | Mapping[str, Any] | Initializer = "normal"

    input_dtype = "int64"
    check_examples = ({"tokens": 5, "units": 3},)
    check_input_shapes = ((4,), (3, 2))

    def __post_init__(self) -> None:
        self.require("tokens", self.tokens >= 1, "at least 1")
        self.require("units", self.units >= 1, "at least 1")

    def reference(self, x: Array, training: bool) -> Array:
        y: Array = np.eye(self.tokens)[x] @ self.W.value  # a row of one 1 for each token
        return y

    @property
    def input_range(self) -> range:
        return range(self.tokens)

    def build(self, input_shape: Shape) -> Shape:
        self.W = self.parameter("W", (self.tokens, self.units), self.initializer)
        return (*input_shape, self.units)

    def forward(self, x: Array, training: bool) -> Array:
        self.x = x
        return np.take(self.W.value, x, axis=0)

    def to_onnx(self, graph: Graph, x: str) -> str:
        return graph.add("Gather", self.W, x, axis=0)

    def backward(self, dy: Array) -> Array:
        self.backward_parameters(dy)
        return np.zeros(self.x.shape, dy.dtype)

    def backward_parameters(self, dy: Array) -> None:
        from scipy.sparse import csc_array

        # Of O^T, only where its ones stand: several times as fast as sorting, and hundreds of times as np.add.at.
        ones, columns = np.ones(self.x.size, dy.dtype), np.arange(self.x.size + 1)
        O_T = csc_array((ones, self.x.reshape(-1), columns), shape=(self.tokens, self.x.size))
        self.W.grad = O_T @ dy.reshape(-1, self.units)


@dataclass
class PositionalEncoding(Layer):
    r"""Adds to each step's vector one that says where it stands: layers that compare steps see no order otherwise.

    Forward:
        $y_t = x_t + p_t$, with the steps counted from 0, and
        $p_{t, 2 i} = \sin(t / 10000^{2 i / width})$
        $p_{t, 2 i + 1} = \cos(t / 10000^{2 i / width})$
        or, learned, $p_t = P_t$, the row of a parameter

    Backward:
        $dx = dy$
        $dP = \sum_{batch} dy$

    Shapes:
        x, y: (batch, steps, width)
        P: (steps, width), only if learned

    Args:
        learned: whether the vectors of the places are learned; default false. If so, a network can be given no longer
            sequences than those that it was built for.
        initializer: what P holds at first, if learned; any initializer, default "normal". Weight decay spares P.

    Raises:
        ShapeError: the input is not a sequence of vectors.

    Reference:
        Vaswani, Shazeer, Parmar, Uszkoreit, Jones, Gomez, Kaiser, Polosukhin (2017), "Attention Is All You Need", NIPS,
        section 3.5; learned: Gehring, Auli, Grangier, Yarats, Dauphin (2017), "Convolutional Sequence to Sequence
        Learning", ICML, section 3.1.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> network = cr.Network(["positional_encoding"], input_shape=(2, 4), loss="mse")
        >>> network.predict(np.zeros((1, 2, 4))).round(2)
        array([[[0.  , 1.  , 0.  , 1.  ],
                [0.84, 0.54, 0.01, 1.  ]]], dtype=float32)
    """

    learned: bool = False
    initializer: str | Mapping[str, Any] | Initializer = "normal"

    check_examples = ({}, {"learned": True})
    check_input_shapes = ((3, 4), (2, 5))

    def reference(self, x: Array, training: bool) -> Array:
        y = x.copy()
        for n, t, k in np.ndindex(*x.shape):
            angle = t / 10000 ** ((k - k % 2) / x.shape[2])
            y[n, t, k] += self.P.value[t, k] if self.learned else np.cos(angle) if k % 2 else np.sin(angle)
        return y

    def build(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 2:
            raise ShapeError(
                f"positional_encoding takes sequences, of shape (steps, width), got input of shape {input_shape}"
            )
        steps, width = input_shape
        if self.learned:
            self.P = self.parameter("P", input_shape, self.initializer, decay=False)
        else:
            angles = np.arange(steps)[:, None] / 10000 ** (np.arange(0, width, 2) / width)
            self.p = np.empty(input_shape, self.dtype)
            self.p[:, 0::2] = np.sin(angles)
            self.p[:, 1::2] = np.cos(angles[:, : width // 2])
        return input_shape

    def forward(self, x: Array, training: bool) -> Array:
        p = self.P.value if self.learned else self.p
        return np.add(x, p, out=self.work("y", x.shape, x.dtype))

    def to_onnx(self, graph: Graph, x: str) -> str:
        return graph.add("Add", x, self.P if self.learned else self.p)

    def backward(self, dy: Array) -> Array:
        self.backward_parameters(dy)
        return dy

    def backward_parameters(self, dy: Array) -> None:
        if self.learned:
            dy.sum(axis=0, out=self.P.grad)
