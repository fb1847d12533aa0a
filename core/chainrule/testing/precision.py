"""float32 gives what float64 does, as far as its digits reach.

How far they reach depends on the function: subtracting numbers that are nearly equal costs digits, and it must where
the inputs themselves are known no better. So the measure is taken from the function itself: how much its result changes
in float64 where all that goes in changes by as much as float32 rounds it. A formula that loses more than that, such as
$E[x^2] - E[x]^2$, is told by it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.testing.arrays import off_by, strictly
from chainrule.testing.exercises import Change, Exercise, OfLayer, as_it_is, exercises
from chainrule.testing.kit import check, expect
from chainrule.testing.subject import Subject

ROUNDING = float(np.finfo(np.float32).eps)
SLACK = 50  # times what rounding the inputs changes: each operation in between rounds too
LEAST = 1e-5  # of the largest number
OFF_CENTRE = 1000.0
DRAWS = 3
CENTRED = ("x", "prediction", "target")
LARGEST = float(np.finfo(np.float32).max)
SMALLEST = float(np.finfo(np.float32).smallest_normal)
"""Below which it has fewer digits."""
CLOSE = 1e-3
SIZED: Mapping[str, tuple[int, float] | None] = {
    "": None,
    " in every other row, and 0": (0, 0),
    " in every other column, and 0": (-1, 0),
    " in every other row, and 1": (0, 1),
    " in every other column, and 1": (-1, 1),
}
"""Along which axis every other input is of another size, and of which."""


@check(
    "layer",
    "activation",
    "loss",
    "optimizer",
    "metric",
    "regularizer",
    "initializer",
    rests_on=(
        "finite_at_extremes",
        "huge_gradients",
        "used_again",
    ),
)
def check_float32_agrees(subject: Subject) -> None:
    """In float32 it gives what it gives in float64, as far as rounding lets it; far from 0, too."""
    centres = (0.0, OFF_CENTRE) if subject.kind in ("layer", "activation", "metric") else (0.0,)
    for narrow, wide in zip(exercises(subject, "float32"), exercises(subject, "float64")):
        for variant in narrow.variants:
            for centre in centres if "for a" not in variant or "regression" in variant else (0.0,):  # not probabilities
                around = f"for inputs around {centre:g}, " if centre else ""
                where = f"{variant}{', ' if variant else ''}{around}"
                require_agreement(narrow, wide, variant, centre, where)


def require_agreement(
    narrow: Exercise, wide: Exercise, variant: str, centre: float, where: str, first: Change = as_it_is
) -> None:
    """Let float32 give what float64 does, as far as rounding explains; ``first`` is done to all that goes in.

    Raises:
        CheckFailed: it does not.
    """

    def moved(then: str, draw: int = 0) -> Change:
        change = _moved(centre, then, draw)
        return lambda name, array: change(name, first(name, array))

    with np.errstate(all="ignore"):  # what overflows is found by a check of its own
        found = narrow.run(variant, change=moved("float32"))
        expected = wide.run(variant, change=moved("float64"))
        blurred = [wide.run(variant, change=moved("float64", draw)) for draw in range(1, DRAWS + 1)]
    for name, array in found.items():
        right = expected[name]
        largest = float(np.abs(right).max(initial=0))
        changed = max(off_by(other[name], right) for other in blurred)
        off = off_by(array, right)
        allowed = SLACK * changed + LEAST * max(largest, 0.1)
        expect(
            off <= allowed,
            f"{where}{name} in float32 is off by {off:.3g} from that in float64, whose largest number is "
            f"{largest:.3g}; rounding explains {allowed:.3g}",
            "look for a difference of large numbers that are nearly equal (a variance: the mean of (x - mean)^2, not "
            "E[x^2] - E[x]^2), for a constant that float32 cannot hold, and for what is computed in a narrower dtype",
        )


def _moved(centre: float, then: str, draw: int = 0) -> Change:
    """Inputs around another number, rounded as float32 does; and, with a draw, changed by as much as that may be."""

    def change(name: str, array: Array) -> Array:
        if array.dtype.kind != "f":
            return array
        moved = (array + centre if name in CENTRED else array).astype(np.float32).astype(then)
        if draw:
            moved *= 1 + ROUNDING * np.random.default_rng([draw, len(name)]).uniform(-1, 1, moved.shape)
        return moved

    return change


@check(
    "layer",
    "activation",
    "loss",
    "metric",
    "regularizer",
    when=lambda cls: bool(_sizes_of(cls)),
    rests_on=("float32_agrees",),
)
def check_right_at_sizes(subject: Subject) -> None:
    """In float32 it is right at the sizes that it names in check_sizes, where what float64 gives has a place there.

    What it keeps in buffers, and uses later, stays finite there too.
    """
    for size, (named, others) in itertools.product(_sizes_of(subject.cls), SIZED.items()):
        for narrow, wide in zip(exercises(subject, "float32"), exercises(subject, "float64")):
            for variant in narrow.variants:
                where = f"{variant}{', ' if variant else ''}for inputs of size {size:g}{named}"
                with np.errstate(all="ignore"):
                    usual = {name: array.copy() for name, array in wide.run(variant).items()}
                    expected = wide.run(variant, change=_sized(size, others, variant, "float64"))
                bench = narrow.bench if isinstance(narrow, OfLayer) else None
                kept = bench.buffers() if bench is not None else {}
                shown = [array for name, array in expected.items() if name not in kept]
                fits = bench is None or all(np.abs(array).max(initial=0) <= LARGEST for array in shown)
                with strictly(f"{where} in float32") if fits else np.errstate(all="ignore"):
                    found = narrow.run(variant, change=_sized(size, others, variant, "float32"))
                for name, array in found.items():
                    right = expected[name]
                    largest = float(np.abs(right).max(initial=0))
                    large = (np.abs(right) <= LARGEST) | (np.abs(array) >= CLOSE * LARGEST)
                    expect(
                        name not in kept or bool((np.isfinite(array) & large).all()),
                        f"{where}, {name} is {array.reshape(-1)[:3]} afterwards, in float64 {right.reshape(-1)[:3]}",
                        "what is kept is used later: let it be no more than float32 holds, and a large number where a "
                        "larger one belongs there",
                    )
                    if (array.dtype == np.float32 and largest > LARGEST) or not np.isfinite(largest):
                        continue
                    if np.array_equal(right, usual[name]):  # the size does not reach it
                        continue
                    off = off_by(array, right)
                    # Where all of dx cancels out, its terms are as large as what y changes by over so much of x.
                    terms = float(np.abs(expected["y"]).max(initial=0)) / size if name == "dx" else 0.0
                    expect(
                        off <= CLOSE * max(largest, terms) + SMALLEST,
                        f"{where}, {name} in float32 is off by {off:.3g} from that in float64, whose largest number is "
                        f"{largest:.3g}",
                        "float32 ends at 3.4e38: divide by the largest number before squaring, or compute in float64",
                    )


def _sizes_of(cls: type) -> Sequence[float]:
    sizes = getattr(cls, "check_sizes", ())
    return sizes if isinstance(sizes, Sequence) else ()


def _sized(size: float, others: tuple[int, float] | None, variant: str, dtype: str) -> Change:
    """Inputs so many times as large, all or every other one: of a loss its logits, and what is for a regression;
    probabilities as they are, and weights of samples."""
    scaled = ("x", "theta", "logits", *(("prediction", "target") if "regression" in variant else ()))

    def change(name: str, array: Array) -> Array:
        if name not in scaled or array.dtype.kind != "f":
            return array
        sizes = np.full(array.shape, size)
        if others is not None and sizes.ndim:
            np.moveaxis(sizes, others[0], 0)[::2] = others[1]
        sized: Array = (array.astype(np.float64) * sizes).clip(-LARGEST, LARGEST)
        return sized.astype(np.float32).astype(dtype)

    return change
