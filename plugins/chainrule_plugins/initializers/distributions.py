"""Initializers that draw from a distribution of a given width, the same for layers of any size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import Array, Initializer, Shape


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

    def reference(self, shape: Shape, rng: np.random.Generator) -> Array:
        return self.mean + self.std * rng.standard_normal(shape)

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

    def reference(self, shape: Shape, rng: np.random.Generator) -> Array:
        return self.low + (self.high - self.low) * rng.random(shape)

    def __call__(self, shape: Shape, rng: np.random.Generator, dtype: Any) -> Array:
        return rng.uniform(self.low, self.high, shape).astype(dtype)

    def moments(self, shape: Shape) -> tuple[float, float]:
        return (self.low + self.high) / 2, (self.high - self.low) / math.sqrt(12)


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

    def reference(self, shape: Shape, rng: np.random.Generator) -> Array:
        w = [self.std * rng.standard_normal() for _ in range(math.prod(shape))]
        while tails := [i for i in range(len(w)) if abs(w[i]) > 2 * self.std]:
            for i in tails:
                w[i] = self.std * rng.standard_normal()
        return np.array(w).reshape(shape)

    def __call__(self, shape: Shape, rng: np.random.Generator, dtype: Any) -> Array:
        w = rng.normal(size=shape)
        while (outside := np.abs(w) > 2).any():
            w[outside] = rng.normal(size=int(outside.sum()))
        w *= self.std
        return w.astype(dtype)

    def moments(self, shape: Shape) -> tuple[float, float]:
        return 0.0, 0.8796 * self.std
