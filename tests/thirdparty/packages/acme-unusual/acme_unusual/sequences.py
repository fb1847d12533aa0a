"""Layers of sequences: of whole numbers, and with a mask."""

from dataclasses import dataclass

import numpy as np

from chainrule import Layer, ShapeError


@dataclass
class EmbeddingBag(Layer):
    r"""A bag of words as the mean of their vectors: their order does not matter.

    $y = \frac{1}{n} \sum_i E_{x_i}$, $dE_k = \frac{1}{n} \sum_{i: x_i = k} dy$

    Args:
        tokens: how many there are, at least 1; default 10.
        width: of a token's vector, at least 1; default 3.
    """

    tokens: int = 10
    width: int = 3

    input_dtype = "int64"

    @property
    def input_range(self):
        return range(self.tokens)

    def __post_init__(self):
        self.require("tokens", self.tokens >= 1, "at least 1")
        self.require("width", self.width >= 1, "at least 1")

    def build(self, input_shape):
        if len(input_shape) != 1:
            raise ShapeError(f"embedding_bag takes bags of tokens, (tokens,), got input of shape {input_shape}")
        self.E = self.parameter("E", (self.tokens, self.width), "normal")
        return (self.width,)

    def reference(self, x, training):
        return np.array([np.mean([self.E.value[token] for token in bag], axis=0) for bag in x])

    def forward(self, x, training):
        self.x = x
        return self.E.value[x].mean(axis=1)

    def backward(self, dy):
        self.E.grad = 0
        np.add.at(self.E.grad, self.x, dy[:, None] / self.x.shape[1])
        return np.zeros(self.x.shape, dy.dtype)


@dataclass
class AttentionPool(Layer):
    r"""The steps of a sequence in one vector: those that the question asks for weigh more.

    $y = \sum_t a_t x_t$ with $a = softmax_t(x_t \cdot q)$ over the steps that count
    """

    check_input_shapes = ((5, 3),)

    def build(self, input_shape):
        if len(input_shape) != 2:
            raise ShapeError(f"attention_pool takes sequences (steps, features), got input of shape {input_shape}")
        self.q = self.parameter("q", input_shape[1:], "normal")
        return input_shape[1:]

    def reference(self, x, training, mask=None):
        means = []
        for i, steps in enumerate(x):
            counting = steps if mask is None else steps[mask[i]]
            e = np.exp(counting @ self.q.value)
            means.append((e / e.sum()) @ counting)
        return np.array(means)

    def forward(self, x, training, mask=None):
        z = (x - x[:, :1]) @ self.q.value  # what all steps have in common changes nothing, and would cost digits
        if mask is not None:
            z = np.where(mask, z, -np.inf)
        e = np.exp(z - z.max(axis=1, keepdims=True))
        self.a = e / e.sum(axis=1, keepdims=True)
        y = np.einsum("nt,ntf->nf", self.a, x)
        self.x, self.off = x, x - y[:, None]
        return y

    def backward(self, dy):
        dz = self.a * np.einsum("nf,ntf->nt", dy, self.off)
        self.q.grad = np.einsum("nt,ntf->f", dz, self.off)
        return self.a[:, :, None] * dy[:, None] + dz[:, :, None] * self.q.value


COMPONENTS = (EmbeddingBag, AttentionPool)
