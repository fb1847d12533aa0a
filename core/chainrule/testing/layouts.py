"""The numbers of an array count, and not how they lie in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.testing.arrays import close, distance
from chainrule.testing.exercises import exercises
from chainrule.testing.kit import CheckFailed, check, expect
from chainrule.testing.subject import Subject


def _strided(array: Array) -> Array:
    """Every other number of a larger array, along every axis."""
    wide = np.full([2 * n for n in array.shape], 7, array.dtype)
    view = wide[(slice(None, None, 2),) * array.ndim]
    view[...] = array
    return view


def _backwards(array: Array) -> Array:
    """A view that goes through its rows from the last one to the first."""
    return array[::-1].copy()[::-1]


def _read_only(array: Array) -> Array:
    kept = array.copy()
    kept.flags.writeable = False
    return kept


LAYOUTS: Mapping[str, Callable[[Array], Array]] = {
    "that is a part of a larger array": _strided,
    "whose axes lie the other way round in memory (Fortran's order)": lambda array: array.copy(order="F"),
    "that is a view from the last row to the first": _backwards,
    "that is read-only": _read_only,
}


MEND = (
    "use the array as it is given: reshape may copy, and strides and .data depend on the layout; where contiguous "
    "memory is needed there is np.ascontiguousarray"
)


@check(
    "layer",
    "activation",
    "loss",
    "metric",
    "regularizer",
    rests_on=(
        "inputs_left_alone",
        "used_again",
    ),
)
def check_any_memory_layout(subject: Subject) -> None:
    """Arrays that lie otherwise in memory, or are read-only, give the same."""
    for exercise in exercises(subject):
        for variant in exercise.variants:
            expected = exercise.run(variant)
            for named, arranged in LAYOUTS.items():
                where = f"{variant}{', ' if variant else ''}given an array {named}"
                try:
                    found = exercise.run(variant, change=lambda name, array: arranged(array))  # noqa: B023 (runs here)
                except ValueError as error:
                    raise CheckFailed(f"{where}, it raises {error}", MEND) from None
                for name, array in found.items():
                    off = distance(array, expected[name])
                    expect(close(array, expected[name]), f"{where}, {name} differs by {off:.3g}", MEND)
