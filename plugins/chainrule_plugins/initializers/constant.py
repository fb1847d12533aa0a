"""Initializers without chance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import Array, Initializer, Shape


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

    def reference(self, shape: Shape, rng: np.random.Generator) -> Array:
        return np.array([0.0] * math.prod(shape)).reshape(shape)

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

    def reference(self, shape: Shape, rng: np.random.Generator) -> Array:
        return np.array([self.value] * math.prod(shape)).reshape(shape)

    def __call__(self, shape: Shape, rng: np.random.Generator, dtype: Any) -> Array:
        return np.full(shape, self.value, dtype)

    def moments(self, shape: Shape) -> tuple[float, float]:
        return self.value, 0.0
