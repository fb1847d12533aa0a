"""The built-in optimizers, one file each, in the order in which they build on one another."""

from typing import Any

from chainrule import hookimpl
from chainrule_plugins.optimizers.adadelta import AdaDelta
from chainrule_plugins.optimizers.adagrad import AdaGrad
from chainrule_plugins.optimizers.adam import Adam
from chainrule_plugins.optimizers.adamw import AdamW
from chainrule_plugins.optimizers.lion import Lion
from chainrule_plugins.optimizers.momentum import Momentum
from chainrule_plugins.optimizers.nadam import NAdam
from chainrule_plugins.optimizers.nesterov import Nesterov
from chainrule_plugins.optimizers.rmsprop import RMSProp
from chainrule_plugins.optimizers.sgd import SGD

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
