"""The built-in callbacks: what shows, stops or limits a training, averages weights, moves images, writes."""

from typing import Any

from chainrule import hookimpl
from chainrule_plugins.callbacks.augment import Augment
from chainrule_plugins.callbacks.limits import ClipNorm, ClipValue, MaxNorm
from chainrule_plugins.callbacks.lr_range_test import LRRangeTest
from chainrule_plugins.callbacks.progress import Progress
from chainrule_plugins.callbacks.stopping import EarlyStopping, NanGuard
from chainrule_plugins.callbacks.text_sample import TextSample
from chainrule_plugins.callbacks.weight_average import WeightAverage

__all__ = [
    "Augment",
    "ClipNorm",
    "ClipValue",
    "EarlyStopping",
    "LRRangeTest",
    "MaxNorm",
    "NanGuard",
    "Progress",
    "TextSample",
    "WeightAverage",
]


@hookimpl
def register_components(registry: Any) -> None:
    for cls in (
        Progress, EarlyStopping, NanGuard,
        ClipNorm, ClipValue, MaxNorm,
        WeightAverage, LRRangeTest, Augment, TextSample,
    ):  # fmt: skip
        registry.add(cls)
