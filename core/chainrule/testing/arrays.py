"""What checks of several kinds do with arrays: compare them, draw them, and compute where nothing may go wrong."""

from __future__ import annotations

import contextlib
import math
import numbers
import random
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule.contract.arrays import Array, Shape
from chainrule.testing.kit import CheckFailed

MARGIN = 0.02  # from a kink: the differences reach over two of their steps to either side
STABLE = (
    "write the formula so that nothing in it overflows or is 0/0: subtract the largest number before an exponential, "
    "use np.log1p and np.expm1, choose the branch by np.where(z >= 0, ...)"
)


def is_finite_number(value: Any) -> bool:
    """Whether it is one real number, Python's or NumPy's, and neither infinite nor NaN."""
    return isinstance(value, numbers.Real) and math.isfinite(value)


def distance(a: Array, b: Array) -> float:
    """The largest difference; infinite where the shapes differ."""
    if a.shape != b.shape:
        return float("inf")
    return float(np.abs(np.asarray(a, float) - np.asarray(b, float)).max(initial=0))


def close(a: Array, b: Array, tolerance: float = 1e-9) -> bool:
    """Whether they are equal but for rounding in float64."""
    return distance(a, b) <= tolerance * max(1.0, float(np.abs(b).max(initial=0)))


def off_by(given: Array, right: Array) -> float:
    """The largest difference; what is NaN in both does not differ."""
    with np.errstate(invalid="ignore"):
        off = np.where((given == right) | (np.isnan(given) & np.isnan(right)), 0, np.abs(given.astype(float) - right))
    return float(off.max(initial=0))


def held(value: Any) -> Any:
    """What an attribute holds, to be compared with what it holds later: of what has no value of its own, its id."""
    if isinstance(value, np.ndarray):
        return value.shape, value.tobytes()
    return repr(value) if isinstance(value, (list, dict, set, bool, int, float, str)) else id(value)


def away_from(kinks: tuple[float, ...], x: Array, reference: Array | float = 0.0) -> Array:
    """``x``, moved where ``x - reference`` lies close to a kink."""
    for kink in kinks:
        offset = x - reference - kink
        near = np.abs(offset) < MARGIN
        x = np.where(near, reference + kink + np.where(offset < 0, -1, 1) * (MARGIN + np.abs(offset)), x)
    return x


def extremes(shape: Shape, dtype: str, largest: float = 1e4) -> Iterator[tuple[str, Array]]:
    """Inputs at which careless formulas fail, each with its name."""
    signs = np.where(np.arange(np.prod(shape)).reshape(shape) % 2 == 0, 1, -1)
    by_row = np.where(np.arange(shape[0]) % 2 == 0, 1, -1).reshape(-1, *[1] * (len(shape) - 1)) * np.ones(shape)
    for named, x in (
        ("0 everywhere", np.zeros(shape)),
        (f"{largest:g} everywhere", np.full(shape, largest)),
        (f"-{largest:g} everywhere", np.full(shape, -largest)),
        (f"{largest:g} and -{largest:g} in turn", largest * signs),
        (f"{largest:g} and -{largest:g} row by row", largest * by_row),
        (f"{largest:g} in every other row, and 0", largest * (by_row + 1) / 2),
        ("1e-30 and -1e-30 in turn", 1e-30 * signs),
    ):
        yield named, x.astype(dtype)


@contextlib.contextmanager
def strictly(where: str, mend: str = STABLE) -> Iterator[None]:
    """Make a failure of every warning, NumPy's of overflow and of invalid values too."""
    with warnings.catch_warnings(), np.errstate(over="raise", divide="raise", invalid="raise"):
        warnings.simplefilter("error")
        try:
            yield
        except (FloatingPointError, Warning) as error:
            raise CheckFailed(f"{where}, NumPy warns: {error}", mend) from None


@contextlib.contextmanager
def global_randomness(seed: int) -> Iterator[None]:
    """Give the process's own random streams other numbers for a while: what depends on them shows."""
    kept, kept_numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(kept)
        np.random.set_state(kept_numpy)  # noqa: NPY002
