"""What goes into a network: inputs, and targets in the form that its loss and the metrics work with, checked."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.contract.arguments import real_numbers, require_labels, require_memory
from chainrule.contract.arrays import Array, Shape, Task
from chainrule.contract.data import TargetScale
from chainrule.errors import DataError, FieldError, ShapeError
from chainrule.words import quoted, sizes


class Targets(NamedTuple):
    """The same targets twice: as the loss takes them, and as the metrics do."""

    loss: Array
    metric: Array

    def rows(self, which: Any) -> Targets:
        loss = self.loss[which]
        return Targets(loss, loss if self.metric is self.loss else self.metric[which])


def as_inputs(x: Any, input_shape: Shape, dtype: np.dtype[Any]) -> Array:
    """``x`` as an array of that dtype.

    Raises:
        ShapeError: it is not ``(batch, *input_shape)``. DataError: it does not hold numbers.
    """
    with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite
        given = real_numbers("inputs", x)
        if given.dtype != dtype:
            require_memory("a copy of the inputs", given.size * dtype.itemsize)
        inputs: Array = given.astype(dtype, copy=False)
    if inputs.ndim == 0 or inputs.shape[1:] != input_shape:
        raise ShapeError(f"the network takes inputs of shape (n, {sizes(input_shape)}), got {inputs.shape}")
    return inputs


def as_numbers(y: Any) -> Array:
    """Targets as an array.

    Raises:
        DataError: it does not hold numbers.
    """
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


def prepared(
    y: Array,
    task: Task,
    output_shape: Shape,
    dtype: np.dtype[Any],
    integer_targets: bool,
    scale: TargetScale | None = None,
) -> Targets:
    """``y`` for a network with that output.

    Args:
        y: integer classes ``(n,)``, one-hot or probabilities ``(n, classes)``, or numbers shaped as the output.
        integer_targets: whether the loss takes classes as they are.
        scale: by which the loss is given them standardized; metrics have them in their unit, in float64.

    Raises:
        DataError: labels out of range. ShapeError: targets that do not fit the output.
    """
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
    if len(output_shape) != 1 or output_shape[0] < 2:
        raise ShapeError(
            f"a multiclass task needs one output unit per class, and the output has shape (n, {sizes(output_shape)}); "
            "for two classes in one column use a sigmoid output and a binary loss"
        )
    classes = output_shape[0]
    if y.ndim == 1:
        whole = np.isfinite(y) & (np.rint(y) == y)
        if not whole.all():
            raise DataError(f"classes must be whole numbers, got {y[~whole][0]}")
        require_labels(y, classes, "sample", f"the network has {classes} outputs")
        labels = y.astype(np.int64)
        return Targets(labels if integer_targets else np.eye(classes, dtype=dtype)[labels], labels)
    if y.shape[1:] != (classes,):
        raise ShapeError(
            f"targets of shape {y.shape} do not fit {classes} output units: give classes as integers of shape (n,), "
            f"or one-hot of shape (n, {classes})"
        )
    wrong = np.flatnonzero(~((y >= 0).all(axis=1) & np.isclose(y.sum(axis=1), 1, atol=1e-3)))
    if len(wrong):
        raise DataError(
            f"target {wrong[0]} is no distribution over the {classes} classes: its numbers must be 0 or more, and sum "
            "to 1"
        )
    return Targets(y.astype(dtype), y.argmax(axis=1))


def task_of(y: Array, output_shape: Shape, suited: Sequence[Task]) -> Task:
    """What the targets look like; or else, where it is not among the tasks that suit the loss, the first of those."""
    looks = _looks_like(y, output_shape)
    return looks if looks in suited or not suited else suited[0]


def _looks_like(y: Array, output_shape: Shape) -> Task:
    several = len(output_shape) == 1 and output_shape[0] > 1
    if several and y.ndim == 1 and np.issubdtype(y.dtype, np.integer):
        return "multiclass"
    if several and y.ndim == 2 and y.shape[1] == output_shape[0]:
        rows = y.sum(axis=1)
        if (y >= 0).all() and np.allclose(rows, 1):
            return "multiclass"
    return "binary" if np.isin(y, (0, 1)).all() else "regression"
