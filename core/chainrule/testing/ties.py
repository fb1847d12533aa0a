"""Gradients at places that are met often and hit by chance never: zeros, equal numbers, rows of one number."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from chainrule.contract.arrays import Array, Shape
from chainrule.testing.arrays import away_from
from chainrule.testing.bench import BATCH, Bench, inputs
from chainrule.testing.kit import check, expect
from chainrule.testing.subject import Subject

STEP = 1e-6
NEAR = 1e-4
DIRECTIONS = 4


@check("layer", rests_on=("gradient_elsewhere", "gradient_of_input", "deterministic"))
def check_gradient_at_ties(subject: Subject) -> None:
    """At zeros and where numbers are equal, dx is a slope between those of either side."""
    if subject.input_range is not None or "gradient_elsewhere" in subject.not_applicable:
        return
    for shape in subject.input_shapes:
        for named, x in _places(subject, shape):
            for training in (True, False):
                mode = "in training" if training else "at inference"
                _compare(subject, shape, x, training, f"{mode}, for x {named}")


def _places(subject: Subject, shape: Shape) -> Iterator[tuple[str, Array]]:
    x = inputs(subject, shape)
    zeros = x.copy().reshape(BATCH, -1)
    zeros[np.arange(BATCH), subject.rng(7).integers(zeros.shape[1], size=BATCH)] = 0
    yield "with a 0 in each sample", zeros.reshape(x.shape)
    yield "in which numbers are equal", away_from(subject.kinks, np.floor(x) + 0.5)
    yield (
        "of samples that hold one number each",
        away_from(subject.kinks, np.zeros_like(x) + x.reshape(BATCH, -1).mean()),
    )


def _compare(subject: Subject, shape: Shape, x: Array, training: bool, where: str) -> None:
    bench = Bench(subject, shape)
    bench.forward(x, training)
    state = bench.state()
    y = bench.forward(x, training).copy()
    for draw in range(DIRECTIONS):
        rng = subject.rng(500 + draw)
        dy = np.zeros(y.shape)
        dy.reshape(-1)[rng.integers(dy.size)] = 1  # of one number: kinks of several may add up to anything
        bench.restore(state)
        bench.forward(x, training)
        dx = bench.backward(dy).copy()
        u = rng.uniform(-1, 1, size=x.shape)

        def along(step: float, u: Array = u, dy: Array = dy) -> float:
            bench.restore(state)
            return float(np.vdot(dy, bench.forward(x + step * u, training)))

        slopes = [_one_sided(along, step) for step in (STEP, -STEP, STEP / 4, -STEP / 4)]
        given = float(np.vdot(dx, u))
        size = max(float(np.abs(dx * u).sum()), *map(abs, slopes), 1.0)
        if max(abs(slopes[0] - slopes[2]), abs(slopes[1] - slopes[3])) > NEAR / 4 * size:
            continue  # too steep or too curved to be told
        low, high = sorted(slopes[:2])
        expect(
            low - NEAR * size <= given <= high + NEAR * size,
            f"{where}, the slope of one number of y along a direction is {given:.6g} by dx; to its sides it is "
            f"{low:.6g} and {high:.6g}",
            "where numbers tie, give dy to one of them, or share it out between them, so that no more goes back than "
            "came in; let a 0 be a number as any other",
        )


def _one_sided(along: object, step: float) -> float:
    at, near, far = (along(s) for s in (0.0, step, 2 * step))  # type: ignore[operator]
    return float((4 * near - 3 * at - far) / (2 * step))
