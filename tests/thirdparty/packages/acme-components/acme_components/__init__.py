"""A third party's components, one of each kind, in nothing but chainrule's public names."""

import math
from dataclasses import dataclass

import numpy as np

import chainrule


@dataclass
class Scale(chainrule.Layer):
    r"""One learned factor for each feature.

    $y = s \odot x$, $ds = \sum_{batch} dy \odot x$, $dx = s \odot dy$

    Args:
        initial: every factor at first, finite; default 1.0.
    """

    initial: float = 1.0

    def __post_init__(self):
        self.require("initial", math.isfinite(self.initial), "finite")

    def build(self, input_shape):
        self.s = self.parameter("s", input_shape, chainrule.make("initializer", "constant", value=self.initial))
        return input_shape

    def reference(self, x, training):
        return np.array([self.s.value * row for row in x])

    def forward(self, x, training):
        self.x = x
        return self.s.value * x

    def backward(self, dy):
        self.s.grad[...] = (dy * self.x).sum(axis=0)
        return self.s.value * dy


@dataclass
class Squareplus(chainrule.Activation):
    r"""A ReLU rounded off by a hyperbola.

    $a = (z + r) / 2$ with $r = \sqrt{z^2 + 4}$, $dz = da \odot (1 + z / r) / 2$
    """

    def reference(self, z):
        return (z + np.sqrt(z**2 + 4)) / 2

    def forward(self, z):
        self.slope = (1 + z / np.hypot(z, 2)) / 2
        return (z + np.hypot(z, 2)) / 2

    def backward(self, da):
        return da * self.slope


@dataclass
class SoftAbs(chainrule.Activation):
    r"""The size of a number, rounded off near zero.

    Forward:
        $a = \sqrt{z^2 + 1} - 1$

    Backward:
        $dz = da \odot z / \sqrt{z^2 + 1}$
    """

    def reference(self, z):
        return np.sqrt(z**2 + 1) - 1

    def forward(self, z):
        self.slope = z / np.hypot(z, 1)
        return np.hypot(z, 1) - 1

    def backward(self, da):
        return da * self.slope

    def to_onnx(self, graph, x):
        return graph.add("Sub", graph.add("Sqrt", graph.add("Add", graph.add("Mul", x, x), 1.0)), 1.0)


@dataclass
class BrierScore(chainrule.Loss):
    r"""The squared distance of predicted probabilities from what happened.

    $loss = \frac{1}{batch} \sum (p - t)^2$, $d\_prediction = \frac{2}{batch} (p - t)$
    """

    def output(self, task, classes):
        if task == "regression":
            raise chainrule.ConfigError("brier_score is for classes; take mse")
        return (1, "sigmoid") if task == "binary" else (classes, "softmax")

    def reference(self, prediction, target):
        return sum(((p - t) ** 2).sum() for p, t in zip(prediction, target)) / len(prediction)

    def forward(self, prediction, target):
        self.error = prediction - target
        return float(np.square(self.error, dtype=np.float64).sum() / len(prediction))

    def backward(self):
        return 2 * self.error / len(self.error)


@dataclass
class Momentum(chainrule.Optimizer):
    r"""A running sum of gradients moves the weights.

    $v = \beta v + grad$, $\theta = \theta - lr \, v$

    Args:
        lr: the learning rate, above 0 and finite; default 0.01.
        beta: what is left of the sum at each step, at least 0 and less than 1; default 0.9.
    """

    lr: float = 0.01
    beta: float = 0.9
    slots = ("v",)

    def __post_init__(self):
        self.require("lr", 0 < self.lr < math.inf, "above 0 and finite")
        self.require("beta", 0 <= self.beta < 1, "at least 0 and less than 1")

    def reference(self, theta, gradient, rates):
        v = 0
        for lr in rates:
            v = self.beta * v + gradient(theta)
            theta = theta - lr * v
            yield theta

    def update(self, theta, grad, slots, step, lr):  # lr is the scheduled rate; step counts from 1
        v = slots["v"]
        v *= self.beta
        v += grad
        theta -= lr * v


@dataclass
class Softsign(chainrule.Optimizer):
    r"""Steps of a running mean of gradients, none longer than the learning rate.

    $m = \beta m + (1 - \beta) grad$, $\theta = \theta - lr \, m / (|m| + s)$

    Args:
        lr: the learning rate, above 0 and finite; default 0.01.
        beta: the share of the past in the mean, at least 0 and less than 1; default 0.9.
        s: the size of the mean at which a step is half as long, above 0 and finite; default 0.1.
    """

    lr: float = 0.01
    beta: float = 0.9
    s: float = 0.1
    slots = ("m",)

    def __post_init__(self):
        self.require("lr", 0 < self.lr < math.inf, "above 0 and finite")
        self.require("beta", 0 <= self.beta < 1, "at least 0 and less than 1")
        self.require("s", 0 < self.s < math.inf, "above 0 and finite")

    def reference(self, theta, gradient, rates):
        m = 0
        for lr in rates:
            m = self.beta * m + (1 - self.beta) * gradient(theta)
            theta = theta - lr * m / (abs(m) + self.s)
            yield theta

    def rule(self, theta, grad, m, lr):  # of single numbers; it returns what theta and each slot become
        m = self.beta * m + (1 - self.beta) * grad
        return theta - lr * m / (abs(m) + self.s), m


@dataclass
class Signs(chainrule.Initializer):
    r"""Numbers of one size, with a sign by chance.

    $w = \pm size$

    Args:
        size: above 0 and finite; default 0.5.
    """

    size: float = 0.5

    def __post_init__(self):
        self.require("size", 0 < self.size < math.inf, "above 0 and finite")

    def reference(self, shape, rng):
        return rng.choice([-self.size, self.size], shape)

    def __call__(self, shape, rng, dtype):
        return rng.choice([-self.size, self.size], shape).astype(dtype)

    def moments(self, shape):
        return 0.0, self.size


@dataclass
class Quartic(chainrule.Regularizer):
    r"""Leaves small weights nearly alone, and pulls large ones back hard.

    $penalty = strength \sum_i \theta_i^4$, $grad_i = grad_i + 4 \, strength \, \theta_i^3$

    Args:
        strength: at least 0 and finite; default 1e-4.
    """

    strength: float = 1e-4

    def __post_init__(self):
        self.require("strength", 0 <= self.strength < math.inf, "at least 0 and finite")

    def reference(self, theta):
        return self.strength * sum(number**4 for number in theta)

    def penalty(self, theta):
        return self.strength * float((theta**4).sum())

    def add_gradient(self, theta, grad):
        grad += 4 * self.strength * theta**3


@dataclass
class Triangle(chainrule.Schedule):
    r"""The learning rate goes up for half the time, and down for the other.

    $factor = \max(0, 1 - |2 \, step / total - 1|)$, but never below the floor

    Args:
        floor: the smallest factor, at least 0 and at most 1; default 0.1.
    """

    floor: float = 0.1

    def __post_init__(self):
        self.require("floor", 0 <= self.floor <= 1, "at least 0 and at most 1")

    def reference(self, step, total):
        return max(self.floor, min(2 * step, 2 * total - 2 * step) / total)

    def __call__(self, step, total):
        return max(self.floor, 1 - abs(2 * step / total - 1))


@dataclass
class WorstError(chainrule.Metric):
    r"""How far the worst prediction is off.

    $value = \max_i |prediction_i - target_i|$
    """

    tasks = ("binary", "regression")
    goal = "min"

    def reference(self, prediction, target):
        return max(abs(p - t) for p, t in zip(prediction.flat, target.flat))

    def reset(self):
        self.worst = 0.0

    def update(self, prediction, target):
        self.worst = max(self.worst, float(np.abs(prediction - target).max()))

    def compute(self):
        return self.worst


@dataclass
class GradientNoise(chainrule.Callback):
    """Shakes every gradient a little.

    Args:
        size: the standard deviation of the noise, at least 0 and finite; default 1e-3.
        seed: of the noise, 0 or more; default 0.
    """

    size: float = 1e-3
    seed: int = 0

    def __post_init__(self):
        self.require("size", 0 <= self.size < math.inf, "at least 0 and finite")
        self.require("seed", self.seed >= 0, "0 or more")

    def on_gradient(self, trainer):
        grad = trainer.network.parameters.grad
        rng = np.random.default_rng([self.seed, trainer.step])
        grad += rng.normal(0, self.size, grad.shape).astype(grad.dtype)


@dataclass
class Stripes(chainrule.Dataset):
    r"""Points on a line, in stripes that belong to one class and the other in turn.

    $y = \lfloor stripes \cdot x \rfloor \bmod 2$

    Args:
        stripes: how many, at least 2; default 4.
        seed: of the points and of the split, 0 or more; default 0.
    """

    stripes: int = 4
    seed: int = 0

    def __post_init__(self):
        self.require("stripes", self.stripes >= 2, "at least 2")
        self.require("seed", self.seed >= 0, "0 or more")

    def load(self):
        x = np.random.default_rng(self.seed).random((200, 1))
        y = (self.stripes * x[:, 0]).astype(int) % 2
        parts = [(x[part], y[part]) for part in chainrule.split_indices(200, [0.6, 0.2], self.seed)]
        return chainrule.Data(parts[0], "binary", parts[1], parts[2], class_names=("even", "odd"))


@dataclass
class Wide(chainrule.Model):
    """A single hidden layer, and a wide one.

    Args:
        units: its size, at least 1; default 256.
        activation: of that layer; any activation, default "squareplus".
    """

    units: int = 256
    activation: str = "squareplus"

    def __post_init__(self):
        self.require("units", self.units >= 1, "at least 1")

    def reference(self, input_shape, units, activation):
        sizes, activations = (self.units, units), (self.activation, activation)
        return ["flatten", *({"name": "dense", "units": n, "activation": a} for n, a in zip(sizes, activations))]

    def build(self, input_shape, units, activation):
        hidden = {"name": "dense", "units": self.units, "activation": self.activation}
        return ["flatten", hidden, {"name": "dense", "units": units, "activation": activation}]


@chainrule.hookimpl
def register_components(registry):
    for cls in (
        Scale,
        Squareplus,
        SoftAbs,
        BrierScore,
        Signs,
        Quartic,
        Triangle,
        WorstError,
        GradientNoise,
        Stripes,
        Wide,
    ):
        registry.add(cls)
    registry.add(Momentum, name="heavy_ball")
    registry.add(Softsign, name="soft_sign")


@chainrule.hookimpl
def config_search_path():
    return "pkg://acme_components/conf"
