"""What schedules owe: a factor for every step, whatever was asked before."""

from __future__ import annotations

from collections.abc import Iterable

from chainrule.testing.arrays import is_finite_number
from chainrule.testing.kit import check, expect
from chainrule.testing.subject import Subject

TOTALS = (1, 2, 10, 1000)


def _require_factors(subject: Subject, steps: Iterable[int], total: int) -> None:
    schedule = subject.make()
    for step in steps:
        try:
            factor = schedule(step, total)
        except ArithmeticError as error:
            factor = f"{type(error).__name__}: {error}"
        expect(
            is_finite_number(factor),
            f"at step {step} of {total} it gives {factor!r}",
            "return a finite number for every step from 0 on: min(step / max(total, 1), 1) is safe to compute with",
        )
        expect(
            factor >= 0,
            f"at step {step} of {total} it gives {factor:.6g}, with which training would climb",
            "let the factor be 0 or more: max(0, ...)",
        )


@check("schedule")
def check_within_training(subject: Subject) -> None:
    """It is finite and 0 or more at every step of a training, the first one, 0, included, however short it is."""
    for total in TOTALS:
        _require_factors(subject, range(total), total)


@check("schedule")
def check_beyond_the_end(subject: Subject) -> None:
    """It is defined at the planned end and beyond it: a training may be taken up again."""
    for total in TOTALS:
        _require_factors(subject, (total, total + 1, 3 * total, 100 * total), total)


@check("schedule")
def check_repeatable(subject: Subject) -> None:
    """The factor depends on step and total alone, not on what was asked before."""
    asked = subject.make()
    steps = [0, 7, 3, 9, 0, 7]
    for step in steps:
        found, expected = asked(step, 10), subject.make()(step, 10)
        expect(
            found == expected,
            f"asked in the order {steps}, at step {step} it gives {found:.6g}, and a new instance {expected:.6g}",
            "compute the factor from step and total, and keep nothing: it is asked several times for one step",
        )
