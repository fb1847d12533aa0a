from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chainrule import Layer, Model, Shape, make, spec_of, within


@dataclass
class Sequential(Model):
    r"""Layers one after another, as you list them.

    The network ends in a dense layer with the units and the activation that data and loss ask for. The list need not
    hold it: it is added where the list does not end in just such a layer. List it to choose its other fields.

    Shapes:
        input: (batch, *any), as the first layer takes it
        output: (batch, units)

    Args:
        layers: each a layer, its name, or `{name: ..., ...}`; activations may stand among them. By default a flatten,
            which makes a linear model for input of any shape.

    Example:
        >>> import chainrule as cr
        >>> model = cr.make("model", "sequential", layers=["flatten", {"name": "dense", "units": 8}, "tanh"])
        >>> cr.Network(model.build((4, 4), 3, "softmax"), (4, 4), loss="categorical_cross_entropy").names
        ['0.flatten', '1.dense', '1.dense.linear', '2.tanh', '3.dense', '3.dense.softmax']
    """

    layers: Sequence[str | Mapping[str, Any] | Layer] = ("flatten",)

    check_examples = ({}, {"layers": ("flatten", {"name": "dense", "units": 5}, "tanh")})
    check_input_shapes = ((4,), (5, 4))

    def build(self, input_shape: Shape, units: int, activation: str) -> list[Any]:
        if self._ends_in(units, activation):
            return [*self.layers]
        return [*self.layers, {"name": "dense", "units": units, "activation": activation}]

    def _ends_in(self, units: int, activation: str) -> bool:
        """Whether the last layer is a dense one with these units and this activation."""
        last = self.layers[-1] if self.layers else None
        if isinstance(last, Mapping) and last.get("name") == "dense":
            with within(f"layers.{len(self.layers) - 1}"):
                last = make("layer", last)  # for the fields that are not given
        if not isinstance(last, Layer):
            return False
        spec = spec_of(last)
        applied = spec.get("activation")
        applied = applied.get("name") if isinstance(applied, Mapping) else applied
        return (spec["name"], spec.get("units"), applied) == ("dense", units, activation)
