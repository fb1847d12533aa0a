"""What a sly author gets wrong, planted one at a time into losses, optimizers, metrics and all that is no layer."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from breaking import Breakages, Broken, assert_found, assert_right

import chainrule as cr

breaks = Breakages()


# ---- losses


@dataclass
class Square(cr.Loss):
    """Errors, squared: $loss = sum (p - t)^2 / (batch outputs)$."""

    of_differences = True

    def reference(self, prediction: cr.Array, target: cr.Array) -> float:
        return math.fsum((p - t) ** 2 for p, t in zip(prediction.flat, target.flat)) / prediction.size

    def output(self, task: cr.Task, classes: int) -> tuple[int, str]:
        if task != "regression":
            raise cr.ConfigError("for regression")
        return classes, "linear"

    def forward(self, prediction: cr.Array, target: cr.Array) -> float:
        self.error = prediction - target
        return float(self.losses().mean())

    def losses(self) -> cr.Array:
        return self.error**2

    def rows(self) -> cr.Array:
        return self.losses()

    def backward(self) -> cr.Array:
        return 2 * self.error / self.error.size


@breaks("formula_computed", says="for a regression task, the loss is .*, and by its reference")
class HalfOfIt(Square):
    def losses(self) -> cr.Array:
        return super().losses() / 2

    def backward(self) -> cr.Array:
        return super().backward() / 2


@breaks(
    "rows_in_any_order",
    also=("formula_computed", "mean_over_batch", "rows"),
    says="for the same rows in another order",
)
class LaterRowsWeighMore(Square):
    def losses(self) -> cr.Array:
        return super().losses() * self.factors()

    def factors(self) -> cr.Array:
        factors = np.linspace(0.5, 1.5, len(self.error), dtype=self.error.dtype)
        return factors.reshape(-1, *[1] * (self.error.ndim - 1))

    def backward(self) -> cr.Array:
        return super().backward() * self.factors()


@breaks("rows", says="the mean of rows\\(\\) is .*, and forward gives")
class SumsOfRows(Square):
    def rows(self) -> cr.Array:
        return super().rows() * self.error.shape[-1]


@breaks("rows", says=r"rows\(\) has \S+ for row \d, whose loss alone is")
class RowsBackwards(Square):
    def rows(self) -> cr.Array:
        return super().rows()[::-1]


@breaks(
    "least_at_target", also=("formula_computed", "of_differences"), says="the loss is .* where the prediction is the"
)
class OffTarget(Square):
    def forward(self, prediction: cr.Array, target: cr.Array) -> float:
        return super().forward(prediction, 0.9 * target)


@breaks("least_at_target", also=("formula_computed",), says=r"the loss is 0 where each prediction is its target - 3")
class OnlyTooMuch(Square):
    def losses(self) -> cr.Array:
        return np.maximum(self.error, 0) ** 2

    def backward(self) -> cr.Array:
        return np.maximum(super().backward(), 0)


@breaks("gradient", says="for a regression task with one row, the gradient is off by")
class OneRowSquared(Square):
    def backward(self) -> cr.Array:
        return super().backward() / (1 if len(self.error) > 1 else self.error.size)


@breaks("used_again", also=("mean_over_batch",), says="backward of an instance that was used before differs by")
class FirstSizeStays(Square):
    def backward(self) -> cr.Array:
        self.__dict__.setdefault("size", self.error.size)
        return 2 * self.error / self.size  # type: ignore[attr-defined]


@breaks("any_memory_layout", says="the loss differs by")
class InMemoryOrder(Square):
    def forward(self, prediction: cr.Array, target: cr.Array) -> float:
        turned = prediction.flags.f_contiguous and prediction.ndim > 1 and min(prediction.shape) > 1
        return super().forward(prediction if not turned else prediction[::-1], target)


@dataclass
class Surprise(cr.Loss):
    """A softmax cross-entropy: $loss = -sum t log p / batch$, t being smoothed: $(1 - s) t + s / K$.

    Args:
        s: how much, from 0 up to but not 1; default 0.
    """

    s: float = 0.0

    check_examples = ({}, {"s": 0.3})
    fuses_with = "softmax"

    def __post_init__(self) -> None:
        self.require("s", 0 <= self.s < 1, "at least 0 and less than 1")

    def reference(self, prediction: cr.Array, target: cr.Array) -> float:
        t = (1 - self.s) * target + self.s / target.shape[-1]
        return float(-np.einsum("...k,...k->...", t, np.log(prediction)).mean())

    def output(self, task: cr.Task, classes: int) -> tuple[int, str]:
        if task != "multiclass":
            raise cr.ConfigError("for classes")
        return classes, "softmax"

    def smoothed(self, target: cr.Array) -> cr.Array:
        return (1 - self.s) * target + self.s / target.shape[-1]

    def forward(self, prediction: cr.Array, target: cr.Array) -> float:
        self.t = self.smoothed(target)
        self.p = np.maximum(prediction, np.finfo(prediction.dtype).smallest_normal)
        return -float((self.t * np.log(self.p)).sum(axis=-1).mean())

    def count(self) -> int:
        return self.t.size // self.t.shape[-1]

    def backward(self) -> cr.Array:
        return -self.t / self.p / self.count()

    def forward_logits(self, logits: cr.Array, target: cr.Array) -> float:
        self.t = self.smoothed(target)
        z = logits - logits.max(axis=-1, keepdims=True)
        total = np.exp(z).sum(axis=-1, keepdims=True)
        self.p = np.exp(z) / total
        return float((self.t * (np.log(total) - z)).sum(axis=-1).mean())

    def backward_logits(self) -> cr.Array:
        return (self.p - self.t) / self.count()


@breaks("formula_computed", says="with s=0.4, for a multiclass task, the loss is")
class OverTheOthers(Surprise):
    def smoothed(self, target: cr.Array) -> cr.Array:
        return (1 - self.s) * target + self.s * (1 - target) / (target.shape[-1] - 1)


@breaks(
    "gradient_of_logits",
    says="for a multiclass task with soft targets, the gradient is off by",
)
class OneHotOnly(Surprise):
    def backward_logits(self) -> cr.Array:
        if self.s:
            return super().backward_logits()
        return (self.p - np.eye(self.t.shape[-1], dtype=self.p.dtype)[self.t.argmax(axis=-1)]) / self.count()


@breaks("formula_computed", says="without one of the classes, the loss is")
class OverTheClassesThatAreThere(Surprise):
    def factor(self) -> float:
        return float(self.t.reshape(-1, self.t.shape[-1]).any(axis=0).mean())

    def forward(self, prediction: cr.Array, target: cr.Array) -> float:
        return super().forward(prediction, target) / self.factor()

    def forward_logits(self, logits: cr.Array, target: cr.Array) -> float:
        return super().forward_logits(logits, target) / self.factor()

    def backward(self) -> cr.Array:
        return super().backward() / self.factor()

    def backward_logits(self) -> cr.Array:
        return super().backward_logits() / self.factor()


# ---- optimizers


@dataclass
class Mean(cr.Optimizer):
    """Steps by a running mean that starts unbiased: $m = b m + (1 - b) grad$, $theta = theta - lr m / (1 - b^t)$.

    Args:
        lr: above 0 and finite; default 0.1.
        b: at least 0 and less than 1; default 0.8.
    """

    lr: float = 0.1
    b: float = 0.8

    slots = ("m",)

    def __post_init__(self) -> None:
        self.require("lr", 0 < self.lr < math.inf, "above 0 and finite")
        self.require("b", 0 <= self.b < 1, "at least 0 and less than 1")

    def reference(
        self, theta: cr.Array, gradient: Callable[[cr.Array], cr.Array], rates: Iterable[float]
    ) -> Iterator[cr.Array]:
        m = np.zeros(theta.shape)
        for t, lr in enumerate(rates, start=1):
            m = self.b * m + (1 - self.b) * gradient(theta)
            theta = theta - lr * m / (1 - self.b**t)
            yield theta

    def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float) -> None:
        m = slots["m"]
        m *= self.b
        m += (1 - self.b) * grad
        theta -= lr / (1 - self.b**step) * m


@breaks("formula_computed", says="after step 1 of 300, with lr=0.01, theta")
class CountsFromZero(Mean):
    def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float) -> None:
        super().update(theta, grad, slots, step + 1, lr)


@breaks("formula_computed", says="after step 251 of 300, with lr=0.01, theta")
class TiresLate(Mean):
    def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float) -> None:
        super().update(theta, grad, slots, step, lr if step <= 250 else lr / 2)


@breaks("later_rates", also=("formula_computed",), says="two more with lr=0.1 and with lr=0.01 end at the same theta")
class KeepsTheFirstRate(Mean):
    slots = ("m", "rate")

    def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float) -> None:
        rate = slots["rate"]
        if step == 1:
            rate[...] = lr
        super().update(theta, grad, slots, step, rate)


@breaks("later_rates", also=("formula_computed",), says="two more with lr=0 make theta infinite or NaN")
class DividesByTheRate(Mean):
    slots = ("m", "rate")

    def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float) -> None:
        with np.errstate(all="ignore"):
            slots["rate"][...] = lr
            super().update(theta, grad, slots, step, lr / np.float64(lr) * lr)


@breaks("float32_agrees", says="theta in float32 is off by .* from that in float64")
class TwoDigits(Mean):
    def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float) -> None:
        rounded = np.round(grad, 2) if grad.dtype == np.float32 else grad
        super().update(theta, rounded, slots, step, lr)


@dataclass
class Normed(cr.Optimizer):
    """Steps of the length of the parameter: $theta = theta - lr |theta| grad / (|grad| + eps)$; biases by $lr grad$.

    Args:
        lr: above 0 and finite; default 0.01.
        eps: above 0 and finite; default 1e-6.
    """

    lr: float = 0.01
    eps: float = 1e-6

    whole_parameters = True

    def __post_init__(self) -> None:
        self.require("lr", 0 < self.lr < math.inf, "above 0 and finite")
        self.require("eps", 0 < self.eps < math.inf, "above 0 and finite")

    def reference(
        self,
        theta: cr.Array,
        gradient: Callable[[cr.Array], cr.Array],
        rates: Iterable[float],
        decay: bool = True,
    ) -> Iterator[cr.Array]:
        for lr in rates:
            grad = gradient(theta)
            size, slope = (math.sqrt(math.fsum(n * n for n in a.flat)) for a in (theta, grad))
            theta = theta - lr * (size * grad / (slope + self.eps) if decay else grad)
            yield theta

    def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float, decay: bool = True) -> None:
        grad = grad.astype(np.float64)
        theta -= lr * (self.length(theta) * grad / (self.length(grad) + self.eps) if decay else grad)

    def length(self, array: cr.Array) -> float:
        return float(np.sqrt((array.astype(np.float64) ** 2).sum()))


@breaks("formula_computed", says=r"for theta of shape \(2, 2, 3, 2\), after step 1 of 300")
class RowsByThemselves(Normed):
    def length(self, array: cr.Array) -> Any:
        if array.ndim < 4:
            return super().length(array)
        return np.sqrt((array.astype(np.float64) ** 2).sum(axis=(-2, -1), keepdims=True))


@breaks("formula_computed", says=r"for theta of shape \(4, 3\) that weight decay spares, after step 1 of 300")
class AllAlike(Normed):
    def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float, decay: bool = True) -> None:
        super().update(theta, grad, slots, step, lr, True)


@dataclass
class Looks(cr.Optimizer):
    """Goes a step ahead, looks there, and goes from where it was: $theta = theta - lr grad(theta - h grad(theta))$.

    Args:
        lr: above 0 and finite; default 0.05.
        h: at least 0 and finite; default 0.01.
    """

    lr: float = 0.05
    h: float = 0.01

    whole_vector = True

    def __post_init__(self) -> None:
        self.require("lr", 0 < self.lr < math.inf, "above 0 and finite")
        self.require("h", 0 <= self.h < math.inf, "at least 0 and finite")

    def reference(
        self, theta: cr.Array, gradient: Callable[[cr.Array], cr.Array], rates: Iterable[float]
    ) -> Iterator[cr.Array]:
        for lr in rates:
            theta = theta - lr * gradient(theta - self.h * gradient(theta))
            yield theta

    def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float, evaluate: Any = None) -> None:
        kept = theta.copy()
        theta -= self.h * grad
        evaluate()
        self.back(theta, kept)
        theta -= lr * grad

    def back(self, theta: Any, kept: Any) -> None:
        theta[...] = kept


@breaks("formula_computed", says=r"after step 1 of 300, with lr=\S+, theta")
class StaysThere(Looks):
    def back(self, theta: Any, kept: Any) -> None:
        pass


# ---- metrics


@dataclass
class Best(cr.Metric):
    """The share of rows whose class has the highest score: $value = sum w [argmax p = t] / sum w$."""

    tasks = ("multiclass",)

    def reference(self, prediction: cr.Array, target: cr.Array) -> float:
        return sum(list(p).index(max(p)) == t for p, t in zip(prediction, target)) / len(target)

    def reset(self) -> None:
        self.right, self.count = 0.0, 0.0

    def update(self, prediction: cr.Array, target: cr.Array, weight: cr.Array | None = None) -> None:
        weight = self.weighed(np.ones(len(target)) if weight is None else weight)
        self.right += float((weight * self.hits(prediction, target)).sum())
        self.count += float(weight.sum())

    def weighed(self, weight: cr.Array) -> cr.Array:
        return weight

    def hits(self, prediction: cr.Array, target: cr.Array) -> cr.Array:
        return prediction.argmax(axis=1) == target

    def compute(self) -> float:
        return self.right / self.count if self.count else math.nan


@breaks("weights", says=r"with the weights \[0.0, 1.0, 2.0\], ... it gives .* where each row stands there as often")
class AllWeighOne(Best):
    def weighed(self, weight: cr.Array) -> cr.Array:
        return np.ones_like(weight)


@breaks("formula_computed", says="for a multiclass task with ties, the value is")
class AnyOfTheBest(Best):
    def hits(self, prediction: cr.Array, target: cr.Array) -> cr.Array:
        return prediction[np.arange(len(target)), target] >= prediction.max(axis=1)


@breaks("rows_in_any_order", also=("formula_computed",), says="and for the same rows in another order")
class FewerThanItSays(Best):
    def reset(self) -> None:
        super().reset()
        self.seen = 0

    def weighed(self, weight: cr.Array) -> cr.Array:
        counted = np.where(self.seen + np.arange(len(weight)) < 12, weight, 0)
        self.seen += len(weight)
        return counted


# ---- regularizers, initializers, schedules


@dataclass
class Pull(cr.Regularizer):
    """Pulls weights to 0: $penalty = strength sum theta^2$; strength is 0 or more."""

    strength: float = 0.1

    def __post_init__(self) -> None:
        self.require("strength", 0 <= self.strength < math.inf, "at least 0 and finite")

    def reference(self, theta: cr.Array) -> float:
        return self.strength * sum(w * w for w in theta)

    def penalty(self, theta: cr.Array) -> float:
        return self.strength * float((theta.astype(np.float64) ** 2).sum())

    def add_gradient(self, theta: cr.Array, grad: cr.Array) -> None:
        grad += 2 * self.strength * theta


@breaks("formula_computed", says="for weights, the penalty is .*, and by its reference")
class MeanPull(Pull):
    def penalty(self, theta: cr.Array) -> float:
        return super().penalty(theta) / theta.size

    def add_gradient(self, theta: cr.Array, grad: cr.Array) -> None:
        grad += 2 * self.strength * theta / theta.size


@breaks("right_at_sizes", says=r"for inputs of size 1e\+20 in float32, NumPy warns: overflow encountered in square")
class LeavesFloat32(Pull):
    check_sizes = (1e20,)

    def penalty(self, theta: cr.Array) -> float:
        return self.strength * float(np.square(theta).sum())


@breaks("right_at_sizes", says=r"for inputs of size 1e\+20, the penalty in float32 is off by inf from that in float64")
class LeavesItInSilence(Pull):
    check_sizes = (1e20,)

    def penalty(self, theta: cr.Array) -> float:
        with np.errstate(over="ignore"):
            return self.strength * float(np.square(theta).sum())


@dataclass
class Ball(cr.Initializer):
    """Numbers around 0: $w ~ N(0, 1 / fan_in)$."""

    def reference(self, shape: cr.Shape, rng: np.random.Generator) -> cr.Array:
        return rng.standard_normal(shape) / math.sqrt(self.fan_in(shape))

    def fan_in(self, shape: cr.Shape) -> int:
        return math.prod(shape[:-1])

    def __call__(self, shape: cr.Shape, rng: np.random.Generator, dtype: Any) -> cr.Array:
        return self.drawn(shape, rng).astype(dtype)

    def drawn(self, shape: cr.Shape, rng: np.random.Generator) -> cr.Array:
        return rng.normal(0, 1 / math.sqrt(self.fan_in(shape)), shape)


@breaks("formula_computed", says=r"for shape \(6, 4\), w\[\d, \d\] is")
class FanOut(Ball):
    def drawn(self, shape: cr.Shape, rng: np.random.Generator) -> cr.Array:
        return rng.normal(0, 1 / math.sqrt(shape[-1]), shape)


@breaks("draws_anew", also=("formula_computed",), says="two streams of random numbers give the same")
class OneDraw(Ball):
    def drawn(self, shape: cr.Shape, rng: np.random.Generator) -> cr.Array:
        rng.random()
        return super().drawn(shape, np.random.default_rng(0))


@dataclass
class Plateau(cr.Schedule):
    """Halves where a loss gets no better: $factor = 2^{-n} / (1 + step)$, n being how often it did not."""

    def __post_init__(self) -> None:
        self.least, self.bad = math.inf, 0

    def reference(self, step: int, total: int) -> float:
        return 0.5**self.bad / (1 + step)

    def __call__(self, step: int, total: int) -> float:
        return 2.0**-self.bad / (step + 1)

    def observe(self, metrics: Mapping[str, float]) -> None:
        loss = metrics["validation/loss"]
        self.bad += loss >= self.least
        self.least = min(self.least, loss)


@breaks("formula_computed", says="at step 3 of 1, after 3 epochs, the factor is")
class EndsAnew(Plateau):
    def __call__(self, step: int, total: int) -> float:
        return super().__call__(step % max(total, 3), total)


@breaks("observes", says="at the same step it gives .* before and after 20 epochs")
class LooksAway(Plateau):
    def observe(self, metrics: Mapping[str, float]) -> None:
        self.least = min(self.least, metrics["validation/loss"])


@breaks("continues_from_state", says="taken up by a new instance after 10 epochs, at step 0 after 10 epochs it gives")
class KeepsNothing(Plateau):
    def state(self) -> dict[str, Any]:
        return {}


# ---- datasets


@dataclass
class Numbers(cr.Dataset):
    """A table of numbers in a file, standardized by its training rows.

    Args:
        path: of the file.
        seed: of the split, 0 or more; default 0.
    """

    path: str
    seed: int = 0

    @classmethod
    def check_examples_in(cls, folder: Path) -> Sequence[Mapping[str, Any]]:
        rows = np.random.default_rng(0).normal(size=(40, 3))
        lines = ["a,b,c", *(",".join(f"{n:.6f}" for n in row) for row in rows)]
        (folder / "numbers.csv").write_text("\n".join(lines), encoding="utf-8")
        return [{"path": str(folder / "numbers.csv")}]

    def __post_init__(self) -> None:
        self.require("seed", self.seed >= 0, "at least 0")

    def load(self) -> cr.Data:
        table = np.loadtxt(self.path, delimiter=",", skiprows=1)
        x, y = table[:, :2], table[:, 2]
        validation, train = self.parts(len(x))
        seen = x[self.seen(train)]
        x = (x - seen.mean(axis=0)) / seen.std(axis=0)
        return cr.Data(cr.Split(x[train], y[train]), "regression", cr.Split(x[validation], y[validation]))

    def parts(self, n: int) -> list[cr.Array]:
        return cr.split_indices(n, [0.25], self.seed)

    def seen(self, train: cr.Array) -> Any:
        return train


@breaks("statistics_of_training_rows", says='whichever row of the column "a" is changed in numbers.csv, the training')
class SeesAll(Numbers):
    def seen(self, train: cr.Array) -> Any:
        return ...


@breaks("draws_anew", says="with seed 0 and with seed 1 all of its data is the same")
class OneSplit(Numbers):
    def parts(self, n: int) -> list[cr.Array]:
        return cr.split_indices(n, [0.25], 0)


@breaks("same_in_another_process", says="in another process, the train inputs differs by")
class HashedSplit(Numbers):
    def parts(self, n: int) -> list[cr.Array]:
        return cr.split_indices(n, [0.25], self.seed + hash("split") % 1000)


RIGHT = [Square, Surprise, Mean, Normed, Looks, Best, Pull, Ball, Plateau, Numbers]


@pytest.mark.parametrize("cls", RIGHT, ids=lambda cls: cls.__name__)
def test_right_twins_pass(cls: type) -> None:
    assert_right(cls)


@pytest.mark.parametrize("broken", breaks, ids=lambda broken: broken.id)
def test_planted_defects_are_found(broken: Broken) -> None:
    assert_found(broken)
