"""Arrays, shapes and the like that may have names: a network of several inputs or outputs has a dict of each.

Whatever is done with one array is done with each of several by ``each``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np


def each(function: Callable[..., Any], first: Any, *others: Any) -> Any:
    """``function`` of one value, or of each by name; ``others`` have the same names.

    >>> each(len, [1, 2]), each(len, {"a": [1, 2], "b": [3]})
    (2, {'a': 2, 'b': 1})
    """
    if not isinstance(first, dict):
        return function(first, *others)
    return {name: function(value, *(other[name] for other in others)) for name, value in first.items()}


def items(given: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Each value with its name; one that has none is called ``name``.

    >>> list(items(5, "loss")), list(items({"a": 5}))
    ([('loss', 5)], [('a', 5)])
    """
    yield from given.items() if isinstance(given, dict) else [(name, given)]


def one_of(given: Any) -> Any:
    """One of them, the first."""
    return next(iter(given.values())) if isinstance(given, dict) else given


def rows_of(given: Any, which: Any) -> Any:
    """So many rows of each."""
    if isinstance(given, dict):
        return {name: rows_of(array, which) for name, array in given.items()}
    if isinstance(which, np.ndarray) and which.dtype.kind == "i":
        return given.take(which, 0)  # in half the time
    return given[which]


def plain(given: Any) -> Any:
    """A mapping as a dict, which is what all of these know; anything else as it is."""
    return dict(given) if isinstance(given, Mapping) else given
