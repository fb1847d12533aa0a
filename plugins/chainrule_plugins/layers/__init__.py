"""The built-in layers: dense, flatten and dropout; convolution and pooling, for images; normalization."""

from typing import Any

from chainrule import hookimpl
from chainrule_plugins.layers.convolution import Conv2d
from chainrule_plugins.layers.dense import Dense
from chainrule_plugins.layers.dropout import Dropout
from chainrule_plugins.layers.flatten import Flatten
from chainrule_plugins.layers.gated import GRU, LSTM
from chainrule_plugins.layers.normalization import BatchNorm, LayerNorm
from chainrule_plugins.layers.pooling import AveragePool2d, GlobalAveragePool2d, MaxPool2d
from chainrule_plugins.layers.recurrent import SimpleRNN

__all__ = [
    "GRU",
    "LSTM",
    "AveragePool2d",
    "BatchNorm",
    "Conv2d",
    "Dense",
    "Dropout",
    "Flatten",
    "GlobalAveragePool2d",
    "LayerNorm",
    "MaxPool2d",
    "SimpleRNN",
]


@hookimpl
def register_components(registry: Any) -> None:
    for cls in (
        Dense, Flatten, Dropout,
        Conv2d, MaxPool2d, AveragePool2d, GlobalAveragePool2d,
        BatchNorm, LayerNorm,
    ):  # fmt: skip
        registry.add(cls)
    registry.add(SimpleRNN, name="simple_rnn")
    registry.add(LSTM, name="lstm")
    registry.add(GRU, name="gru")
