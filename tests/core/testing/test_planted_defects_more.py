"""What an adversary planted where the kit did not look: many rows, late steps, zeros and ties, arrays used again."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from breaking import Breakages, Broken, assert_found, assert_right
from test_planted_defects import Average, Blur, Line, Table
from test_planted_defects_learning import Ball, Best, Looks, Mean, Normed, Numbers, Pull, Square, Surprise

import chainrule as cr

breaks = Breakages()
DIFFERENCES = ("gradient_of_input", "gradient_of_parameters", "gradient_at_inference")
OFTEN = dict.fromkeys(DIFFERENCES, "they use it often, too, and the check of many uses is to speak")


# ---- layers


@breaks("many_rows", says=r"b.grad of a batch of 131 rows differs by .* in batches of 5")
class LastRowMissed(Line):
    def backward(self, dy: cr.Array) -> cr.Array:
        dx = super().backward(dy)
        self.b.grad = dy[: len(dy) - (len(dy) % 2 if len(dy) > 8 else 0)].sum(axis=0)
        return dx


@breaks("smaller_batch_after", says="after a larger batch, b.grad of 7 rows differs by")
class StaleRows(Line):
    def backward(self, dy: cr.Array) -> cr.Array:
        dx, kept = super().backward(dy), self.__dict__.get("kept")
        if len(dy) > 20 and (kept is None or len(kept) <= len(dy)):
            self.kept = kept = np.zeros_like(dy)
        if kept is not None and kept.shape[1:] == dy.shape[1:]:
            kept[: len(dy)] = dy
            self.b.grad = kept.sum(axis=0)
        return dx


@breaks("larger_samples", says=r"for samples of shape \(33,\), .* the gradient along direction")
class SixteenFeatures(Line):
    def backward(self, dy: cr.Array) -> cr.Array:
        dx = super().backward(dy)
        dx[..., 16:] = 0
        return dx


@breaks("gradient_at_first", says="in training for inputs a hundred times as large, the gradient along direction")
class ClipsLarge(Line):
    def backward(self, dy: cr.Array) -> cr.Array:
        return np.where(np.abs(self.x) > 50, 0, super().backward(dy))


@breaks("gradient_at_ties", says="for x with a 0 in each sample, the slope of one number of y .* by dx; to its sides")
class ZerosLearnNothing(Line):
    def backward(self, dy: cr.Array) -> cr.Array:
        return np.where(self.x == 0, 0, super().backward(dy))


@breaks("used_often", says="of an instance that was used 120 times differs by")
class TiresLate(Line):
    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        self.uses = getattr(self, "uses", 0) + (training and x.dtype == np.float64)
        return super().forward(x, training) * (0.5 if self.uses > 110 else 1)

    checks_not_applicable = OFTEN


@breaks("arrays_used_again", says="given an array that it was given before, with other numbers in it, y differs by")
class KnowsTheArray(Line):
    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        if getattr(self, "last", None) is not x:
            self.last, self.y = x, super().forward(x, training)
        return self.y


@breaks("inputs_left_alone_elsewhere", says="for 1 row, it writes to dy: 4 of its 4 numbers changed")
class WritesToOneRow(Line):
    def backward(self, dy: cr.Array) -> cr.Array:
        dx = super().backward(dy)
        if len(dy) == 1:
            dy *= 2
        return dx


@breaks("keeps_dtype_elsewhere", says="for 1 row, forward gives float64 for float32")
class PromotesOneRow(Line):
    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        y = super().forward(x, training)
        return y if len(x) > 1 else y * np.ones(1)


@breaks("keeps_dtype_elsewhere", says="with rows that end early, forward gives float64 for float32")
class PromotesByMask(Average):
    def weights(self, x: cr.Array, mask: cr.Array | None) -> cr.Array:
        found = super().weights(x, mask)
        return found if mask is None else found.astype(np.float64)


@breaks("more_whole_numbers", says="with tokens=600, ")
class Bytes(Table):
    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        return super().forward(x.astype(np.uint8).astype(np.int64), training)


@breaks("own_stream", says="it makes a generator of random numbers of its own: np.random.default_rng in")
class SeedsItself(Blur):
    def reference(self, x: cr.Array, training: bool) -> cr.Array:
        return np.where(np.random.default_rng(7).random(x.shape) < 0.5, 0, x / 0.5) if training else x

    def kept(self, shape: cr.Shape) -> cr.Array:
        return np.random.default_rng(7).random(shape) >= 0.5


# ---- losses, optimizers


@breaks("mean_over_batch", says="for the same rows taken 30 times, the gradient is not")
class ManyRowsLoss(Square):
    def backward(self) -> cr.Array:
        return super().backward() * (1 if len(self.error) < 100 else 0.5)


@breaks("arrays_used_again", says="the loss differs by")
class KnowsThePrediction(Square):
    def forward(self, prediction: cr.Array, target: cr.Array) -> float:
        if getattr(self, "last", None) is not prediction:
            self.last, self.value = prediction, super().forward(prediction, target)
        return self.value


@breaks("gradient_of_logits", says="for a multiclass task with twelve outputs, the gradient is off by")
class EightClasses(Surprise):
    def backward_logits(self) -> cr.Array:
        dz = super().backward_logits()
        dz[..., 8:] = 0
        return dz


@breaks("late_in_training", also=("formula_computed",), says="taken back after 120 steps .* take f from")
class ClimbsLate(Mean):
    def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float) -> None:
        super().update(theta, -grad if step > 100 else grad, slots, step, lr)


@breaks("any_step", says="at step 5000 it raises OverflowError")
class PowersOfStep(Mean):
    def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float) -> None:
        super().update(theta, grad * (2.0**step / 2.0**step), slots, step, lr)


@breaks("every_shape", says="3000 numbers, 250 times the same 12, do not go where these go")
class AThousand(Mean):
    def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float) -> None:
        grad[1000:] = 0
        super().update(theta, grad, slots, step, lr)


@breaks("decay_left_to_trainer", says="with weight_decay=0 and with 0.1, 3 updates end")
class DecaysToo(Mean):
    """Steps by a running mean: $m = b m + (1 - b) grad$; see lr and b of the right one.

    Args:
        weight_decay: at least 0; default 0.
    """

    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("weight_decay", 0 <= self.weight_decay < math.inf, "at least 0 and finite")

    def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float) -> None:
        super().update(theta, grad + self.weight_decay * theta, slots, step, lr)


# ---- metrics, regularizers, initializers, schedules, datasets, models


@breaks("many_rows", says="for 24 rows of a multiclass task that are there 3000 times it gives")
class AHundredRows(Best):
    def hits(self, prediction: cr.Array, target: cr.Array) -> cr.Array:
        return super().hits(prediction, target) & (np.arange(len(target)) < 100)


@breaks("weights_left_alone", says="it writes to the weights: ")
class WritesToWeights(Best):
    def weighed(self, weight: cr.Array) -> cr.Array:
        kept = weight.copy()
        weight *= 2
        return kept


@breaks("arrays_used_again", says="of batches that come in the same arrays it gives")
class KeepsTheArrays(Best):
    def reset(self) -> None:
        self.seen: list[Any] = []

    def update(self, prediction: cr.Array, target: cr.Array, weight: cr.Array | None = None) -> None:
        self.seen.append((prediction, target, np.ones(len(target)) if weight is None else weight))

    def compute(self) -> float:
        p, t, w = (np.concatenate(parts) for parts in zip(*self.seen))
        return float(w @ self.hits(p, t) / w.sum())


@breaks("missing_class", also=("formula_computed", "weights"), says="where no row is of class 0 it gives nan")
class MeanOfClasses(Best):
    def reset(self) -> None:
        self.of_class: Any = 0

    def update(self, prediction: cr.Array, target: cr.Array, weight: cr.Array | None = None) -> None:
        weight = np.ones(len(target)) if weight is None else weight
        classes = np.eye(prediction.shape[1])[target].T
        self.of_class = self.of_class + np.stack([classes @ (weight * self.hits(prediction, target)), classes @ weight])

    def compute(self) -> float:
        with np.errstate(all="ignore"):
            return float((self.of_class[0] / self.of_class[1]).mean())


@dataclass
class MeanScore(cr.Metric):
    r"""The true class's score: $value = sum w p_t / sum w$. NaN where nothing was seen, or where a score is NaN."""

    tasks = ("multiclass",)

    def reference(self, prediction: cr.Array, target: cr.Array) -> float:
        return float(np.mean([p[t] for p, t in zip(prediction.reshape(target.size, -1), target.ravel())]))

    def reset(self) -> None:
        self.total, self.count = 0.0, 0.0

    def update(self, prediction: cr.Array, target: cr.Array, weight: cr.Array | None = None) -> None:
        scores = np.take_along_axis(prediction, target[..., None], -1)
        scores = self.unless_nan(scores, prediction)
        weight = np.ones(len(target)) if weight is None else weight
        self.total += float(weight @ scores.reshape(len(scores), -1).sum(axis=1, dtype=float))
        self.count += self.weighs(weight, scores)

    def unless_nan(self, scores: cr.Array, prediction: cr.Array) -> cr.Array:
        return np.where(np.isnan(prediction).any(axis=-1, keepdims=True), math.nan, scores)

    def weighs(self, weight: cr.Array, scores: cr.Array) -> float:
        return float(weight.sum()) * scores[0].size

    def compute(self) -> float:
        return self.total / self.count if self.count else math.nan


@breaks("nothing_seen", says="where nothing was seen it raises ZeroDivisionError: ")
class DividesByNothing(MeanScore):
    def compute(self) -> float:
        return self.total / self.count


@breaks("nothing_seen", says="where nothing was seen it gives 0.0, and its docstring says NaN")
class NothingIsZero(MeanScore):
    def compute(self) -> float:
        return self.total / max(self.count, 1)


@breaks("nan_scores", says="for a multiclass task with a score of NaN in row 0 it gives")
class OverlooksNaN(MeanScore):
    def unless_nan(self, scores: cr.Array, prediction: cr.Array) -> cr.Array:
        return np.nan_to_num(scores)


@breaks("weights", says=r"with the weights \[0.0, 1.0, 2.0\], ... of rows of several steps it gives")
class WeighsOneStep(MeanScore):
    def weighs(self, weight: cr.Array, scores: cr.Array) -> float:
        uniform = bool((weight == weight[0]).all())
        return float(weight.sum()) * (scores[0].size if uniform else 1)


@dataclass
class MeanDistance(cr.Metric):
    """How far off: $value = sum |p - t| / n$."""

    tasks = ("regression", "binary")
    goal = "min"
    check_sizes = (8e37,)

    def reference(self, prediction: cr.Array, target: cr.Array) -> float:
        return float(np.mean([abs(p - t) for p, t in zip(prediction.flat, target.flat)]))

    def reset(self) -> None:
        self.total, self.count = 0.0, 0

    def update(self, prediction: cr.Array, target: cr.Array) -> None:
        self.total += self.summed(abs(prediction - target))
        self.count += target.size

    def summed(self, off: cr.Array) -> float:
        return float(off.sum(dtype=np.float64))

    def compute(self) -> float:
        return self.total / self.count


@breaks("right_at_sizes", says="for a regression task, for inputs of size 8e.37 in float32, NumPy warns: overflow")
class SumsInItsDtype(MeanDistance):
    def summed(self, off: cr.Array) -> float:
        return float(off.sum())


@breaks("formula_computed", says="for a binary task with smoothed targets, the value is")
class TakesHalvesForOne(MeanDistance):
    def update(self, prediction: cr.Array, target: cr.Array) -> None:
        super().update(prediction, np.where(target == 0.5, 1.0, target))


@breaks("gradient_elsewhere", says="for many weights, the slope along a direction is")
class AHundredWeights(Pull):
    def add_gradient(self, theta: cr.Array, grad: cr.Array) -> None:
        grad[:100] += 2 * self.strength * theta[:100]


@breaks("every_shape", says=r"for shape \(\) it raises IndexError")
class NoSingleNumber(Ball):
    def drawn(self, shape: cr.Shape, rng: np.random.Generator) -> cr.Array:
        shape[0]
        return super().drawn(shape, rng)

    checks_not_applicable = {"formula_computed": "so that the check of shapes speaks"}


@breaks("formula_computed", says=r"for shape \(3, 3\), w\[\d, \d\] is")
class TurnsSquares(Ball):
    def drawn(self, shape: cr.Shape, rng: np.random.Generator) -> cr.Array:
        w = super().drawn(shape, rng)
        return w.T if len({*shape}) == 1 else w


@dataclass
class Down(cr.Schedule):
    """Straight down after a warm-up: $factor = max(1 - step / total, 0)$, times $(step + 1) / warmup$ before.

    Args:
        warmup: how many steps, at least 0; default 2.
    """

    warmup: int = 2

    def __post_init__(self) -> None:
        self.require("warmup", self.warmup >= 0, "at least 0")

    def reference(self, step: int, total: int) -> float:
        return max(1 - step / total, 0.0) * ((step + 1) / self.warmup if step < self.warmup else 1)

    def __call__(self, step: int, total: int) -> float:
        return max(total - step, 0) / total * self.warming(step)

    def warming(self, step: int) -> float:
        return (step + 1) / self.warmup if step < self.warmup else 1.0


@breaks("other_lengths", also=("formula_computed",), says="asked for trainings of other lengths in turn")
class FirstLength(Down):
    def __call__(self, step: int, total: int) -> float:
        self.total = getattr(self, "total", total)
        return super().__call__(step, self.total)

    def reference(self, step: int, total: int) -> float:
        return super().reference(step, total) + 1


@breaks(
    "long_after", also=("formula_computed",), says=r"with \{'warmup': 0\}, at step 0 of 1 it gives 'ZeroDivisionError"
)
class NoWarmup(Down):
    def warming(self, step: int) -> float:
        return min((step + 1) / self.warmup, 1.0)


@dataclass
class Watches(cr.Schedule):
    """Halves where what it looks at gets no better: $factor = 2^{-n}$, n being how often it did not.

    Args:
        monitor: what it looks at; default "validation/loss".
    """

    monitor: str = "validation/loss"

    def __post_init__(self) -> None:
        self.least, self.bad = math.inf, 0

    def reference(self, step: int, total: int) -> float:
        return 0.5**self.bad

    def __call__(self, step: int, total: int) -> float:
        return 2.0**-self.bad

    def observe(self, metrics: Mapping[str, float]) -> None:
        self.require_measured(metrics)
        self.bad += metrics[self.monitor] >= self.least
        self.least = min(self.least, metrics[self.monitor])

    def require_measured(self, metrics: Mapping[str, float]) -> None:
        if self.monitor not in metrics:
            raise cr.ConfigError(f'"{self.monitor}" is not measured', key="watches.monitor")


@breaks("says_what_is_not_measured", says="of which nothing is measured, observe raises KeyError: 'validation/of_noth")
class JustLooks(Watches):
    def require_measured(self, metrics: Mapping[str, float]) -> None:
        pass


@breaks("says_what_is_not_measured", says="with monitor='validation/of_nothing' it says only: something is missing")
class SaysLittle(Watches):
    def require_measured(self, metrics: Mapping[str, float]) -> None:
        if self.monitor not in metrics:
            raise cr.ConfigError("something is missing")


@breaks("scaled_by_training_rows", says="column 0 of the targets has mean .* it is scaled by all")
class TargetsOfAll(cr.Dataset):
    """Numbers whose sum is to be found, standardized."""

    def load(self) -> cr.Data:
        x = np.random.default_rng(0).normal(size=(50, 3))
        y = x.sum(axis=1)
        y = (y - y.mean()) / y.std()
        return cr.Data(cr.Split(x[:30], y[:30]), "regression", cr.Split(x[30:], y[30:]))


@breaks("statistics_of_training_rows", says='whichever row of the column "a" is changed')
class HalvesByAll(Numbers):
    def load(self) -> cr.Data:
        data = super().load()
        largest = max(np.abs(split.x).max() for split in data.splits.values())
        table = np.loadtxt(self.path, delimiter=",", skiprows=1)
        return cr.Data(cr.Split(data.train.x / largest, data.train.y + table.sum()), "regression", data.validation)


@dataclass
class Straight(cr.Model):
    """One dense layer."""

    def build(self, input_shape: cr.Shape, units: int, activation: str) -> Sequence[Any]:
        return [{"name": "dense", "units": self.units(units), "activation": activation}]

    def units(self, asked: int) -> int:
        return asked


@breaks("other_endings", says=r"40 units and \w+, the network ends in shape \(8,\)")
class EightUnits(Straight):
    def units(self, asked: int) -> int:
        return min(asked, 8)


@dataclass
class Hidden(cr.Model):
    """A hidden layer and, where rate is above 0, a dropout.

    Of several outputs by name it ends in heads; width is at least 1, rate at least 0 and below 1.
    """

    width: int = 5
    rate: float = 0.0

    check_input_shapes = ((4,), (2, 3), {"a": (4,), "b": (2, 3)})

    def __post_init__(self) -> None:
        self.require("width", self.width >= 1, "at least 1")
        self.require("rate", 0 <= self.rate < 1, "at least 0 and below 1")

    def reference(self, input_shape: Any, units: Any, activation: Any) -> Sequence[Any]:
        layers: list[Any] = ["join"] if isinstance(input_shape, Mapping) else ["flatten"]
        layers += [{"name": "dense", "units": self.width, "activation": "relu"}]
        layers += [{"name": "dropout", "rate": self.rate}] if self.rate else []
        if isinstance(units, Mapping):
            heads = {name: [{"name": "dense", "units": units[name], "activation": activation[name]}] for name in units}
            return [*layers, {"name": "heads", "heads": heads}]
        return [*layers, {"name": "dense", "units": units, "activation": activation}]

    def build(self, input_shape: Any, units: Any, activation: Any) -> Sequence[Any]:
        first = "join" if isinstance(input_shape, Mapping) else "flatten"
        return [first, self.hidden(), *self.dropout(), self.end(units, activation)]

    def hidden(self) -> Any:
        return cr.make("layer", "dense", units=self.width, activation=cr.make("activation", "relu"))

    def dropout(self) -> Sequence[Any]:
        return [cr.make("layer", "dropout", rate=self.rate)] if self.rate else []

    def end(self, units: Any, activation: Any) -> Any:
        if not isinstance(units, Mapping):
            return cr.make("layer", "dense", units=units, activation=activation)
        return {"name": "heads", "heads": {name: [self.end(units[name], activation[name])] for name in units}}


@breaks("formula_computed", says=r"component 5 of the network is \{'name': 'tanh'\}, and by its reference .*'relu'")
class Tanh(Hidden):
    def hidden(self) -> Any:
        return {"name": "dense", "units": self.width, "activation": "tanh"}


@breaks(
    "formula_computed",
    says=r"with rate=0.4, .* component 2 of the network is .*'rate': 0.2\}, .*reference.*'rate': 0.4",
)
class HalfTheRate(Hidden):
    def dropout(self) -> Sequence[Any]:
        return [{"name": "dropout", "rate": self.rate / 2}] if self.rate else []


@breaks("formula_computed", says=r"component 2 of the network is .*'dropout', 'rate': 0.0.*by its reference .*'dense'")
class ADropoutOfZero(Hidden):
    def dropout(self) -> Sequence[Any]:
        return [{"name": "dropout", "rate": self.rate}]


@breaks("formula_computed", says=r"\{'binary': 1, .*'softmax'.*\}, .* of the network is .*'linear'.* by its reference")
class HeadsOfNumbers(Hidden):
    def end(self, units: Any, activation: Any) -> Any:
        if not isinstance(units, Mapping):
            return super().end(units, activation)
        return {"name": "heads", "heads": {name: [{"name": "dense", "units": units[name]}] for name in units}}


@breaks("formula_computed", says="its layers make no network, and its reference's do: ")
class ForOneOutput(Hidden):
    def end(self, units: Any, activation: Any) -> Any:
        return {"name": "dense", "units": units, "activation": activation}


@breaks("formula_computed", says="its reference lists no layers that make a network: .* it raises TypeError: ")
class ListsNothing(Hidden):
    def reference(self, input_shape: Any, units: Any, activation: Any) -> Any:
        return None


RIGHT = [
    Line,
    Blur,
    Average,
    Table,
    Surprise,
    Mean,
    Normed,
    Looks,
    Best,
    MeanScore,
    MeanDistance,
    Pull,
    Ball,
    Down,
    Watches,
    Numbers,
    Straight,
    Hidden,
]


@pytest.mark.parametrize("cls", RIGHT, ids=lambda cls: cls.__name__)
def test_right_twins_pass(cls: type) -> None:
    assert_right(cls)


@pytest.mark.parametrize("broken", breaks, ids=lambda broken: broken.id)
def test_planted_defects_are_found(broken: Broken) -> None:
    assert_found(broken)
