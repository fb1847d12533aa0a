"""The initializer of parameters that are several weights in one array."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import Array, Initializer, Shape, ShapeError, make, within


@dataclass
class PerSlice(Initializer):
    r"""Draws each slice by itself: for weights that are several ones side by side, and that no sum mixes.

    depthwise_conv2d takes it for its channels, and maxout for its pieces, of the initializer that they are given: the
    fans of a slice are those of the whole with a length of 1 along the axis.

    Values:
        $w_{..., i, ...} \sim initializer$, for each $i$ along the axis

    Shapes:
        w: any, with an axis of that number

    Args:
        initializer: what each slice holds; any initializer, default "glorot_uniform".
        axis: along which the slices lie side by side, from 0; default 0.

    Raises:
        FieldError: axis is less than 0.
        ShapeError: the parameter has no such axis.

    Reference:
        Howard and others (2017), "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications",
        arXiv:1704.04861, section 3.1, for the weights of which each output sums up one slice alone.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> w = cr.make("initializer", "per_slice", axis=2)((3, 3, 1000, 1), np.random.default_rng(0), "float64")
        >>> bool(0.57 < np.abs(w).max() <= (6 / (9 + 9)) ** 0.5)
        True
    """

    initializer: str | Mapping[str, Any] | Initializer = "glorot_uniform"
    axis: int = 0

    check_examples = ({}, {"initializer": "orthogonal"}, {"initializer": {"name": "normal", "mean": 1.0, "std": 2.0}})

    def __post_init__(self) -> None:
        self.require("axis", self.axis >= 0, "at least 0")
        with within("initializer"):
            make("initializer", self.initializer)

    def reference(self, shape: Shape, rng: np.random.Generator) -> Array:
        length = shape[self.axis]
        one = tuple(1 if i == self.axis else n for i, n in enumerate(shape))
        draw = make("initializer", self.initializer)
        return np.concatenate([draw.reference(one, rng) for _ in range(length)], axis=self.axis)

    def __call__(self, shape: Shape, rng: np.random.Generator, dtype: Any) -> Array:
        initializer, one = make("initializer", self.initializer), self._slice_of(shape)
        return np.concatenate([initializer(one, rng, dtype) for _ in range(shape[self.axis])], axis=self.axis)

    def moments(self, shape: Shape) -> tuple[float, float]:
        moments: tuple[float, float] = make("initializer", self.initializer).moments(self._slice_of(shape))
        return moments

    def _slice_of(self, shape: Shape) -> Shape:
        if self.axis >= len(shape):
            raise ShapeError(f"per_slice: a parameter of shape {shape} has no axis {self.axis}")
        return (*shape[: self.axis], 1, *shape[self.axis + 1 :])
