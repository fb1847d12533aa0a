"""What people hand over from Python, refused with a message that says what it should have been."""

from __future__ import annotations

import contextlib
import math
import numbers
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.contract.arrays import Array, batches
from chainrule.contract.scaled import Scaled
from chainrule.errors import ConfigError, DataError, FieldError
from chainrule.words import quoted

DTYPES = ("float32", "float64")
LONGEST_PATH = 4096
SMALL = 1 << 28
"""Bytes that need not be asked about."""


def require_count(name: str, given: Any, least: int = 1) -> int:
    """A whole number, NumPy's too, as Python's."""
    if isinstance(given, bool) or not isinstance(given, numbers.Integral) or given < least:
        raise FieldError(f"got {quoted(given)}, expected a whole number, {least} or more", key=name)
    return int(given)


def require_rate(name: str, given: Any) -> float:
    """A number, 0 or more, and finite.

    Raises:
        FieldError: it is none.
    """
    if isinstance(given, bool) or not isinstance(given, numbers.Real) or not 0 <= float(given) < math.inf:
        raise FieldError(f"got {quoted(given)}, expected a number, 0 or more, and finite", key=name)
    return float(given)


def require_list(name: str, given: Any, expected: str = "a list") -> Sequence[Any]:
    """A list, not a single name, whose letters would be taken for names."""
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise FieldError(f"got {quoted(given)}, expected {expected}", key=name)
    return given


def require_text(name: str, given: Any, expected: str) -> str:
    """A name or an id, as text that is not empty."""
    if not isinstance(given, str) or not given.strip():
        raise FieldError(f"got {quoted(given)}, expected {expected}", key=name)
    return given


def require_path(name: str, given: Any) -> Path:
    """A path, or its text."""
    try:
        path = Path(given)
        text = os.fsencode(path)
        if b"\0" not in text and len(text) < LONGEST_PATH:
            return path
    except (TypeError, ValueError):  # no path, one of bytes; a lone surrogate
        pass
    raise FieldError(f"got {quoted(given)}, expected the path of a file", key=name)


def require_pair(name: str, given: Any) -> tuple[Any, Any]:
    """``(x, y)``, not an array, whose first two rows would be taken for it."""
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        found = f"{len(given)} values" if isinstance(given, (tuple, list)) else type(given).__name__
        raise FieldError(f"got {found}, expected a pair (x, y), as {name}=(x, y)", key=name)
    return given[0], given[1]


def require_shape(name: str, given: Any) -> Any:
    """The shape of one sample; of several inputs by name, of each."""
    if isinstance(given, Mapping) and given:
        return {
            require_text(name, key, "a name"): require_shape(f"{name}.{key}", shape) for key, shape in given.items()
        }
    try:
        return tuple(require_count(name, size) for size in given)
    except (TypeError, FieldError):  # not a sequence, or not of sizes
        raise FieldError(
            f"got {quoted(given)}, expected the shape of one sample, such as (5,) or (28, 28)", key=name
        ) from None


def require_dtype(name: str, given: Any) -> np.dtype[Any]:
    """One of ``DTYPES``, by name or as NumPy's."""
    for dtype in map(np.dtype, DTYPES):
        # NumPy takes much else for one, None for float64, and raises where a text names none.
        with contextlib.suppress(TypeError, ValueError, SyntaxError):
            if isinstance(given, (str, type, np.dtype)) and np.dtype(given) == dtype:
                return dtype
    raise FieldError(f"got {quoted(given)}, expected {' or '.join(DTYPES)}", key=name)


def require_memory(what: str, size: int) -> None:
    """So many bytes, before they are asked for: a system may grant what it does not have.

    Raises:
        ConfigError: they are more than are free.
    """
    if size < SMALL:
        return
    import psutil

    free = psutil.virtual_memory().available
    if size > free:
        amount = f"{size / 1e9:,.1f}" if size < 1e18 else "more than a billion"
        raise ConfigError(f"{what} takes {amount} GB of memory, and {free / 1e9:,.1f} GB are free")


def real_numbers(what: str, given: Any, hint: str = "") -> Array:
    """``given`` as an array of numbers; ``what`` is what messages call it, ``hint`` ends one.

    Raises:
        DataError: it is text, None, complex, sparse, masked, or rows of different lengths.
    """
    if np.ma.is_masked(given):  # NumPy would give what lies below the mask
        raise DataError(f"{what} hold masked values: fill them, or leave their samples out")
    if hasattr(given, "toarray"):
        raise DataError(f"{what} are a sparse {quoted(given)}: give {what}.toarray()")
    try:
        array = np.asarray(given)
    except ValueError as error:
        raise DataError(f"{what} must be an array of numbers: {error}") from None
    if array.dtype.kind not in "biuf":
        raise DataError(f"{what} must be real numbers, got {array.dtype}{_as_numbers(array) or hint}")
    return array


def _as_numbers(array: Array) -> str:
    """What to do with an array of objects that are numbers, as pandas gives for its nullable types."""
    with contextlib.suppress(TypeError, ValueError, OverflowError):
        if array.dtype == object and array.size and np.isfinite(array.astype(np.float64)).all():
            return ": its objects are numbers, so give .astype(float) of it"
    return ""


def require_as_many(which: str, x: Any, y: Any, others: str = "targets") -> None:
    """As many inputs as targets, or as others, and at least one; ``which`` is what messages call the data.

    Raises:
        DataError: with both numbers.
    """
    if len(x) != len(y) or len(x) == 0:
        raise DataError(
            f"the {which} data has {len(x)} inputs and {len(y)} {others}; they must be as many, and at least one"
        )


def require_labels(y: Array, classes: int, sample: str, there: str) -> None:
    """Labels in range; ``sample`` is what messages call one, ``there`` says how many classes there are.

    Raises:
        DataError: naming the first that is not.
    """
    wrong = np.argwhere((y < 0) | (y >= classes))
    if len(wrong):
        label, row = y[tuple(wrong[0])], wrong[0][0]
        raise DataError(f"label {label:.0f} of {sample} {row} is out of range: {there}, for labels 0 to {classes - 1}")


def require_finite(which: str, arrays: Sequence[Any], as_dtype: str = "") -> None:
    """Nothing infinite, nothing that is no number; looked at in parts, so that what NumPy makes of each stays small.

    Raises:
        DataError: ``which`` is what messages call the data.
    """
    telling = [given.extremes if isinstance(given, Scaled) else given for given in arrays]
    if not all(np.isfinite(values[rows]).all() for values in telling for rows in batches(len(values), 256)):
        raise DataError(f"the {which} data holds values that are infinite or not a number{as_dtype}")
