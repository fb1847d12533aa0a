"""The built-in layers: dense ones, shapes and noise; convolution and pooling, for images; normalization."""

from typing import Any

from chainrule import hookimpl
from chainrule_plugins.layers.attention import SelfAttention
from chainrule_plugins.layers.convolution import Conv1d, Conv2d
from chainrule_plugins.layers.dense import Dense
from chainrule_plugins.layers.depthwise import DepthwiseConv2d
from chainrule_plugins.layers.dropout import Dropout
from chainrule_plugins.layers.embedding import Embedding, PositionalEncoding
from chainrule_plugins.layers.flatten import Flatten
from chainrule_plugins.layers.gated import GRU, LSTM
from chainrule_plugins.layers.maxout import Maxout
from chainrule_plugins.layers.named import Heads, Join
from chainrule_plugins.layers.nesting import Branches, Residual
from chainrule_plugins.layers.noise import GaussianNoise
from chainrule_plugins.layers.normalization import BatchNorm, LayerNorm
from chainrule_plugins.layers.per_step import DensePerStep, MeanOverSteps
from chainrule_plugins.layers.pooling import AveragePool2d, GlobalAveragePool2d, MaxPool2d
from chainrule_plugins.layers.recurrent import SimpleRNN
from chainrule_plugins.layers.reshaping import Permute, Reshape
from chainrule_plugins.layers.resizing import Upsample2d, ZeroPad2d
from chainrule_plugins.layers.sample_normalization import GroupNorm, RMSNorm
from chainrule_plugins.layers.transposed import Conv2dTranspose

__all__ = [
    "GRU",
    "LSTM",
    "AveragePool2d",
    "BatchNorm",
    "Branches",
    "Conv1d",
    "Conv2d",
    "Conv2dTranspose",
    "Dense",
    "DensePerStep",
    "DepthwiseConv2d",
    "Dropout",
    "Embedding",
    "Flatten",
    "GaussianNoise",
    "GlobalAveragePool2d",
    "GroupNorm",
    "Heads",
    "Join",
    "LayerNorm",
    "MaxPool2d",
    "Maxout",
    "MeanOverSteps",
    "Permute",
    "PositionalEncoding",
    "RMSNorm",
    "Reshape",
    "Residual",
    "SelfAttention",
    "SimpleRNN",
    "Upsample2d",
    "ZeroPad2d",
]


@hookimpl
def register_components(registry: Any) -> None:
    for cls in (
        Dense, Maxout,
        Flatten, Reshape, Permute,
        Dropout, GaussianNoise,
        Conv1d, Conv2d, DepthwiseConv2d, Conv2dTranspose,
        MaxPool2d, AveragePool2d, GlobalAveragePool2d, Upsample2d, ZeroPad2d,
        Residual, Branches, Join, Heads,
        BatchNorm, LayerNorm, RMSNorm, GroupNorm,
        Embedding, PositionalEncoding, SelfAttention, DensePerStep, MeanOverSteps,
    ):  # fmt: skip
        registry.add(cls)
    registry.add(SimpleRNN, name="simple_rnn")
    registry.add(LSTM, name="lstm")
    registry.add(GRU, name="gru")
