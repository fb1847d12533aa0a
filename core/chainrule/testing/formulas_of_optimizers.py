"""Optimizers go where their formula says, over many steps, as the rate and the gradients change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule.contract.arrays import Array, Shape
from chainrule.contract.signatures import takes
from chainrule.testing.descents import Course, Descent, shapes_of
from chainrule.testing.exactness import require_formula
from chainrule.testing.subject import Subject

UPDATES = 300
LATE = 200  # the update from which on the rate is another
DIVERGED = 1e6
ASKED = ("name", "decay")
"""What an update, and so a reference, may ask for."""


def of_optimizer(subject: Subject, fields: str) -> None:
    """Theta goes where its reference does."""
    for shape in shapes_of(subject.make()):
        asks = takes(subject.make().update, "decay")
        for decay in (True, False) if asks else (True,):
            spared = "" if decay else " that weight decay spares"
            _compare(subject, shape, decay, f"{fields}for theta of shape {shape}{spared}")


def _compare(subject: Subject, shape: Shape, decay: bool, where: str) -> None:
    optimizer = subject.make()
    lr = float(optimizer.lr)
    rng = subject.rng(len(shape))
    # Gradients so large that no update oversteps its goal by far, and so small that what only keeps a divisor from 0
    # counts, too.
    course = Course(rng, shape, (-9.0, float(np.log10(0.2 / lr))), UPDATES)
    run = Descent(optimizer, np.asarray(rng.normal(size=shape)), course, decay=decay)
    rates = list(_rates(lr))

    def gradient(theta: Array) -> Array:
        return np.asarray(course.gradient(run.step + 1, theta))  # the reference is a step ahead

    asked: dict[str, Any] = {name: value for name, value in run.asked.items() if takes(optimizer.reference, name)}
    steps = optimizer.reference(run.theta.copy(), gradient, iter(rates), **asked)
    for step, rate in enumerate(rates, start=1):
        expected = np.asarray(next(steps)).copy()
        if np.abs(expected).max() > DIVERGED:
            return
        require_formula(
            "theta", f"{where}, after step {step} of {UPDATES}, with lr={rate:.4g}", run.update(rate), expected
        )


def _rates(lr: float) -> Iterator[float]:
    """Up at first, then the same for long, then less, and in the end another one at every step."""
    for step in range(UPDATES):
        if step < 10:
            yield lr * (step + 1) / 10
        else:
            yield lr if step < LATE else lr / 10 if step < UPDATES - 20 else lr / (2 + step % 3)
