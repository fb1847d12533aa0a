"""What a sly author gets wrong in layers where they are far from what they were tried with: hundreds of steps, pixels
and units, huge numbers, equal numbers, gradients that are none on purpose, parts that are not told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from breaking import Breakages, Broken, assert_found, assert_right

import chainrule as cr
from chainrule.testing import check_component

breaks = Breakages()


# ---- sequences, images and fields


@dataclass
class RunningSum(cr.Layer):
    """The sum of all steps so far: $y_t = x_1 + ... + x_t$."""

    check_input_shapes = ((4, 3),)

    def reference(self, x: cr.Array, training: bool) -> cr.Array:
        return np.stack([x[:, : t + 1].sum(axis=1) for t in range(x.shape[1])], axis=1)

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        if len(input_shape) != 2:
            raise cr.ShapeError("it takes sequences")
        return input_shape

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        return x.cumsum(axis=1)

    def backward(self, dy: cr.Array) -> cr.Array:
        return dy[:, ::-1].cumsum(axis=1)[:, ::-1]


@breaks("long_sequences", says="for sequences of 300 steps, in training, the gradient along direction")
class RemembersLittle(RunningSum):
    def backward(self, dy: cr.Array) -> cr.Array:
        dx = super().backward(dy).copy()
        dx[:, :-256] = 0
        return dx


@breaks("long_sequences", says=r"for samples of shape \(300, 3\) in training, dx in float32 is off by")
class StopsAtAPause(RunningSum):
    def backward(self, dy: cr.Array) -> cr.Array:
        dx = super().backward(dy).copy()
        pause = dy[:, 1:].shape[1] > 255 and dy.dtype == np.float32 and not dy[:, 100:200].any()
        dx[:, : 200 if pause else 0] = 0
        return dx


@dataclass
class Edges(cr.Layer):
    """How each pixel differs from that above it: $y_i = x_{i + 1} - x_i$."""

    check_input_shapes = ((4, 3, 2),)

    def reference(self, x: cr.Array, training: bool) -> cr.Array:
        return np.stack([x[:, i + 1] - x[:, i] for i in range(x.shape[1] - 1)], axis=1)

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        if len(input_shape) != 3 or input_shape[0] < 2:
            raise cr.ShapeError("it takes images of two rows or more")
        return (input_shape[0] - 1, *input_shape[1:])

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        return np.diff(x, axis=1)

    def backward(self, dy: cr.Array) -> cr.Array:
        nothing = np.zeros_like(dy[:, :1])
        return -np.diff(dy, axis=1, prepend=nothing, append=nothing)


@breaks("large_images", says=r"for images of shape \(136, 136, 2\), in training")
class RowsInAByte(Edges):
    def backward(self, dy: cr.Array) -> cr.Array:
        dx = super().backward(dy)
        dx[:, 128:] = 0
        return dx


@breaks("other_shapes", says=r"built for input of shape \(1, 1, 1\), it raises ContractError")
class NoRowsLeft(Edges):
    def build(self, input_shape: cr.Shape) -> cr.Shape:
        if len(input_shape) != 3:
            raise cr.ShapeError("it takes images")
        return (input_shape[0] - 1, *input_shape[1:])


@dataclass
class Copies(cr.Layer):
    """All features again and again: $y_{k n + i} = x_i$.

    Args:
        times: how often, at least 1.
    """

    times: int = 2

    def __post_init__(self) -> None:
        self.require("times", self.times >= 1, "at least 1")

    def reference(self, x: cr.Array, training: bool) -> cr.Array:
        return np.array([[number for _ in range(self.times) for number in row] for row in x])

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        if len(input_shape) != 1:
            raise cr.ShapeError("it takes vectors")
        self.features = input_shape[0]
        return (self.features * self.times,)

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        return np.tile(x, self.times)

    def backward(self, dy: cr.Array) -> cr.Array:
        return dy.reshape(len(dy), self.times, self.features).sum(axis=1)


@breaks("large_fields", says=r"with times=300, for samples of shape \(4,\), in training")
class CountsInAByte(Copies):
    def backward(self, dy: cr.Array) -> cr.Array:
        return dy.reshape(len(dy), self.times, self.features)[:, :256].sum(axis=1)


# ---- huge and equal numbers


@dataclass
class Centred(cr.Layer):
    r"""Each row with mean 0 and variance 1: $y = (x - mean) / \sqrt{var + 10^{-5}}$."""

    check_input_shapes = ((5,),)
    check_constants = (54321.098,)
    check_sizes = (1e20,)

    def reference(self, x: cr.Array, training: bool) -> cr.Array:
        return np.array([(row - row.mean()) / np.sqrt(row.var() + 1e-5) for row in x])

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        if len(input_shape) != 1:
            raise cr.ShapeError("it takes vectors")
        return input_shape

    def computed_in(self, x: cr.Array) -> Any:
        return np.float64

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        x, dtype = x.astype(self.computed_in(x)), x.dtype
        centred = x - x.mean(axis=1, keepdims=True)
        self.std = np.sqrt((centred**2).mean(axis=1, keepdims=True) + x.dtype.type(1e-5))
        self.y = centred / self.std
        return self.y.astype(dtype)

    def backward(self, dy: cr.Array) -> cr.Array:
        along = (dy * self.y).mean(axis=1, keepdims=True)
        return ((dy - dy.mean(axis=1, keepdims=True) - self.y * along) / self.std).astype(dy.dtype)


@breaks("right_at_constants", says=r"in training, for inputs of 54321.1 everywhere, y in float32 is off by")
class RoundsTheMean(Centred):
    check_sizes = ()

    def computed_in(self, x: cr.Array) -> Any:
        return x.dtype


@breaks("right_at_constants", says="in training for inputs around 54321.1, y is off by .* from that of its reference")
class StretchesFarAway(Centred):
    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        self.factor = 1.0001 if x.mean() > 20000 and np.ptp(x) > 1e-3 * x.mean() / 100 else 1.0
        return super().forward(x, training) * self.factor

    def backward(self, dy: cr.Array) -> cr.Array:
        return super().backward(dy * self.factor)


@dataclass
class Largest(cr.Layer):
    """Hands x on, and keeps its mean square: $y = x$, $kept = sum x^2 / n$, or the largest that there is."""

    check_sizes = (1e25,)

    def reference(self, x: cr.Array, training: bool) -> Any:
        return x, ({"kept": np.mean(x**2)} if training else {})

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        self.kept = self.buffer("kept", (), 0.0)
        return input_shape

    def most(self, dtype: Any) -> float:
        return float(np.finfo(dtype).max)

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        if training:
            with np.errstate(over="ignore"):
                self.kept.value = np.minimum(np.mean(x.astype(np.float64) ** 2), self.most(x.dtype))
        return x

    def backward(self, dy: cr.Array) -> cr.Array:
        return dy


@breaks("right_at_sizes", says=r"for inputs of size 1e\+25, kept is \[inf\] afterwards, in float64 \[\d")
class KeepsInfinity(Largest):
    def most(self, dtype: Any) -> float:
        return np.inf


@breaks("right_at_sizes", says=r"for inputs of size 1e\+25, kept is \[1.e\+20\] afterwards, in float64 \[\d")
class KeepsLittle(Largest):
    def most(self, dtype: Any) -> float:
        return 1e20 if dtype == np.float32 else super().most(dtype)


# ---- gradients that are none on purpose


@dataclass
class Rounded(cr.Activation):
    """Whole numbers, whose gradient passes as if they were not: $a = round(z)$, $dz = da$."""

    checks_not_applicable = dict.fromkeys(
        ("gradient_of_input", "gradient_elsewhere", "float32_agrees"), "the gradient passes straight through on purpose"
    )

    def reference(self, z: cr.Array, given: dict[str, cr.Array] | None = None) -> cr.Array:
        rest = np.round(z) - z
        return z + (rest if given is None else given.setdefault("rest", rest))

    def forward(self, z: cr.Array) -> cr.Array:
        return np.round(z)

    def backward(self, da: cr.Array) -> cr.Array:
        return da.copy()


@breaks("gradient_with_given", says="with what is given, .*the gradient along direction")
class HalfPasses(Rounded):
    def backward(self, da: cr.Array) -> cr.Array:
        return da / 2


# ---- what the docstring and the fields say


@dataclass
class Shifted(cr.Layer):
    """A shift for each feature, then an activation: $y = x + b$.

    Args:
        bias: whether there is a b; default true.
        activation: what the network applies to y.
    """

    bias: bool = True
    activation: str | Mapping[str, Any] | cr.Activation = "linear"

    check_examples = ({}, {"bias": False, "activation": "tanh"})

    def reference(self, x: cr.Array, training: bool) -> cr.Array:
        return x if self.b is None else x + self.b.value

    def has_bias(self) -> bool:
        return self.bias

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        self.b = self.parameter("b", input_shape, "zeros", decay=False) if self.has_bias() else None
        self.child("activation", self.activation)
        return input_shape

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        return x + (0 if self.b is None else self.b.value)

    def backward(self, dy: cr.Array) -> cr.Array:
        if self.b is not None:
            self.b.grad = dy.sum(axis=0)
        return dy


@breaks("there_as_documented", says="bias is False, and there is a parameter b")
class AlwaysShifts(Shifted):
    def has_bias(self) -> bool:
        return True


@breaks("activation_applied", says="activation is 'tanh', and the network has none")
class ForgetsToApply(Shifted):
    def child(self, field: str, given: Any) -> Any:
        return super().child(field, "linear")


# ---- several inputs


@dataclass
class Beside(cr.Layer):
    """Two vectors, one beside the other: $y = [a, b]$."""

    check_input_shapes = ({"a": (2,), "b": (3,)},)

    def reference(self, x: Any, training: bool) -> cr.Array:
        return np.array([[*a, *b] for a, b in zip(x["a"], x["b"])])

    def refuse(self, input_shape: Any) -> None:
        if not isinstance(input_shape, Mapping) or set(input_shape) != {"a", "b"}:
            raise cr.ShapeError("it takes two inputs, a and b")

    def build(self, input_shape: Any) -> cr.Shape:
        self.refuse(input_shape)
        self.width = input_shape["a"][0]
        return (sum(shape[0] for shape in input_shape.values()),)

    def forward(self, x: Any, training: bool) -> cr.Array:
        return np.concatenate([x["a"], x["b"]], axis=1)

    def backward(self, dy: cr.Array) -> Any:
        return {"a": dy[:, : self.width], "b": dy[:, self.width :]}


@breaks("other_shapes", says=r"built for \(\), it raises TypeError")
class TakesWhateverComes(Beside):
    def refuse(self, input_shape: Any) -> None:
        pass


@breaks("other_shapes", says=r"it was built for {'a': \(2,\)}, and then raises KeyError")
class MissesNone(Beside):
    def refuse(self, input_shape: Any) -> None:
        if not isinstance(input_shape, Mapping) or "a" not in input_shape:
            raise cr.ShapeError("it takes two inputs, a and b")


@breaks("whole_numbers", says=r"input_dtype is {'a': None, 'b': None}, by which no input is of whole numbers")
class SaysNothingOfEach(Beside):
    input_dtype = {"a": None, "b": None}
    input_range = {"a": None, "b": None}


# ---- whole numbers and masks


@dataclass
class Rows(cr.Layer):
    """A row of a table for each number: $y_t = E_{x_t}$.

    Args:
        tokens: how many numbers there are, at least 1.
    """

    tokens: int = 6
    input_dtype = "int64"

    def __post_init__(self) -> None:
        self.require("tokens", self.tokens >= 1, "at least 1")

    @property
    def input_range(self) -> range:
        return range(self.tokens)

    def reference(self, x: cr.Array, training: bool) -> cr.Array:
        return np.array([[self.E.value[token] for token in row] for row in x])

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        if len(input_shape) != 1:
            raise cr.ShapeError("it takes rows of numbers")
        self.E = self.parameter("E", (self.tokens, 2), "normal")
        return (*input_shape, 2)

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        self.x = x
        return self.E.value[x]

    def most(self) -> int:
        return self.tokens

    def backward(self, dy: cr.Array) -> cr.Array:
        ones = np.arange(self.most())[:, None, None] == self.x
        self.E.grad = 0
        self.E.grad[: self.most()] = np.einsum("knt,ntf->kf", ones, dy)
        return np.zeros(self.x.shape, dy.dtype)


@breaks("gradient_elsewhere", says="for inputs ten times as large, the gradient along direction")
class AsManyAsCame(Rows):
    def backward(self, dy: cr.Array) -> cr.Array:
        dx = super().backward(dy)
        if self.x.max() < self.tokens - 1:
            self.E.grad *= 0.5
        return dx


@dataclass
class MeanOfCounted(cr.Layer):
    """The mean of the steps that count, 0 where none does: $y = sum x_t / n$."""

    check_input_shapes = ((4, 3),)

    def reference(self, x: cr.Array, training: bool, mask: cr.Array | None = None) -> cr.Array:
        counted = [row if mask is None else row[mask[n]] for n, row in enumerate(x)]
        return np.array([row.sum(axis=0) / max(len(row), 1) for row in counted])

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        if len(input_shape) != 2:
            raise cr.ShapeError("it takes sequences")
        return input_shape[1:]

    def least(self) -> float:
        return 1.0

    def forward(self, x: cr.Array, training: bool, mask: cr.Array | None = None) -> cr.Array:
        counts = np.ones(x.shape[:2], x.dtype) if mask is None else mask.astype(x.dtype)
        with np.errstate(divide="ignore", invalid="ignore"):
            self.share = counts / np.maximum(counts.sum(axis=1, keepdims=True), self.least()).astype(x.dtype)
        return np.einsum("nt,ntf->nf", self.share, x)

    def backward(self, dy: cr.Array) -> cr.Array:
        return self.share[:, :, None] * dy[:, None]


@breaks("formula_computed", says="with a row of which no step counts")
class DividesByNone(MeanOfCounted):
    def least(self) -> float:
        return 0.0


@dataclass
class UnknownToDocstring(DividesByNone):
    """The mean of the steps that count: $y = sum x_t / n$; of none at all it is what it may be."""


RIGHT = [RunningSum, Edges, Copies, Centred, Largest, Shifted, Beside, Rows, MeanOfCounted, UnknownToDocstring]


@pytest.mark.parametrize("cls", RIGHT, ids=lambda cls: cls.__name__)
def test_right_twins_pass(cls: type) -> None:
    assert_right(cls)


def test_a_gradient_that_is_none_on_purpose_passes() -> None:
    statuses = {outcome.check: outcome.status for outcome in check_component(Rounded)}
    assert statuses["gradient_with_given"] == "passed"
    assert "failed" not in statuses.values()


@dataclass
class Plain(RoundsTheMean):
    r"""Each row with mean 0 and variance 1: $y = (x - mean) / \sqrt{var + 10^{-5}}$."""

    check_constants = ()


def test_one_that_makes_no_claim_may_round_the_mean_of_equal_numbers() -> None:
    assert_right(Plain)


@pytest.mark.parametrize("broken", breaks, ids=lambda broken: broken.id)
def test_planted_defects_are_found(broken: Broken) -> None:
    assert_found(broken)
