"""The built-in metrics. Each gathers sums, or all scores, so that no cut of the data into batches changes its value."""

from typing import Any

from chainrule import hookimpl
from chainrule_plugins.metrics.confusion import ConfusionMatrix
from chainrule_plugins.metrics.distance import MeanAbsoluteError, MeanSquaredError, RSquared
from chainrule_plugins.metrics.found import F1, Precision, Recall
from chainrule_plugins.metrics.ranking import RocAuc
from chainrule_plugins.metrics.right import Accuracy, BinaryAccuracy, TopK
from chainrule_plugins.metrics.surprise import LogLoss

__all__ = [
    "F1",
    "Accuracy",
    "BinaryAccuracy",
    "ConfusionMatrix",
    "LogLoss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Precision",
    "RSquared",
    "Recall",
    "RocAuc",
    "TopK",
]


@hookimpl
def register_components(registry: Any) -> None:
    for cls in (
        Accuracy, BinaryAccuracy, MeanAbsoluteError, RSquared, ConfusionMatrix, TopK, F1, RocAuc, LogLoss,
        MeanSquaredError, Precision, Recall,
    ):  # fmt: skip
        registry.add(cls)
