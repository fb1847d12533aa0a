"""The built-in layers, one file each."""

from typing import Any

from chainrule import hookimpl
from chainrule_plugins.layers.activation import Activation
from chainrule_plugins.layers.average_pool2d import AveragePool2d
from chainrule_plugins.layers.batch_norm import BatchNorm
from chainrule_plugins.layers.conv2d import Conv2d
from chainrule_plugins.layers.dense import Dense
from chainrule_plugins.layers.dropout import Dropout
from chainrule_plugins.layers.flatten import Flatten
from chainrule_plugins.layers.global_average_pool2d import GlobalAveragePool2d
from chainrule_plugins.layers.layer_norm import LayerNorm
from chainrule_plugins.layers.max_pool2d import MaxPool2d

__all__ = [
    "Activation",
    "AveragePool2d",
    "BatchNorm",
    "Conv2d",
    "Dense",
    "Dropout",
    "Flatten",
    "GlobalAveragePool2d",
    "LayerNorm",
    "MaxPool2d",
]


@hookimpl
def register_components(registry: Any) -> None:
    for cls in (
        Dense, Flatten, Dropout, Activation,
        Conv2d, MaxPool2d, AveragePool2d, GlobalAveragePool2d,
        BatchNorm, LayerNorm,
    ):  # fmt: skip
        registry.add(cls)
