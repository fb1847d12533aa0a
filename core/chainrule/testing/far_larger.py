"""What holds for a few steps, pixels and units holds for hundreds: other ways are taken there, and numbers grow.

What is computed in parts where memory is short, gradients that fade on their way through many steps, a position that is
kept in one byte: all of it is right for small samples.
"""

from __future__ import annotations

import time

import numpy as np

from chainrule.contract.arrays import Array, Shape
from chainrule.contract.fields import fields_of
from chainrule.errors import ChainruleError
from chainrule.testing.bench import Bench, inputs
from chainrule.testing.exercises import OfLayer, as_it_is
from chainrule.testing.kit import check
from chainrule.testing.precision import require_agreement
from chainrule.testing.slopes import Place, require_slopes
from chainrule.testing.subject import Subject

STEPS = 300
SIDES = (17, 34, 68, 136)
"""Of images, one after another, until one takes long: what compares each pixel with each other must not fill memory."""
SECONDS = 0.1
NUMBERS = {300: 1, 20: 8}
"""For a field: more than a byte counts, and as a square; and how many times as large samples are for it."""


@check("layer", rests_on=("sequences_of_any_length", "float32_agrees"))
def check_long_sequences(subject: Subject) -> None:
    """Sequences of hundreds of steps have the right gradients, in float32 too, wherever dy is 0."""
    for shape in subject.input_shapes:
        long = (STEPS, *shape[1:])
        if len(shape) != 2 or subject.input_range is not None or not _takes(subject, long):
            continue
        where = f"for sequences of {STEPS} steps, "
        require_slopes(subject, long, Place("in training", training=True), where, attempts=2, smooth=False)
        narrow, wide = OfLayer(subject, long, "float32"), OfLayer(subject, long, "float64")
        for first in (as_it_is, _at_the_ends):
            require_agreement(narrow, wide, narrow.variants[0], 0.0, f"{narrow.variants[0]}, ", first)


def _at_the_ends(name: str, array: Array) -> Array:
    """dy at the first and the last step alone, where it has steps."""
    if name != "dy" or array.shape[1:2] != (STEPS,):
        return array
    at_the_ends = array.copy()
    at_the_ends[:, 1:-1] = 0
    return at_the_ends


@check("layer", rests_on=("other_shapes", "gradient_elsewhere"))
def check_large_images(subject: Subject) -> None:
    """Large images, where it takes them, have the right gradients."""
    for shape in subject.input_shapes:
        if len(shape) == 3:
            fits = None
            for side in SIDES:
                large = (side, side, *shape[2:])
                if not _takes(subject, large):
                    continue
                fits, seconds = large, _time(subject, large)
                if seconds > SECONDS:
                    break
            if fits is not None:
                place = Place("in training", training=True, batch=1)
                require_slopes(subject, fits, place, f"for images of shape {fits}, ", attempts=2, smooth=False)


@check("layer", rests_on=("other_shapes", "gradient_elsewhere"))
def check_large_fields(subject: Subject) -> None:
    """With hundreds of what it has a few of, where it takes so many, it has the right gradients."""
    if subject.example:
        return
    for field in fields_of(subject.cls):
        if type(getattr(subject.make(), field.name)) is int:
            for number, times in NUMBERS.items():
                larger = Subject(subject.cls, {**subject.fields, field.name: number}, subject.example)
                for shape in subject.input_shapes:
                    wide = (*(times * n for n in shape[:-1]), *shape[-1:])
                    if _takes(larger, wide) and _time(larger, wide) < SECONDS:
                        where = f"with {field.name}={number}, for samples of shape {wide}, "
                        place = Place("in training", training=True, batch=2)
                        require_slopes(larger, wide, place, where, attempts=2, smooth=False)


def _takes(subject: Subject, shape: Shape) -> bool:
    try:
        Bench(subject, shape)
    except ChainruleError:
        return False
    return True


def _time(subject: Subject, shape: Shape) -> float:
    """Of the way there and back."""
    bench, x = Bench(subject, shape), inputs(subject, shape, batch=1)
    start = time.perf_counter()
    bench.backward(np.ones_like(bench.forward(x)))
    return time.perf_counter() - start
