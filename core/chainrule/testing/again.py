"""What is run a second time does what it did the first time: nothing is left over on an instance or on its class."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

from chainrule.contract import kinds
from chainrule.testing.arrays import close, distance, held
from chainrule.testing.exercises import exercises
from chainrule.testing.kit import check, expect
from chainrule.testing.subject import Subject


@check(
    "layer",
    "activation",
    "loss",
    "optimizer",
    "metric",
    "regularizer",
    "initializer",
    "schedule",
    rests_on=(
        "deterministic",
        "randomness_continues",
        "saved_and_loaded",
        "reset_forgets",
        "repeatable",
        "instances_apart",
        "continues_from_slots",
        "within_training",
        "beyond_the_end",
    ),
)
def check_used_again(subject: Subject) -> None:
    """Used again and again, with other inputs and in other modes between, an instance gives what a new one gives."""
    for used, *new in zip(*(exercises(subject) for _ in range(1 + _most_variants(subject)))):
        expected = {variant: one.run(variant) for variant, one in zip(used.variants, new)}
        for variant in (*used.variants, *reversed(used.variants)):
            used.run(variant, index=1)
            for name, array in used.run(variant).items():
                right = expected[variant][name]
                expect(
                    close(array, right) or np.array_equal(array, right, equal_nan=True),
                    f"{variant}{', ' if variant else ''}{name} of an instance that was used before differs by "
                    f"{distance(array, right):.3g} from that of a new one",
                    "let each call set all that the next one reads; keep what lasts where it is declared: in "
                    "parameters, buffers, slots, and what reset sets",
                )


def _most_variants(subject: Subject) -> int:
    return max(len(exercise.variants) for exercise in exercises(subject))


@check(rests_on=("instances_apart",))
def check_class_left_alone(subject: Subject) -> None:
    """Being used changes nothing on its class: all instances would share it."""
    classes = [cls for cls in type(subject.make()).__mro__ if cls is not object and cls.__module__ != kinds.__name__]
    before = [_attributes(cls) for cls in classes]
    with contextlib.suppress(Exception):  # that it can be used is found by other checks
        for exercise in exercises(subject):
            for variant in exercise.variants:
                exercise.run(variant)
    changed = [
        f"{cls.__name__}.{name}"
        for cls, kept in zip(classes, before)
        for name, value in _attributes(cls).items()
        if kept.get(name) != value
    ]
    expect(
        not changed,
        f"being used changes {', '.join(changed)}",
        "keep what changes on self, or where it is declared (parameters, buffers, slots); a list or dict of the class "
        "is shared by all instances",
    )


def _attributes(cls: type) -> dict[str, Any]:
    """What its attributes hold, as far as that can be told."""
    return {name: held(value) for name, value in vars(cls).items() if not name.startswith("__")}
