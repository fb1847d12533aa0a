"""The built-in callbacks, one file each."""

from typing import Any

from chainrule import hookimpl
from chainrule_plugins.callbacks.clip_norm import ClipNorm
from chainrule_plugins.callbacks.clip_value import ClipValue
from chainrule_plugins.callbacks.early_stopping import EarlyStopping
from chainrule_plugins.callbacks.lr_range_test import LRRangeTest
from chainrule_plugins.callbacks.max_norm import MaxNorm
from chainrule_plugins.callbacks.nan_guard import NanGuard
from chainrule_plugins.callbacks.progress import Progress
from chainrule_plugins.callbacks.weight_average import WeightAverage

__all__ = [
    "ClipNorm",
    "ClipValue",
    "EarlyStopping",
    "LRRangeTest",
    "MaxNorm",
    "NanGuard",
    "Progress",
    "WeightAverage",
]


@hookimpl
def register_components(registry: Any) -> None:
    for cls in (Progress, EarlyStopping, NanGuard, ClipNorm, ClipValue, MaxNorm, WeightAverage, LRRangeTest):
        registry.add(cls)
