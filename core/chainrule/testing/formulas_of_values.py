"""Losses, regularizers, initializers, schedules and metrics give what their formula says."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.contract.kinds import Schedule
from chainrule.errors import ChainruleError
from chainrule.testing.exactness import require_formula
from chainrule.testing.initializers import MORE_SHAPES, SHAPES
from chainrule.testing.loss_cases import all_cases
from chainrule.testing.metrics import more_rows, sets_of_rows, value
from chainrule.testing.regularizers import weights
from chainrule.testing.schedules import observing, with_zeros
from chainrule.testing.subject import Subject

DRAWS = 2
TOTALS = (1, 2, 3, 10, 37, 100, 1000)
LONG = (20_000, 1_000_003)
"""Of which some steps are looked at."""


def of_loss(subject: Subject, fields: str) -> None:
    """For each task, target and number of rows; from the logits, too, where the prediction has lost none of their
    digits."""
    for index in range(DRAWS):
        for case in all_cases(subject, index):
            loss = subject.usable()
            target = case.targets(loss)
            expected = loss.reference(case.prediction.copy(), target.copy())
            where = f"{fields}for {case.named}"
            require_formula("the loss", where, loss.forward(case.prediction.copy(), target.copy()), expected)
            if case.fused(loss) and not case.saturated:
                from_logits = loss.forward_logits(case.logits.copy(), target.copy())
                require_formula("the loss from the logits", where, from_logits, expected)


def of_regularizer(subject: Subject, fields: str) -> None:
    """For weights of several numbers and sizes."""
    theta = weights(subject)
    several = {"weights": theta, "large weights": 100 * theta, "a single weight": theta[:1]}
    for named, given in {**several, "many weights": np.tile(theta, 100)}.items():
        regularizer = subject.make()
        penalty, expected = regularizer.penalty(given.copy()), regularizer.reference(given.copy())
        require_formula("the penalty", f"{fields}for {named}", penalty, expected)


def of_initializer(subject: Subject, fields: str) -> None:
    """For each shape, from the same draws."""
    for shape in (*SHAPES, *MORE_SHAPES):
        for index in range(DRAWS):
            initializer = subject.make()
            try:
                given = initializer(shape, subject.rng(index), np.dtype("float64"))
            except ChainruleError:  # with such fields it is not for such a shape
                continue
            require_formula("w", f"{fields}for shape {shape}", given, initializer.reference(shape, subject.rng(index)))


def of_schedule(subject: Subject, fields: str) -> None:
    """At every step of trainings of several lengths, and beyond."""
    for total in TOTALS:
        for step, schedule, after in observing(subject, total):
            where = f"{fields}at step {step} of {total}{after}"
            expected = schedule.reference(step, total)  # type: ignore[attr-defined]
            require_formula("the factor", where, schedule(step, total), expected)
    if type(subject.make()).observe is Schedule.observe:
        for each in (subject, *with_zeros(subject)):
            named = fields if each is subject else f"with {dict(each.fields)}, "
            for total in LONG if each is subject else TOTALS[3:4]:
                for step in sorted({*range(0, total, max(total // 50, 1)), total - 2, total - 1, total, total + 1}):
                    given, expected = each.make()(step, total), each.make().reference(step, total)
                    require_formula("the factor", f"{named}at step {step} of {total}", given, expected)


def of_metric(subject: Subject, fields: str) -> None:
    """For all rows at once: with ties, without one of the classes, where all is right; with smoothed targets, and of
    several steps each, where the formula can be computed for them."""
    for task in subject.make().tasks:
        for named, prediction, target in sets_of_rows(subject, task):
            expected = subject.make().reference(prediction.copy(), target.copy())
            _compare_metric(subject, f"{fields}for a {task} task{named}", prediction, target, expected)
        for named, prediction, target in more_rows(subject, task):
            with contextlib.suppress(Exception):
                expected = None
                expected = subject.make().reference(prediction.copy(), target.copy())
            if expected is not None:
                _compare_metric(subject, f"{fields}for a {task} task{named}", prediction, target, expected)


def _compare_metric(subject: Subject, where: str, prediction: Array, target: Array, expected: Any) -> None:
    metric = subject.make()
    require_formula("the value", where, value(metric, prediction, target, (len(target),)), expected)
