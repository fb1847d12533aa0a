"""What optimizers owe: they go downhill, obey the scheduled rate, and keep all of their state in their slots."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.contract.fields import fields_of
from chainrule.contract.kinds import Component, Optimizer
from chainrule.registry.making import make, spec_of
from chainrule.testing.arrays import STABLE, distance, held, strictly
from chainrule.testing.descents import descent
from chainrule.testing.kit import check, expect
from chainrule.testing.subject import Subject

STEPS = 6
LATE = 60
IN_SLOTS = "keep all state in slots, arrays of zeros at first that slots = (...) names, and count steps by step"
BOUNDED = (
    "float32 ends at 3.4e38: cut off gradients before they are squared, np.clip(grad, -1e15, 1e15, out=grad), or take "
    "the squares in float64; as the root of their sum divides the gradients, the step stays what it was"
)


def _elementwise(cls: type[Component]) -> bool:
    """Whether it may be given a block of the flat vector; of an optimizer around another, its instances know."""
    return not any(getattr(cls, name, False) is True for name in ("whole_parameters", "whole_vector"))


@check("optimizer", first=True)
def check_updates_in_place(subject: Subject) -> None:
    """Update changes theta and the slots in place."""
    run = descent(subject)
    slots = dict(run.slots)
    before = run.theta.copy()
    run.slots, kept = slots, run.slots
    run.go(1)
    expect(
        bool((run.theta != before).any()),
        "after an update with a gradient, theta is what it was",
        "move the array that was given: theta -= ..., not theta = theta - ...",
    )
    replaced = [name for name in kept if slots.get(name) is not kept[name]]
    added = [name for name in slots if name not in kept]
    expect(
        not replaced and not added,
        f"update replaces {', '.join(replaced + added)} in slots with another array",
        "change slots in place: v = slots['v']; v *= beta; v += grad; and name each in slots = (...)",
    )


@check("optimizer")
def check_lowers_quadratic(subject: Subject) -> None:
    """It lowers a convex quadratic, with its own learning rate, from several places."""
    steps = 100
    for index in range(3):
        run = descent(subject, index)
        before = run.loss
        run.go(steps)
        expect(
            bool(run.loss < before),
            f"on f = 1/2 sum(c theta^2), c from 0.5 to 2, {steps} steps with lr={run.optimizer.lr:g} take f from "
            f"{before:.4g} to {run.loss:.4g}",
            "move against the gradient, theta -= lr * ...; give lr a default that suits the method",
        )


@check("optimizer", when=_elementwise)
def check_blockwise_equals_whole(subject: Subject) -> None:
    """One call per step for each block of the flat vector gives what one call for all of it does."""
    optimizer = subject.make()
    if optimizer.whole_parameters or optimizer.whole_vector:  # which may depend on a field
        return
    whole, cut = descent(subject), descent(subject)
    cut.cuts = (slice(0, 5), slice(5, 9), slice(9, None))
    off = distance(whole.go(STEPS).theta, cut.go(STEPS).theta)
    expect(
        off <= 1e-12,
        f"after {STEPS} steps, updating block by block differs from updating the whole vector by {off:.3g}",
        f"work elementwise, and {IN_SLOTS}; a rule that looks at a parameter as a whole says whole_parameters = True",
    )


@check("optimizer")
def check_keeps_nothing_on_itself(subject: Subject) -> None:
    """Update sets no attribute of the optimizer."""
    run = descent(subject)
    before = _attributes(run.optimizer)
    run.go(STEPS)
    after = _attributes(run.optimizer)
    changed = [name for name in after if before.get(name) != after[name]]
    expect(
        not changed,
        f"update sets {', '.join(f'self.{name}' for name in changed)}: it runs once for each block, and is not saved",
        f"{IN_SLOTS}; for an array to compute in there is self.work(name, shape, dtype)",
    )


def _attributes(optimizer: Optimizer) -> dict[str, Any]:
    return {name: held(value) for name, value in vars(optimizer).items() if name not in ("_work", "_rule")}


@check("optimizer")
def check_continues_from_slots(subject: Subject) -> None:
    """A new instance, given theta, slots and step, goes on exactly as the old one would have."""
    old, new = descent(subject).go(STEPS), descent(subject)
    new.theta, new.step = old.theta.copy(), old.step
    new.slots = {name: slot.copy() for name, slot in old.slots.items()}
    off = distance(old.go(STEPS).theta, new.go(STEPS).theta)
    expect(
        off == 0,
        f"saved after {STEPS} steps and restored, it is off by {off:.3g} after {STEPS} more",
        IN_SLOTS,
    )


@check("optimizer")
def check_instances_apart(subject: Subject) -> None:
    """Two instances share no state: what one does leaves the other alone."""
    alone, together, other = descent(subject), descent(subject), descent(subject, 1)
    alone.go(STEPS)
    for _ in range(STEPS):
        other.go(1)
        together.go(1)
    off = distance(alone.theta, together.theta)
    expect(
        off == 0,
        f"with another instance at work beside it, it is off by {off:.3g} after {STEPS} steps",
        f"{IN_SLOTS}; nothing on the class or in the module changes",
    )


@check("optimizer")
def check_uses_scheduled_lr(subject: Subject) -> None:
    """The lr that update is given counts, and the field lr does not."""
    lr = float(subject.make().lr)
    field_halved = descent(subject, **with_rate(subject.make(), lr / 2)).go(STEPS, lr=lr)
    given = descent(subject).go(STEPS, lr=lr)
    given_halved = descent(subject).go(STEPS, lr=lr / 2)
    expect(
        distance(given.theta, given_halved.theta) > 0,
        f"with update's lr at {lr:g} and at {lr / 2:g}, theta after {STEPS} steps is the same",
        "use the argument lr, which a schedule changes from step to step, in place of self.lr",
    )
    off = distance(given.theta, field_halved.theta)
    expect(
        off == 0,
        f"the same lr given to update, with the field lr at {lr:g} and at {lr / 2:g}: theta differs by {off:.3g}",
        "use the argument lr alone: it is self.lr times the schedule's factor already",
    )


def with_rate(optimizer: Optimizer, lr: float) -> dict[str, Any]:
    """The fields by which its rate is another one: its own lr, or that of the optimizer that it is around."""
    fields = {field.name: field for field in fields_of(type(optimizer))}
    if "lr" in fields:
        return {"lr": lr}
    inner = {name: make("optimizer", getattr(optimizer, name)) for name in fields if fields[name].kind == "optimizer"}
    return {name: {**spec_of(one), **with_rate(one, lr)} for name, one in inner.items()}


@check("optimizer", rests_on=("uses_scheduled_lr",))
def check_later_rates(subject: Subject) -> None:
    """A rate that changes late counts from that step on; with one of 0, nothing becomes infinite or NaN."""
    lr = float(subject.make().lr)
    before = descent(subject).go(LATE, lr=lr)
    found = []
    for rate in (lr, lr / 10, 0.0):
        run = descent(subject)
        run.theta, run.step = before.theta.copy(), before.step
        run.slots = {name: slot.copy() for name, slot in before.slots.items()}
        run.theta += 0.1  # so that there is somewhere to go, whatever it has reached by then
        found.append(run.go(2, lr=rate).theta)
    expect(
        distance(found[0], found[1]) > 0,
        f"after {LATE} steps with lr={lr:g}, two more with lr={lr:g} and with lr={lr / 10:g} end at the same theta",
        "use the argument lr of each call; do not keep the first one",
    )
    expect(
        bool(np.isfinite(found[2]).all()),
        f"after {LATE} steps, two more with lr=0 make theta infinite or NaN",
        "do not divide by lr: a schedule may end at 0",
    )


@check("optimizer")
def check_zero_gradient(subject: Subject) -> None:
    """From the start, a gradient of zero moves nothing; weight decay is the trainer's to apply."""
    run = descent(subject)
    before = run.theta.copy()
    run.go(3, grad=np.zeros_like(before))
    off = distance(run.theta, before)
    expect(
        off == 0,
        f"three steps with a gradient of zero move theta by {off:.3g}",
        "let every part of the step be a multiple of the gradient, or of a slot that gathers it; decay is a field "
        "weight_decay, which the trainer applies",
    )


@check("optimizer")
def check_refuses_bad_rates(subject: Subject) -> None:
    """A learning rate below zero is refused, and so is such a weight decay."""
    names = [name for name in ("lr", "weight_decay") if hasattr(subject.make(), name)]
    for name in names:
        try:
            subject.make(**{name: -0.1})
        except ValueError:
            continue
        expect(
            False,
            f"{name}=-0.1 is accepted",
            f'refuse it in __post_init__: self.require("{name}", 0 <= self.{name} < math.inf, "at least 0 and finite")',
        )


@check("optimizer")
def check_finite_at_extremes(subject: Subject) -> None:
    """Gradients of zero, tiny and large ones leave theta finite, without a warning of NumPy's."""
    for dtype in ("float32", "float64"):
        for size in (0.0, 1e-20, 1.0, 1e10):
            run = descent(subject, dtype=dtype)
            where = f"for {dtype} gradients of size {size:g}"
            with strictly(where):
                run.go(STEPS, grad=np.where(run.curvature > 1, size, -size))
            expect(bool(np.isfinite(run.theta).all()), f"{where}, theta becomes infinite or NaN", STABLE)


@check("optimizer")
def check_huge_gradients(subject: Subject) -> None:
    """In float32, gradients of 1e19 and 1e30 and what follows them move theta as they do in float64."""
    for size in (1e19, 1e30):
        moves = []
        for dtype in ("float32", "float64"):
            run = descent(subject, dtype=dtype)
            before, signs = run.theta.copy(), np.where(run.curvature > 1, 1.0, -1.0)
            where = f"for {dtype} gradients of size {size:g}"
            with strictly(where, BOUNDED):
                run.go(STEPS, grad=signs * size).go(STEPS, grad=signs)
            lost = [name for name, slot in run.slots.items() if not np.isfinite(slot).all()]
            expect(not lost, f"{where}, {', '.join(lost)} in slots is infinite or NaN from then on", BOUNDED)
            moves.append(run.theta - before)
        given, right = (float(np.abs(move).max()) for move in moves)
        expect(
            distance(*moves) <= 0.01 * right,
            f"{STEPS} gradients of size {size:g} and {STEPS} of 1 move theta by up to {given:.3g} in float32, and by "
            f"{right:.3g} in float64",
            BOUNDED,
        )
