"""The built-in activations: piecewise linear, squashing, smooth, and gated; each in order of increasing complexity."""

from typing import Any

from chainrule import hookimpl
from chainrule_plugins.activations.gated import GELU, Mish, Swish
from chainrule_plugins.activations.piecewise import LeakyReLU, Linear, PReLU, ReLU
from chainrule_plugins.activations.smooth import ELU, SELU, Softplus
from chainrule_plugins.activations.squashing import Sigmoid, Softmax, Tanh

__all__ = [
    "ELU",
    "GELU",
    "SELU",
    "LeakyReLU",
    "Linear",
    "Mish",
    "PReLU",
    "ReLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Swish",
    "Tanh",
]


@hookimpl
def register_components(registry: Any) -> None:
    for cls in (Linear, Sigmoid, Tanh, Softmax, Softplus, Swish, Mish):
        registry.add(cls)
    registry.add(ReLU, name="relu")
    registry.add(LeakyReLU, name="leaky_relu")
    registry.add(PReLU, name="prelu")
    registry.add(ELU, name="elu")
    registry.add(SELU, name="selu")
    registry.add(GELU, name="gelu")
