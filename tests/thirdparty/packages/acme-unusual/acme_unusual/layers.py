"""Layers of vectors and images, with gates, experts, shared, normed and left-out parts; an activation that learns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import chainrule
from chainrule import Activation, Layer, ShapeError

EXPERTS = (
    [{"name": "dense", "units": 3}],
    [{"name": "dense", "units": 5, "activation": "tanh"}, {"name": "dense", "units": 3}],
)


def sigmoid(z):
    return 1 / (1 + np.exp(-np.clip(z, -80, 80)))


@dataclass
class Highway(Layer):
    r"""A gate for each feature decides how much of it is new, and how much goes on as it was.

    $y = t \odot h + (1 - t) \odot x$ with $h = \tanh(x W + b)$ and $t = \sigma(x V + c)$

    Srivastava, Greff, Schmidhuber (2015). Weight decay spares b and c; c is -1 at first, by which most goes on.
    """

    def build(self, input_shape):
        [n] = input_shape if len(input_shape) == 1 else [0]
        if not n:
            raise ShapeError(f"highway takes vectors, got input of shape {input_shape}")
        self.W, self.V = (self.parameter(name, (n, n), "glorot_uniform") for name in "WV")
        self.b = self.parameter("b", (n,), "zeros", decay=False)
        self.c = self.parameter("c", (n,), chainrule.make("initializer", "constant", value=-1.0), decay=False)
        return input_shape

    def reference(self, x, training):
        h = np.tanh(np.einsum("ni,ij->nj", x, self.W.value) + self.b.value)
        t = 1 / (1 + np.exp(-np.einsum("ni,ij->nj", x, self.V.value) - self.c.value))
        return t * h + (1 - t) * x

    def forward(self, x, training):
        self.x = x
        self.h = np.tanh(x @ self.W.value + self.b.value)
        self.t = sigmoid(x @ self.V.value + self.c.value)
        return x + self.t * (self.h - x)

    def backward(self, dy):
        dz = dy * self.t * (1 - self.h**2)
        du = dy * (self.h - self.x) * self.t * (1 - self.t)
        self.W.grad, self.V.grad = self.x.T @ dz, self.x.T @ du
        self.b.grad, self.c.grad = dz.sum(axis=0), du.sum(axis=0)
        return dy * (1 - self.t) + dz @ self.W.value.T + du @ self.V.value.T


@dataclass
class GatedLinear(Layer):
    r"""Half of what it computes decides how much of the other half passes.

    $y = (x W_1 + b_1) \odot \sigma(x W_2 + b_2)$, where $W = [W_1, W_2]$ and $b = [b_1, b_2]$

    Dauphin, Fan, Auli, Grangier (2017), equation 1. Weight decay spares b.

    Args:
        units: how many numbers it gives, at least 1; default 3.
    """

    units: int = 3

    def __post_init__(self):
        self.require("units", self.units >= 1, "at least 1")

    def build(self, input_shape):
        if len(input_shape) != 1:
            raise ShapeError(f"gated_linear takes vectors, got input of shape {input_shape}")
        self.W = self.parameter("W", (*input_shape, 2 * self.units), "glorot_uniform")
        self.b = self.parameter("b", (2 * self.units,), "zeros", decay=False)
        return (self.units,)

    def reference(self, x, training):
        z = np.einsum("ni,ij->nj", x, self.W.value) + self.b.value
        return z[:, : self.units] / (1 + np.exp(-z[:, self.units :]))

    def forward(self, x, training):
        self.x = x
        self.z, gate = np.split(x @ self.W.value + self.b.value, 2, axis=1)
        self.gate = sigmoid(gate)
        return self.z * self.gate

    def backward(self, dy):
        dz = np.hstack([dy * self.gate, dy * self.z * self.gate * (1 - self.gate)])
        self.W.grad, self.b.grad = self.x.T @ dz, dz.sum(axis=0)
        return dz @ self.W.value.T


@dataclass
class WeightNormDense(Layer):
    r"""A dense layer whose weights are a direction and a length for each unit, which learn apart.

    $y = x W + b$ with $W_j = g_j V_j / |V_j|$ for each column j

    Salimans, Kingma (2016), equation 2. Weight decay spares g and b.

    Args:
        units: how many numbers it gives, at least 1; default 3.
    """

    units: int = 3

    def __post_init__(self):
        self.require("units", self.units >= 1, "at least 1")

    def build(self, input_shape):
        if len(input_shape) != 1:
            raise ShapeError(f"weight_norm_dense takes vectors, got input of shape {input_shape}")
        self.V = self.parameter("V", (*input_shape, self.units), "normal")
        self.g = self.parameter("g", (self.units,), chainrule.make("initializer", "constant", value=1.0), decay=False)
        self.b = self.parameter("b", (self.units,), "zeros", decay=False)
        return (self.units,)

    def reference(self, x, training):
        columns = [g * v / np.sqrt((v**2).sum()) for g, v in zip(self.g.value, self.V.value.T)]
        return np.stack([x @ w for w in columns], axis=1) + self.b.value

    def forward(self, x, training):
        self.x, self.length = x, np.linalg.norm(self.V.value, axis=0)
        self.unit = self.V.value / self.length
        return x @ (self.g.value * self.unit) + self.b.value

    def backward(self, dy):
        dW = self.x.T @ dy
        self.g.grad, self.b.grad = (dW * self.unit).sum(axis=0), dy.sum(axis=0)
        self.V.grad = self.g.value / self.length * (dW - self.unit * self.g.grad)
        return dy @ (self.g.value * self.unit).T


@dataclass
class SpectralNormDense(Layer):
    r"""A dense layer whose weights are divided by how much they stretch what they stretch most.

    $y = x W / |W u| + b$; after a pass in training $u = W^T W u / |W^T W u|$, a step of the power iteration

    Miyato, Kataoka, Koyama, Yoshida (2018), algorithm 1, with the u of the pass before. Weight decay spares b.

    Args:
        units: how many numbers it gives, at least 1; default 3.
    """

    units: int = 3

    def __post_init__(self):
        self.require("units", self.units >= 1, "at least 1")

    def build(self, input_shape):
        if len(input_shape) != 1:
            raise ShapeError(f"spectral_norm_dense takes vectors, got input of shape {input_shape}")
        self.W = self.parameter("W", (*input_shape, self.units), "glorot_uniform")
        self.b = self.parameter("b", (self.units,), "zeros", decay=False)
        self.u = self.buffer("u", (self.units,), self.units**-0.5)
        return (self.units,)

    def reference(self, x, training):
        W, u = self.W.value, self.u.value.copy()
        y, turned = x @ W / np.sqrt(((W @ u) ** 2).sum()) + self.b.value, W.T @ W @ u
        return (y, {"u": turned / np.sqrt((turned**2).sum())}) if training else y

    def forward(self, x, training):
        W, u = self.W.value, self.u.value.copy()
        self.x, self.u_then, self.stretch = x, u, W @ u
        self.sigma = np.linalg.norm(self.stretch)
        self.scaled = x @ W / self.sigma
        if training:
            turned = W.T @ self.stretch
            self.u.value = turned / np.linalg.norm(turned)
        return self.scaled + self.b.value

    def backward(self, dy):
        along = np.outer(self.stretch, self.u_then) / self.sigma**2
        self.W.grad = self.x.T @ dy / self.sigma - along * (dy * self.scaled).sum()
        self.b.grad = dy.sum(axis=0)
        return dy @ self.W.value.T / self.sigma


@dataclass
class MixtureOfExperts(Layer):
    r"""Experts that answer each in its own way, and a gate that weighs them by the input.

    $y = \sum_k g_k(x) E_k(x)$ with $g = softmax(x G)$

    Jacobs, Jordan, Nowlan, Hinton (1991).

    Args:
        experts: lists of layers, each of which is an expert; all of them give vectors of one size.
    """

    experts: Sequence[Sequence[str | Mapping[str, Any] | Layer]]

    check_examples = ({"experts": EXPERTS},)

    def build(self, input_shape):
        self.stacks = self.child("experts", self.experts)
        shapes = {stack.build(input_shape) for stack in self.stacks}
        if len(input_shape) != 1 or len(shapes) != 1 or len(min(shapes)) != 1:
            raise ShapeError(f"experts take and give vectors of one size, got {input_shape} and {sorted(shapes)}")
        self.G = self.parameter("G", (*input_shape, len(self.stacks)), "glorot_uniform")
        return shapes.pop()

    def reference(self, x, training):
        e = np.exp(x @ self.G.value)
        answers = [stack.forward(x, training).copy() for stack in self.stacks]
        return sum((e[:, k] / e.sum(axis=1))[:, None] * answer for k, answer in enumerate(answers))

    def forward(self, x, training):
        self.x = x
        self.answers = np.stack([stack.forward(x, training) for stack in self.stacks], axis=1)
        z = x @ self.G.value
        e = np.exp(z - z.max(axis=1, keepdims=True))
        self.g = e / e.sum(axis=1, keepdims=True)
        return np.einsum("nk,nku->nu", self.g, self.answers)

    def backward(self, dy):
        dg = np.einsum("nu,nku->nk", dy, self.answers)
        dz = self.g * (dg - (self.g * dg).sum(axis=1, keepdims=True))
        self.G.grad = self.x.T @ dz
        parts = [stack.backward(self.g[:, k : k + 1] * dy) for k, stack in enumerate(self.stacks)]
        return sum(parts, dz @ self.G.value.T)


@dataclass
class TiedAutoencoder(Layer):
    r"""A code, and the way back through the same weights.

    $y = h W^T + c$ with $h = f(x W + b)$, which the layer within it gives

    Weight decay spares c.

    Args:
        encoder: a dense layer, with its activation f.
    """

    encoder: str | Mapping[str, Any] | Layer

    check_examples = ({"encoder": {"name": "dense", "units": 2, "activation": "tanh"}},)

    def build(self, input_shape):
        self.inner = self.child("encoder", self.encoder)
        self.inner.build(input_shape)
        self.W = self.shared(self.inner.steps[0].parameters[0].name)
        self.c = self.parameter("c", input_shape, "zeros", decay=False)
        return input_shape

    def reference(self, x, training):
        return np.einsum("nk,ik->ni", self.inner.forward(x, training), self.W.value) + self.c.value

    def forward(self, x, training):
        self.h = self.inner.forward(x, training)
        return self.h @ self.W.value.T + self.c.value

    def backward(self, dy):
        self.W.grad, self.c.grad = dy.T @ self.h, dy.sum(axis=0)
        return self.inner.backward(dy @ self.W.value)


@dataclass
class StochasticDepth(Layer):
    r"""Layers that are left out of some samples in training, and of none afterwards.

    $y = x + \frac{m}{p} F(x)$ in training, where a sample's m is 1 with probability p, else 0; then $y = x + F(x)$

    Huang, Sun, Liu, Sedra, Weinberger (2016).

    Args:
        layers: F, a list of layers that give the shape that they take.
        survival: p, above 0 and at most 1; default 0.8.
    """

    layers: Sequence[str | Mapping[str, Any] | Layer]
    survival: float = 0.8

    check_examples = ({"layers": [{"name": "dense", "units": 4, "activation": "tanh"}], "survival": 0.5},)

    def __post_init__(self):
        self.require("survival", 0 < self.survival <= 1, "above 0 and at most 1")

    def build(self, input_shape):
        self.stack = self.child("layers", self.layers)
        if self.stack.build(input_shape) != input_shape:
            raise ShapeError(f"the layers must give the shape {input_shape} that they take")
        return input_shape

    def reference(self, x, training):
        m = self.rng.random(len(x)) < self.survival if training else np.full(len(x), self.survival)
        return np.array([one + k / self.survival * f for one, k, f in zip(x, m, self.stack.forward(x, training))])

    def forward(self, x, training):
        self.share = np.ones((len(x),) + (1,) * (x.ndim - 1), x.dtype)
        if training:
            self.share[...] = (self.rng.random(self.share.shape) < self.survival) / self.survival
        return x + self.share * self.stack.forward(x, training)

    def backward(self, dy):
        return dy + self.stack.backward(self.share * dy)


@dataclass
class SaltAndPepper(Layer):
    r"""Noise that puts some numbers at the ends of their range, in training alone.

    $y_i = \pm size$ with probability rate, either sign alike, else $x_i$; $dx_i = dy_i$ where $y_i = x_i$, else 0

    Args:
        rate: of the numbers that are replaced, at least 0 and less than 1; default 0.1.
        size: of what replaces them, above 0 and finite; default 1.0.
    """

    rate: float = 0.1
    size: float = 1.0

    def __post_init__(self):
        self.require("rate", 0 <= self.rate < 1, "at least 0 and less than 1")
        self.require("size", 0 < self.size < np.inf, "above 0 and finite")

    def build(self, input_shape):
        return input_shape

    def reference(self, x, training):
        u = self.rng.random(x.shape) if training else np.ones(x.shape)
        return np.select([u < self.rate / 2, u < self.rate], [-self.size, self.size], x)

    def forward(self, x, training):
        self.kept = np.ones(x.shape, bool)
        if not training:
            return x
        u = self.rng.random(x.shape)
        self.kept = u >= self.rate
        return np.where(self.kept, x, np.where(u < self.rate / 2, -self.size, self.size)).astype(x.dtype)

    def backward(self, dy):
        return dy * self.kept


@dataclass
class SqueezeExcite(Layer):
    r"""Weighs the channels of an image by what all of it shows.

    $y_{hwc} = x_{hwc} \, s_c$ with $s = \sigma(\max(m W, 0) V)$, where m is the mean over all places

    Hu, Shen, Sun (2018), section 3, without biases.

    Args:
        ratio: by how much fewer numbers there are within, at least 1; default 2.
    """

    ratio: int = 2

    check_input_shapes = ((3, 2, 4),)

    def __post_init__(self):
        self.require("ratio", self.ratio >= 1, "at least 1")

    def build(self, input_shape):
        if len(input_shape) != 3:
            raise ShapeError(f"squeeze_excite takes images (height, width, channels), got input of shape {input_shape}")
        channels, within = input_shape[-1], max(input_shape[-1] // self.ratio, 1)
        self.W = self.parameter("W", (channels, within), "he_uniform")
        self.V = self.parameter("V", (within, channels), "glorot_uniform")
        return input_shape

    def reference(self, x, training):
        h = np.maximum(np.einsum("nhwc,ci->ni", x, self.W.value) / (x.shape[1] * x.shape[2]), 0)
        return np.einsum("nhwc,nc->nhwc", x, 1 / (1 + np.exp(-h @ self.V.value)))

    def forward(self, x, training):
        self.x, self.m = x, x.mean(axis=(1, 2))
        self.h = np.maximum(self.m @ self.W.value, 0)
        self.s = sigmoid(self.h @ self.V.value)
        return x * self.s[:, None, None]

    def backward(self, dy):
        dz = (dy * self.x).sum(axis=(1, 2)) * self.s * (1 - self.s)
        dh = dz @ self.V.value.T * (self.h > 0)
        self.V.grad, self.W.grad = self.h.T @ dz, self.m.T @ dh
        dm = dh @ self.W.value.T / (self.x.shape[1] * self.x.shape[2])
        return dy * self.s[:, None, None] + dm[:, None, None]


@dataclass
class LearnedSlope(Activation):
    r"""A ReLU that learns for each feature how much it lets pass of what is below 0.

    $a = \max(z, 0) + \alpha \odot \min(z, 0)$

    He, Zhang, Ren, Sun (2015), equation 1.

    Args:
        start: what alpha is at first, finite; default 0.25.
    """

    start: float = 0.25

    check_kinks = (0.0,)

    def __post_init__(self):
        self.require("start", np.isfinite(self.start), "finite")

    def build(self, input_shape):
        self.alpha = self.parameter("alpha", input_shape, chainrule.make("initializer", "constant", value=self.start))

    def reference(self, z):
        return np.where(z > 0, z, self.alpha.value * z)

    def forward(self, z):
        self.z = z
        return np.maximum(z, 0) + self.alpha.value * np.minimum(z, 0)

    def backward(self, da):
        self.alpha.grad = (da * np.minimum(self.z, 0)).sum(axis=0)
        return np.where(self.z > 0, da, self.alpha.value * da)


COMPONENTS = (
    Highway,
    GatedLinear,
    WeightNormDense,
    SpectralNormDense,
    MixtureOfExperts,
    TiedAutoencoder,
    StochasticDepth,
    SaltAndPepper,
    SqueezeExcite,
    LearnedSlope,
)
