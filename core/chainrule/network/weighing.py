"""What samples weigh: in the loss and its gradient, and in metrics, whose authors need not know of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.contract.arguments import real_numbers
from chainrule.contract.arrays import Array, Shape
from chainrule.contract.kinds import Loss, Metric
from chainrule.contract.named import each, one_of, rows_of
from chainrule.contract.signatures import takes
from chainrule.errors import ConfigError, ContractError, DataError, ShapeError
from chainrule.network.targets import Targets
from chainrule.registry.making import fresh
from chainrule.registry.registry import registry
from chainrule.words import sizes


def weighed(
    targets: Targets,
    weight: Any,
    mask: Any,
    input_shape: Any,
    output_shape: Any,
    asked: bool = True,
    part: bool = False,
) -> Targets:
    """Targets with what their samples weigh.

    Args:
        weight: ``(n,)``, or ``(n, *steps)`` where the output has a prediction for each step; 0 or more.
        mask: true or false, ``(n,)``, or ``(n, *steps)``: which steps of the inputs count. It is given to the layers
            that ask for it; where the output has the same steps, those that do not count weigh nothing.
        asked: whether any layer asks for the mask.
        part: whether there are more samples, so that of these none need count.

    Raises:
        ConfigError: the mask would change nothing.
        ShapeError, DataError: they are not so.
    """
    n = len(one_of(targets.loss))
    steps: Array | None = None
    if weight is not None:
        weight = real_numbers("weights", weight).astype(np.float64)
        _require_steps("weights", weight, n, _steps(output_shape)[:-1])
        wrong = np.argwhere(~(np.isfinite(weight) & (weight >= 0)))
        if len(wrong):
            found = f"the weight of sample {wrong[0][0]} is {weight[tuple(wrong[0])]:g}"
            raise DataError(f"{found}: weights are 0 or more, and finite")
    if mask is not None:
        mask = steps_that_count(mask, n, input_shape)
        outputs = _steps(output_shape)
        of_outputs = len(outputs) >= mask.ndim and mask.shape == (n, *outputs[: mask.ndim - 1])
        if mask.ndim == 1 or (of_outputs and targets.loss.shape[: mask.ndim] == mask.shape):
            weight = mask.astype(np.float64) if weight is None else _both(weight, mask)
        steps = mask if mask.ndim > 1 else None
    if weight is not None and not part and not weight.any():
        raise DataError("no sample counts: all weights are 0, or the mask leaves all out")
    if steps is not None and not asked and (weight is None or weight.ndim == 1):
        raise ConfigError(
            "the data has a mask of steps, which no layer of this network asks for, and its output has no such steps: "
            "all of them would count; take layers for sequences, or leave the mask out"
        )
    return targets._replace(weight=weight, mask=steps)


def _both(weight: Array, mask: Array) -> Array:
    """The weight of what counts, of each step if one of them has it."""
    axes = max(weight.ndim, mask.ndim)
    product: Array = np.multiply(*(array.reshape(array.shape + (1,) * (axes - array.ndim)) for array in (weight, mask)))
    return product


def steps_that_count(mask: Any, n: int, input_shape: Any) -> Array:
    """A mask of inputs, as bool.

    Raises:
        ShapeError, DataError: it is none.
    """
    given = real_numbers("the mask", mask)
    wrong = given[~np.isin(given, (0, 1))]
    if wrong.size:
        raise DataError(f"a mask holds true and false, 1 and 0, got {wrong[0]}")
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
        self._factors: Array = np.ones(())
        self._of_each = 1  # by what the loss of a row alone is to be multiplied, as far as that could be told

    def value(self, forward: Callable[[Any, Any], float], y: Any, target: Any, weight: Array) -> float:
        """What ``forward(y, target)`` gives, weighed."""
        rows = self._rows(forward, y, target, weight.shape)
        total = float(weight.sum())
        self._factors = weight * (weight.size / total) if total else np.zeros_like(weight)
        counting = weight > 0  # what does not count may be anything, infinite too
        each = rows.reshape(*weight.shape, -1)[counting].mean(axis=-1, dtype=np.float64)
        return float((weight[counting] * each).sum() / total) if total else 0.0

    def gradient(self, unweighed: Any) -> Any:
        """The gradient of that, from the one that the loss gives for a mean."""
        return each(self._weighed, unweighed)

    def _weighed(self, unweighed: Array) -> Array:
        factors = self._factors.astype(unweighed.dtype).reshape(
            self._factors.shape + (1,) * (unweighed.ndim - self._factors.ndim)
        )
        gradient: Array = np.multiply(unweighed, factors, out=np.zeros_like(unweighed), where=factors > 0)
        return gradient

    def _rows(self, forward: Callable[[Any, Any], float], y: Any, target: Any, shape: Shape) -> Array:
        """The losses of which ``forward`` gives the mean, that went over all of them last."""
        if self._writes_rows:
            forward(y, target)
            rows = self._loss.rows()
            if rows.shape[: len(shape)] != shape:
                raise self._cannot(f"gives rows of shape {rows.shape}, which weights of shape {shape} cannot weigh")
            return rows
        given: Shape = one_of(target).shape
        if given[: len(shape)] != shape:
            raise self._cannot(f"takes targets of shape {given}, which weights of shape {shape} cannot weigh")
        alone = np.empty(shape)
        for index in np.ndindex(shape):
            one = tuple(slice(i, i + 1) for i in index)
            alone[index] = forward(rows_of(y, one), rows_of(target, one))
        whole, mean, size = float(forward(y, target)), float(alone.mean()), float(np.abs(alone).mean())
        if math.isfinite(whole) and math.isfinite(size):
            # A mean over the batch may be a sum over the steps of each sample.
            fitting = [k for k in (1, math.prod(shape[1:])) if abs(whole - k * mean) <= 1e-4 * k * size]
            if not fitting:
                raise self._cannot("is no mean of what it is for each row alone, and does not say its rows()")
            self._of_each = fitting[0]
        return alone * self._of_each

    def _cannot(self, why: str) -> ContractError:
        return ContractError(f"the loss {registry().name_of(self._loss)} {why}: give no weights and no such mask")


def tell(metrics: Iterable[Metric], prediction: Any, targets: Targets) -> None:
    """Have metrics take in a batch; they are those of ``weighable``. Of classes for each step, every step is a row;
    what does not count is left out."""
    plain = targets.weight is None and not targets.per_step
    for metric in metrics:
        if plain:
            metric.update(prediction, targets.metric)
        else:
            _tell(metric, prediction, targets)


def _tell(metric: Metric, prediction: Any, targets: Targets) -> None:
    if isinstance(metric, OfOutput):
        own = {"metric": targets.metric[metric.output], "per_step": targets.per_step[metric.output]}
        _tell(metric.metric, prediction[metric.output], targets._replace(**own))
        return
    target, weight = targets.metric, targets.weight
    if targets.per_step:
        if weight is not None:
            weight = np.broadcast_to(weight.reshape(weight.shape + (1,) * (target.ndim - weight.ndim)), target.shape)
            weight = weight.ravel()
        prediction, target = prediction.reshape(-1, prediction.shape[-1]), target.ravel()
    if weight is None:
        metric.update(prediction, target)
        return
    counts = weight > 0
    if weight.ndim > 1 or not counts.all():
        prediction, target, weight = prediction[counts], target[counts], weight[counts]
    if not len(weight):
        return
    if takes(metric.update, "weight"):
        metric.update(prediction, target, weight=weight)  # type: ignore[call-arg]
    else:
        metric.update(prediction, target)


def weighable(metrics: Sequence[Metric], targets: Targets) -> list[Metric]:
    """The metrics, those that take no weights as means over their values for each sample alone, where such targets
    have any.

    Raises:
        ContractError: one that takes none gives an array.
    """
    plain = targets.weight is None or bool(np.isin(targets.weight, (0, 1)).all())

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
        if metric.array:
            raise self._cannot("gives an array")
        self.reset()

    def reset(self) -> None:
        self.metric.reset()
        self.sums = [0.0, 0.0, 0.0, 0.0]  # w m, w, m, 1

    def update(self, prediction: Array, target: Array, weight: Array) -> None:  # type: ignore[override]
        self.metric.update(prediction, target)
        for i, w in enumerate(weight.tolist()):
            self._alone.reset()
            self._alone.update(prediction[i : i + 1], target[i : i + 1])
            value = float(self._alone.compute())
            self.sums = [total + more for total, more in zip(self.sums, (w * value, w, value, 1.0))]

    def compute(self) -> float:
        weighed_sum, weight, plain_sum, count = self.sums
        if not count:
            return math.nan
        whole, mean = float(self.metric.compute()), plain_sum / count
        if math.isfinite(whole) and not math.isclose(mean, whole, rel_tol=1e-5, abs_tol=1e-6):
            raise self._cannot("is no mean over samples")
        return weighed_sum / weight

    def state(self) -> dict[str, Any]:
        return {"sums": self.sums, "metric": self.metric.state()}

    def load_state(self, state: Any) -> None:
        self.sums = list(state["sums"])
        self.metric.load_state(state["metric"])

    def _cannot(self, why: str) -> ContractError:
        return ContractError(
            f"the metric {name_of(self)} {why}, and takes no weights, which the data has: let it take them, "
            "update(self, prediction, target, weight=None)"
        )
