"""Initializers whose width depends on the layer, so that signals, or gradients, or a bit of both, keep their size.

``fan_in`` is the number of inputs that one unit sums up, ``fan_out`` the number of units that one input reaches (see
``fans``). A weight's variance is chosen from them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import Array, Initializer, Shape


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

    def reference(self, shape: Shape, rng: np.random.Generator) -> Array:
        n = math.prod(shape)
        fan_in, fan_out = (n / shape[-1], n / shape[-2]) if len(shape) > 1 else (n, n)
        return math.sqrt(6 / (fan_in + fan_out)) * (2 * rng.random(shape) - 1)

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

    def reference(self, shape: Shape, rng: np.random.Generator) -> Array:
        n = math.prod(shape)
        fan_in, fan_out = (n / shape[-1], n / shape[-2]) if len(shape) > 1 else (n, n)
        return math.sqrt(2 / (fan_in + fan_out)) * rng.standard_normal(shape)

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

    def reference(self, shape: Shape, rng: np.random.Generator) -> Array:
        fan_in = math.prod(shape[:-1]) if len(shape) > 1 else math.prod(shape)
        return math.sqrt(6 / fan_in) * (2 * rng.random(shape) - 1)

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

    def reference(self, shape: Shape, rng: np.random.Generator) -> Array:
        fan_in = math.prod(shape[:-1]) if len(shape) > 1 else math.prod(shape)
        return math.sqrt(2 / fan_in) * rng.standard_normal(shape)

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

    def reference(self, shape: Shape, rng: np.random.Generator) -> Array:
        fan_in = math.prod(shape[:-1]) if len(shape) > 1 else math.prod(shape)
        return rng.standard_normal(shape) / math.sqrt(fan_in)

    def __call__(self, shape: Shape, rng: np.random.Generator, dtype: Any) -> Array:
        fan_in, _ = fans(shape)
        return rng.normal(0, math.sqrt(1 / fan_in), shape).astype(dtype)

    def moments(self, shape: Shape) -> tuple[float, float]:
        return 0.0, math.sqrt(1 / fans(shape)[0])
