"""The built-in initializers.

Random ones draw in float64 and then cast: networks of one seed start alike in float32 and float64.

``fan_in`` is the number of inputs that one unit sums up, ``fan_out`` the number of units that one input reaches (see
``fans``). A weight's variance is chosen from them, so that signals, or gradients, or a bit of both, keep their size
from layer to layer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import Array, Initializer, Shape, hookimpl


def fans(shape: Shape) -> tuple[int, int]:
    """``(fan_in, fan_out)`` of a weight of that shape: dense (in, out), or convolution (height, width, in, out).

    >>> fans((784, 128)), fans((3, 3, 16, 32)), fans((10,))
    ((784, 128), (144, 288), (10, 10))
    """
    if len(shape) < 2:
        return math.prod(shape), math.prod(shape)
    *window, inputs, outputs = shape
    return math.prod(window) * inputs, math.prod(window) * outputs


@dataclass
class Zeros(Initializer):
    r"""Starts from nothing: right for biases; weights would all stay alike.

    Values:
        $w = 0$

    Shapes:
        w: any

    Reference:
        Goodfellow, Bengio, Courville (2016), "Deep Learning", section 8.4.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> cr.make("initializer", "zeros")((2,), np.random.default_rng(0), "float64")
        array([0., 0.])
    """

    def __call__(self, shape: Shape, rng: np.random.Generator, dtype: Any) -> Array:
        return np.zeros(shape, dtype)

    def moments(self, shape: Shape) -> tuple[float, float]:
        return 0.0, 0.0


@dataclass
class Constant(Initializer):
    r"""The same number everywhere: for biases, and for weights that a test wants to know.

    Values:
        $w = value$

    Shapes:
        w: any

    Args:
        value: any finite number; default 0.0.

    Raises:
        FieldError: value is infinite or not a number.

    Reference:
        Goodfellow, Bengio, Courville (2016), "Deep Learning", section 8.4.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> cr.make("initializer", "constant", value=0.1)((2,), np.random.default_rng(0), "float64")
        array([0.1, 0.1])
    """

    value: float = 0.0

    check_examples = ({}, {"value": 0.3})

    def __post_init__(self) -> None:
        self.require("value", math.isfinite(self.value), "a finite number")

    def __call__(self, shape: Shape, rng: np.random.Generator, dtype: Any) -> Array:
        return np.full(shape, self.value, dtype)

    def moments(self, shape: Shape) -> tuple[float, float]:
        return self.value, 0.0


@dataclass
class Normal(Initializer):
    r"""A bell curve of a given width, the same for layers of any size.

    Values:
        $w \sim N(mean, std^2)$

    Shapes:
        w: any

    Args:
        mean: any finite number; default 0.0.
        std: the standard deviation, at least 0 and finite; default 0.01.

    Raises:
        FieldError: a field is out of range.

    Reference:
        Krizhevsky, Sutskever, Hinton (2012), "ImageNet Classification with Deep Convolutional Neural Networks",
        section 5.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> cr.make("initializer", "normal", mean=1.0, std=0.0)((2,), np.random.default_rng(0), "float64")
        array([1., 1.])
    """

    mean: float = 0.0
    std: float = 0.01

    check_examples = ({}, {"mean": 1.0, "std": 2.0})

    def __post_init__(self) -> None:
        self.require("mean", math.isfinite(self.mean), "a finite number")
        self.require("std", 0 <= self.std < math.inf, "at least 0 and finite")

    def __call__(self, shape: Shape, rng: np.random.Generator, dtype: Any) -> Array:
        return rng.normal(self.mean, self.std, shape).astype(dtype)

    def moments(self, shape: Shape) -> tuple[float, float]:
        return self.mean, self.std


@dataclass
class Uniform(Initializer):
    r"""Any number of a given range is as likely as any other.

    Values:
        $w \sim U(low, high)$

    Shapes:
        w: any

    Args:
        low: any finite number; default -0.05.
        high: a finite number, at least low; default 0.05.

    Raises:
        FieldError: a field is out of range.

    Reference:
        Goodfellow, Bengio, Courville (2016), "Deep Learning", section 8.4.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> w = cr.make("initializer", "uniform", low=1.0, high=2.0)((100,), np.random.default_rng(0), "float64")
        >>> bool(w.min() >= 1 and w.max() < 2)
        True
    """

    low: float = -0.05
    high: float = 0.05

    check_examples = ({}, {"low": 1.0, "high": 3.0})

    def __post_init__(self) -> None:
        self.require("low", math.isfinite(self.low), "a finite number")
        self.require("high", self.low <= self.high < math.inf, f"at least low, which is {self.low}, and finite")

    def __call__(self, shape: Shape, rng: np.random.Generator, dtype: Any) -> Array:
        return rng.uniform(self.low, self.high, shape).astype(dtype)

    def moments(self, shape: Shape) -> tuple[float, float]:
        return (self.low + self.high) / 2, (self.high - self.low) / math.sqrt(12)


@dataclass
class GlorotUniform(Initializer):
    r"""A compromise: for tanh and sigmoid layers, signals keep their size forwards, and gradients backwards.

    Values:
        $w \sim U(-limit, limit)$
        $limit = \sqrt{6 / (fan_{in} + fan_{out})}$

    Shapes:
        w: (fan_in, fan_out), or (height, width, in, out)

    Reference:
        Glorot, Bengio (2010), "Understanding the difficulty of training deep feedforward neural networks", AISTATS,
        equation 16.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> w = cr.make("initializer", "glorot_uniform")((100, 50), np.random.default_rng(0), "float32")
        >>> bool(np.abs(w).max() <= 0.2)
        True
    """

    def __call__(self, shape: Shape, rng: np.random.Generator, dtype: Any) -> Array:
        fan_in, fan_out = fans(shape)
        limit = math.sqrt(6 / (fan_in + fan_out))
        return rng.uniform(-limit, limit, shape).astype(dtype)

    def moments(self, shape: Shape) -> tuple[float, float]:
        return 0.0, math.sqrt(2 / sum(fans(shape)))


@dataclass
class GlorotNormal(Initializer):
    r"""The same compromise as glorot_uniform, drawn from a bell curve.

    Values:
        $w \sim N(0, std^2)$
        $std = \sqrt{2 / (fan_{in} + fan_{out})}$

    Shapes:
        w: (fan_in, fan_out), or (height, width, in, out)

    Reference:
        Glorot, Bengio (2010), "Understanding the difficulty of training deep feedforward neural networks", AISTATS,
        equation 12.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> cr.make("initializer", "glorot_normal")((100, 50), np.random.default_rng(0), "float32").shape
        (100, 50)
    """

    def __call__(self, shape: Shape, rng: np.random.Generator, dtype: Any) -> Array:
        fan_in, fan_out = fans(shape)
        return rng.normal(0, math.sqrt(2 / (fan_in + fan_out)), shape).astype(dtype)

    def moments(self, shape: Shape) -> tuple[float, float]:
        return 0.0, math.sqrt(2 / sum(fans(shape)))


@dataclass
class HeUniform(Initializer):
    r"""Wide enough that ReLU layers, which silence half of their units, keep the size of a signal.

    Values:
        $w \sim U(-limit, limit)$
        $limit = \sqrt{6 / fan_{in}}$

    Shapes:
        w: (fan_in, fan_out), or (height, width, in, out)

    Reference:
        He, Zhang, Ren, Sun (2015), "Delving Deep into Rectifiers", ICCV, equation 10, for its variance.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> w = cr.make("initializer", "he_uniform")((600, 50), np.random.default_rng(0), "float32")
        >>> bool(np.abs(w).max() <= 0.1)
        True
    """

    def __call__(self, shape: Shape, rng: np.random.Generator, dtype: Any) -> Array:
        fan_in, _ = fans(shape)
        limit = math.sqrt(6 / fan_in)
        return rng.uniform(-limit, limit, shape).astype(dtype)

    def moments(self, shape: Shape) -> tuple[float, float]:
        return 0.0, math.sqrt(2 / fans(shape)[0])


@dataclass
class HeNormal(Initializer):
    r"""The same width as he_uniform, for ReLU layers, drawn from a bell curve.

    Values:
        $w \sim N(0, std^2)$
        $std = \sqrt{2 / fan_{in}}$

    Shapes:
        w: (fan_in, fan_out), or (height, width, in, out)

    Reference:
        He, Zhang, Ren, Sun (2015), "Delving Deep into Rectifiers", ICCV, equation 10.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> cr.make("initializer", "he_normal")((100, 50), np.random.default_rng(0), "float32").shape
        (100, 50)
    """

    def __call__(self, shape: Shape, rng: np.random.Generator, dtype: Any) -> Array:
        fan_in, _ = fans(shape)
        return rng.normal(0, math.sqrt(2 / fan_in), shape).astype(dtype)

    def moments(self, shape: Shape) -> tuple[float, float]:
        return 0.0, math.sqrt(2 / fans(shape)[0])


@dataclass
class LecunNormal(Initializer):
    r"""A weighted sum of inputs of variance 1 has variance 1 again.

    Values:
        $w \sim N(0, std^2)$
        $std = \sqrt{1 / fan_{in}}$

    Shapes:
        w: (fan_in, fan_out), or (height, width, in, out)

    Reference:
        LeCun, Bottou, Orr, Müller (1998), "Efficient BackProp", section 4.6.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> cr.make("initializer", "lecun_normal")((100, 50), np.random.default_rng(0), "float32").shape
        (100, 50)
    """

    def __call__(self, shape: Shape, rng: np.random.Generator, dtype: Any) -> Array:
        fan_in, _ = fans(shape)
        return rng.normal(0, math.sqrt(1 / fan_in), shape).astype(dtype)

    def moments(self, shape: Shape) -> tuple[float, float]:
        return 0.0, math.sqrt(1 / fans(shape)[0])


@dataclass
class TruncatedNormal(Initializer):
    r"""A bell curve without its tails: no weight starts so large that its unit is stuck.

    Values:
        $w \sim N(0, std^2)$, drawn again while $|w| > 2 \, std$
        so that $Var(w) = std^2 (1 - 4 \varphi(2) / (2 \Phi(2) - 1)) = 0.774 \, std^2$, with the density
        $\varphi$ and the distribution function $\Phi$ of $N(0, 1)$

    Shapes:
        w: any

    Args:
        std: the standard deviation of the whole bell curve, at least 0 and finite; default 0.02. That of the weights
            is 0.88 times as large.

    Raises:
        FieldError: std is out of range.

    Reference:
        Johnson, Kotz, Balakrishnan (1994), "Continuous Univariate Distributions", volume 1, chapter 13, section 10.1.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> w = cr.make("initializer", "truncated_normal", std=0.5)((100, 50), np.random.default_rng(0), "float32")
        >>> bool(abs(w).max() <= 1)
        True
    """

    std: float = 0.02

    def __post_init__(self) -> None:
        self.require("std", 0 <= self.std < math.inf, "at least 0 and finite")

    def __call__(self, shape: Shape, rng: np.random.Generator, dtype: Any) -> Array:
        w = rng.normal(size=shape)
        while (outside := np.abs(w) > 2).any():
            w[outside] = rng.normal(size=int(outside.sum()))
        w *= self.std
        return w.astype(dtype)

    def moments(self, shape: Shape) -> tuple[float, float]:
        return 0.0, 0.8796 * self.std


@dataclass
class Orthogonal(Initializer):
    r"""A rotation: no signal grows or fades on its way through, however deep the network.

    Values:
        $A_{i,j} \sim N(0, 1)$, as tall as w is or, if w is wide, as tall as its transpose
        $Q R = A$, with each column of Q multiplied by the sign of its number on the diagonal of R: without
        that, Q would not be drawn evenly from all rotations and reflections
        $w = gain \cdot Q$, or $gain \cdot Q^T$ if w is wide
        so that $w^T w = gain^2 \, I$, or $w \, w^T = gain^2 \, I$ if w is wide

    Shapes:
        w: (fan_in, fan_out), or (height, width, in, out), taken as the matrix (height * width * in, out)

    Args:
        gain: by which a signal is to grow, above 0 and finite; default 1.0. For ReLU, sqrt(2) makes up for
            the half that it cuts off.

    Raises:
        FieldError: gain is out of range.

    Reference:
        Saxe, McClelland, Ganguli (2014), "Exact solutions to the nonlinear dynamics of learning in deep linear neural
        networks", ICLR; the signs: Mezzadri (2007), "How to generate random matrices from the classical compact
        groups".

    Example:
        >>> import numpy as np, chainrule as cr
        >>> w = cr.make("initializer", "orthogonal")((3, 2), np.random.default_rng(0), "float64")
        >>> np.allclose(w.T @ w, np.eye(2))
        True
    """

    gain: float = 1.0

    check_examples = ({}, {"gain": 1.5})

    def __post_init__(self) -> None:
        self.require("gain", 0 < self.gain < math.inf, "above 0 and finite")

    def __call__(self, shape: Shape, rng: np.random.Generator, dtype: Any) -> Array:
        rows, columns = math.prod(shape[:-1]), math.prod(shape[-1:])
        Q, R = np.linalg.qr(rng.normal(size=(max(rows, columns), min(rows, columns))))
        Q *= np.sign(np.diag(R))
        w = Q if rows >= columns else Q.T
        return (self.gain * w).reshape(shape).astype(dtype)

    def moments(self, shape: Shape) -> tuple[float, float]:
        return 0.0, self.gain / math.sqrt(max(math.prod(shape[:-1]), shape[-1]))


@hookimpl
def register_components(registry: Any) -> None:
    for cls in (
        Zeros, Constant, Normal, Uniform, GlorotUniform, GlorotNormal, HeUniform, HeNormal, LecunNormal,
        TruncatedNormal, Orthogonal,
    ):  # fmt: skip
        registry.add(cls)
