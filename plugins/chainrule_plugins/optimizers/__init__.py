"""The built-in optimizers, one file each, in the order in which they build on one another."""

from typing import Any

from chainrule import hookimpl
from chainrule_plugins.optimizers.adam import Adam
from chainrule_plugins.optimizers.momentum import Momentum
from chainrule_plugins.optimizers.nesterov import Nesterov
from chainrule_plugins.optimizers.rmsprop import RMSProp
from chainrule_plugins.optimizers.sgd import SGD

__all__ = ["SGD", "Adam", "Momentum", "Nesterov", "RMSProp"]


@hookimpl
def register_components(registry: Any) -> None:
    registry.add(SGD)
    registry.add(Momentum)
    registry.add(Nesterov)
    registry.add(RMSProp, name="rmsprop")
    registry.add(Adam)
