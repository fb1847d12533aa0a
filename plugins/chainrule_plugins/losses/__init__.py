"""The built-in losses: distances, cross-entropies, and a margin; each family in order of increasing complexity."""

from typing import Any

from chainrule import hookimpl
from chainrule_plugins.losses.cross_entropy import BinaryCrossEntropy, CategoricalCrossEntropy
from chainrule_plugins.losses.distance import HalfSquaredError, Huber, MeanAbsoluteError, MeanSquaredError
from chainrule_plugins.losses.divergence import KLDivergence
from chainrule_plugins.losses.margin import Hinge
from chainrule_plugins.losses.several import ByOutput

__all__ = [
    "BinaryCrossEntropy",
    "ByOutput",
    "CategoricalCrossEntropy",
    "HalfSquaredError",
    "Hinge",
    "Huber",
    "KLDivergence",
    "MeanAbsoluteError",
    "MeanSquaredError",
]


@hookimpl
def register_components(registry: Any) -> None:
    for cls in (HalfSquaredError, Huber, BinaryCrossEntropy, CategoricalCrossEntropy, KLDivergence, Hinge, ByOutput):
        registry.add(cls)
    registry.add(MeanSquaredError, name="mse")
    registry.add(MeanAbsoluteError, name="mae")
