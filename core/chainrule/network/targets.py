"""What goes into a network: inputs, and targets in the form that its loss and the metrics work with, checked."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.contract.arguments import real_numbers, require_labels, require_memory
from chainrule.contract.arrays import Array, Shape, Task
from chainrule.contract.named import each, one_of, rows_of
from chainrule.contract.scaled import Scaled
from chainrule.contract.target_scale import TargetScale
from chainrule.errors import DataError, FieldError, ShapeError
from chainrule.words import quoted, sizes


class Targets(NamedTuple):
    """The same targets twice: as the loss takes them, and as the metrics do.

    ``weight``: how much each sample counts, ``(n,)``, or each step of it, ``(n, *steps)``; ``mask``: which steps of the
    inputs count, bool, ``(n, *steps)``. None where all count alike. ``per_step``: whether there is a class for each of
    several steps. Of a network of several outputs ``loss``, ``metric`` and ``per_step`` hold one for each, by name.
    """

    loss: Any
    metric: Any
    weight: Array | None = None
    mask: Array | None = None
    per_step: Any = False

    @classmethod
    def of_outputs(cls, named: Mapping[str, Targets]) -> Targets:
        """Those of several outputs."""
        loss, metric, per_step = (
            {name: getattr(targets, part) for name, targets in named.items()} for part in ("loss", "metric", "per_step")
        )
        return cls(loss, metric, per_step=per_step)

    def rows(self, which: Any) -> Targets:
        loss = rows_of(self.loss, which)
        metric = loss if self.metric is self.loss else rows_of(self.metric, which)
        weight = None if self.weight is None else self.weight[which]
        mask = None if self.mask is None else self.mask[which]
        return Targets(loss, metric, weight, mask, self.per_step)

    def read(self) -> Targets:
        """The same, of which what is ``Scaled`` as it is read is an array."""
        loss = each(np.asarray, self.loss)
        metric = loss if self.metric is self.loss else each(np.asarray, self.metric)
        return self._replace(loss=loss, metric=metric)

    @property
    def weighs(self) -> float:
        """How many samples there are, or what they weigh together."""
        return len(one_of(self.loss)) if self.weight is None else float(self.weight.sum())


class Whole(NamedTuple):
    """That a network takes whole numbers: which ones, and what messages call the layer that says so."""

    dtype: np.dtype[Any]
    there: range | None
    layer: str


def as_inputs(x: Any, input_shape: Shape, dtype: np.dtype[Any], whole: Whole | None = None) -> Any:
    """``x`` as an array of that dtype; of whole numbers, where the network takes such. What is ``Scaled`` as it is read
    stays so.

    Raises:
        ShapeError: it is not ``(batch, *input_shape)``. DataError: it does not hold numbers, or none that it takes.
    """
    inputs: Any
    if isinstance(x, Scaled) and whole is None:
        inputs = x.as_type(dtype)
    else:
        with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite
            given = real_numbers("inputs", x)
            if given.dtype != dtype:
                require_memory("a copy of the inputs", given.size * dtype.itemsize)
            inputs = given.astype(dtype, copy=False) if whole is None else _whole_numbers(given, whole)
    if inputs.ndim == 0 or inputs.shape[1:] != input_shape:
        raise ShapeError(f"the network takes inputs of shape (n, {sizes(input_shape)}), got {inputs.shape}")
    return inputs


def as_many(inputs: dict[str, Array]) -> dict[str, Array]:
    """The same.

    Raises:
        DataError: some have more rows than others.
    """
    rows = {name: len(array) for name, array in inputs.items()}
    if len({*rows.values()}) > 1:
        raise DataError(f"inputs must have as many rows each, got {', '.join(f'{n} of {k}' for k, n in rows.items())}")
    return inputs


def _whole_numbers(given: Array, whole: Whole) -> Array:
    """``given``, to the last digit.

    Raises:
        DataError: names the first number that the layer does not take, and its sample.
    """
    taken = "whole numbers" if whole.there is None else f"whole numbers from {whole.there[0]} to {whole.there[-1]}"
    if given.dtype.kind == "f":
        exact = np.isfinite(given) & (np.abs(given) <= 2.0**53) & (np.rint(given) == given)
    else:
        exact = np.ones(given.shape, bool)
    low, high = (whole.there[0], whole.there[-1]) if whole.there else (-(2**63), 2**63 - 1)
    wrong = np.argwhere(~(exact & (given >= low) & (given <= high)))
    if len(wrong):
        first = tuple(wrong[0])
        where = f" of sample {first[0]}" if first else ""
        raise DataError(f"{whole.layer} takes {taken}, got {given[first]}{where}")
    numbers: Array = given.astype(whole.dtype, copy=False)
    return numbers


def require_names(what: str, given: Any, known: Mapping[str, Any]) -> None:
    """Refuse what has not an array for each name.

    Raises:
        ShapeError: says which it has.
    """
    if not isinstance(given, Mapping) or {*given} != {*known}:
        found = (", ".join(map(str, given)) or "none") if isinstance(given, Mapping) else quoted(given)
        raise ShapeError(f"{what} must be a mapping with an array for each of {', '.join(known)}, got {found}")


def as_numbers(y: Any) -> Any:
    """Targets as an array. What is ``Scaled`` as it is read stays so.

    Raises:
        DataError: it does not hold numbers.
    """
    if isinstance(y, Scaled):
        return y
    targets = real_numbers("targets", y, ": give each class as a whole number from 0")
    require_memory("a copy of the targets", targets.size * targets.dtype.itemsize)
    return targets


def required_scale(given: Any, output_shape: Shape) -> TargetScale:
    """The scale of targets for a network with that output.

    Raises:
        FieldError: it is no pair of means and standard deviations, one of each for each output.
    """
    expected = f"{sizes(output_shape)} finite means, and as many standard deviations above 0"
    try:
        if len(given) != 2 or any((len(row),) != output_shape for row in given):
            raise ValueError
        if not all(isinstance(value, numbers.Real) and math.isfinite(value) for row in given for value in row):
            raise ValueError
        scale = TargetScale(*(tuple(float(value) for value in row) for row in given))
        if min(scale.std) <= 0:
            raise ValueError
    except (TypeError, ValueError, OverflowError, KeyError):
        raise FieldError(f"got {quoted(given)}, expected {expected}", key="target_scale") from None
    return scale


def shaped(y: Array, shape: Shape, dtype: np.dtype[Any], loss: str) -> Targets:
    """``y`` for a loss that says the shape of its targets.

    Raises:
        ShapeError: it is none of them. DataError: it holds no such numbers.
    """
    if y.shape[1:] == (*shape, 1):
        y = y[..., 0]
    elif y.ndim and (*y.shape[1:], 1) == shape:
        y = y[..., None]
    if y.shape[1:] != shape or not y.ndim:
        raise ShapeError(f"{loss} takes targets of shape (n,{sizes(shape) and ' '}{sizes(shape)}), got {y.shape}")
    whole = Whole(dtype, None, loss)
    targets = _whole_numbers(y, whole) if dtype.kind == "i" else y.astype(dtype)
    return Targets(targets, targets)


def prepared(
    y: Any,
    task: Task,
    output_shape: Shape,
    dtype: np.dtype[Any],
    integer_targets: bool,
    scale: TargetScale | None = None,
) -> Targets:
    """``y`` for a network with that output.

    Args:
        y: integer classes ``(n,)``, one-hot or probabilities ``(n, classes)``, or numbers shaped as the output; of a
            network that gives a class for each of several steps, ``(n, *steps)`` and ``(n, *steps, classes)``.
        integer_targets: whether the loss takes classes as they are.
        scale: by which the loss is given them standardized; metrics have them in their unit, in float64.

    Raises:
        DataError: labels out of range. ShapeError: targets that do not fit the output.
    """
    if isinstance(y, Scaled) and task == "regression" and scale is None and y.shape[1:] == output_shape:
        numbers = y.as_type(dtype)
        return Targets(numbers, numbers)
    y = np.asarray(y)
    if task == "multiclass":
        return _classes(y, output_shape, dtype, integer_targets)
    with np.errstate(over="ignore"):  # as for inputs
        target = y.astype(np.float64 if scale else dtype)
    if target.ndim == 1 and output_shape == (1,):
        target = target[:, None]  # never broadcast (n,) against (n, 1)
    if target.shape[1:] != output_shape:
        raise ShapeError(f"targets of shape {y.shape} do not fit a {task} output of shape (n, {sizes(output_shape)})")
    within = (target >= 0) & (target <= 1)  # false for nan
    if task == "binary" and not within.all():
        raise DataError(f"targets of a binary task must be 0 or 1, got {target[~within][0]:g}")
    return Targets(scale.standardized(target).astype(dtype) if scale else target, target)


def _classes(y: Array, output_shape: Shape, dtype: np.dtype[Any], integer_targets: bool) -> Targets:
    if not output_shape or output_shape[-1] < 2 or (y.ndim == 1 and len(output_shape) > 1):
        raise ShapeError(
            f"a multiclass task needs one output unit per class, and the output has shape (n, {sizes(output_shape)}); "
            "for two classes in one column use a sigmoid output and a binary loss"
        )
    *steps, classes = output_shape
    if y.ndim and y.shape[1:] == tuple(steps):
        whole = np.isfinite(y) & (np.rint(y) == y)
        if not whole.all():
            raise DataError(f"classes must be whole numbers, got {y[~whole][0]}")
        require_labels(y, classes, "sample", f"the network has {classes} outputs")
        labels = y.astype(np.int64)
        given = labels if integer_targets else np.eye(classes, dtype=dtype)[labels]
        return Targets(given, labels, per_step=bool(steps))
    if y.shape[1:] != output_shape:
        each = f"(n, {sizes(steps)})" if steps else "(n,)"
        per_step = y.ndim == 2 and not steps and y.dtype.kind in "iu" and y.max(initial=0) > 1
        hint = "; for a class at each step let the network give (n, steps, classes)" if per_step else ""
        raise ShapeError(
            f"targets of shape {y.shape} do not fit {classes} output units: give classes as integers of shape {each}, "
            f"or one-hot of shape (n, {sizes(output_shape)}){hint}"
        )
    _require_distributions(y, classes)
    return Targets(y.astype(dtype), y.argmax(axis=-1), per_step=bool(steps))


def require_targets(y: Array, task: Task, output_shape: Shape) -> None:
    """Refuse targets, in the form that a loss takes, that are none for their task.

    Raises:
        DataError: names the first that is not.
    """
    if task == "multiclass" and y.dtype.kind == "i":
        require_labels(y, output_shape[-1], "sample", f"the network has {output_shape[-1]} outputs")
    elif task == "multiclass":
        _require_distributions(y, output_shape[-1])
    elif task == "binary" and not ((y >= 0) & (y <= 1)).all():
        raise DataError(f"targets of a binary task must be 0 or 1, got {y[~((y >= 0) & (y <= 1))][0]:g}")


def _require_distributions(y: Array, classes: int) -> None:
    right = (y >= 0).all(axis=-1) & np.isclose(y.sum(axis=-1), 1, atol=1e-3)
    wrong = np.argwhere(~right)
    if len(wrong):
        raise DataError(
            f"target {wrong[0][0]} is no distribution over the {classes} classes: its numbers must be 0 or more, and "
            "sum to 1"
        )


def task_of(y: Array, output_shape: Shape, suited: Sequence[Task]) -> Task:
    """What the targets look like; or else, where it is not among the tasks that suit the loss, the first of those."""
    looks = _looks_like(y, output_shape)
    return looks if looks in suited or not suited else suited[0]


def _looks_like(y: Array, output_shape: Shape) -> Task:
    several = bool(output_shape) and output_shape[-1] > 1
    if several and y.shape[1:] == output_shape[:-1] and np.issubdtype(y.dtype, np.integer):
        return "multiclass"
    if several and y.ndim >= 2 and y.shape[1:] == output_shape:
        rows = y.sum(axis=-1)
        if (y >= 0).all() and np.allclose(rows, 1):
            return "multiclass"
    return "binary" if np.isin(y, (0, 1)).all() else "regression"
