"""What initializers owe: arrays as they were asked for, from the given stream, with the moments that they state."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chainrule.contract.arrays import Shape
from chainrule.contract.kinds import Initializer
from chainrule.errors import ChainruleError
from chainrule.testing.arrays import distance, global_randomness
from chainrule.testing.kit import CheckFailed, check, expect
from chainrule.testing.subject import Subject

SHAPES: Sequence[Shape] = ((6, 4), (4, 6), (5,), (3, 2, 4, 5))
MORE_SHAPES: Sequence[Shape] = ((), (1,), (1, 1), (3, 3), (2, 3, 4), (40, 30))
"""Of a single number, a square, a filter of one axis, and a larger weight."""
LARGE = ((200, 100), (100, 200), (3, 3, 20, 60), (5, 40, 60))
TOLERANCE = 0.04  # of a standard deviation; that of an estimate from as many numbers is below 0.01


@check("initializer", first=True)
def check_shape_and_dtype(subject: Subject) -> None:
    """It gives an array of the shape and dtype that were asked for, finite."""
    for shape in SHAPES:
        for dtype in (np.dtype("float32"), np.dtype("float64")):
            w = subject.make()(shape, subject.rng(), dtype)
            asked = f"asked for {dtype} of shape {shape}, it gives"
            expect(isinstance(w, np.ndarray), f"{asked} {w!r}", "return an array")
            expect(w.shape == shape, f"{asked} shape {w.shape}", "draw with size=shape")
            expect(w.dtype == dtype, f"{asked} {w.dtype}", "end in .astype(dtype)")
            expect(bool(np.isfinite(w).all()), f"{asked} infinity or NaN", "look at the formula for this shape")


@check("initializer", rests_on=("shape_and_dtype", "draws_anew", "formula_computed"))
def check_every_shape(subject: Subject) -> None:
    """It gives arrays of any number of axes, or says in an error of its own which it takes."""
    for shape in MORE_SHAPES:
        try:
            w, other = (subject.make()(shape, subject.rng(i), np.dtype("float32")) for i in (0, 1))
        except ChainruleError:
            continue
        except Exception as error:
            raise CheckFailed(
                f"for shape {shape} it raises {type(error).__name__}: {error}",
                "give an array of any shape, or raise a ShapeError that says which shapes it takes",
            ) from None
        expect(
            w.shape == shape and w.dtype == np.float32 and bool(np.isfinite(w).all()),
            f"for shape {shape} it gives {w.dtype} of shape {np.shape(w)}, with "
            f"{np.count_nonzero(~np.isfinite(w))} numbers that are not finite",
            "draw with size=shape, end in .astype(dtype)",
        )
        constant = bool((w == w.reshape(-1)[0]).all()) and w.size > 1
        expect(
            constant or w.size == 1 or bool((w != other).any()),
            f"for shape {shape}, two streams of random numbers give the same",
            "draw from the argument rng, each time anew",
        )


@check("initializer")
def check_deterministic(subject: Subject) -> None:
    """The same stream gives the same numbers: all randomness comes from rng."""
    found = []
    for seed in (1, 2):
        with global_randomness(seed):
            found.append(subject.make()(SHAPES[0], subject.rng(), np.dtype("float64")))
    off = distance(*found)
    expect(
        off == 0,
        f"two calls with streams of the same seed differ by {off:.3g}",
        "draw from the argument rng alone: rng.normal(...), not np.random.normal(...)",
    )


@check("initializer", rests_on=("deterministic",))
def check_draws_anew(subject: Subject) -> None:
    """With another stream of random numbers it gives others, where it is not constant."""
    for shape in SHAPES:
        found = []
        for index in (0, 1):
            rng = subject.rng(index)
            before = rng.bit_generator.state
            found.append(subject.make()(shape, rng, np.dtype("float64")))
            draws = rng.bit_generator.state != before
        constant = bool((found[0] == found[0].reshape(-1)[0]).all())
        expect(
            (constant and not draws) or bool((found[0] != found[1]).any()),
            f"for shape {shape}, two streams of random numbers give the same",
            "draw from the argument rng, each time anew",
        )


@check("initializer")
def check_new_array(subject: Subject) -> None:
    """Each call gives an array of its own."""
    initializer = subject.make()
    first, second = (initializer(SHAPES[0], subject.rng(i), np.dtype("float64")) for i in (0, 1))
    expect(
        not np.shares_memory(first, second),
        "two calls give arrays that share their memory",
        "make a new array each time: one initializer serves several parameters",
    )


@check("initializer", when=lambda cls: getattr(cls, "moments", None) is not Initializer.moments)
def check_moments(subject: Subject) -> None:
    """Mean and standard deviation are those that it states, for tall, wide and convolution weights."""
    for shape in LARGE:
        initializer = subject.make()
        mean, std = initializer.moments(shape)
        w = initializer(shape, subject.rng(), np.dtype("float64"))
        error = max(std, 1e-12) * 6 / np.sqrt(w.size)
        expect(
            abs(w.mean() - mean) <= error + 1e-12 * abs(mean),
            f"for shape {shape} the mean is {w.mean():.6g}, and moments() states {mean:.6g}",
            "make formula and moments() agree",
        )
        expect(
            abs(w.std() - std) <= TOLERANCE * std + 1e-12,
            f"for shape {shape} the standard deviation is {w.std():.6g}, and moments() states {std:.6g}: "
            f"{w.std() / std if std else np.inf:.4g} times as much",
            "make formula and moments() agree; fan_in is the product of all axes but the last, fan_out of all but the "
            "one before it",
        )
