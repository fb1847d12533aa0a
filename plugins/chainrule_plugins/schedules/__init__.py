"""The built-in schedules: by the steps done alone, along half a wave, up and down, and by what is measured."""

from typing import Any

from chainrule import hookimpl
from chainrule_plugins.schedules.cosine import Cosine, CosineRestarts
from chainrule_plugins.schedules.decay import Constant, Exponential, InverseSqrt, StepDecay
from chainrule_plugins.schedules.one_cycle import OneCycle
from chainrule_plugins.schedules.plateau import ReduceOnPlateau

__all__ = [
    "Constant",
    "Cosine",
    "CosineRestarts",
    "Exponential",
    "InverseSqrt",
    "OneCycle",
    "ReduceOnPlateau",
    "StepDecay",
]


@hookimpl
def register_components(registry: Any) -> None:
    for cls in (Constant, Exponential, InverseSqrt, Cosine, CosineRestarts, OneCycle, ReduceOnPlateau):
        registry.add(cls)
    registry.add(StepDecay, name="step")
