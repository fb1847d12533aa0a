"""Each check of losses, optimizers, initializers, regularizers and schedules finds what is broken in just its way."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from breaking import Breakages, Broken, assert_found, assert_right

import chainrule as cr

breaks = Breakages()

# ---- losses


@dataclass
class Cube(cr.Loss):
    """Errors to the third power: $loss = sum |p - t|^3 / (batch outputs)$."""

    of_differences = True
    check_kinks = (0.0,)

    def output(self, task: cr.Task, classes: int) -> tuple[int, str]:
        if task != "regression":
            raise cr.ConfigError("for regression")
        return classes, "linear"

    def forward(self, prediction: cr.Array, target: cr.Array) -> float:
        self.error = prediction - target
        return float((np.abs(self.error) ** 3).mean())

    def backward(self) -> cr.Array:
        return 3 * self.error * np.abs(self.error) / self.error.size


@dataclass
class Surprise(cr.Loss):
    """A softmax cross-entropy: $loss = -sum t log p / batch$."""

    fuses_with = "softmax"
    integer_targets = True

    def output(self, task: cr.Task, classes: int) -> tuple[int, str]:
        if task != "multiclass":
            raise cr.ConfigError("for classes")
        return classes, "softmax"

    def _one_hot(self, target: cr.Array, like: cr.Array) -> cr.Array:
        return np.eye(like.shape[1], dtype=like.dtype)[target] if target.ndim == 1 else target

    def forward(self, prediction: cr.Array, target: cr.Array) -> float:
        self.t = self._one_hot(target, prediction)
        self.p = np.maximum(prediction, np.finfo(prediction.dtype).smallest_normal)
        return -float((self.t * np.log(self.p)).sum()) / len(self.p)

    def backward(self) -> cr.Array:
        return -self.t / self.p / len(self.p)

    def forward_logits(self, logits: cr.Array, target: cr.Array) -> float:
        self.t = self._one_hot(target, logits)
        z = logits - logits.max(axis=1, keepdims=True)
        total = np.exp(z).sum(axis=1, keepdims=True)
        self.p = np.exp(z) / total
        return float((self.t * (np.log(total) - z)).sum()) / len(z)

    def backward_logits(self) -> cr.Array:
        return (self.p - self.t) / len(self.t)

    def activated(self) -> cr.Array:
        return self.p


@breaks("output", says=r"output\('binary', ...\) gives \(2, 'liner'\)")
class NoSuchActivation(Cube):
    def output(self, task: cr.Task, classes: int) -> tuple[int, str]:
        return classes, "liner"


@breaks("output", says="output refuses every task")
class ForNothing(Cube):
    def output(self, task: cr.Task, classes: int) -> tuple[int, str]:
        raise cr.ConfigError("not for this")


@breaks("runs", says=r"forward gives array\(\[.*for a regression task")
class NoMean(Cube):
    def forward(self, prediction: cr.Array, target: cr.Array) -> float:
        super().forward(prediction, target)
        return np.abs(self.error).mean(axis=0)  # type: ignore[no-any-return]


@breaks("gradient", says="for a regression task, the gradient is off by .*the right one times 0.3333")
class ForgotFactor(Cube):
    def backward(self) -> cr.Array:
        return super().backward() / 3


@breaks(
    "gradient_of_logits",
    says="for a multiclass task, the gradient is off .*times 5, the batch size",
)
class SummedLogits(Surprise):
    def backward_logits(self) -> cr.Array:
        return super().backward_logits() * len(self.t)


@breaks("mean_over_batch", says=r"the loss of a batch of 5 is [\d.]+, and that of the same rows taken twice [\d.]+")
class Sum(Cube):
    def forward(self, prediction: cr.Array, target: cr.Array) -> float:
        return super().forward(prediction, target) * len(prediction)

    def backward(self) -> cr.Array:
        return super().backward() * len(self.error)


@breaks("fused_equals_unfused", says=r"activated\(\) differs from the activation's output by")
class OtherPrediction(Surprise):
    def activated(self) -> cr.Array:
        return self.p * 1.001


@breaks("fused_equals_unfused", says="forward_logits gives [^,]+, and forward of the activation's output")
class Rounded(Surprise):
    def forward_logits(self, logits: cr.Array, target: cr.Array) -> float:
        return super().forward_logits(logits, target) + 1e-9


@breaks(
    "integer_targets",
    also=("gradient_of_logits",),
    says="for classes as whole numbers the loss is .*, for the same ones one-hot",
)
class WholeNumbersOnly(Surprise):
    def _one_hot(self, target: cr.Array, like: cr.Array) -> cr.Array:
        return super()._one_hot(target, like) * (1 if target.ndim == 1 else 0.5)


@breaks("of_differences", says="the loss is .*, and .* where predictions and targets are all larger by 1")
class Relative(Cube):
    def forward(self, prediction: cr.Array, target: cr.Array) -> float:
        self.scale = np.maximum(np.abs(target), 0.5)
        self.error = (prediction - target) / self.scale
        return float((np.abs(self.error) ** 3).mean())

    def backward(self) -> cr.Array:
        return super().backward() / self.scale


@breaks("of_differences", says="output\\(\\) names softplus, which does not give any number")
class PositiveOnly(Cube):
    def output(self, task: cr.Task, classes: int) -> tuple[int, str]:
        return super().output(task, classes)[0], "softplus"


@breaks("keeps_dtype", says="backward gives float64 for a prediction of float32")
class PromotesLoss(Cube):
    def backward(self) -> cr.Array:
        return super().backward() * np.float64(1)


@breaks("inputs_left_alone", says="it writes to the target: 10 of its 10 numbers changed")
class WritesToTarget(Cube):
    def forward(self, prediction: cr.Array, target: cr.Array) -> float:
        loss = super().forward(prediction, target)
        target -= prediction
        return loss


@breaks("arrays_last", says="the next forward overwrites what backward returned: 10 of its 10 numbers changed")
class OneArrayInLoss(Cube):
    def forward(self, prediction: cr.Array, target: cr.Array) -> float:
        loss = super().forward(prediction, target)
        kept = self.work("kept", prediction.shape, prediction.dtype)
        kept[...] = self.error
        self.error = kept
        return loss

    def backward(self) -> cr.Array:
        self.error[...] = super().backward()
        return self.error


@breaks("instances_apart", says="another instance's forward changes what backward of this one gives, by")
class ErrorOnClass(Cube):
    def forward(self, prediction: cr.Array, target: cr.Array) -> float:
        loss = super().forward(prediction, target)
        ErrorOnClass.shared = self.__dict__.pop("error")  # type: ignore[attr-defined]
        return loss

    def backward(self) -> cr.Array:
        e: cr.Array = ErrorOnClass.shared  # type: ignore[attr-defined]
        return 3 * e * np.abs(e) / e.size


@breaks(
    "finite_at_extremes",
    says="for a multiclass task and float32 logits of 10000 everywhere .*NumPy warns: divide by zero",
)
class Unclipped(Surprise):
    def forward(self, prediction: cr.Array, target: cr.Array) -> float:
        self.t, self.p = self._one_hot(target, prediction), prediction
        return -float((self.t * np.log(self.p)).sum()) / len(self.p)


# ---- optimizers


@dataclass
class Ball(cr.Optimizer):
    """Gathers speed: $v = beta v + grad$, $theta = theta - lr v$."""

    lr: float = 0.05
    beta: float = 0.5

    slots = ("v",)

    def __post_init__(self) -> None:
        self.require("lr", 0 < self.lr < math.inf, "above 0 and finite")
        self.require("beta", 0 <= self.beta < 1, "at least 0 and less than 1")

    def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float) -> None:
        v = slots["v"]
        v *= self.beta
        v += grad
        theta -= lr * v


@dataclass
class Scaled(Ball):
    """Steps as long as the parameter: $theta = theta - lr |theta| grad / |grad|$; beta is not used."""

    lr: float = 0.01

    whole_parameters = True

    def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float) -> None:
        assert theta.ndim in (0, 1, 2, 3, 4)
        grad = grad.astype(np.float64)  # whose squares float32 may not hold
        theta -= lr * np.linalg.norm(theta) * grad / (np.linalg.norm(grad) + 1e-12)


@breaks("updates_in_place", says="after an update with a gradient, theta is what it was")
class NewTheta(Ball):
    def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float) -> None:
        theta = theta - lr * grad


@breaks("updates_in_place", says="update replaces v in slots with another array")
class NewSlot(Ball):
    def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float) -> None:
        slots["v"] = self.beta * slots["v"] + grad
        theta -= lr * slots["v"]


@breaks("lowers_quadratic", says=r"100 steps with lr=0.05 take f from [\d.]+ to [\d.e+]+")
class Climbs(Ball):
    def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float) -> None:
        theta += lr * grad


@breaks(
    "blockwise_equals_whole",
    also=("huge_gradients",),
    says="after 6 steps, updating block by block differs from updating the whole vector by 0",
)
class WholeNorm(Ball):
    def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float) -> None:
        theta -= lr * grad / (np.linalg.norm(grad) + 1)


@breaks("keeps_nothing_on_itself", says="update sets self.calls: it runs once for each block, and is not saved")
class Counts(Ball):
    def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float) -> None:
        self.calls = step
        super().update(theta, grad, slots, step, lr)


@breaks("keeps_nothing_on_itself", says="update sets self.rates: it runs once for each block, and is not saved")
class ListsTheRates(Ball):
    def __post_init__(self) -> None:
        super().__post_init__()
        self.rates: list[float] = []

    def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float) -> None:
        self.rates.append(lr)
        super().update(theta, grad, slots, step, lr)


@breaks(
    "continues_from_slots",
    also=("keeps_nothing_on_itself", "blockwise_equals_whole"),
    says=r"saved after 6 steps and restored, it is off by 0.\d+ after 6 more",
)
class CountsItself(Ball):
    def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float) -> None:
        self.t = getattr(self, "t", 0) + 1
        theta -= lr / self.t * grad


@breaks(
    "instances_apart",
    also=("continues_from_slots", "blockwise_equals_whole", "uses_scheduled_lr", "zero_gradient"),
    says=r"with another instance at work beside it, it is off by 0.\d+ after 6 steps",
)
class SharedSpeed(Ball):
    def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float) -> None:
        v = self.shared.setdefault(theta.shape, np.zeros(theta.shape))
        v *= self.beta
        v += grad
        theta -= lr * v

    shared = {}


@breaks("uses_scheduled_lr", says="with update's lr at 0.05 and at 0.025, theta after 6 steps is the same")
class IgnoresSchedule(Ball):
    def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float) -> None:
        super().update(theta, grad, slots, step, self.lr)


@breaks(
    "uses_scheduled_lr", says="the same lr given to update, with the field lr at 0.05 and at 0.025: theta differs by 0"
)
class RateTwice(Ball):
    def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float) -> None:
        super().update(theta, grad, slots, step, 20 * lr * self.lr)


@dataclass
class Around(cr.Optimizer):
    """Leaves the steps to another one, whose rate it has: $theta = theta - lr grad$.

    Args:
        optimizer: the other one; default sgd.
    """

    optimizer: str | Mapping[str, Any] | cr.Optimizer = "sgd"

    def __post_init__(self) -> None:
        self.inner = cr.make("optimizer", self.optimizer)

    @property
    def lr(self) -> float:  # type: ignore[override]
        return float(self.inner.lr)

    @property
    def weight_decay(self) -> float:
        return float(self.inner.weight_decay)

    def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float) -> None:
        self.inner.update(theta, grad, slots, step, lr)


@breaks("uses_scheduled_lr", says="the same lr given to update, with the field lr at 0.1 and at 0.05: theta differs by")
class AroundTwice(Around):
    def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float) -> None:
        super().update(theta, grad, slots, step, 10 * lr * self.lr)


@breaks("zero_gradient", says="three steps with a gradient of zero move theta by 0")
class DecaysItself(Ball):
    def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float) -> None:
        theta *= 0.999
        super().update(theta, grad, slots, step, lr)


@breaks("refuses_bad_rates", says="lr=-0.1 is accepted")
class AnyRate(Ball):
    def __post_init__(self) -> None:
        self.require("lr", math.isfinite(self.lr), "finite")
        self.require("beta", 0 <= self.beta < 1, "at least 0 and less than 1")


@breaks("finite_at_extremes", says="for float32 gradients of size 0, NumPy warns: invalid value encountered in divide")
class SignByDivision(Ball):
    def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float) -> None:
        with np.errstate(invalid="ignore") if theta.dtype == np.float64 else np.errstate():
            theta -= np.nan_to_num(lr * grad / np.abs(grad))


@breaks("huge_gradients", says=r"for float32 gradients of size 1e\+19, NumPy warns: overflow encountered in")
class Squares(Ball):
    def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float) -> None:
        v = slots["v"]
        v += grad * grad
        theta -= lr * grad / (np.sqrt(v) + 1e-8)


@breaks("huge_gradients", says=r"for float32 gradients of size 1e\+19, v in slots is infinite or NaN from then on")
class SquaresInSilence(Squares):
    def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float) -> None:
        with np.errstate(over="ignore"):
            super().update(theta, grad, slots, step, lr)


@breaks("huge_gradients", says=r"move theta by up to 0.3 in float32, and by 0.[4-6]\d* in float64")
class Forgets(Ball):
    def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float) -> None:
        with np.errstate(over="ignore"):
            theta -= lr * grad / (np.sqrt(grad * grad) + 1e-8)


# ---- initializers


@dataclass
class Bell(cr.Initializer):
    """A bell curve: $w ~ N(0, 1 / fan_in)$."""

    def __call__(self, shape: cr.Shape, rng: np.random.Generator, dtype: Any) -> cr.Array:
        return rng.normal(0, self.moments(shape)[1], shape).astype(dtype)

    def moments(self, shape: cr.Shape) -> tuple[float, float]:
        return 0.0, 1 / math.sqrt(math.prod(shape[:-1]))


@breaks("shape_and_dtype", says=r"asked for float32 of shape \(6, 4\), it gives float64")
class AlwaysWide(Bell):
    def __call__(self, shape: cr.Shape, rng: np.random.Generator, dtype: Any) -> cr.Array:
        return super().__call__(shape, rng, np.float64)


@breaks("deterministic", says="two calls with streams of the same seed differ by")
class GlobalStream(Bell):
    def __call__(self, shape: cr.Shape, rng: np.random.Generator, dtype: Any) -> cr.Array:
        return np.random.normal(0, self.moments(shape)[1], shape).astype(dtype)  # noqa: NPY002


@breaks("new_array", says="two calls give arrays that share their memory")
class KeptArray(Bell):
    def __call__(self, shape: cr.Shape, rng: np.random.Generator, dtype: Any) -> cr.Array:
        w = self.work("w", shape, dtype)
        w[...] = super().__call__(shape, rng, dtype)
        return w


@breaks(
    "moments",
    says=r"for shape \(200, 100\) the standard deviation is [\d.]+, and moments\(\) states [\d.]+: 0.70\d* times",
)
class HalfVariance(Bell):
    def moments(self, shape: cr.Shape) -> tuple[float, float]:
        return 0.0, math.sqrt(2 / math.prod(shape[:-1]))

    def __call__(self, shape: cr.Shape, rng: np.random.Generator, dtype: Any) -> cr.Array:
        return rng.normal(0, 1 / math.sqrt(math.prod(shape[:-1])), shape).astype(dtype)


@breaks("moments", says=r"for shape \(200, 100\) the mean is 0.\d+, and moments\(\) states 0")
class OffCentre(Bell):
    def __call__(self, shape: cr.Shape, rng: np.random.Generator, dtype: Any) -> cr.Array:
        return (super().__call__(shape, rng, dtype) + np.asarray(0.02, dtype)).astype(dtype)


# ---- regularizers


@dataclass
class Quartic(cr.Regularizer):
    """The fourth power: $penalty = strength sum theta^4$."""

    strength: float = 0.1

    def __post_init__(self) -> None:
        self.require("strength", 0 <= self.strength < math.inf, "at least 0 and finite")

    def penalty(self, theta: cr.Array) -> float:
        return self.strength * float((theta**4).sum())

    def add_gradient(self, theta: cr.Array, grad: cr.Array) -> None:
        grad += 4 * self.strength * theta**3


@breaks("penalty", says="the penalty of weights three times as large is smaller, 926.168 after 999.088")
class Rewards(Quartic):
    def penalty(self, theta: cr.Array) -> float:
        return 1000 - super().penalty(theta)


@breaks("gradient", says="grad is off by .*It is zero everywhere: was it forgotten|times 0.25")
class NoFour(Quartic):
    def add_gradient(self, theta: cr.Array, grad: cr.Array) -> None:
        grad += self.strength * theta**3


@breaks("adds", says="what it adds depends on what stands in grad, by 5")
class Overwrites(Quartic):
    def add_gradient(self, theta: cr.Array, grad: cr.Array) -> None:
        grad[...] = 4 * self.strength * theta**3


@breaks("inputs_left_alone", says="it writes to theta: 12 of 12 numbers changed")
class MovesWeights(Quartic):
    def add_gradient(self, theta: cr.Array, grad: cr.Array) -> None:
        super().add_gradient(theta, grad)
        theta *= 0.99


@breaks("finite_at_extremes", says="for float32 weights of 0 everywhere, NumPy warns: invalid value")
class Normalized(Quartic):
    """The size of a weight: $penalty = strength sum |theta|$."""

    check_kinks = (0.0,)

    def penalty(self, theta: cr.Array) -> float:
        return self.strength * float(np.abs(theta).sum())

    def add_gradient(self, theta: cr.Array, grad: cr.Array) -> None:
        grad += self.strength * theta / np.abs(theta)


# ---- schedules


@dataclass
class Slope(cr.Schedule):
    """Down to zero: $factor = max(0, 1 - step / total)$."""

    def __call__(self, step: int, total: int) -> float:
        return max(0.0, 1 - step / total)


@breaks("within_training", says="at step 0 of 1 it gives 'ZeroDivisionError: ")
class OffByOne(Slope):
    def __call__(self, step: int, total: int) -> float:
        return max(0.0, 1 - step / (total - 1)) if step < total else 0.0


@breaks("beyond_the_end", says="at step 2 of 1 it gives -1, with which training would climb")
class Climbing(Slope):
    def __call__(self, step: int, total: int) -> float:
        return 1 - step / total


@breaks("beyond_the_end", says="at step 1 of 1 it gives 'ZeroDivisionError: ")
class EndsAtTotal(Slope):
    def __call__(self, step: int, total: int) -> float:
        return 1 / (total - step) if step <= total else 0.0


@breaks("repeatable", says=r"asked in the order .*, at step \d+ it gives [\d.]+, and a new instance [\d.]+")
class Remembers(Slope):
    factor = 1.0

    def __call__(self, step: int, total: int) -> float:
        self.factor *= 0.9
        return self.factor


RIGHT = [Cube, Surprise, Ball, Scaled, Around, Bell, Quartic, Slope]


@pytest.mark.parametrize("cls", RIGHT, ids=lambda cls: cls.__name__)
def test_right_components_pass(cls: type) -> None:
    assert_right(cls)


@pytest.mark.parametrize("broken", breaks, ids=lambda broken: broken.id)
def test_what_is_broken_is_found(broken: Broken) -> None:
    assert_found(broken)
