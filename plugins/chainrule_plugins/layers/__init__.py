"""The built-in layers: dense, flatten and dropout; convolution and pooling, for images; normalization."""

from typing import Any

from chainrule import hookimpl
from chainrule_plugins.layers.convolution import Conv1d, Conv2d
from chainrule_plugins.layers.dense import Dense
from chainrule_plugins.layers.depthwise import DepthwiseConv2d
from chainrule_plugins.layers.dropout import Dropout
from chainrule_plugins.layers.flatten import Flatten
from chainrule_plugins.layers.normalization import BatchNorm, LayerNorm
from chainrule_plugins.layers.pooling import AveragePool2d, GlobalAveragePool2d, MaxPool2d
from chainrule_plugins.layers.transposed import Conv2dTranspose

__all__ = [
    "AveragePool2d",
    "BatchNorm",
    "Conv1d",
    "Conv2d",
    "Conv2dTranspose",
    "Dense",
    "DepthwiseConv2d",
    "Dropout",
    "Flatten",
    "GlobalAveragePool2d",
    "LayerNorm",
    "MaxPool2d",
]


@hookimpl
def register_components(registry: Any) -> None:
    for cls in (
        Dense, Flatten, Dropout,
        Conv1d, Conv2d, DepthwiseConv2d, Conv2dTranspose,
        MaxPool2d, AveragePool2d, GlobalAveragePool2d,
        BatchNorm, LayerNorm,
    ):  # fmt: skip
        registry.add(cls)
