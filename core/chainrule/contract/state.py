"""What a component gathers while a training runs: all that it keeps beside its fields."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from typing import Any

LENT = ("_work", "_lent_scope")
"""What is no state: arrays to compute in, and what a network lends."""


def gathered(component: Any) -> dict[str, Any]:
    """Every attribute of a component that is no field, by name: itself, not a copy. Of a component among them, such as
    the schedule within a schedule, its state."""
    is_dataclass = dataclasses.is_dataclass(component)  # one that is given as it is need not be
    fields = {field.name for field in dataclasses.fields(component)} if is_dataclass else set()
    kept = {name: value for name, value in vars(component).items() if name not in fields and name not in LENT}
    return {name: _state_of(value) if _is_component(value) else value for name, value in kept.items()}


def take_over(component: Any, state: Mapping[str, Any]) -> None:
    """Make what ``gathered`` gave of another instance this one's."""
    for name, value in state.items():
        own = vars(component).get(name)
        if not _is_component(own):
            vars(component)[name] = copy.deepcopy(value)
        elif hasattr(own, "load_state"):
            own.load_state(value)
        else:
            take_over(own, value)


def _state_of(component: Any) -> Any:
    return component.state() if hasattr(component, "state") else gathered(component)


def _is_component(value: Any) -> bool:
    return dataclasses.is_dataclass(value) and isinstance(getattr(type(value), "kind", None), str)
