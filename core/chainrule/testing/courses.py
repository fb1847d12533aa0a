"""Optimizers late in a training, on parameters of all shapes and sizes, and what is not theirs to do."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.contract.fields import fields_of
from chainrule.contract.kinds import Component, Optimizer
from chainrule.registry.making import make, spec_of
from chainrule.testing.arrays import close, distance
from chainrule.testing.descents import Descent, Problem, descent, shapes_of
from chainrule.testing.kit import CheckFailed, check, expect
from chainrule.testing.optimizers import with_rate
from chainrule.testing.subject import Subject

LATE = (120, 320)
GOING = 100
FAR = (5_000, 2_000_000)
DECAY = 0.1
TIMES = 250
STEPS = 3


@check(
    "optimizer",
    rests_on=("lowers_quadratic", "uses_scheduled_lr", "later_rates", "instances_apart", "continues_from_slots"),
)
def check_late_in_training(subject: Subject) -> None:
    """After hundreds of steps it still goes downhill, by the scheduled rate alone, and the same way each time."""
    lr = float(subject.make().lr)
    for late in LATE:
        runs = [descent(subject), descent(subject), descent(subject, **with_rate(subject.make(), lr / 2))]
        for run in runs:
            start = run.theta.copy()
            run.go(late, lr=lr)
            run.theta[...] = start  # so that there is somewhere to go
            before = run.loss
            run.go(GOING, lr=lr)
        expect(
            bool(runs[0].loss < before),
            f"taken back after {late} steps to where it began, {GOING} more steps take f from {before:.4g} to "
            f"{runs[0].loss:.4g}",
            "move against the gradient at every step; only lr says how a training changes its pace",
        )
        for run, named in ((runs[1], "a second time"), (runs[2], "with the field lr halved")):
            off = distance(runs[0].theta, run.theta)
            expect(
                off == 0,
                f"{late + GOING} steps with the same lr given to update, {named}, end {off:.3g} away",
                "use the argument lr alone, and no random numbers",
            )


@check("optimizer", rests_on=("late_in_training",))
def check_any_step(subject: Subject) -> None:
    """It takes a first step with a rate of 0, and steps of high numbers: trainings warm up, and are long."""
    run = descent(subject)
    run.go(1, lr=0.0)
    run.go(STEPS)
    expect(bool(np.isfinite(run.theta).all()), "a first step with lr=0 leads to infinity or NaN", "do not divide by lr")
    for step in FAR:
        run.step = step
        before = run.theta.copy()
        try:
            run.go(STEPS)
        except ArithmeticError as error:
            raise CheckFailed(
                f"at step {step} it raises {type(error).__name__}: {error}", "let powers of step go to 0, b**step"
            ) from None
        expect(
            bool(np.isfinite(run.theta).all() and (run.theta != before).any()),
            f"at step {step} it moves nothing, or to infinity or NaN",
            "let powers of step go to 0, b**step with b below 1, and not to infinity",
        )


@check("optimizer", rests_on=("lowers_quadratic", "blockwise_equals_whole", "huge_gradients"))
def check_every_shape(subject: Subject) -> None:
    """Parameters of every shape go downhill, and as many as there are."""
    optimizer = subject.make()
    for shape in shapes_of(optimizer):
        run = descent(subject, shape=shape)
        start, before = run.theta.copy(), run.loss
        run.go(GOING)
        still = np.count_nonzero(run.theta == start)
        expect(
            bool(run.loss < before) and not still,
            f"for theta of shape {shape}, {GOING} steps take f from {before:.4g} to {run.loss:.4g}, and {still} of "
            f"{start.size} numbers stay where they were",
            "let parameters of every number of axes move: filters have four, biases one, a single factor none",
        )
    if optimizer.whole_parameters or optimizer.whole_vector:
        return
    small = descent(subject)
    large = Descent(subject.make(), np.tile(small.theta, TIMES), Problem(np.tile(small.curvature, TIMES)))
    expected = np.tile(small.go(STEPS).theta, TIMES)
    off = distance(large.go(STEPS).theta, expected)
    expect(
        close(large.theta, expected, 1e-12),
        f"{large.theta.size} numbers, {TIMES} times the same {small.theta.size}, do not go where these go: off by "
        f"{off:.3g}",
        "treat each number of a block alike, however many there are",
    )


def _has(cls: type[Component], name: str) -> bool:
    return any(field.name == name or field.kind == "optimizer" for field in fields_of(cls))


@check("optimizer", when=lambda cls: _has(cls, "weight_decay"), rests_on=("zero_gradient", "uses_scheduled_lr"))
def check_decay_left_to_trainer(subject: Subject) -> None:
    """Its weight_decay is a number that the trainer reads; update does not decay."""
    with_decay = _decaying(subject.make(), DECAY)
    if not with_decay:  # neither it nor the one within it has any
        expect(
            not getattr(subject.make(), "weight_decay", 0),
            f"its weight_decay is {getattr(subject.make(), 'weight_decay', 0)}, which no field says",
            "say what the inner optimizer says, and 0 where that has none: getattr(self.inner, 'weight_decay', 0.0)",
        )
        return
    told = subject.make(**with_decay)
    said = getattr(told, "weight_decay", None) if with_decay else DECAY
    expect(
        said == DECAY,
        f"with an inner weight_decay={DECAY}, its own is {said}: the trainer decays by its own",
        "say what the inner optimizer says: a property weight_decay that returns inner.weight_decay",
    )
    found = [descent(subject, **fields).go(STEPS).theta for fields in (_decaying(subject.make(), 0.0), with_decay)]
    off = distance(*found)
    expect(
        off == 0,
        f"with weight_decay=0 and with {DECAY}, {STEPS} updates end {off:.3g} apart",
        "leave the field weight_decay to the trainer, which decays weights and not biases before update; a penalty "
        "whose gradient is to pass through the optimizer's means is a regularizer",
    )


def _decaying(optimizer: Optimizer, decay: float) -> dict[str, Any]:
    """The fields by which it decays so much: its own, or that of the optimizer that it is around."""
    fields = {field.name: field for field in fields_of(type(optimizer))}
    if "weight_decay" in fields:
        return {"weight_decay": decay}
    inner = {name: make("optimizer", getattr(optimizer, name)) for name in fields if fields[name].kind == "optimizer"}
    inner = {name: one for name, one in inner.items() if _has(type(one), "weight_decay")}
    return {name: {**spec_of(one), **_decaying(one, decay)} for name, one in inner.items()}
