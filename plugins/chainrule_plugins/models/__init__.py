"""The built-in architectures, one file each."""

from typing import Any

from chainrule import hookimpl
from chainrule_plugins.models.mlp import MLP
from chainrule_plugins.models.sequential import Sequential

__all__ = ["MLP", "Sequential"]


@hookimpl
def register_components(registry: Any) -> None:
    for cls in (MLP, Sequential):
        registry.add(cls)
