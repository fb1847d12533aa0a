"""The built-in layers, one file each."""

from typing import Any

from chainrule import hookimpl
from chainrule_plugins.layers.activation import Activation
from chainrule_plugins.layers.dense import Dense
from chainrule_plugins.layers.dropout import Dropout
from chainrule_plugins.layers.flatten import Flatten

__all__ = ["Activation", "Dense", "Dropout", "Flatten"]


@hookimpl
def register_components(registry: Any) -> None:
    for cls in (Dense, Flatten, Dropout, Activation):
        registry.add(cls)
