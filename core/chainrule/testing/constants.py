"""Inputs that are equal, and far from 0: a deviation of 0, which rounding must not make one of.

In float32 the mean of equal numbers is off by their rounding, and what is left of each, divided by next to nothing, may
be any number. A plain component does that, and may: its inputs might be what rounding made of others. One that says
that it does better is held to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from chainrule.contract.arrays import Array, Shape
from chainrule.testing.arrays import distance
from chainrule.testing.bench import Bench, inputs
from chainrule.testing.exercises import Change, exercises
from chainrule.testing.formulas import without_reference
from chainrule.testing.formulas_of_layers import reference_of
from chainrule.testing.kit import check, expect
from chainrule.testing.slopes import Place, require_slopes
from chainrule.testing.subject import Subject

CLOSE = 1e-3
AROUND = 1e-6
STEP = 1 / 64
ALIKE: Mapping[str, Callable[[Array], Array]] = {
    "everywhere": lambda at: 0 * at[0],
    "in each row another": lambda at: at[0],
    "in each column another": lambda at: at[-1],
    "at each place another, in all columns": lambda at: at[:-1].sum(axis=0),
}
"""For the index along each axis, which number stands there."""


def _constants_of(cls: type) -> Sequence[float]:
    constants = getattr(cls, "check_constants", ())
    return constants if isinstance(constants, Sequence) else ()


@check("layer", "activation", when=lambda cls: bool(_constants_of(cls)), rests_on=("float32_agrees",))
def check_right_at_constants(subject: Subject) -> None:
    """In float32 it is right for inputs that are equal, the numbers that it names in check_constants."""
    for number in _constants_of(subject.cls):
        for shape in subject.input_shapes:
            _compare_around(subject, shape, number)
        for narrow, wide in zip(exercises(subject, "float32"), exercises(subject, "float64")):
            for variant in narrow.variants:
                for named, which in ALIKE.items():
                    found = narrow.run(variant, change=_alike(number, which, "float32"))
                    expected = wide.run(variant, change=_alike(number, which, "float64"))
                    for name, array in found.items():
                        right = expected[name]
                        off = float(np.abs(array.astype(np.float64) - right).max(initial=0))
                        largest = float(np.abs(right).max(initial=0))
                        expect(
                            off <= CLOSE * max(largest, 1),
                            f"{variant}, for inputs of {number:g} {named}, {name} in float32 is off by {off:.3g} from "
                            f"that in float64, whose largest number is {largest:.3g}",
                            "the rounded mean of equal numbers is none of them: take the mean of what is left after it "
                            "was subtracted, and subtract that too, or compute in float64",
                        )


def _compare_around(subject: Subject, shape: Shape, number: float) -> None:
    """In float64, for inputs that are not quite equal, where such rounding is small."""
    where = f"for inputs around {number:g}"
    for mode, training in (("in training", True), ("at inference", False)):
        require_slopes(subject, shape, Place(f"{mode} {where}", training, centre=number))
        if without_reference(subject.cls) is None:
            bench, x = Bench(subject, shape), inputs(subject, shape) + number
            state = bench.state()
            expected, _ = reference_of(bench, x.copy(), training, None)
            bench.restore(state)
            y, largest = bench.forward(x, training), float(np.abs(expected).max(initial=1))
            off = distance(y, expected)
            expect(
                off <= AROUND * largest,
                f"{mode} {where}, y is off by {off:.3g} from that of its reference, whose largest number is "
                f"{largest:.3g}",
                "what corrects the rounding of a mean belongs into all that comes after it: the variance too",
            )


def _alike(number: float, which: Callable[[Array], Array], dtype: str) -> Change:
    def change(name: str, array: Array) -> Array:
        if name != "x" or array.dtype.kind != "f":
            return array
        return (number * (1 + STEP * which(np.indices(array.shape)))).astype(np.float32).astype(dtype)

    return change
