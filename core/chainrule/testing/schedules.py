"""What schedules owe: a factor for every step, whatever was asked before."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

from chainrule.contract.fields import fields_of
from chainrule.contract.kinds import Schedule
from chainrule.errors import ChainruleError
from chainrule.testing.arrays import is_finite_number
from chainrule.testing.kit import CheckFailed, as_kept, check, expect
from chainrule.testing.subject import Subject

TOTALS = (1, 2, 10, 1000)
EPOCHS = 20


def _require_factors(subject: Subject, steps: Iterable[int], total: int, fields: str = "") -> None:
    schedule = subject.make()
    for step in steps:
        try:
            factor = schedule(step, total)
        except ArithmeticError as error:
            factor = f"{type(error).__name__}: {error}"
        expect(
            is_finite_number(factor),
            f"{fields}at step {step} of {total} it gives {factor!r}",
            "return a finite number for every step from 0 on: min(step / total, 1) is safe to compute with",
        )
        expect(
            factor >= 0,
            f"{fields}at step {step} of {total} it gives {factor:.6g}, with which training would climb",
            "let the factor be 0 or more: max(0, ...)",
        )


def observing(subject: Subject, total: int) -> Iterator[tuple[int, Schedule, str]]:
    """Every step of a training and some beyond its end, with the schedule; and what that has been told until then."""
    schedule = subject.make()
    steps = (*range(total + 3), 3 * total, 100 * total)
    if type(schedule).observe is Schedule.observe:
        yield from ((step, schedule, "") for step in steps)
        return
    per_epoch = max(total // EPOCHS, 1)
    for step in steps:
        yield step, schedule, f", after {step // per_epoch} epochs"
        if step % per_epoch == per_epoch - 1:
            schedule.observe(epoch_of(step // per_epoch))


def epoch_of(number: int) -> dict[str, float]:
    """What an epoch of a training measured: it gets better, then worse, then it stands still."""
    loss = (1.0, 0.5, 0.25, 0.3, 0.4, 0.25)[number] if number < 6 else 0.25
    return {"loss": loss, "train/loss": loss, "validation/loss": loss, "validation/accuracy": 1 - loss}


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


@check("schedule", rests_on=("repeatable", "within_training", "beyond_the_end"))
def check_other_lengths(subject: Subject) -> None:
    """It depends on the total that it is given with each step, not on an earlier one."""
    asked = subject.make()
    for step, total in ((0, 10), (7, 1000), (7, 10), (70, 100), (1000, 1000), (3, 10)):
        found, expected = asked(step, total), subject.make()(step, total)
        expect(
            found == expected,
            f"asked for trainings of other lengths in turn, at step {step} of {total} it gives {found:.6g}, and a new "
            f"instance {expected:.6g}",
            "compute the factor from step and total, and keep nothing: a training may be prolonged",
        )


@check("schedule", rests_on=("within_training", "beyond_the_end"))
def check_long_after(subject: Subject) -> None:
    """It is finite and 0 or more at each of many steps after the end, and with fields of 0 that it accepts."""
    for each in (subject, *with_zeros(subject)):
        fields = "" if each is subject else f"with {dict(each.fields)}, "
        for total in (*TOTALS[:3], 100):
            _require_factors(each, range(6 * total), total, fields)


def with_zeros(subject: Subject) -> Iterator[Subject]:
    """The example with one of its numbers at 0, where it accepts that."""
    for field in fields_of(subject.cls):
        value = getattr(subject.make(), field.name)
        if type(value) in (int, float) and value:
            zero = Subject(subject.cls, {**subject.fields, field.name: type(value)(0)}, subject.example)
            with contextlib.suppress(Exception):  # what it refuses it need not take
                zero.make()
                yield zero


@check("schedule", when=lambda cls: getattr(cls, "observe", None) is not Schedule.observe)
def check_continues_from_state(subject: Subject) -> None:
    """A new instance that is given the state of one that observed a training goes on as that would have."""
    old, new = subject.make(), subject.make()
    for number in range(EPOCHS // 2):
        old.observe(epoch_of(number))
    new.load_state(as_kept(old.state()))
    for number in range(EPOCHS // 2, EPOCHS):
        for step in (0, 10, 100):
            given, expected = new(step, 100), old(step, 100)
            expect(
                given == expected,
                f"taken up by a new instance after {EPOCHS // 2} epochs, at step {step} after {number} epochs it gives "
                f"{given:.6g}, not {expected:.6g}",
                "keep all that observe gathers on self, or write state() and load_state(state)",
            )
        for schedule in (old, new):
            schedule.observe(epoch_of(number))


@check("schedule", when=lambda cls: getattr(cls, "observe", None) is not Schedule.observe)
def check_observes(subject: Subject) -> None:
    """What it observes counts, to it and to no other instance."""
    told, other = subject.make(), subject.make()
    before = told(1, 100)
    for number in range(EPOCHS):
        told.observe(epoch_of(number))
    after, untold = told(1, 100), other(1, 100)
    expect(
        after != before,
        f"at the same step it gives {after:.6g} before and after {EPOCHS} epochs, of which the last ones get no better",
        "let the factor depend on what observe was given, or leave observe out",
    )
    expect(
        untold == before,
        f"what one instance observes changes the factor of another from {before:.6g} to {untold:.6g}",
        "keep what it gathers on self, not on the class",
    )


@check("schedule", when=lambda cls: getattr(cls, "observe", None) is not Schedule.observe, rests_on=("observes",))
def check_says_what_is_not_measured(subject: Subject) -> None:
    """Where a field names what it looks at, and nothing of that name is measured, an error of chainrule's says so."""
    measured, other = epoch_of(0), "validation/of_nothing"
    mend = f"raise a ConfigError where what {{}} names is not among the metrics: '\"{other}\" is not measured'"
    for field in fields_of(subject.cls):
        named = getattr(subject.make(), field.name)
        if not isinstance(named, str) or named not in measured:
            continue
        schedule = None
        with contextlib.suppress(Exception):  # what it refuses at once it need not find later
            schedule = subject.make(**{field.name: other})
        try:
            if schedule is not None:
                schedule.observe(measured)
        except ChainruleError as error:
            expect(other in str(error), f"with {field.name}={other!r} it says only: {error}", mend.format(field.name))
        except Exception as error:
            raise CheckFailed(
                f"with {field.name}={other!r}, of which nothing is measured, observe raises {type(error).__name__}: "
                f"{error}",
                mend.format(field.name),
            ) from None
