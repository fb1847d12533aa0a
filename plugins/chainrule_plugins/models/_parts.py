"""What models put into their lists of layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from chainrule import Model, make, within


def anew(model: Model, field: str, kind: str = "activation") -> Any:
    """What a model's field holds, made anew: one that was given as an instance would otherwise stand in every layer."""
    with within(field):
        return replace(make(kind, getattr(model, field)))


def flat(input_shape: Any) -> list[Any]:
    """What makes a vector of any input, and of several by name."""
    if isinstance(input_shape, Mapping):
        return ["join"]
    return [] if len(input_shape) == 1 else ["flatten"]


def ending(units: Any, activation: Any, dense: Callable[..., Any]) -> Any:
    """The output layer, of several outputs by name a head for each; ``dense(units=..., activation=...)`` makes one."""
    if not isinstance(units, Mapping):
        return dense(units=units, activation=activation)
    heads = {name: [dense(units=units[name], activation=activation[name])] for name in units}
    return {"name": "heads", "heads": heads}


def dropout(rate: float) -> list[Any]:
    """A dropout, where there is to be one."""
    return [{"name": "dropout", "rate": rate}] if rate > 0 else []
