"""Each check of layers and activations finds a component that is broken in just its way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from breaking import Breakages, Broken, assert_found, assert_right

import chainrule as cr

breaks = Breakages()


@dataclass
class Affine(cr.Layer):
    """A weight and a shift for each feature: $y = w x + b$; initial is what w holds at first."""

    initial: float = 1.5

    check_input_shapes = ((4,), (2, 4))

    def __post_init__(self) -> None:
        self.require("initial", np.isfinite(self.initial), "a finite number")

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        self.w = self.parameter("w", input_shape, {"name": "constant", "value": self.initial})
        self.b = self.parameter("b", input_shape, "zeros", decay=False)
        return input_shape

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        self.x = x
        return self.w.value * x + self.b.value

    def backward(self, dy: cr.Array) -> cr.Array:
        self.backward_parameters(dy)
        return self.w.value * dy

    def backward_parameters(self, dy: cr.Array) -> None:
        self.w.grad = (dy * self.x).sum(axis=0)
        self.b.grad = dy.sum(axis=0)


@dataclass
class Standardized(cr.Layer):
    """Less the mean: $y = x - mean$, of the batch in training, of earlier batches at inference."""

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        self.mean = self.buffer("mean", input_shape)
        return input_shape

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        self.training = training
        mean = x.mean(axis=0) if training else self.mean.value
        if training:
            self.mean.value = 0.9 * self.mean.value + 0.1 * mean
        return x - mean

    def backward(self, dy: cr.Array) -> cr.Array:
        return dy - dy.mean(axis=0) if self.training else dy


@dataclass
class Noisy(cr.Layer):
    """Multiplies by random numbers: $y = x r$ in training."""

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        return input_shape

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        self.r = self.rng.random(x.shape).astype(x.dtype) if training else np.ones_like(x)
        return x * self.r

    def backward(self, dy: cr.Array) -> cr.Array:
        return dy * self.r


@dataclass
class Hinged(cr.Activation):
    """A kink at 1: $a = |z - 1|$."""

    check_kinks = (1.0,)

    def forward(self, z: cr.Array) -> cr.Array:
        self.z = z
        return np.abs(z - 1)

    def backward(self, da: cr.Array) -> cr.Array:
        return da * np.sign(self.z - 1)


@dataclass
class Squash(cr.Activation):
    """Between -1 and 1, a row at a time or not: $a = z / (1 + |z|)$."""

    def forward(self, z: cr.Array) -> cr.Array:
        self.scale = 1 + np.abs(z)
        return z / self.scale

    def backward(self, da: cr.Array) -> cr.Array:
        return da / self.scale / self.scale


@dataclass
class Residual(cr.Layer):
    """Adds what layers of its own make of the input: $y = x + f(x)$, f being inner."""

    inner: Sequence[str | Mapping[str, Any] | cr.Layer] = ("layer_norm", {"name": "dense", "units": 4}, "dropout")

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        self.stack = self.child("inner", self.inner)
        shape: cr.Shape = self.stack.build(input_shape)
        if shape != input_shape:
            raise cr.ShapeError(f"inner makes {shape} of {input_shape}, and must keep the shape")
        return shape

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        return x + self.stack.forward(x, training)  # type: ignore[no-any-return]

    def backward(self, dy: cr.Array) -> cr.Array:
        return dy + self.stack.backward(dy)  # type: ignore[no-any-return]


@dataclass
class Twice(cr.Layer):
    """Two layers of one kind, whose parameters have the same names, and what came in: $y = x + second(first(x))$.

    Args:
        first, second: layers that keep the shape.
    """

    first: str | Mapping[str, Any] | cr.Layer = "layer_norm"
    second: str | Mapping[str, Any] | cr.Layer = "layer_norm"

    check_examples = tuple(
        {"first": one, "second": {"name": "dense", "units": 4}} for one in ({"name": "dense", "units": 4}, "layer_norm")
    )

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        self.one, self.other = self.child("first", self.first), self.child("second", self.second)
        shape: cr.Shape = self.other.build(self.one.build(input_shape))
        if shape != input_shape:
            raise cr.ShapeError(f"first and second make {shape} of {input_shape}, and must keep the shape")
        return shape

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        return x + self.other.forward(self.one.forward(x, training), training)  # type: ignore[no-any-return]

    def backward(self, dy: cr.Array) -> cr.Array:
        return dy + self.one.backward(self.other.backward(dy))  # type: ignore[no-any-return]


@dataclass
class Centered(cr.Layer):
    """A shift that has no effect, so that its gradient is 0 but for rounding: $y = (x + b) - mean(x + b)$."""

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        self.b = self.parameter("b", (), "zeros", decay=False)
        return input_shape

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        shifted = x + self.b.value
        return shifted - shifted.mean(axis=-1, keepdims=True)  # type: ignore[no-any-return]

    def backward(self, dy: cr.Array) -> cr.Array:
        dx = dy - dy.mean(axis=-1, keepdims=True)
        self.b.grad = dx.sum()
        return dx  # type: ignore[no-any-return]


@dataclass
class Reshaped(cr.Layer):
    """The same numbers in another shape: $y = x$.

    Args:
        shape: of a sample afterwards.
    """

    shape: Sequence[int] = (2, 2)

    check_examples = ({}, {"shape": (3, 5)}, {"shape": (6,)})

    @property
    def check_input_shapes(self) -> Sequence[cr.Shape]:
        return ((int(np.prod(self.shape)),), (1, *self.shape))

    def __post_init__(self) -> None:
        self.require("shape", all(n > 0 for n in self.shape), "sizes of 1 and more")

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        if np.prod(input_shape) != np.prod(self.shape):
            raise cr.ShapeError(f"{input_shape} does not become {self.shape}")
        return tuple(self.shape)

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        self.before = x.shape
        return x.reshape(len(x), *self.shape)

    def backward(self, dy: cr.Array) -> cr.Array:
        return dy.reshape(self.before)


RIGHT = [Reshaped, Affine, Standardized, Noisy, Residual, Hinged, Squash, Twice, Centered]


@pytest.mark.parametrize("cls", RIGHT, ids=lambda cls: cls.__name__)
def test_right_components_pass(cls: type) -> None:
    assert_right(cls)


# ---- on the way forward


@breaks("runs", says=r"cannot be built for input of shape \(4,\): layers.0: images only")
class Images(Affine):
    check_input_shapes = ()

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        if len(input_shape) < 3:
            raise cr.ShapeError("images only")
        return super().build(input_shape)


@breaks("runs", says=r"cannot be built .* build of 0\.\w+ must return the output's shape as a tuple of sizes, got None")
class NoShape(Affine):
    def build(self, input_shape: cr.Shape) -> cr.Shape:
        super().build(input_shape)
        return None  # type: ignore[return-value]


@breaks("runs", says=r"AttributeError: .*forgotten.* \(line \d+ of test_testing_layers.py: return self.forgotten \* x")
class Raises(Affine):
    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        return self.forgotten * x  # type: ignore[attr-defined,no-any-return]


@breaks("shapes", says=r"for x of shape \(1, 4\), forward gives shape \(4,\), and build promised \(1, 4\)")
class Squeezes(Noisy):
    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        y = super().forward(x, training)
        return y[0] if len(y) == 1 and training else y


@breaks("shapes", says=r"for x of shape \(5, 4\), backward gives None")
class ReturnsNothing(Affine):
    def backward(self, dy: cr.Array) -> cr.Array:
        super().backward(dy)
        return None  # type: ignore[return-value]


@breaks("keeps_dtype", says="forward gives float64 for float32 in training")
class Promotes(Affine):
    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        return super().forward(x, training) * np.float64(1)


@breaks("keeps_dtype", says="backward gives float64 for float32")
class PromotesBackward(Squash):
    def backward(self, da: cr.Array) -> cr.Array:
        return da.astype(np.float64) / self.scale / self.scale


@breaks("inputs_left_alone", says="forward writes to x: 20 of its 20 numbers changed")
class WritesToX(Standardized):
    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        y = super().forward(x, training)
        x += 1
        return y


@breaks("inputs_left_alone", says="backward writes to dy: 20 of its 20 numbers changed")
class WritesToDy(Affine):
    def backward(self, dy: cr.Array) -> cr.Array:
        self.backward_parameters(dy)
        dy *= self.w.value
        return dy.copy()


@breaks("arrays_last", says="backward overwrites what forward returned: 20 of its 20 numbers changed")
class OneArray(Affine):
    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        y = self.work("kept", x.shape, x.dtype)
        y[...] = super().forward(x, training)
        return y

    def backward(self, dy: cr.Array) -> cr.Array:
        dx = self.work("kept", dy.shape, dy.dtype)
        dx[...] = super().backward(dy)
        return dx


@breaks("arrays_last", says="the next forward overwrites what backward returned: 20 of its 20 numbers changed")
class ForwardIntoDx(Squash):
    def forward(self, z: cr.Array) -> cr.Array:
        self.work("dz", z.shape, z.dtype)[...] = 0
        return super().forward(z)

    def backward(self, da: cr.Array) -> cr.Array:
        dz = self.work("dz", da.shape, da.dtype)
        dz[...] = super().backward(da)
        return dz


@breaks("any_batch_size", says="after a batch of another size, backward of 7 rows differs by 0.4")
class FirstBatchCounts(Affine):
    rows = 0

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        self.rows = self.rows or len(x)
        return super().forward(x, training)

    def backward(self, dy: cr.Array) -> cr.Array:
        return super().backward(dy) * (1 + 0.1 * (len(dy) != self.rows))


@breaks(
    "rows_apart_at_inference",
    also=("gradient_at_inference",),
    says="a row among 5 differs from the same row alone by 1.64",
)
class BatchMeanAtInference(Standardized):
    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        y = super().forward(x, training)
        return y if training else x - x.mean(axis=0)


@breaks("rows_apart_at_inference", says="a row among 5 differs from the same row alone by")
class WrongAxis(cr.Activation):
    """Normalized along the batch by mistake: $a = z / sum |z|$."""

    def forward(self, z: cr.Array) -> cr.Array:
        self.sign, self.total = np.sign(z), np.abs(z).sum(axis=0) + 1
        self.a = z / self.total
        return self.a

    def backward(self, da: cr.Array) -> cr.Array:
        return (da - self.sign * (da * self.a).sum(axis=0)) / self.total


@breaks("finite_at_extremes", says=r"for float32 input of 10000 everywhere, NumPy warns: overflow encountered in exp")
class Overflows(cr.Activation):
    """Smooth steps: $a = log(1 + e^z)$."""

    def forward(self, z: cr.Array) -> cr.Array:
        self.e = np.exp(z)
        return np.log(1 + self.e)

    def backward(self, da: cr.Array) -> cr.Array:
        return da * self.e / (1 + self.e)


@breaks(
    "finite_at_extremes", says=r"for float32 input of 0 everywhere, NumPy warns: invalid value encountered in divide"
)
class ZeroByZero(cr.Activation):
    """Its own sign, mostly: $a = z |z| / |z|$."""

    def forward(self, z: cr.Array) -> cr.Array:
        return z * np.abs(z) / np.abs(z)

    def backward(self, da: cr.Array) -> cr.Array:
        return da


# ---- on the way back

GRADIENTS = ("gradient_of_parameters", "gradient_at_inference")


@breaks("gradient_of_input", says="Everywhere it is the right one times -1: turn the sign")
class WrongSign(Squash):
    def backward(self, da: cr.Array) -> cr.Array:
        return -super().backward(da)


@breaks(
    "gradient_of_input",
    says=r"dx is off by .* its largest number \(allowed: 1e-06\): number \[\d, \d\] .*20 of its 20 numbers are wrong",
)
class ForgottenTerm(Standardized):
    def backward(self, dy: cr.Array) -> cr.Array:
        return dy + 0.01 * dy.mean(axis=0) if self.training else dy


@breaks("gradient_of_input", says="at 5 random points the differences do not settle when their step shrinks")
class Jumps(cr.Activation):
    """Stairs, finely: $a = floor(1000 z)$."""

    def forward(self, z: cr.Array) -> cr.Array:
        return np.floor(z * 1000)

    def backward(self, da: cr.Array) -> cr.Array:
        return np.zeros_like(da)


@breaks(
    "gradient_of_parameters",
    also=("gradient_at_inference",),
    says="w.grad .*Everywhere it is the right one times 5, the batch size: do not",
)
class TimesBatch(Affine):
    def backward_parameters(self, dy: cr.Array) -> None:
        super().backward_parameters(dy)
        self.w.grad = self.w.grad * len(dy)


@breaks(
    "gradient_of_parameters",
    also=("gradient_at_inference",),
    says="times 1/5, one over the batch size: do not divide by it",
)
class OverBatch(Affine):
    def backward_parameters(self, dy: cr.Array) -> None:
        super().backward_parameters(dy)
        self.b.grad = self.b.grad / len(dy)


@breaks("gradient_at_inference", says="at inference, dx is off by")
class TrainingOnly(Standardized):
    def backward(self, dy: cr.Array) -> cr.Array:
        return dy - dy.mean(axis=0)


@breaks("gradient_at_kinks", says="at the kink z = 1, backward gives the slope 3; to its sides it is -1 and 1")
class OddAtKink(Hinged):
    def backward(self, da: cr.Array) -> cr.Array:
        return np.where(self.z == 1, 3 * da, super().backward(da))


@breaks("gradients_written", says="backward adds to w.grad: it depends on what stood there, 1000 or 0")
class Adds(Affine):
    def backward_parameters(self, dy: cr.Array) -> None:
        self.w.grad += (dy * self.x).sum(axis=0)
        self.b.grad += dy.sum(axis=0)


@breaks("gradients_written", also=GRADIENTS, says="backward leaves 4 of the 4 numbers of b.grad as they were")
class ForgetsBias(Affine):
    def backward_parameters(self, dy: cr.Array) -> None:
        self.w.grad = (dy * self.x).sum(axis=0)


@breaks("backward_parameters", says="w.grad of backward_parameters differs from that of backward by")
class OtherParameters(Affine):
    def backward(self, dy: cr.Array) -> cr.Array:
        dx = super().backward(dy)
        self.w.grad = (dy * self.x).sum(axis=0)
        return dx

    def backward_parameters(self, dy: cr.Array) -> None:
        super().backward_parameters(dy)
        self.w.grad = 2 * self.w.grad


# ---- state


@breaks("inference_changes_nothing", says=r"forward at inference changes 0\.\w+\.seen")
class CountsAlways(Standardized):
    def build(self, input_shape: cr.Shape) -> cr.Shape:
        self.seen = self.buffer("seen", (1,))
        return super().build(input_shape)

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        self.seen.value = self.seen.value + len(x)
        return super().forward(x, training)


@breaks("inference_changes_nothing", says="forward at inference draws random numbers")
class DrawsAlways(Noisy):
    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        self.rng.random()
        return super().forward(x, training)


@breaks(
    "randomness_continues",
    also=("gradient_of_input",),
    says="taken up after one forward pass by a new instance, the second one differs by",
)
class OwnDice(Noisy):
    def build(self, input_shape: cr.Shape) -> cr.Shape:
        self.dice = np.random.default_rng(0)
        return input_shape

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        self.r = self.dice.random(x.shape).astype(x.dtype) if training else np.ones_like(x)
        return x * self.r


@breaks(
    "deterministic",
    also=("gradient_of_input", "instances_apart", "randomness_continues"),
    says="two instances built with the same seed differ in forward, by",
)
class GlobalNoise(Noisy):
    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        self.r = np.random.random(x.shape).astype(x.dtype) if training else np.ones_like(x)  # noqa: NPY002
        return x * self.r


@breaks("instances_apart", says="another instance's forward changes what backward of this one gives, by")
class OnTheClass(Squash):
    def forward(self, z: cr.Array) -> cr.Array:
        OnTheClass.scale = 1 + np.abs(z)
        return z / OnTheClass.scale  # type: ignore[no-any-return]


@breaks("fields_kept_by_build", says=r"building and running it changes initial from 1.5 to 3.0")
class ChangesField(Affine):
    def build(self, input_shape: cr.Shape) -> cr.Shape:
        shape = super().build(input_shape)
        self.initial = 3.0
        return shape


@breaks("built_again", says="after a second build, with the same parameters, forward differs by")
class Gathers(cr.Layer):
    """A list of weights that only grows: $y = x sum_i w_i$."""

    def __post_init__(self) -> None:
        self.weights: list[Any] = []

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        self.weights.append(self.parameter("w", (1,), {"name": "constant", "value": 1.0}))
        return input_shape

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        self.x = x
        self.total = sum(w.value for w in self.weights)
        return x * self.total

    def backward(self, dy: cr.Array) -> cr.Array:
        for w in self.weights:
            w.grad = (dy * self.x).sum()
        return dy * self.total


@breaks("built_again", says="the second build declares parameters of 12 numbers, the first one of 8")
class Doubles(Affine):
    check_input_shapes = ((4,),)
    builds = 0

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        for i in range(self.builds):
            self.parameter(f"extra{i}", (4,), "zeros")
        self.builds += 1
        return super().build(input_shape)


@breaks("let_go", says="it stays when its network is gone, with the arrays that it keeps, until Python searches for")
class ABoundMethod(Affine):
    def build(self, input_shape: cr.Shape) -> cr.Shape:
        self.step = self.forward
        return super().build(input_shape)


@breaks("let_go", says="it stays when its network is gone, with the arrays that it keeps, until Python searches for")
class ALambda(Squash):
    def forward(self, z: cr.Array) -> cr.Array:
        self.again = lambda: self.forward(z)
        return super().forward(z)


@breaks("saved_and_loaded", says="after saving and loading, the prediction differs by")
class PlainAttribute(Standardized):
    def build(self, input_shape: cr.Shape) -> cr.Shape:
        self.mean = cr.Buffer("mean", np.zeros(input_shape, self.dtype))
        return input_shape


@pytest.mark.parametrize("broken", breaks, ids=lambda broken: broken.id)
def test_what_is_broken_is_found(broken: Broken) -> None:
    assert_found(broken)
