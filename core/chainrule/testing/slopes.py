"""Gradients where the numbers are other than usual: large inputs, single rows, masks, fields of all values.

Beside the checks that compare every number of a gradient, these compare its projection on a few directions in which
all inputs and all parameters move at once: a wrong number shows in it, and it costs four forward passes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from chainrule.contract.arrays import Array, Shape
from chainrule.contract.signatures import takes
from chainrule.network.differences import derivative
from chainrule.testing.bench import BATCH, Bench, inputs, masks
from chainrule.testing.formulas_of_layers import reference_of
from chainrule.testing.kit import check
from chainrule.testing.numeric import ATTEMPTS, STEP, AgainstDifferences, not_smooth, require_equal
from chainrule.testing.subject import Subject
from chainrule.testing.variants import variants

DIRECTIONS = 3
SEVERAL_AXES: tuple[Shape, ...] = ((3, 4),)
"""Of what an activation is given within a network of sequences or images."""
MEND = (
    "derive backward from the formula of forward, for all inputs, modes and fields; dy is the gradient of the loss, "
    "whose mean over the batch is in it already; with a field for which it is not the gradient on purpose, name "
    "gradient_elsewhere in checks_not_applicable, a property"
)


class Place(NamedTuple):
    """Where a gradient is looked at."""

    named: str
    training: bool
    batch: int = BATCH
    size: float = 1.0
    trained: bool = False
    mask: str = ""
    moved: bool = True  # from what the parameters are at first
    centre: float = 0.0  # of the inputs
    given: bool = False  # whether it is that of the reference, with what this takes as given


@check(
    "layer",
    "activation",
    rests_on=(
        "gradient_of_input",
        "gradient_of_parameters",
        "gradient_at_inference",
        "gradients_written",
        "deterministic",
        "randomness_continues",
        "rows_apart_at_inference",
    ),
)
def check_gradient_elsewhere(subject: Subject) -> None:
    """The gradients are right for inputs ten times as large, single rows, masks, after training, and other fields."""
    for fields, each in variants(subject, "gradient_elsewhere"):
        for shape in (*each.input_shapes, *(SEVERAL_AXES if subject.kind == "activation" else ())):
            for place in _places(each, shape, plain=bool(fields)):
                require_slopes(each, shape, place, fields)


def require_slopes(
    subject: Subject, shape: Shape, place: Place, fields: str = "", attempts: int = ATTEMPTS, smooth: bool = True
) -> None:
    """Let the gradients at one place be right; and, where it must be ``smooth``, let differences be had there. One that
    is none on purpose, as its author says, is not looked at."""
    if "gradient_elsewhere" in subject.not_applicable and not place.given:
        return
    for attempt in range(attempts):
        if require_equal(_compared(subject, shape, place, attempt, fields), MEND, place.batch):
            return
    if smooth:
        raise not_smooth()


def _places(subject: Subject, shape: Shape, plain: bool) -> Iterator[Place]:
    modes = (("in training", True), ("at inference", False)) if subject.kind == "layer" else (("", True),)
    for mode, training in modes:
        if plain:  # at which every number is compared, for the fields of the example
            yield Place(mode, training)
        else:
            yield Place(f"{mode} for inputs ten times as large".strip(), training, size=10.0)
        yield Place(f"{mode} for a single row".strip(), training, batch=1)
        yield Place(f"{mode} after some training".strip(), training, trained=True)
        if Bench(subject, shape).takes_mask:
            for mask in masks(subject, shape):
                yield Place(f"{mode} {mask}", training, mask=mask)


def _compared(subject: Subject, shape: Shape, place: Place, attempt: int, fields: str) -> AgainstDifferences:
    bench, rng = Bench(subject, shape, moved=0.3 if place.moved else 0), subject.rng(400 + attempt)
    if place.trained:
        for index in (7, 8):
            bench.backward(rng.normal(size=bench.forward(inputs(subject, shape, index=index)).shape))
    x = inputs(subject, shape, place.batch, attempt, size=place.size)
    if place.centre:
        x += place.centre
    mask = masks(subject, shape, place.batch)[place.mask] if place.mask else None
    theta = bench.network.parameters.theta
    bench.forward(x, place.training, mask=mask)  # each stream of random numbers exists from here on
    state, start = bench.state(), theta.copy()
    dy = rng.normal(size=bench.forward(x, place.training, mask=mask).shape)
    bench.restore(state)
    bench.forward(x, place.training, mask=mask)
    bench.network.parameters.grad[...] = 0
    dx = bench.backward(dy).copy()
    grad = bench.network.parameters.grad.copy()

    held: dict[Any, Any] = {}

    def result(x: Array) -> Array:
        if not place.given:
            return bench.forward(x, place.training, mask=mask)
        return reference_of(bench, x, place.training, mask, held)[0]

    bench.restore(state)
    result(x)  # what is taken as given is so from here on
    given, numeric, functions = [], [], []
    for _ in range(DIRECTIONS):
        u, v = rng.uniform(-1, 1, size=x.shape), rng.uniform(-1, 1, size=theta.shape)
        if subject.input_range is not None:
            u[...] = 0
        along = np.zeros(1)

        def function(along: Array = along, u: Array = u, v: Array = v) -> float:
            bench.restore(state)
            theta[...] = start + along[0] * v
            moved = x if subject.input_range is not None else x + along[0] * u
            return float(np.vdot(dy, result(moved)))

        given.append(float(np.vdot(dx, u) + np.vdot(grad, v)))
        numeric.append(derivative(function, along, 0, STEP))
        functions.append((function, along))
    return AgainstDifferences(
        f"{fields}{place.named}{', ' if place.named else ''}the gradient along direction",
        np.array(given),
        np.array(numeric),
        *_together(functions),
    )


def takes_given(cls: type) -> bool:
    """Whether its reference says what its gradient takes as given."""
    reference = getattr(cls, "reference", None)
    return callable(reference) and takes(reference, "given")


@check(
    "layer",
    "activation",
    when=takes_given,
    rests_on=("formula_computed", "gradients_written", "deterministic", "randomness_continues"),
)
def check_gradient_with_given(subject: Subject) -> None:
    """The gradients are those of its reference, in which what this keeps in ``given`` does not change."""
    for fields, each in variants(subject, "gradient_with_given"):
        for shape in each.input_shapes:
            for place in _places(each, shape, plain=True):
                require_slopes(each, shape, place._replace(given=True), f"{fields}with what is given, ")


def _together(functions: list[tuple[Any, Array]]) -> tuple[Any, Array]:
    """One function of a step along each direction: the sum of all."""
    at = np.zeros(len(functions))

    def function() -> float:
        total = 0.0
        for step, (along_one, along) in zip(at, functions):
            along[0] = step
            total += along_one()
            along[0] = 0
        return total

    return function, at
