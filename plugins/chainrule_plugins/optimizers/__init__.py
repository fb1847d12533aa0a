"""The built-in optimizers: plain descent, momentum, steps adapted to each parameter, Adam and its kin, signs alone."""

from typing import Any

from chainrule import hookimpl
from chainrule_plugins.optimizers.adam import Adam, AdamW, NAdam
from chainrule_plugins.optimizers.adaptive import AdaDelta, AdaGrad, RMSProp
from chainrule_plugins.optimizers.gradient_descent import SGD
from chainrule_plugins.optimizers.momentum import Momentum, Nesterov
from chainrule_plugins.optimizers.sign import Lion

__all__ = [
    "SGD",
    "AdaDelta",
    "AdaGrad",
    "Adam",
    "AdamW",
    "Lion",
    "Momentum",
    "NAdam",
    "Nesterov",
    "RMSProp",
]


@hookimpl
def register_components(registry: Any) -> None:
    registry.add(SGD)
    registry.add(Momentum)
    registry.add(Nesterov)
    registry.add(AdaGrad, name="adagrad")
    registry.add(RMSProp, name="rmsprop")
    registry.add(AdaDelta, name="adadelta")
    registry.add(Adam)
    registry.add(AdamW, name="adamw")
    registry.add(NAdam, name="nadam")
    registry.add(Lion)
