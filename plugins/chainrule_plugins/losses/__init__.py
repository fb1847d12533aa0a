"""The built-in losses: distances, quantiles, cross-entropies, margins; each family from simple to complex."""

from typing import Any

from chainrule import hookimpl
from chainrule_plugins.losses.cross_entropy import BinaryCrossEntropy, CategoricalCrossEntropy
from chainrule_plugins.losses.distance import HalfSquaredError, Huber, MeanAbsoluteError, MeanSquaredError
from chainrule_plugins.losses.divergence import KLDivergence
from chainrule_plugins.losses.focal import Focal
from chainrule_plugins.losses.margin import Hinge
from chainrule_plugins.losses.quantile import Quantile
from chainrule_plugins.losses.several import ByOutput
from chainrule_plugins.losses.triplet import Triplet

__all__ = [
    "BinaryCrossEntropy",
    "ByOutput",
    "CategoricalCrossEntropy",
    "Focal",
    "HalfSquaredError",
    "Hinge",
    "Huber",
    "KLDivergence",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Quantile",
    "Triplet",
]


@hookimpl
def register_components(registry: Any) -> None:
    for cls in (
        HalfSquaredError, Huber, Quantile, BinaryCrossEntropy, CategoricalCrossEntropy, KLDivergence, Focal, Hinge,
        Triplet, ByOutput,
    ):  # fmt: skip
        registry.add(cls)
    registry.add(MeanSquaredError, name="mse")
    registry.add(MeanAbsoluteError, name="mae")
