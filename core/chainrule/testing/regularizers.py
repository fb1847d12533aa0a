"""What regularizers owe: a penalty, and its gradient, added to what is there."""

from __future__ import annotations

import numpy as np

from chainrule.contract.arrays import Array, Shape
from chainrule.testing.arrays import STABLE, away_from, distance, extremes, is_finite_number, strictly
from chainrule.testing.kit import check, expect
from chainrule.testing.numeric import ATTEMPTS, AgainstDifferences, not_smooth, numeric_gradient, require_equal
from chainrule.testing.subject import Subject

SIZE = 12
MANY = 1000


def weights(subject: Subject, index: int = 0) -> Array:
    """All weights in one flat array, or, where it wants them so, one of them in its shape."""
    return away_from(subject.kinks, subject.rng(index).normal(size=_shape(subject)))


def _shape(subject: Subject) -> Shape:
    return (4, SIZE // 4) if subject.make().whole_parameters else (SIZE,)


@check("regularizer", first=True)
def check_penalty(subject: Subject) -> None:
    """The penalty is a number, 0 or more, and no smaller for larger weights."""
    theta = weights(subject)
    small, large = subject.make().penalty(theta), subject.make().penalty(3 * theta)
    expect(
        is_finite_number(small) and small >= 0,
        f"penalty gives {small!r}",
        "return a number, 0 or more: float(...)",
    )
    expect(
        large >= small,
        f"the penalty of weights three times as large is smaller, {large:.6g} after {small:.6g}",
        "let it grow with the weights",
    )


@check("regularizer")
def check_gradient(subject: Subject) -> None:
    """Add_gradient adds the gradient of the penalty."""
    for attempt in range(ATTEMPTS):
        regularizer, theta = subject.make(), weights(subject, attempt)
        grad = np.zeros_like(theta)
        regularizer.add_gradient(theta.copy(), grad)  # whether it is written to is a check of its own

        def penalty(theta: Array = theta, regularizer: object = regularizer) -> float:
            return float(subject.make().penalty(theta))

        compared = AgainstDifferences("grad", grad, numeric_gradient(penalty, theta), penalty, theta)
        if require_equal(compared, "derive add_gradient from the formula of penalty, with its factors", SIZE):
            return
    raise not_smooth()


@check("regularizer", rests_on=("gradient", "finite_at_extremes", "adds"))
def check_gradient_elsewhere(subject: Subject) -> None:
    """The gradient is that of the penalty for many weights, large ones, a single one, and where weights are 0."""
    for named, size, factor in (("many", MANY, 1.0), ("large", SIZE, 100.0), ("single", 1, 1.0)):
        shape = (size, 1) if subject.make().whole_parameters else (size,)
        theta = away_from(subject.kinks, factor * subject.rng(3).normal(size=shape))
        _compare_slope(subject, theta, f"for {named} weights")
    theta = weights(subject)
    theta[::3] = 0
    _compare_slope(subject, theta, "where every third weight is 0")


def _compare_slope(subject: Subject, theta: Array, where: str) -> None:
    """Along some directions the gradient lies between the slopes of either side."""
    grad = np.zeros_like(theta)
    subject.make().add_gradient(theta.copy(), grad)
    middle, step = float(subject.make().penalty(theta.copy())), 1e-5
    for index in range(4):
        u = subject.rng(index).choice([-1.0, 1.0], size=theta.shape)
        before, after = (float(subject.make().penalty(theta + sign * step * u)) for sign in (-1, 1))
        given = float((grad * u).sum())
        low, high = sorted([(middle - before) / step, (after - middle) / step])
        blurred = 1e-3 * float(np.abs(grad).sum()) + 1e-9 * abs(middle) + 1e-9
        expect(
            low - blurred <= given <= high + blurred,
            f"{where}, the slope along a direction is {given:.6g} by add_gradient; to its sides it is {low:.6g} and "
            f"{high:.6g}",
            "derive add_gradient from the formula of penalty, for any number of weights; at a kink let it lie between",
        )


@check("regularizer")
def check_adds(subject: Subject) -> None:
    """Add_gradient adds to what stands in grad, in place."""
    theta = weights(subject)
    found = []
    for before in (0.0, 5.0):
        grad = np.full(theta.shape, before)
        subject.make().add_gradient(theta.copy(), grad)
        found.append(grad - before)
    off = distance(*found)
    expect(
        off <= 1e-9,
        f"what it adds depends on what stands in grad, by {off:.3g}",
        "add to it, grad += ...: the loss's gradient stands there already",
    )


@check("regularizer")
def check_inputs_left_alone(subject: Subject) -> None:
    """It does not write to theta."""
    theta = weights(subject)
    given = theta.copy()
    regularizer = subject.make()
    regularizer.penalty(given)
    regularizer.add_gradient(given, np.zeros_like(theta))
    changed = np.count_nonzero(given != theta)
    expect(
        not changed,
        f"it writes to theta: {changed} of {SIZE} numbers changed",
        "only the optimizer moves weights; add the penalty's gradient to grad",
    )


@check("regularizer")
def check_finite_at_extremes(subject: Subject) -> None:
    """Weights of zero, tiny and large ones give a finite penalty and gradient, without a warning of NumPy's."""
    for dtype in ("float32", "float64"):
        for named, theta in extremes(_shape(subject), dtype):
            where = f"for {dtype} weights of {named}"
            grad = np.zeros_like(theta)
            with strictly(where):
                penalty = subject.make().penalty(theta)
                subject.make().add_gradient(theta, grad)
            expect(bool(np.isfinite(penalty) and np.isfinite(grad).all()), f"{where}, it gives infinity or NaN", STABLE)
