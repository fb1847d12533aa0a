"""What a component gathers while a training runs: all that it keeps beside its fields."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from typing import Any

LENT = ("_work", "_lent_scope")
"""What is no state: arrays to compute in, and what a network lends."""


def gathered(component: Any) -> dict[str, Any]:
    """Every attribute of a component that is no field, by name: itself, not a copy."""
    is_dataclass = dataclasses.is_dataclass(component)  # one that is given as it is need not be
    fields = {field.name for field in dataclasses.fields(component)} if is_dataclass else set()
    return {name: value for name, value in vars(component).items() if name not in fields and name not in LENT}


def take_over(component: Any, state: Mapping[str, Any]) -> None:
    """Make what ``gathered`` gave of another instance this one's."""
    vars(component).update(copy.deepcopy(dict(state)))
