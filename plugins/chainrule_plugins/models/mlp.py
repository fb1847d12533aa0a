from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chainrule import Activation, Initializer, Model, Shape, make, within


@dataclass
class MLP(Model):
    r"""A multilayer perceptron: dense layers one after another.

    Where the input is not a vector, a flatten comes first. Then, for each size in `hidden`, a dense layer with its
    activation, and a dropout where that is above 0. The output layer follows from data and loss.

    Shapes:
        input: (batch, *any)
        output: (batch, units)

    Args:
        hidden: the size of each hidden layer, each at least 1; default (64,). Without any it is a linear model.
        activation: of the hidden layers; any activation, default "relu".
        dropout: the rate after each hidden layer, at least 0 and less than 1; default 0.
        initializer: of the hidden layers' weights; any initializer, default "he_normal", which suits relu. The output
            layer keeps that of dense.

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

    check_examples = ({}, {"hidden": (), "activation": "tanh"}, {"hidden": (5, 6), "dropout": 0.2})
    check_input_shapes = ((4,), (5, 4))

    def __post_init__(self) -> None:
        self.require("hidden", all(units >= 1 for units in self.hidden), "sizes of at least 1")
        self.require("dropout", 0 <= self.dropout < 1, "at least 0 and less than 1")

    def build(self, input_shape: Shape, units: int, activation: str) -> list[Any]:
        layers: list[Any] = [] if len(input_shape) == 1 else ["flatten"]
        for size in self.hidden:
            layers.append(self._hidden_layer(size))
            if self.dropout > 0:
                layers.append({"name": "dropout", "rate": self.dropout})
        return [*layers, {"name": "dense", "units": units, "activation": activation}]

    def _hidden_layer(self, units: int) -> Any:
        with within("activation"):
            activation = make("activation", self.activation)
        with within("initializer"):
            initializer = make("initializer", self.initializer)
        # Copies, as one that was given as an instance would otherwise stand in every layer.
        return make("layer", "dense", units=units, activation=replace(activation), initializer=replace(initializer))
