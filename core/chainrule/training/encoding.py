"""The state of a training as JSON and arrays, and back: plain values, no code, and equal to the last bit.

What JSON cannot say is an object with one key that begins with ``~``: ``{"~array": "0"}`` is the array of that name.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.contract.parameters import Snapshot
from chainrule.errors import ContractError, DataError

GENERATORS = ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64")


def encoded(state: Any) -> tuple[str, dict[str, Array]]:
    """A text, and the arrays that it refers to: copies, as they are now.

    Raises:
        ContractError: something in it is no plain value; says where, and of which type.
    """
    arrays: dict[str, Array] = {}
    return json.dumps(_tree(state, "", arrays)), arrays


def decoded(text: str, arrays: Mapping[str, Array]) -> Any:
    """What ``encoded`` was given.

    Raises:
        DataError: it did not give this.
    """
    try:
        return _value(json.loads(text), arrays)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"this is no state of a training: {error!r}") from None


def _tree(value: Any, where: str, arrays: dict[str, Array]) -> Any:
    def inside(values: Any) -> list[Any]:
        return [_tree(inner, f"{where}[{position}]", arrays) for position, inner in enumerate(values)]

    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {"~float": str(value)}
    if type(value) is list:
        return inside(value)
    if type(value) is tuple:
        return {"~tuple": inside(value)}
    if type(value) is Snapshot:
        return {"~snapshot": inside(value)}
    if type(value) is deque:
        return {"~deque": [inside(value), value.maxlen]}
    if type(value) is dict:
        if all(type(key) is str and not key.startswith("~") for key in value):
            return {key: _tree(inner, f"{where}.{key}".lstrip("."), arrays) for key, inner in value.items()}
        return {"~dict": inside([[key, inner] for key, inner in value.items()])}
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "biuf":
        name = str(len(arrays))
        arrays[name] = np.array(value, value.dtype.newbyteorder("="), order="C")
        return {"~array" if isinstance(value, np.ndarray) else "~scalar": name}
    if type(value) is np.random.Generator and type(value.bit_generator).__name__ in GENERATORS:
        return {"~generator": _tree(value.bit_generator.state, where, arrays)}
    raise ContractError(f"{where} holds a {type(value).__name__}, which no file can keep")


def _value(tree: Any, arrays: Mapping[str, Array]) -> Any:
    if isinstance(tree, list):
        return [_value(inner, arrays) for inner in tree]
    if not isinstance(tree, dict):
        return tree
    if not (len(tree) == 1 and next(iter(tree)).startswith("~")):
        return {key: _value(inner, arrays) for key, inner in tree.items()}
    [(kind, given)] = tree.items()
    match kind:
        case "~float":
            return float(given)
        case "~array":
            return arrays[given]
        case "~scalar":
            return arrays[given][()]
        case "~tuple":
            return tuple(_value(given, arrays))
        case "~snapshot":
            return Snapshot(*_value(given, arrays))
        case "~deque":
            return deque(_value(given[0], arrays), given[1])
        case "~dict":
            return dict(_value(given, arrays))
        case "~generator":
            return _generator(_value(given, arrays))
    raise ValueError(f"nothing is kept as {kind}")


def _generator(state: Mapping[str, Any]) -> np.random.Generator:
    if state["bit_generator"] not in GENERATORS:
        raise ValueError(f"NumPy has no stream of random numbers called {state['bit_generator']}")
    bits = getattr(np.random, state["bit_generator"])()
    bits.state = state
    return np.random.Generator(bits)
