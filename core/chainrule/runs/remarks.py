"""What a run says of its own result, where that may mislead: it had not finished improving, or it is worth nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.contract.data import Data
from chainrule.contract.kinds import Metric
from chainrule.contract.named import items
from chainrule.contract.split import Split
from chainrule.network.targets import Targets
from chainrule.network.weighing import tell, weighable, weighed
from chainrule.registry.goals import goal_of
from chainrule.registry.making import fresh
from chainrule.registry.registry import registry
from chainrule.training.trainer import Trainer
from chainrule.words import number

WATCHED = "validation/loss"
GAIN = 0.01  # by which the last tenth of the epochs must have been better than all before, to count as improving
FEW = 20  # samples; with 20 an accuracy of 90 % has an interval of 70 to 97 %
SOLVED = 0.01  # of the way from the trivial answer to the perfect one; what is nearer to that has no need of remarks


class Standing(NamedTuple):
    """How a metric stands between a trivial answer, the same for every sample, and a perfect one."""

    name: str
    value: float
    trivial: float
    perfect: float

    @property
    def left(self) -> float:
        """The share of the way that is left to the perfect answer: 1 and more is no better than the trivial one. It is
        0 where the trivial one cannot be beaten, and NaN where something is not finite."""
        whole = abs(self.perfect - self.trivial)
        rest = abs(self.perfect - self.value)
        return rest / whole if whole else 0.0


def remarks_on(trainer: Trainer, data: Data, metrics: Mapping[str, float]) -> list[str]:
    """A sentence each; what the dataset has to say comes first. ``metrics``: as ``final_metrics`` gives them."""
    # Else the output is no answer like the targets, or these are not at hand.
    network = trainer.network
    comparable = network.loss.target_shape(network.output_shape) is None and data.at_hand
    parts = [part for part in ("validation", "test") if part in data.splits and comparable]
    standings = [standing_of(trainer, data, metrics, part) for part in parts]
    known = [standing for standing in standings if standing is not None]
    found = [*data.remarks, *_few(data), *_two_networks(trainer, data, metrics)]
    poor = [standing for standing in known if standing.left >= 1]
    if poor:
        trivial = "the mean of the training targets" if data.task == "regression" else "the most frequent class"
        told = " and ".join(f"{s.name} is {number(s.value)}, no better than {number(s.trivial)}," for s in poor)
        found.append(f"{told} which one gets by always saying {trivial}")
    gain = late_gain(trainer) if not known or known[0].left >= SOLVED else None
    if gain is not None:
        before, after = gain
        found.append(
            f"{WATCHED} was still improving when the training ended ({number(before)} before the last tenth of the "
            f"epochs, {number(after)} in it): give more than trainer.epochs={trainer.epochs}"
        )
    return found


def _few(data: Data) -> Iterator[str]:
    """Where figures rest on few samples; of a dataset that holds none back, they say what they shall."""
    few = {name: split.rows for name, split in data.splits.items() if name != "train" and split.rows < FEW}
    few = {name: rows for name, rows in few.items() if not (data.at_hand and _same(data.splits[name].x, data.train.x))}
    if few:
        held_out = " and ".join(f"{name} has {rows} row{'s' * (rows > 1)}" for name, rows in few.items())
        yield f"{held_out}: figures of so few say little, and would be others with another split (dataset.seed)"


def _same(a: Any, b: Any) -> bool:
    return all(np.array_equal(one, dict(items(b))[name]) for name, one in items(a))


def _two_networks(trainer: Trainer, data: Data, metrics: Mapping[str, float]) -> Iterator[str]:
    """Where the weights that are kept are not those at the end of the last epoch, but an earlier one's or a mean."""
    last = trainer.metrics
    measured = [name for name in last if name.startswith("validation/") and name in metrics]
    changed = [name for name in measured if not math.isclose(metrics[name], last[name], rel_tol=1e-6)]
    if any(math.isfinite(last[name]) or math.isfinite(metrics[name]) for name in changed):
        first = changed[0]
        held_out = " and ".join(part for part in ("validation", "test") if part in data.splits)
        yield (
            f"after the last epoch a callback took other weights ({first} is {number(metrics[first])} with them, and "
            f"was {number(last[first])}): {held_out} are of these, train is the mean over the last epoch, before that"
        )


def late_gain(trainer: Trainer) -> tuple[float, float] | None:
    """The best of what is watched before the last tenth of the epochs, and in it, where that is better by more than
    ``GAIN``, and nothing but the number of epochs ended the training."""
    values = [value if math.isfinite(value) else goal_of(WATCHED).worst for value in trainer.history.get(WATCHED, [])]
    late = max(1, len(values) // 10)
    if len(values) <= late or trainer.stop_reason is not None:
        return None
    before, after = (goal_of(WATCHED).best(part) for part in (values[:-late], values[-late:]))
    return (before, after) if goal_of(WATCHED).gain(after, before) > GAIN * abs(before) else None


def standing_of(
    trainer: Trainer, data: Data, metrics: Mapping[str, float], part: str = "validation"
) -> Standing | None:
    """How the first metric stands on a part of the data; None where there is no metric."""
    metric = next((metric for metric in trainer.all_metrics() if not metric.array), None)
    if metric is None or isinstance(data.task, Mapping):
        return None
    split = data.splits[part]
    name = f"{part}/{registry().name_of(metric)}"
    trivial, (perfect, targets) = trivial_answer(data), _known(data, split)
    always = np.broadcast_to(trivial, perfect.shape)
    return Standing(name, metrics[name], _measured(metric, always, targets), _measured(metric, perfect, targets))


def trivial_answer(data: Data) -> Array:
    """The mean of the training targets that count, or their most frequent class: ``(units,)``, of numbers for each of
    several steps ``(*steps, units)``."""
    answer, targets = _known(data, data.train)
    if data.task == "regression":
        weight = np.ones(len(answer)) if targets.weight is None else targets.weight
        weight = np.broadcast_to(weight.reshape(weight.shape + (1,) * (answer.ndim - weight.ndim)), answer.shape)
        total: Array = weight.sum(axis=0)
        mean: Array = (weight * answer).sum(axis=0) / np.where(total > 0, total, 1)
        return mean
    counting = np.ones(1, bool) if targets.weight is None else targets.weight > 0
    labels = data.train.y[np.broadcast_to(counting, data.train.y.shape[: counting.ndim])]
    frequent: Array = answers(data, np.array([np.bincount(labels.ravel()).argmax()]))[0]
    return frequent


def _known(data: Data, split: Split) -> tuple[Array, Targets]:
    """What an output layer that knows the targets would give, and these as metrics are told them."""
    perfect = answers(data, split.y)
    target = split.y if data.task == "multiclass" else perfect
    targets = Targets(target, target, per_step=data.task == "multiclass" and target.ndim > 1)
    return perfect, weighed(targets, split.weight, split.mask, data.input_shape, perfect.shape[1:])


def answers(data: Data, y: Array) -> Array:
    """What an output layer that knows ``y`` would give: ``(n, units)``, or ``(n, *steps, units)``."""
    if data.task == "multiclass":
        return np.eye(data.classes)[y]
    return (y[:, None] if y.ndim == 1 else y).astype(np.float64)


def _measured(metric: Metric, prediction: Array, targets: Targets) -> float:
    [metric] = weighable([fresh(metric)], targets)
    metric.reset()
    tell([metric], prediction, targets)
    return float(metric.compute())
