"""The built-in losses, one file a family, each in order of increasing complexity."""

from typing import Any

from chainrule import hookimpl
from chainrule_plugins.losses.cross_entropy import BinaryCrossEntropy, CategoricalCrossEntropy
from chainrule_plugins.losses.distance import HalfSquaredError, MeanSquaredError

__all__ = ["BinaryCrossEntropy", "CategoricalCrossEntropy", "HalfSquaredError", "MeanSquaredError"]


@hookimpl
def register_components(registry: Any) -> None:
    for cls in (HalfSquaredError, BinaryCrossEntropy, CategoricalCrossEntropy):
        registry.add(cls)
    registry.add(MeanSquaredError, name="mse")
