"""Networks for single inputs: layers one after another."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from chainrule import Activation, Initializer, Layer, Model, Shape, UnknownName, make, spec_of, within
from chainrule_plugins.models._parts import anew, dropout, ending, flat


@dataclass
class MLP(Model):
    r"""A multilayer perceptron: dense layers one after another.

    Where the input is not a vector, a flatten comes first; of several inputs by name, a join. Then, for each size in
    `hidden`, a dense layer with its activation, and a dropout where that is above 0. The output layer follows from data
    and loss; of several outputs by name each has a head.

    Shapes:
        input: (batch, *any)
        output: (batch, units)

    Args:
        hidden: the size of each hidden layer, each at least 1; default (64,). Without any it is a linear model.
        activation: of the hidden layers; any activation, default "relu".
        dropout: the rate after each hidden layer, at least 0 and less than 1; default 0.
        initializer: of the hidden layers' weights; any initializer, default "he_normal", which suits relu.
        output_initializer: of the output layer's weights; any initializer, default "glorot_uniform", which suits a sum.
        bias_initializer: of the biases, the output layer's too; any initializer, default "zeros".

    Raises:
        FieldError: a value is out of range.

    Reference:
        Rumelhart, Hinton, Williams (1986), "Learning representations by back-propagating errors", Nature 323.

    Example:
        >>> import chainrule as cr
        >>> layers = cr.make("model", "mlp", hidden=[32], dropout=0.2).build((28, 28), units=10, activation="softmax")
        >>> cr.Network(layers, input_shape=(28, 28), loss="categorical_cross_entropy").names
        ['0.flatten', '1.dense', '1.dense.relu', '2.dropout', '3.dense', '3.dense.softmax']
    """

    hidden: Sequence[int] = (64,)
    activation: str | Mapping[str, Any] | Activation = "relu"
    dropout: float = 0.0
    initializer: str | Mapping[str, Any] | Initializer = "he_normal"
    output_initializer: str | Mapping[str, Any] | Initializer = "glorot_uniform"
    bias_initializer: str | Mapping[str, Any] | Initializer = "zeros"

    default = True
    check_examples = ({}, {"hidden": (), "activation": "tanh"}, {"hidden": (5, 6), "dropout": 0.2})
    check_input_shapes = ((4,), (5, 4), {"a": (4,), "b": (2, 3)})

    def __post_init__(self) -> None:
        self.require("hidden", all(units >= 1 for units in self.hidden), "sizes of at least 1")
        self.require("dropout", 0 <= self.dropout < 1, "at least 0 and less than 1")

    def reference(self, input_shape: Any, units: Any, activation: Any) -> list[Any]:
        dense = {"name": "dense", "bias_initializer": self.bias_initializer}
        hidden, output = ({**dense, "initializer": one} for one in (self.initializer, self.output_initializer))
        layers: list[Any] = []
        if isinstance(input_shape, Mapping):
            layers += ["join"]
        elif len(input_shape) > 1:
            layers += ["flatten"]
        for size in self.hidden:
            layers += [{**hidden, "units": size, "activation": self.activation}]
            if self.dropout:
                layers += [{"name": "dropout", "rate": self.dropout}]
        if isinstance(units, Mapping):
            heads = {name: [{**output, "units": units[name], "activation": activation[name]}] for name in units}
            return [*layers, {"name": "heads", "heads": heads}]
        return [*layers, {**output, "units": units, "activation": activation}]

    def build(self, input_shape: Shape, units: int, activation: str) -> list[Any]:
        layers = flat(input_shape)
        for size in self.hidden:
            layers += [self._dense("initializer", units=size, activation=anew(self, "activation"))]
            layers += dropout(self.dropout)
        return [*layers, ending(units, activation, partial(self._dense, "output_initializer"))]

    def _dense(self, initializer: str, **fields: Any) -> Any:
        """A dense layer whose weights start as the field of that name says."""
        W, b = anew(self, initializer, "initializer"), anew(self, "bias_initializer", "initializer")
        return make("layer", "dense", initializer=W, bias_initializer=b, **fields)


@dataclass
class Sequential(Model):
    r"""Layers one after another, as you list them.

    The network ends in a dense layer with the units and the activation that data and loss ask for. The list need not
    hold it: it is added where the list does not end in just such a layer. List it to choose its other fields. Of
    several outputs by name it is a heads with such a layer for each, where the list does not end in any heads.

    Shapes:
        input: (batch, *any), as the first layer takes it
        output: (batch, units)

    Args:
        layers: each a layer or an activation, its name, or `{name: ..., ...}`. By default a flatten, which makes a
            linear model for input of any shape.

    Example:
        >>> import chainrule as cr
        >>> model = cr.make("model", "sequential", layers=["flatten", {"name": "dense", "units": 8}, "tanh"])
        >>> cr.Network(model.build((4, 4), 3, "softmax"), (4, 4), loss="categorical_cross_entropy").names
        ['0.flatten', '1.dense', '1.dense.linear', '2.tanh', '3.dense', '3.dense.softmax']
    """

    layers: Sequence[str | Mapping[str, Any] | Layer | Activation] = ("flatten",)

    check_examples = (
        {},
        {"layers": ()},
        {"layers": ("flatten", {"name": "dense", "units": 5}, "tanh")},
        {"layers": ("flatten", {"name": "dense", "units": 5}, {"name": "leaky_relu", "slope": 0.1})},
        {"layers": ("flatten", {"name": "dense", "units": 3, "activation": "softmax", "bias": False})},
        {"layers": ("flatten", {"name": "dense", "units": 1, "activation": {"name": "sigmoid"}})},
        {"layers": ("flatten", {"name": "dense", "units": 1})},
        {
            "layers": (
                "flatten",
                {"name": "heads", "heads": {"one": [{"name": "dense", "units": 2}], "other": ["tanh"]}},
            )
        },
    )

    @property
    def check_input_shapes(self) -> Sequence[Shape]:
        return ((4,), (5, 4)) if self.layers else ((4,),)

    @property
    def checks_not_applicable(self) -> Mapping[str, str]:
        heads = any(isinstance(layer, Mapping) and layer["name"] == "heads" for layer in self.layers)
        of_one_output = ("builds", "other_endings", "trains", "same_in_another_process") if heads else ()
        return dict.fromkeys(of_one_output, "its layers are for several outputs by name")

    def reference(self, input_shape: Any, units: Any, activation: Any) -> list[Any]:
        last: dict[str, Any] = {}
        with contextlib.suppress(IndexError, UnknownName):  # there is none, or it is an activation
            last = spec_of(make("layer", self.layers[-1]))
        if isinstance(units, Mapping):
            heads = {name: [{"name": "dense", "units": units[name], "activation": activation[name]}] for name in units}
            return [*self.layers] if last.get("name") == "heads" else [*self.layers, {"name": "heads", "heads": heads}]
        dense = {"name": "dense", "units": units, "activation": activation}
        there = {**last, "activation": make("activation", last["activation"])} if last.get("name") == "dense" else last
        fitting = {**there, **dense, "activation": make("activation", activation)}
        return [*self.layers] if there == fitting else [*self.layers, dense]

    def build(self, input_shape: Shape, units: int, activation: str) -> list[Any]:
        if self._ends_in(units, activation):
            return [*self.layers]
        return [*self.layers, ending(units, activation, partial(dict, name="dense"))]

    def _ends_in(self, units: int, activation: str) -> bool:
        """Whether the last layer is a dense one with these units and this activation, or, of several outputs, heads."""
        last = self.layers[-1] if self.layers else None
        if isinstance(last, Mapping) and last.get("name") in ("dense", "heads"):
            with within(f"layers.{len(self.layers) - 1}"):
                last = make("layer", last)  # for the fields that are not given
        spec = spec_of(last) if isinstance(last, Layer) else {}
        if isinstance(units, Mapping):
            return spec.get("name") == "heads"
        applied = spec.get("activation")
        applied = applied.get("name") if isinstance(applied, Mapping) else applied
        return (spec.get("name"), spec.get("units"), applied) == ("dense", units, activation)
