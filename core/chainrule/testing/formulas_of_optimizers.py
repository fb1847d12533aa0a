"""Optimizers go where their formula says, over many steps, as the rate and the gradients change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule.contract.arrays import Array, Shape
from chainrule.contract.signatures import takes
from chainrule.testing.arrays import close
from chainrule.testing.descents import Course, Descent, shapes_of
from chainrule.testing.exactness import require_formula
from chainrule.testing.subject import Subject

UPDATES = 300
LATE = 200  # the update from which on the rate is another
LAST = (1 / 2, 1 / 3, 0.0, 1 / 4, 30.0)
DIVERGED = 1e6
NEAR = 1e-15
LOST = 1e-11
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
    lr = float(subject.make().lr)
    # Gradients so large that no update oversteps its goal by far, and so small that what only keeps a divisor from 0
    # counts, too.
    mild = float(np.log10(0.2 / lr))
    _follow(subject, shape, decay, where, (-9.0, mild))
    optimizer = subject.make()
    if optimizer.whole_vector and takes(optimizer.update, "evaluate"):  # it looks where it goes, on steep slopes too
        _follow(subject, shape, decay, f"{where}, with large gradients", (0.0, mild + 3))


def _follow(subject: Subject, shape: Shape, decay: bool, where: str, sizes: tuple[float, float]) -> None:
    optimizer = subject.make()
    lr = float(optimizer.lr)
    rng = subject.rng(len(shape))
    course = Course(rng, shape, sizes, UPDATES)
    run = Descent(optimizer, np.asarray(rng.normal(size=shape)), course, decay=decay)
    rates = list(_rates(lr))

    def gradient(theta: Array) -> Array:
        return np.asarray(course.gradient(run.step + 1, theta))  # the reference is a step ahead

    asked: dict[str, Any] = {name: value for name, value in run.asked.items() if takes(optimizer.reference, name)}
    near = run.theta * (1 + NEAR * rng.uniform(-1, 1, shape))
    steps = zip(*(optimizer.reference(start.copy(), gradient, iter(rates), **asked) for start in (run.theta, near)))
    for step, rate in enumerate(rates, start=1):
        expected, neighbour = (np.asarray(theta).copy() for theta in next(steps))
        # Where the rule itself makes much of rounding, as searches do, it cannot be followed for long.
        if np.abs(expected).max() > DIVERGED or not close(neighbour, expected, LOST):
            return
        require_formula(
            "theta", f"{where}, after step {step} of {UPDATES}, with lr={rate:.4g}", run.update(rate), expected
        )


def _rates(lr: float) -> Iterator[float]:
    """Up at first, then the same for long, then less, and in the end another one at every step, 0 and far too much
    among them."""
    for step in range(UPDATES):
        if step < 10:
            yield lr * (step + 1) / 10
        else:
            yield lr if step < LATE else lr / 10 if step < UPDATES - 20 else lr * LAST[step % len(LAST)]
