"""Whether a state that was saved is one of a training that is built like this one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from chainrule.errors import ChainruleError, DataError


@contextmanager
def understood() -> Iterator[None]:
    """Inside, what was read from a file is taken apart; that it is of no form that was ever saved is one error.

    Raises:
        DataError: instead of whatever comes of a wrong type, a missing key or a value out of range.
    """
    try:
        yield
    except ChainruleError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise DataError(f"this is no state that a training saved: {error!r}") from error


def require_same(saved: Any, own: Mapping[str, Any]) -> None:
    """Refuse the state of a training that was built otherwise.

    Raises:
        DataError: names what differs.
    """
    then, now = _flat(saved), _flat(own)
    differ = [
        f"{key} was {then.get(key)}, here it is {now.get(key)}"
        for key in {**then, **now}
        if then.get(key) != now.get(key)
    ]
    if differ:
        raise DataError(
            f"this is the state of another training: {'; '.join(differ[:3])}{'; ...' if differ[3:] else ''}"
        )


def require_like(saved: Any, own: Any, where: str) -> None:
    """Refuse what has not the types, keys and shapes that ``own`` has.

    Raises:
        ValueError: names the place.
    """
    if isinstance(own, np.ndarray):
        alike = isinstance(saved, np.ndarray) and (saved.dtype, saved.shape) == (own.dtype, own.shape)
    else:
        alike = type(saved) is type(own)
    if alike and isinstance(own, Mapping):
        alike = set(saved) == set(own)
    elif alike and isinstance(own, (list, tuple)):
        alike = len(saved) == len(own)
    if not alike:
        raise ValueError(f"{where} is not of this training's form")
    if isinstance(own, Mapping):
        for key, value in own.items():
            require_like(saved[key], value, f"{where}.{key}")
    elif isinstance(own, (list, tuple)):
        for position, value in enumerate(own):
            require_like(saved[position], value, f"{where}.{position}")


def require_columns(columns: Mapping[str, Sequence[float]], epochs: int) -> None:
    """Refuse what is no history of so many epochs.

    Raises:
        ValueError: names the column.
    """
    for name, column in columns.items():
        if len(column) != epochs or not all(type(value) is float for value in column):
            raise ValueError(f"history.{name} has not a number for each of {epochs} epochs")


def _flat(tree: Any, prefix: str = "") -> dict[str, str]:
    if isinstance(tree, Mapping):
        items = [(str(key), value) for key, value in tree.items()]
    elif isinstance(tree, list) and any(isinstance(value, (Mapping, list)) for value in tree):
        items = [(str(position), value) for position, value in enumerate(tree)]
    else:
        return {prefix: json.dumps(tree)}
    return {key: value for name, inner in items for key, value in _flat(inner, f"{prefix}.{name}".lstrip(".")).items()}
