"""What a sly author gets wrong, planted one at a time into layers and activations that are otherwise right.

Each defect is one that an ordinary test would not see: it is consistent with itself (forward and backward are wrong
alike), or shows only in other modes, later, on the second use, for other inputs than usual. The right twin passes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from breaking import Breakages, Broken, assert_found, assert_right

import chainrule as cr

breaks = Breakages()


# ---- one weight and one bias


@dataclass
class Line(cr.Layer):
    """A weight and a shift for each feature: $y = w x + b$. Weight decay spares b; unit is 1 at first.

    Args:
        initializer: what w holds at first.
        bias_initializer: what b holds at first.
    """

    initializer: str | Mapping[str, Any] | cr.Initializer = "normal"
    bias_initializer: str | Mapping[str, Any] | cr.Initializer = "zeros"

    check_input_shapes = ((4,), (3, 4))

    def reference(self, x: cr.Array, training: bool) -> cr.Array:
        return np.array([self.w.value * row + self.b.value for row in x])

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        self.w = self.parameter("w", input_shape, self.initializer)
        self.b = self.parameter("b", input_shape, self.bias_initializer, decay=False)
        self.unit = self.buffer("unit", (), 1.0)
        return input_shape

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        self.x = x
        return self.w.value * x + self.b.value

    def backward(self, dy: cr.Array) -> cr.Array:
        self.w.grad = (dy * self.x).sum(axis=0)
        self.b.grad = dy.sum(axis=0)
        return self.w.value * dy


@breaks(
    "formula_computed", says=r"at inference, for x of shape \(5, 4\), y\[\d, \d\] is \S+, and by its reference \S+;"
)
class TwiceTheBias(Line):
    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        return super().forward(x, training) + self.b.value

    def backward(self, dy: cr.Array) -> cr.Array:
        dx = super().backward(dy)
        self.b.grad *= 2
        return dx


@breaks("formula_computed", says=r"in training, for x of shape \(1, 4\), after 3 other passes, y")
class CentredForOne(Line):
    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        self.alone = len(x) == 1 and training
        return super().forward(x, training) - (self.alone * self.b.value)

    def backward(self, dy: cr.Array) -> cr.Array:
        dx = super().backward(dy)
        self.b.grad *= not self.alone
        return dx


@breaks("any_memory_layout", says=r"an array whose axes lie the other way round in memory .*, y differs by")
class AsItLiesInMemory(Line):
    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        return super().forward(x.ravel(order="K").reshape(x.shape), training)


@breaks("any_memory_layout", says="an array that is read-only, it raises")
class ChangesAndRestores(Line):
    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        x *= 2
        y = super().forward(x.copy() / 2, training)
        x /= 2
        return y


@breaks("gradient_elsewhere", says="in training for inputs ten times as large, the gradient along direction")
class ClipsTheGradient(Line):
    def backward(self, dy: cr.Array) -> cr.Array:
        return np.where(np.abs(self.x) > 5, 0, super().backward(dy))


@breaks("gradient_elsewhere", says="in training for a single row, the gradient along direction")
class MeanOfOneRow(Line):
    def backward(self, dy: cr.Array) -> cr.Array:
        return super().backward(dy) * (1 if len(dy) > 1 else 0.5)


@breaks("class_left_alone", says=r"being used changes CountsOnTheClass\.calls")
class CountsOnTheClass(Line):
    calls = 0

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        type(self).calls += 1
        return super().forward(x, training)


@breaks("same_in_another_process", says="in another process, .* y differs by")
class HashedSeed(Line):
    def reference(self, x: cr.Array, training: bool) -> cr.Array:
        return super().reference(x, training) + hash("noise") % 97

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        return super().forward(x, training) + hash("noise") % 97


@breaks("decay_as_documented", says="weight decay acts on b")
class DecayingBias(Line):
    def build(self, input_shape: cr.Shape) -> cr.Shape:
        self.w = self.parameter("w", input_shape, self.initializer)
        self.b = self.parameter("b", input_shape, self.bias_initializer)
        return input_shape


@breaks("decay_as_documented", says="weight decay spares w, and the docstring does not say so")
class SparesAll(Line):
    def build(self, input_shape: cr.Shape) -> cr.Shape:
        self.w = self.parameter("w", input_shape, self.initializer, decay=False)
        self.b = self.parameter("b", input_shape, self.bias_initializer, decay=False)
        return input_shape


@breaks("initializers_used", says="initializer is said to be what w holds at first, and it is what b holds")
class Crossed(Line):
    def build(self, input_shape: cr.Shape) -> cr.Shape:
        self.w = self.parameter("w", input_shape, self.bias_initializer)
        self.b = self.parameter("b", input_shape, self.initializer, decay=False)
        return input_shape


@breaks("initializers_used", says="no parameter starts with what bias_initializer says")
class AlwaysZero(Line):
    def build(self, input_shape: cr.Shape) -> cr.Shape:
        self.w = self.parameter("w", input_shape, self.initializer)
        self.b = self.parameter("b", input_shape, "zeros", decay=False)
        return input_shape


@breaks("large_batch", says="for 3000 rows, 5 of them again and again, forward is off by")
class InParts(Line):
    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        y = super().forward(x, training)
        return np.concatenate([y[:1024], y[: max(len(y) - 1024, 0)]])


@breaks("starts_as_documented", says="unit is 2 at first, and the docstring says 1")
class OtherUnit(Line):
    def build(self, input_shape: cr.Shape) -> cr.Shape:
        self.w = self.parameter("w", input_shape, self.initializer)
        self.b = self.parameter("b", input_shape, self.bias_initializer, decay=False)
        self.unit = self.buffer("unit", (), 2.0)
        return input_shape


@breaks("backward_twice", says="the second backward after one forward gives another w, off by")
class UsesUp(Line):
    def backward(self, dy: cr.Array) -> cr.Array:
        dx = super().backward(dy)
        self.x = dx
        return dx


@breaks("other_shapes", says=r"it was built for input of shape \(1,\), and then gives output of shape \(5, 4\)")
class FourFeatures(Line):
    def build(self, input_shape: cr.Shape) -> cr.Shape:
        if len(input_shape) not in (1, 2):
            raise cr.ShapeError("vectors and sequences of them")
        self.w = self.parameter("w", (4,), self.initializer)
        self.b = self.parameter("b", (4,), self.bias_initializer, decay=False)
        return input_shape

    def backward(self, dy: cr.Array) -> cr.Array:
        axes = tuple(range(dy.ndim - 1))
        self.w.grad, self.b.grad = (dy * self.x).sum(axis=axes), dy.sum(axis=axes)
        return self.w.value * dy


@breaks("other_shapes", says=r"built for input of shape \(\), it raises IndexError: tuple index out of range")
class RefusesInItsOwnWay(Line):
    def build(self, input_shape: cr.Shape) -> cr.Shape:
        assert input_shape[0] > 0
        return super().build(input_shape)


@breaks("keeps_dtype", says="forward gives float64 for float32 at inference, after other batches")
class PromotedByState(Line):
    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        factor = getattr(self, "factor", 1.0)
        self.factor = np.float64(1)
        return factor * super().forward(x, training)


# ---- statistics of the batch, and of what came before


@dataclass
class Centre(cr.Layer):
    """Less the mean and over the deviation: $y = (x - mean) / sqrt(var + eps)$, at inference those of earlier batches.

    Args:
        eps: keeps the divisor from 0, above 0; default 0.01.
    """

    eps: float = 0.01

    def __post_init__(self) -> None:
        self.require("eps", 0 < self.eps < np.inf, "above 0 and finite")

    def reference(self, x: cr.Array, training: bool) -> tuple[cr.Array, Mapping[str, cr.Array]]:
        if not training:
            return (x - self.mean.value) / np.sqrt(self.var.value + self.eps), {}
        mean = sum(x) / len(x)
        var = sum((row - mean) ** 2 for row in x) / len(x)
        after = {"mean": 0.9 * self.mean.value + 0.1 * mean, "var": 0.9 * self.var.value + 0.1 * var}
        return (x - mean) / np.sqrt(var + self.eps), after

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        self.mean, self.var = self.buffer("mean", input_shape), self.buffer("var", input_shape, 1.0)
        return input_shape

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        self.training = training
        mean, var = (x.mean(axis=0), self.variance(x)) if training else (self.mean.value, self.var.value)
        self.scale = 1 / np.sqrt(var + self.eps)
        self.y = (x - mean) * self.scale
        if training:
            self.remember(mean, var)
        return self.y

    def variance(self, x: cr.Array) -> cr.Array:
        return x.var(axis=0)  # type: ignore[no-any-return]

    def remember(self, mean: cr.Array, var: cr.Array) -> None:
        self.mean.value = 0.9 * self.mean.value + 0.1 * mean
        self.var.value = 0.9 * self.var.value + 0.1 * var

    def backward(self, dy: cr.Array) -> cr.Array:
        if not self.training:
            return self.scale * dy
        return self.scale * (dy - dy.mean(axis=0) - self.y * (dy * self.y).mean(axis=0))


@breaks("formula_computed", says=r"in training, for x of shape .*, mean\[\d\] is \S+, and by its reference")
class Forgetful(Centre):
    def remember(self, mean: cr.Array, var: cr.Array) -> None:
        self.mean.value = 0.1 * self.mean.value + 0.9 * mean
        self.var.value = 0.9 * self.var.value + 0.1 * var


@breaks("formula_computed", says=r"in training, for x of shape .*, var\[\d\] is")
class Unbiased(Centre):
    def remember(self, mean: cr.Array, var: cr.Array) -> None:
        super().remember(mean, var * 1.25)


@breaks("float32_agrees", says="for inputs around 1000, y in float32 is off by .* rounding explains")
class Cancels(Centre):
    def variance(self, x: cr.Array) -> cr.Array:
        return np.maximum((x * x).mean(axis=0) - x.mean(axis=0) ** 2, 0)  # type: ignore[no-any-return]


@breaks(
    "used_again", also=("gradient_elsewhere",), says="at inference, dx of an instance that was used before differs by"
)
class OnceTrained(Centre):
    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        self.ever = getattr(self, "ever", False) or training
        return super().forward(x, training)

    def backward(self, dy: cr.Array) -> cr.Array:
        self.training = self.ever
        return super().backward(dy)


# ---- random numbers


@dataclass
class Blur(cr.Layer):
    """Adds noise, and leaves out half: $y = x r / 0.5$ in training, r being 0 or 1."""

    def reference(self, x: cr.Array, training: bool) -> cr.Array:
        return np.where(self.rng.random(x.shape) < 0.5, 0, x / 0.5) if training else x

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        return input_shape

    def kept(self, shape: cr.Shape) -> cr.Array:
        return self.rng.random(shape) >= 0.5

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        self.r = self.kept(x.shape).astype(x.dtype) * 2 if training else np.ones_like(x)
        return x * self.r

    def backward(self, dy: cr.Array) -> cr.Array:
        return dy * self.r


@breaks("formula_computed", says="in training, for x of shape")
class NotScaled(Blur):
    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        self.r = self.kept(x.shape).astype(x.dtype) if training else np.ones_like(x)
        return x * self.r


@breaks("draws_anew", also=("formula_computed",), says="and with another seed its output for the same x is the same")
class AlwaysTheSameNoise(Blur):
    def kept(self, shape: cr.Shape) -> cr.Array:
        self.rng.random(shape)
        return np.random.default_rng(7).random(shape) >= 0.5


@breaks("rows_apart_at_inference", also=("saved_and_loaded",), says="at inference, a row among 5 differs from the same")
class KeepsTheMask(Blur):
    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        if training:
            return super().forward(x, training)
        self.r = getattr(self, "r", np.ones_like(x))
        if self.r.shape != x.shape:
            self.r = np.ones_like(x)
        return x * self.r


# ---- sequences


@dataclass
class Average(cr.Layer):
    """The mean of the steps that count, less a place of its own for each length: $y = sum x / n + p_n$.

    Args:
        longest: how many steps there may be, at least 1; default 6.
    """

    longest: int = 6

    check_input_shapes = ((3, 4),)

    def __post_init__(self) -> None:
        self.require("longest", self.longest >= 1, "at least 1")

    def reference(self, x: cr.Array, training: bool, mask: cr.Array | None = None) -> cr.Array:
        rows = []
        for i, steps in enumerate(x):
            counted = [step for t, step in enumerate(steps) if mask is None or mask[i, t]]
            rows.append(sum(counted) / len(counted) + self.p.value[x.shape[1] - 1])
        return np.array(rows)

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        if len(input_shape) != 2 or input_shape[0] > self.longest:
            raise cr.ShapeError(f"takes sequences of up to {self.longest} steps, got {input_shape}")
        self.p = self.parameter("p", (self.longest, input_shape[1]), "normal")
        return input_shape[1:]

    def place(self, steps: int) -> int:
        return steps - 1

    def forward(self, x: cr.Array, training: bool, mask: cr.Array | None = None) -> cr.Array:
        self.counts = self.weights(x, mask)
        self.steps = x.shape[1]
        return (x * self.counts).sum(axis=1) + self.p.value[self.place(self.steps)]  # type: ignore[no-any-return]

    def weights(self, x: cr.Array, mask: cr.Array | None) -> cr.Array:
        counts = np.ones(x.shape[:2]) if mask is None else mask
        return (counts / counts.sum(axis=1, keepdims=True)).astype(x.dtype)[:, :, None]  # type: ignore[no-any-return]

    def backward(self, dy: cr.Array) -> cr.Array:
        self.p.grad = 0
        self.p.grad[self.place(self.steps)] = dy.sum(axis=0)
        return dy[:, None] * self.counts


@breaks("sequences_of_any_length", also=("other_shapes",), says=r"for sequences of 6 steps, .*by its reference")
class LastPlaceShared(Average):
    def place(self, steps: int) -> int:
        return min(steps, self.longest - 1) - 1 if steps > 4 else steps - 1


@breaks("masked_steps", also=("formula_computed",), says="other input at steps that do not count changes the output by")
class IgnoresTheMask(Average):
    def weights(self, x: cr.Array, mask: cr.Array | None) -> cr.Array:
        return super().weights(x, None)


@breaks("formula_computed", says="at inference, for x of shape .*, with rows that end early, y")
class DividesByAllSteps(Average):
    def weights(self, x: cr.Array, mask: cr.Array | None) -> cr.Array:
        counts = np.ones(x.shape[:2]) if mask is None else mask
        return (counts / x.shape[1]).astype(x.dtype)[:, :, None]  # type: ignore[no-any-return]


@dataclass
class Table(cr.Layer):
    """A vector for each whole number: $y = E_x$.

    Args:
        tokens: how many there are, at least 1; default 5.
    """

    tokens: int = 5

    input_dtype = "int64"

    @property
    def input_range(self) -> range:
        return range(self.tokens)

    def __post_init__(self) -> None:
        self.require("tokens", self.tokens >= 1, "at least 1")

    def reference(self, x: cr.Array, training: bool) -> cr.Array:
        return np.array([self.E.value[i] for i in x.reshape(-1)]).reshape(*x.shape, 3)

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        self.E = self.parameter("E", (self.tokens, 3), "normal")
        return (*input_shape, 3)

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        self.x = x
        return self.E.value[x]

    def backward(self, dy: cr.Array) -> cr.Array:
        self.backward_parameters(dy)
        return np.zeros(self.x.shape, dy.dtype)

    def backward_parameters(self, dy: cr.Array) -> None:
        self.E.grad = 0
        np.add.at(self.E.grad, self.x, dy)


@breaks("gradient_of_parameters", also=("gradient_at_inference",), says="E.grad is off by")
class LastOneWins(Table):
    def backward_parameters(self, dy: cr.Array) -> None:
        self.E.grad = 0
        self.E.grad[self.x] += dy


@breaks("whole_numbers", says=r"backward gives int64 of shape \(5, 4\), of which 0 are not 0")
class WholeGradient(Table):
    def backward(self, dy: cr.Array) -> cr.Array:
        super().backward(dy)
        return np.zeros_like(self.x)

    checks_not_applicable = {"keeps_dtype": "so that the check of whole numbers speaks"}


@breaks("whole_numbers", says="input_range is None")
class NoRange(Table):
    input_range = None  # type: ignore[assignment]


# ---- activations


@dataclass
class Bend(cr.Activation):
    """A ReLU that leaks: $a = max(z, 0) + slope min(z, 0)$; slope is that on the left, from 0 to 1.

    Args:
        slope: default 0.25.
    """

    slope: float = 0.25

    check_kinks = (0.0,)

    def __post_init__(self) -> None:
        self.require("slope", 0 <= self.slope <= 1, "from 0 to 1")

    def reference(self, z: cr.Array) -> cr.Array:
        return np.maximum(z, 0) + self.slope * np.minimum(z, 0)

    def forward(self, z: cr.Array) -> cr.Array:
        self.factor = np.where(z > 0, 1, self.left(z)).astype(z.dtype)
        return self.factor * z  # type: ignore[no-any-return]

    def left(self, z: cr.Array) -> Any:
        return self.slope

    def backward(self, da: cr.Array) -> cr.Array:
        return da * self.factor


@breaks("formula_computed", says=r"at inference, for x of shape \(5, 4\), y")
class OtherSlope(Bend):
    def left(self, z: cr.Array) -> Any:
        return 0.25 * self.slope + 0.1


@breaks("formula_computed", says="with slope=0.525, at inference, for x of shape")
class SlopeOfTheDefault(Bend):
    def left(self, z: cr.Array) -> Any:
        return 0.25


RIGHT = [Line, Centre, Blur, Average, Table, Bend]


@pytest.mark.parametrize("cls", RIGHT, ids=lambda cls: cls.__name__)
def test_right_twins_pass(cls: type) -> None:
    assert_right(cls)


@pytest.mark.parametrize("broken", breaks, ids=lambda broken: broken.id)
def test_planted_defects_are_found(broken: Broken) -> None:
    assert_found(broken)
