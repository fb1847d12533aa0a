"""Metrics of many rows and of none, of arrays that are filled anew, and of a class that nothing is of."""

from __future__ import annotations

import re
import warnings
from typing import Any, cast

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.contract.kinds import Metric
from chainrule.contract.signatures import takes
from chainrule.testing.arrays import close, is_finite_number
from chainrule.testing.kit import CheckFailed, check, expect
from chainrule.testing.metrics import CLASSES, CUTS, ROWS, data, value
from chainrule.testing.subject import Subject

TIMES = 3000
"""So that counts leave the range of 16 bits."""
EACH = 250
NOTHING = r"(NaN|[Ee]mpty)\b[^.]* where nothing was seen"
NO_SCORE = r"NaN\b[^.]* where a score is NaN"
MEND_NOTHING = "return math.nan, or what the docstring says, where the count is 0; or leave that out of the docstring"


@check("metric", rests_on=("any_cut",))
def check_many_rows(subject: Subject) -> None:
    """What it makes of rows that are there several times it makes of them when they are there thousands of times."""
    for task in subject.make().tasks:
        prediction, target = data(subject, task)
        once, twice, thrice = (_repeated(subject, prediction, target, times, 1) for times in (1, 2, 3))
        many = _repeated(subject, prediction, target, TIMES, EACH)
        if close(once, twice) and close(once, thrice):
            expected = once
        elif close(2 * once, twice) and close(3 * once, thrice):
            expected = TIMES * once
        else:
            continue
        expect(
            close(many, expected),
            f"for {ROWS} rows of a {task} task that are there {TIMES} times it gives {many.tolist()}, and by what it "
            f"gives for fewer {expected.tolist()}",
            "take in all rows of a batch, however many; count in Python's numbers, int64 or float64",
        )


def _repeated(subject: Subject, prediction: Array, target: Array, times: int, each: int) -> Array:
    metric = subject.make()
    metric.reset()
    rows = np.tile(prediction, (each, *[1] * (prediction.ndim - 1))), np.tile(target, (each, *[1] * (target.ndim - 1)))
    for _ in range(times // each):
        metric.update(*(array.copy() for array in rows))
    return np.asarray(metric.compute())


@check("metric", rests_on=("any_cut",))
def check_arrays_used_again(subject: Subject) -> None:
    """Batches that come in the same arrays, filled anew, are gathered as others."""
    for task in subject.make().tasks:
        prediction, target = data(subject, task)
        expected = value(subject.make(), prediction, target)
        metric, size = subject.make(), CUTS[0][0]
        metric.reset()
        kept = prediction[:size].copy(), target[:size].copy()
        for start in range(0, ROWS, size):
            for array, rows in zip(kept, (prediction, target)):
                array[...] = rows[start : start + size]
            metric.update(*kept)
        for array in kept:
            array[...] = 0
        found = np.asarray(metric.compute())
        expect(
            close(found, expected),
            f"for a {task} task, of batches that come in the same arrays it gives {found.tolist()}, not "
            f"{expected.tolist()}",
            "keep a copy of what is needed at the end: a network computes each batch in the arrays of the last one",
        )


@check("metric", when=lambda cls: takes(cast(type[Metric], cls).update, "weight"), rests_on=("weights",))
def check_weights_left_alone(subject: Subject) -> None:
    """It does not write to the weights."""
    for task in subject.make().tasks:
        weight = (np.arange(ROWS) % 3).astype(float)
        given, metric = weight.copy(), cast(Any, subject.make())
        metric.reset()
        metric.update(*data(subject, task), given)
        changed = np.count_nonzero(given != weight)
        expect(
            not changed,
            f"it writes to the weights: {changed} of {ROWS} changed",
            "compute in a new array: the loss and other metrics are given the same weights",
        )


def _said(cls: type) -> str:
    """Its docstring, and those of the classes that it shares things with, each in one line."""
    own = cls.__mro__[: cls.__mro__.index(Metric)] if Metric in cls.__mro__ else (cls,)
    return ". ".join(" ".join((base.__doc__ or "").split()) for base in own)


@check("metric", when=lambda cls: bool(re.search(NOTHING, _said(cls))), rests_on=("value", "reset_forgets"))
def check_nothing_seen(subject: Subject) -> None:
    """What its docstring says that it gives, NaN or an empty array, it gives where nothing was seen."""
    metric = subject.make()
    metric.reset()
    said = re.search(NOTHING, _said(subject.cls))
    empty = said is not None and said[1] != "NaN"
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            found = np.asarray(metric.compute())
    except ArithmeticError as error:
        raise CheckFailed(f"where nothing was seen it raises {type(error).__name__}: {error}", MEND_NOTHING) from None
    expect(
        not found.size if empty else bool(np.isnan(found).all() and found.size),
        f"where nothing was seen it gives {found.tolist()}, and its docstring says {'empty' if empty else 'NaN'}",
        MEND_NOTHING,
    )


@check("metric", when=lambda cls: bool(re.search(NO_SCORE, _said(cls))), rests_on=("value",))
def check_nan_scores(subject: Subject) -> None:
    """Where a score is NaN it gives NaN, if its docstring says so."""
    for task in subject.make().tasks:
        prediction, target = data(subject, task)
        for row in (0, ROWS - 1):
            with_nan = prediction.copy()
            with_nan[row, -1] = np.nan
            with np.errstate(all="ignore"):
                found = value(subject.make(), with_nan, target)
            expect(
                bool(np.isnan(found).all()),
                f"for a {task} task with a score of NaN in row {row} it gives {found.tolist()}",
                "return math.nan where np.isnan(scores).any(), or leave that out of the docstring",
            )


@check("metric", when=lambda cls: not getattr(cls, "array", False), rests_on=("value",))
def check_missing_class(subject: Subject) -> None:
    """Where no row is of one of several classes, it gives a finite number."""
    if "multiclass" not in subject.make().tasks:
        return
    prediction, target = data(subject, "multiclass")
    for missing in (0, CLASSES - 1):
        there = np.where(target == missing, 1, target)
        with np.errstate(all="ignore"):
            found = value(subject.make(), prediction, there)
        expect(
            is_finite_number(found.item()),
            f"where no row is of class {missing} it gives {found.item()}",
            "leave a class out of a mean over classes where nothing is of it: 0/0 is no number",
        )
