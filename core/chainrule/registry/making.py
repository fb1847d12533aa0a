"""From what people write (an instance, a name, ``{name: ..., ...}``) to a component, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import is_dataclass
from typing import Any

import numpy as np

from chainrule.contract.fields import fields_of, require_known
from chainrule.contract.kinds import KINDS, Component
from chainrule.errors import ContractError, FieldError, UnknownName, did_you_mean
from chainrule.registry.registry import registry
from chainrule.words import as_written, quoted

CLASS_WEIGHT = "class_weight"
"""What every dataset may be given beside its fields."""


def make(kind: str, given: Any, /, **fields: Any) -> Any:
    """The component that ``given`` stands for.

    >>> make("optimizer", "sgd", lr=0.5).lr
    0.5
    >>> make("optimizer", {"name": "sgd", "lr": 0.5}).lr
    0.5

    Args:
        kind: one of the eleven kinds.
        given: a name, ``{name: ..., field: value, ...}``, or an instance, which is returned as it is.
        fields: more fields.

    Raises:
        UnknownName: no such component or field. FieldError: a value that a field cannot take.
    """
    base = KINDS.get(kind) if isinstance(kind, str) else None
    if base is None:
        raise UnknownName(f"there is no kind of component {as_written(kind)}. {did_you_mean(kind, KINDS)}")
    if isinstance(given, Component):
        if not isinstance(given, base) or fields:
            expected = "fields for a name only" if fields else f"a component of kind {kind}"
            raise FieldError(f"got {type(given).__name__}, expected {expected}")
        return given
    if isinstance(given, str):
        given = {"name": given}
    if not isinstance(given, Mapping) or not isinstance(given.get("name"), str):
        raise FieldError(f"got {quoted(given)}, expected the name of a component of kind {kind}, or {{name: ..., ...}}")
    values = {**{key: value for key, value in given.items() if key != "name"}, **fields}
    entry = registry().get(kind, given["name"])
    own = {field.name for field in entry.fields}
    beside = {CLASS_WEIGHT: values.pop(CLASS_WEIGHT, None)} if kind == "dataset" and CLASS_WEIGHT not in own else {}
    require_known(entry.cls, f"{kind} {entry.name}", values)
    component = entry.cls(**values)
    vars(component).update({key: value for key, value in beside.items() if value is not None})
    return component


def own(kind: str, given: Any) -> Any:
    """A private instance of what was given: nobody else's state, and nobody else's to change.

    Raises:
        UnknownName, FieldError: as ``make``.
    """
    return fresh(make(kind, given)) if isinstance(given, Component) else make(kind, given)


def spec_of(component: Component) -> dict[str, Any]:
    """The inverse of ``make``: ``{name: ..., field: value, ...}``, of plain values only. Reads fields alone."""
    if not isinstance(component, Component) or not is_dataclass(component):
        raise FieldError(f"got {quoted(component)}, expected a component")
    values = {field.name: _plain(getattr(component, field.name)) for field in fields_of(type(component))}
    return {"name": registry().name_of(component), **values}


def fresh(component: Any) -> Any:
    """A new instance with the same fields, which shares no state with the given one.

    Raises:
        ContractError: its fields are not known, as it is no dataclass.
    """
    if not is_dataclass(component):
        raise ContractError(f"{type(component).__name__} is not a dataclass: write @dataclass above it")
    cls: Any = type(component)
    return cls(**{field.name: getattr(component, field.name) for field in fields_of(cls)})


def _plain(value: Any) -> Any:
    if isinstance(value, Component):
        return spec_of(value)
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return value.item() if isinstance(value, np.generic) else value
