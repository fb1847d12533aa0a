"""The built-in initializers: constants, given distributions, widths scaled to the layer, orthogonal matrices, and
slices drawn one by one.

Random ones draw in float64 and then cast: networks of one seed start alike in float32 and float64.
"""

from typing import Any

from chainrule import hookimpl
from chainrule_plugins.initializers.constant import Constant, Zeros
from chainrule_plugins.initializers.distributions import Normal, TruncatedNormal, Uniform
from chainrule_plugins.initializers.orthogonal import Orthogonal
from chainrule_plugins.initializers.slices import PerSlice
from chainrule_plugins.initializers.variance_scaling import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
)

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "LecunNormal",
    "Normal",
    "Orthogonal",
    "PerSlice",
    "TruncatedNormal",
    "Uniform",
    "Zeros",
]


@hookimpl
def register_components(registry: Any) -> None:
    for cls in (
        Zeros, Constant, Normal, Uniform, GlorotUniform, GlorotNormal, HeUniform, HeNormal, LecunNormal,
        TruncatedNormal, Orthogonal, PerSlice,
    ):  # fmt: skip
        registry.add(cls)
