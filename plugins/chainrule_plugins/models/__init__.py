"""The built-in architectures: layers one after another, for single inputs and for sequences."""

from typing import Any

from chainrule import hookimpl
from chainrule_plugins.models.feedforward import MLP, Sequential
from chainrule_plugins.models.sequences import Recurrent, Transformer

__all__ = ["MLP", "Recurrent", "Sequential", "Transformer"]


@hookimpl
def register_components(registry: Any) -> None:
    for cls in (MLP, Sequential, Recurrent, Transformer):
        registry.add(cls)
