"""The built-in optimizers: plain descent, momentum, steps adapted to each parameter, Adam and its kin, signs alone,
matrices as wholes, all parameters at once, and optimizers around others."""

from typing import Any

from chainrule import hookimpl
from chainrule_plugins.optimizers.adam import Adam, AdamW, NAdam
from chainrule_plugins.optimizers.adan import Adan
from chainrule_plugins.optimizers.adaptive import AdaDelta, AdaGrad, RMSProp
from chainrule_plugins.optimizers.around import SAM, Lookahead
from chainrule_plugins.optimizers.gradient_descent import SGD
from chainrule_plugins.optimizers.lbfgs import LBFGS
from chainrule_plugins.optimizers.momentum import Momentum, Nesterov
from chainrule_plugins.optimizers.muon import Muon
from chainrule_plugins.optimizers.sign import Lion, Rprop

__all__ = [
    "LBFGS",
    "SAM",
    "SGD",
    "AdaDelta",
    "AdaGrad",
    "Adam",
    "AdamW",
    "Adan",
    "Lion",
    "Lookahead",
    "Momentum",
    "Muon",
    "NAdam",
    "Nesterov",
    "RMSProp",
    "Rprop",
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
    registry.add(Adan)
    registry.add(Rprop)
    registry.add(Muon)
    registry.add(LBFGS, name="lbfgs")
    registry.add(SAM)
    registry.add(Lookahead)
