from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import Array, Graph, Initializer, Layer, Parameter, Shape, ShapeError
from chainrule_plugins.layers._onnx import biased
from chainrule_plugins.layers._sums import feature_sums


@dataclass
class SelfAttention(Layer):
    r"""Each step of a sequence looks at all the others, and takes from each as much as it fits what it looks for.

    Of x, each step makes a query (what it looks for), a key (what it is found by) and a value (what it gives). That is
    done by several heads, which look for different things; what they find is put together by $W_o$.

    Forward:
        $q = (x W_q + b_q) / \sqrt{units}$
        $k = x W_k$
        $v = x W_v + b_v$
        $s_{i,j} = q_i \, k_j^T$, and $-\infty$ where step i is not to see step j, in each head
        $a_{i,j} = e^{s_{i,j}} / \sum_l e^{s_{i,l}}$, and $0$ where none is to be seen
        $o_i = \sum_j a_{i,j} \, v_j$
        $y = o W_o + b_o$, the heads of o side by side

    Backward:
        $dW_o = o^T \, dy$
        $db_o = \sum dy$
        $do = dy \, W_o^T$
        $dv_j = \sum_i a_{i,j} \, do_i$
        $da_{i,j} = do_i \, v_j^T$
        $ds_{i,j} = a_{i,j} (da_{i,j} - \sum_l a_{i,l} \, da_{i,l})$
        $dq_i = \sum_j ds_{i,j} \, k_j / \sqrt{units}$, for q before it was divided
        $dk_j = \sum_i ds_{i,j} \, q_i$
        $dW_q = x^T \, dq$, and $dW_k, dW_v$ likewise
        $db_q = \sum dq$ and $db_v = \sum dv$
        $dx = dq \, W_q^T + dk \, W_k^T + dv \, W_v^T$

    Shapes:
        x, y: (batch, steps, width)
        mask: (batch, steps), true where a step counts, so that others may see it; or none, where all do
        W_q, W_k, W_v: (width, heads * units)
        W_o: (heads * units, width)
        b_q, b_v: (heads * units,); there is none of the keys, as a softmax takes it away
        b_o: (width,)
        a: (batch, heads, steps, steps)

    Args:
        heads: how many there are, at least 1; default 1.
        units: the numbers of a query, a key and a value of one head, at least 1; default null: width / heads.
        causal: whether a step sees only itself and those before it, as where the next step is to be predicted; default
            false.
        initializer: what each W holds at first; any initializer, default "glorot_uniform".
        bias_initializer: what each b holds at first; any initializer, default "zeros". Weight decay spares them.
        bias: whether there are biases; default true.

    Raises:
        FieldError: heads or units is less than 1.
        ShapeError: the input is not a sequence of vectors, or its width cannot be shared out to the heads.

    Reference:
        Vaswani, Shazeer, Parmar, Uszkoreit, Jones, Gomez, Kaiser, Polosukhin (2017), "Attention Is All You Need", NIPS,
        sections 3.2.1 to 3.2.3, equation 1.

    Example:
        >>> import chainrule as cr
        >>> layer = cr.make("layer", "self_attention", heads=4, causal=True)
        >>> network = cr.Network([layer], input_shape=(10, 32), loss="mse")
        >>> network.output_shape, network.parameters["0.self_attention.W_q"].shape
        ((10, 32), (32, 32))
    """

    heads: int = 1
    units: int | None = None
    causal: bool = False
    initializer: str | Mapping[str, Any] | Initializer = "glorot_uniform"
    bias_initializer: str | Mapping[str, Any] | Initializer = "zeros"
    bias: bool = True

    check_examples = ({}, {"heads": 2, "causal": True}, {"heads": 2, "units": 3, "bias": False})
    check_input_shapes = ((3, 4), (1, 2))

    def __post_init__(self) -> None:
        self.require("heads", self.heads >= 1, "at least 1")
        self.require("units", self.units is None or self.units >= 1, "at least 1, or null")

    def reference(self, x: Array, training: bool, mask: Array | None = None) -> Array:
        size = x.shape[2] // self.heads if self.units is None else self.units
        found = np.zeros((*x.shape[:2], self.heads, size))
        for n, i, head in np.ndindex(*found.shape[:3]):
            seen = [j for j in range(x.shape[1]) if (mask is None or mask[n, j]) and (j <= i or not self.causal)]
            columns = slice(head * size, (head + 1) * size)
            W_q, W_k, W_v = (W.value[:, columns] for W in self.W)
            b_q, b_v = (b.value[columns] for b in self.b) if self.bias else (0, 0)
            fits = np.array([(x[n, i] @ W_q + b_q) @ (x[n, j] @ W_k) / np.sqrt(size) for j in seen])
            for j, weight in zip(seen, np.exp(fits - fits.max(initial=-np.inf))):
                found[n, i, head] += weight * (x[n, j] @ W_v + b_v)
            if seen:
                found[n, i, head] /= np.exp(fits - fits.max()).sum()
        y = found.reshape(*x.shape[:2], -1) @ self.W_o.value
        return y if self.b_o is None else y + self.b_o.value

    def build(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 2:
            raise ShapeError(
                f"self_attention takes sequences, of shape (steps, width), got input of shape {input_shape}"
            )
        steps, width = input_shape
        if self.units is None and width % self.heads:
            raise ShapeError(
                f"a width of {width} cannot be shared out to {self.heads} heads: take heads that divide it, or say the "
                "units of each"
            )
        self.size = width // self.heads if self.units is None else self.units
        inner = self.heads * self.size
        self.W = [self.parameter(f"W_{name}", (width, inner), self.initializer) for name in "qkv"]
        self.W_o = self.parameter("W_o", (inner, width), self.initializer)
        biases = {"b_q": inner, "b_v": inner, "b_o": width} if self.bias else {}
        self.b = [self.parameter(name, (n,), self.bias_initializer, decay=False) for name, n in biases.items()]
        self.b_o = self.b.pop() if self.bias else None
        self.unseen = np.triu(np.full((steps, steps), -np.inf, self.dtype), k=1) if self.causal else None
        return input_shape

    def forward(self, x: Array, training: bool, mask: Array | None = None) -> Array:
        batch, steps, width = x.shape
        self.x = x.reshape(-1, width)
        rows = self.work("qkv", (3, len(self.x), self.heads * self.size), x.dtype)
        np.matmul(self.x, np.stack([W.value for W in self.W]), out=rows)
        for part, b in zip(rows[::2], self.b):
            part += b.value
        rows[0] /= math.sqrt(self.size)
        # What all keys have in common is taken away by the softmax; without it, more digits are left for the rest.
        keys = rows[1].reshape(batch, steps, -1)
        counts = np.ones((1, steps, 1), x.dtype) if mask is None else mask[:, :, None].astype(x.dtype)
        self.share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        keys -= np.matmul(self.share.mT, keys)
        self.q, self.k, self.v = self._by_head(rows, batch)
        a = self.work("a", (batch, self.heads, steps, steps), x.dtype)
        self.a = np.matmul(self.q, self.k.mT, out=a)
        if self.unseen is not None:
            a += self.unseen
        if mask is not None:
            a += np.where(mask, 0, -np.inf).astype(x.dtype)[:, None, None, :]
        # No exponential can overflow; where all is hidden, the largest score is -inf, of which nothing can be taken.
        a -= np.maximum(a.max(axis=-1, keepdims=True), np.finfo(x.dtype).min)
        np.exp(a, out=a)
        total = a.sum(axis=-1, keepdims=True)
        total[total == 0] = 1
        a /= total
        self.o = self.work("o", (len(self.x), self.heads * self.size), x.dtype)
        np.matmul(a, self.v, out=self._by_head(self.o, batch))
        y = np.dot(self.o, self.W_o.value, out=self.work("y", self.x.shape, x.dtype))
        if self.b_o is not None:
            y += self.b_o.value
        return y.reshape(x.shape)

    def to_onnx(self, graph: Graph, x: str) -> str:
        W_q, W_k, W_v = self.W
        b_q, b_v = self.b if self.bias else (None, None)
        by_head, keys_by_head = (0, 2, 1, 3), (0, 2, 3, 1)

        def heads(W: Parameter, b: Parameter | None, axes: tuple[int, ...]) -> str:
            rows = biased(graph, graph.add("MatMul", x, W), b)
            apart = graph.add("Reshape", rows, graph.constant([0, 0, self.heads, self.size]))
            return graph.add("Transpose", apart, perm=axes)

        q = graph.add("Div", heads(W_q, b_q, by_head), math.sqrt(self.size))
        s = graph.add("MatMul", q, heads(W_k, None, keys_by_head))
        if self.unseen is not None:
            s = graph.add("Add", s, self.unseen)
        a = graph.add("Softmax", s, axis=-1)
        o = graph.add("Transpose", graph.add("MatMul", a, heads(W_v, b_v, by_head)), perm=by_head)
        o = graph.add("Reshape", o, graph.constant([0, 0, self.heads * self.size]))
        return biased(graph, graph.add("MatMul", o, self.W_o), self.b_o)

    def backward(self, dy: Array) -> Array:
        self.backward_parameters(dy)
        W_T = np.stack([W.value.T for W in self.W])
        parts = np.matmul(self.dqkv, W_T, out=self.work("dx_parts", (3, *self.x.shape), dy.dtype))
        dx = self.work("dx", self.x.shape, dy.dtype)
        return parts.sum(axis=0, out=dx).reshape(dy.shape)

    def backward_parameters(self, dy: Array) -> None:
        batch, dy = len(dy), dy.reshape(self.x.shape)
        np.dot(self.o.T, dy, out=self.W_o.grad)
        if self.b_o is not None:
            feature_sums(dy, out=self.b_o.grad)
        d_o = np.dot(dy, self.W_o.value.T, out=self.work("d_o", self.o.shape, dy.dtype))
        d_o = self._by_head(d_o, batch)
        self.dqkv = self.work("dqkv", (3, *self.o.shape), dy.dtype)
        dq, dk, dv = self._by_head(self.dqkv, batch)
        np.matmul(self.a.mT, d_o, out=dv)
        ds = np.matmul(d_o, self.v.mT, out=self.work("ds", self.a.shape, dy.dtype))
        ds -= np.einsum("bhij,bhij->bhi", self.a, ds)[..., None]
        ds *= self.a
        np.matmul(ds, self.k, out=dq)
        np.matmul(ds.mT, self.q, out=dk)
        self.dqkv[0] /= math.sqrt(self.size)
        d_keys = self.dqkv[1].reshape(batch, -1, self.dqkv.shape[-1])
        d_keys -= self.share * d_keys.sum(axis=1, keepdims=True)
        for rows, W in zip(self.dqkv, self.W):
            np.dot(self.x.T, rows, out=W.grad)
        for rows, b in zip(self.dqkv[::2], self.b):
            feature_sums(rows, out=b.grad)

    def _by_head(self, rows: Array, batch: int) -> Array:
        """A view of (..., batch * steps, heads * units) as (..., batch, heads, steps, units)."""
        return rows.reshape(*rows.shape[:-2], batch, -1, self.heads, self.size).swapaxes(-3, -2)
