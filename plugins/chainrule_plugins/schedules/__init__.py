"""The built-in schedules: by the steps done alone, along half a wave, and one cycle up and down."""

from typing import Any

from chainrule import hookimpl
from chainrule_plugins.schedules.cosine import Cosine, CosineRestarts
from chainrule_plugins.schedules.decay import Constant, Exponential, InverseSqrt, StepDecay
from chainrule_plugins.schedules.one_cycle import OneCycle

__all__ = ["Constant", "Cosine", "CosineRestarts", "Exponential", "InverseSqrt", "OneCycle", "StepDecay"]


@hookimpl
def register_components(registry: Any) -> None:
    for cls in (Constant, Exponential, InverseSqrt, Cosine, CosineRestarts, OneCycle):
        registry.add(cls)
    registry.add(StepDecay, name="step")
