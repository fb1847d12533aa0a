"""What samples weigh: in the loss and its gradient, and in metrics, whose authors need not know of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.contract.arguments import real_numbers
from chainrule.contract.arrays import Array, Shape
from chainrule.contract.kinds import Loss, Metric
from chainrule.contract.named import each, one_of, rows_of
from chainrule.contract.signatures import takes
from chainrule.errors import ContractError, DataError, ShapeError
from chainrule.network.targets import Targets
from chainrule.registry.making import fresh
from chainrule.registry.registry import registry
from chainrule.words import quoted, sizes


def weighed(targets: Targets, weight: Any, mask: Any, input_shape: Any, output_shape: Any) -> Targets:
    """Targets with what their samples weigh.

    Args:
        weight: ``(n,)``, or ``(n, *steps)`` where the output has a prediction for each step; 0 or more.
        mask: true or false, ``(n,)``, or ``(n, *steps)``: which steps of the inputs count. It is given to the layers
            that ask for it; where the output has the same steps, those that do not count weigh nothing.

    Raises:
        ShapeError, DataError: they are not so.
    """
    n = len(one_of(targets.loss))
    steps: Array | None = None
    if weight is not None:
        weight = real_numbers("weights", weight).astype(np.float64)
        _require_steps("weights", weight, n, _steps(output_shape)[:-1])
        wrong = np.argwhere(~(np.isfinite(weight) & (weight >= 0)))
        if len(wrong):
            raise DataError(f"the weight of sample {wrong[0][0]} is {weight[tuple(wrong[0])]:g}: weights are 0 or more")
    if mask is not None:
        mask = steps_that_count(mask, n, input_shape)
        outputs = _steps(output_shape)
        of_outputs = mask.shape[1:] == outputs[: mask.ndim - 1] and len(outputs) >= mask.ndim
        if of_outputs or mask.ndim == 1:
            each = np.ones(n) if weight is None else weight
            weight = mask * each.reshape(each.shape + (1,) * (mask.ndim - each.ndim))
        steps = mask if mask.ndim > 1 else None
    if weight is not None and not weight.any():
        raise DataError("no sample counts: all weights are 0, or the mask leaves all out")
    return targets._replace(weight=weight, mask=steps)


def steps_that_count(mask: Any, n: int, input_shape: Any) -> Array:
    """A mask of inputs, as bool.

    Raises:
        ShapeError, DataError: it is none.
    """
    given = real_numbers("the mask", mask)
    if not np.isin(given, (0, 1)).all():
        raise DataError("a mask holds true and false, 1 and 0")
    _require_steps("the mask", given, n, _steps(input_shape))
    return given.astype(bool)


def _steps(shape: Any) -> Shape:
    """The axes of a sample over which there may be weights and masks; none of several inputs or outputs by name."""
    return () if isinstance(shape, Mapping) else shape


def _require_steps(what: str, given: Array, n: int, steps: Shape) -> None:
    if not given.ndim or len(given) != n or given.shape[1:] != steps[: given.ndim - 1]:
        known = " or ".join(f"({sizes((n, *steps[:k]))}{',' * (k == 0)})" for k in range(min(len(steps), 1) + 1))
        raise ShapeError(f"{what} must be of shape {known}, got {given.shape}")


class Weighing:
    """The loss of a batch as a weighted mean of the rows whose plain mean a loss gives: $sum w_i l_i / sum w_i$."""

    def __init__(self, loss: Loss) -> None:
        self._loss = loss
        self._writes_rows = type(loss).rows is not Loss.rows
        self._factors: Array | None = None

    def value(self, forward: Callable[[Any, Any], float], y: Any, target: Any, weight: Array | None) -> float:
        """What ``forward(y, target)`` gives, weighed."""
        self._factors = None
        if weight is None:
            return forward(y, target)
        alone = None if self._writes_rows else _one_by_one(forward, y, target, weight.shape)
        forward(y, target)
        rows = self._loss.rows() if alone is None else alone
        if rows.shape[: weight.ndim] != weight.shape:
            raise ContractError(
                f"the loss {registry().name_of(self._loss)} gives rows of shape {rows.shape}, which weights of shape "
                f"{weight.shape} cannot weigh"
            )
        total = float(weight.sum())
        self._factors = weight * (weight.size / total) if total else np.zeros_like(weight)
        counting = weight > 0  # what does not count may be anything, infinite too
        each = rows.reshape(*weight.shape, -1)[counting].mean(axis=-1, dtype=np.float64)
        return float((weight[counting] * each).sum() / total) if total else 0.0

    def gradient(self, unweighed: Any) -> Any:
        """The gradient of that, from the one that the loss gives for a mean."""
        return unweighed if self._factors is None else each(self._weighed, unweighed)

    def _weighed(self, unweighed: Array) -> Array:
        assert self._factors is not None, "there are weights"
        factors = self._factors.astype(unweighed.dtype).reshape(
            self._factors.shape + (1,) * (unweighed.ndim - self._factors.ndim)
        )
        gradient: Array = np.multiply(unweighed, factors, out=np.zeros_like(unweighed), where=factors > 0)
        return gradient


def _one_by_one(forward: Callable[[Any, Any], float], y: Any, target: Any, shape: Shape) -> Array:
    """The loss of each row alone."""
    rows = np.empty(shape)
    for index in np.ndindex(shape):
        one = tuple(slice(i, i + 1) for i in index)
        rows[index] = forward(rows_of(y, one), rows_of(target, one))
    return rows


def tell(metric: Metric, prediction: Any, targets: Targets) -> None:
    """Have a metric take in a batch; it is one of ``weighable``."""
    if isinstance(metric, OfOutput):
        tell(metric.metric, prediction[metric.output], targets._replace(metric=targets.metric[metric.output]))
        return
    target, weight = targets.metric, targets.weight
    if weight is None:
        metric.update(prediction, target)
        return
    counts = targets.counts
    if counts is not None:
        prediction, target, weight = prediction[counts], target[counts], weight[counts]
    if takes(metric.update, "weight"):
        metric.update(prediction, target, weight)  # type: ignore[call-arg]
    else:
        metric.update(prediction, target)


def weighable(metrics: Sequence[Metric], targets: Targets) -> list[Metric]:
    """The metrics, those that take no weights as means over their values for each sample alone, where such targets
    have any."""
    plain = targets.weight is None or (targets.counts is not None and bool(np.isin(targets.weight, (0, 1)).all()))

    def one(metric: Metric) -> Metric:
        if isinstance(metric, OfOutput):
            return OfOutput(metric.output, one(metric.metric))
        return metric if plain or takes(metric.update, "weight") else OneByOne(metric)

    return [one(metric) for metric in metrics]


def name_of(metric: Metric) -> str:
    """What a metric is called: ``"accuracy"``; of one output of several, ``"digit/accuracy"``."""
    if isinstance(metric, OfOutput):
        return f"{metric.output}/{name_of(metric.metric)}"
    return registry().name_of(metric.metric if isinstance(metric, OneByOne) else metric)


class OfOutput(Metric):
    """A metric of one output of several."""

    def __init__(self, output: str, metric: Metric) -> None:
        self.output, self.metric = output, metric
        self.reset, self.compute = metric.reset, metric.compute  # type: ignore[method-assign]
        self.state, self.load_state = metric.state, metric.load_state  # type: ignore[method-assign]
        self.array = metric.array  # type: ignore[misc]


class OneByOne(Metric):
    """A metric that takes no weights and is a mean over samples, weighed: $sum w_i m_i / sum w_i$, with its value
    $m_i$ for each sample alone."""

    def __init__(self, metric: Metric) -> None:
        self.metric, self._alone = metric, fresh(metric)
        self.reset()

    def reset(self) -> None:
        self.metric.reset()
        self.sums = [0.0, 0.0, 0.0, 0.0]  # w m, w, m, 1

    def update(self, prediction: Array, target: Array, weight: Array) -> None:  # type: ignore[override]
        self.metric.update(prediction, target)
        for i, w in enumerate(weight.reshape(len(weight), -1).mean(axis=1).tolist()):
            self._alone.reset()
            self._alone.update(prediction[i : i + 1], target[i : i + 1])
            value = float(self._alone.compute())
            self.sums = [total + more for total, more in zip(self.sums, (w * value, w, value, 1.0))]

    def compute(self) -> float:
        weighed_sum, weight, plain_sum, count = self.sums
        if not count or not weight:
            return math.nan
        whole = float(self.metric.compute())
        if not math.isclose(plain_sum / count, whole, rel_tol=1e-5, abs_tol=1e-6):
            raise ContractError(
                f"the metric {quoted(name_of(self))} is no mean over samples, and takes no weights, which the data "
                "has: let it take them, update(self, prediction, target, weight=None)"
            )
        return weighed_sum / weight

    def state(self) -> dict[str, Any]:
        return {"sums": self.sums, "metric": self.metric.state()}

    def load_state(self, state: Any) -> None:
        self.sums = list(state["sums"])
        self.metric.load_state(state["metric"])
