"""What models put into their lists of layers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from chainrule import Model, make, within


def anew(model: Model, field: str, kind: str = "activation") -> Any:
    """What a model's field holds, made anew: one that was given as an instance would otherwise stand in every layer."""
    with within(field):
        return replace(make(kind, getattr(model, field)))


def dropout(rate: float) -> list[Any]:
    """A dropout, where there is to be one."""
    return [{"name": "dropout", "rate": rate}] if rate > 0 else []
