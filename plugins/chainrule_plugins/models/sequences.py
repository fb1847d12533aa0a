"""Networks that read sequences: of vectors, such as an image's rows, or of tokens, such as the letters of a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from chainrule import Activation, Model, Shape
from chainrule_plugins.models._parts import anew, dropout


@dataclass
class Recurrent(Model):
    r"""Recurrent layers one upon another, and a dense layer for what they have seen at the end, or at each step.

    Of vectors, the steps are those of the input, or the rows of an image; of single numbers, each is a step.

    Shapes:
        input: (batch, steps, features), (batch, steps), or (batch, steps, width, channels)
        output: (batch, units of the output), or (batch, steps, units of the output) with sequences

    Args:
        cell: the kind of recurrent layer: "simple_rnn", "gru" or "lstm"; default "lstm".
        units: of each recurrent layer, each at least 1, one layer at least; default (64,).
        sequences: whether there is an output for each step, or one for all of them; default false.
        truncate: over how many steps gradients reach at most (see the layers), at least 1; default null: over all.
        dropout: the rate after each recurrent layer, at least 0 and less than 1; default 0.
        tokens: for inputs of whole numbers from 0 to tokens - 1, which get an embedding; at least 1; default null: the
            inputs are any numbers.
        width: of the embedding, at least 1; default 32.

    Raises:
        FieldError: a value is out of range.

    Reference:
        Graves, Mohamed, Hinton (2013), "Speech Recognition with Deep Recurrent Neural Networks", ICASSP, section 2, for
        layers upon each other.

    Example:
        >>> import chainrule as cr
        >>> layers = cr.make("model", "recurrent", units=[32, 16]).build((28, 28), units=10, activation="softmax")
        >>> cr.Network(layers, input_shape=(28, 28), loss="categorical_cross_entropy").names
        ['0.lstm', '1.lstm', '2.dense', '2.dense.softmax']
    """

    cell: Literal["simple_rnn", "gru", "lstm"] = "lstm"
    units: Sequence[int] = (64,)
    sequences: bool = False
    truncate: int | None = None
    dropout: float = 0.0
    tokens: int | None = None
    width: int = 32

    check_examples = (
        {},
        {"cell": "gru", "units": (5, 4), "dropout": 0.2},
        {"cell": "simple_rnn", "sequences": True, "tokens": 5, "width": 2},
    )

    @property
    def check_input_shapes(self) -> Sequence[Shape]:
        return ((4, 3), (5,), (4, 3, 2)) if self.tokens is None else ((5,),)

    def __post_init__(self) -> None:
        self.require("units", len(self.units) >= 1 and min(self.units) >= 1, "sizes of at least 1, one layer at least")
        self.require("truncate", self.truncate is None or self.truncate >= 1, "at least 1, or null")
        self.require("dropout", 0 <= self.dropout < 1, "at least 0 and less than 1")
        self.require("tokens", self.tokens is None or self.tokens >= 1, "at least 1, or null")
        self.require("width", self.width >= 1, "at least 1")

    def reference(self, input_shape: Shape, units: int, activation: str) -> list[Any]:
        layers: list[Any] = []
        if self.tokens is not None:
            start = {"name": "normal", "std": 1.0}
            layers += [{"name": "embedding", "tokens": self.tokens, "units": self.width, "initializer": start}]
        elif len(input_shape) != 2:
            layers += [{"name": "reshape", "shape": (input_shape[0], -1)}]
        for size in self.units:
            layers += [{"name": self.cell, "units": size, "sequences": True, "truncate": self.truncate}]
            if self.dropout:
                layers += [{"name": "dropout", "rate": self.dropout}]
        if self.sequences:
            return [*layers, {"name": "dense_per_step", "units": units, "activation": activation}]
        last = max(i for i, layer in enumerate(layers) if layer["name"] == self.cell)
        layers[last] = {**layers[last], "sequences": False}  # what it has seen at the end
        return [*layers, {"name": "dense", "units": units, "activation": activation}]

    def build(self, input_shape: Shape, units: int, activation: str) -> list[Any]:
        layers = as_sequence(input_shape, self.tokens, self.width)
        for position, size in enumerate(self.units, start=1):
            sequences = self.sequences or position < len(self.units)
            cell = {"name": self.cell, "units": size, "sequences": sequences, "truncate": self.truncate}
            layers += [cell, *dropout(self.dropout)]
        output = "dense_per_step" if self.sequences else "dense"
        return [*layers, {"name": output, "units": units, "activation": activation}]


@dataclass
class Transformer(Model):
    r"""Blocks in which each step first looks at the others, and is then thought over by itself.

    A block adds to x what self-attention makes of the layer_norm of x, and to that what two dense layers make of its
    layer_norm. With causal, as it comes, it is a decoder: it says at each step what the next one will be.

    Shapes:
        input: (batch, steps) of whole numbers, (batch, steps, features), or (batch, steps, width, channels)
        output: (batch, steps, units of the output), or (batch, units of the output) without sequences

    Args:
        blocks: how many there are, at least 1; default 2.
        heads: of the attention in each, at least 1, a divisor of width; default 4.
        width: the numbers of a step's vector, at least 1; default 64.
        hidden: how many times wider than that the first dense layer of a block is, at least 1; default 4.
        activation: of that layer; any activation, default "gelu".
        dropout: the rate after each attention and each pair of dense layers, at least 0 and less than 1; default 0.
        causal: whether a step sees only itself and those before it; default true.
        sequences: whether there is an output for each step, or one for their mean; default true.
        learned_positions: whether the vectors that tell places apart are learned; default false.
        tokens: how many different whole numbers there are; at least 1; default null: as many as units of the output.

    Raises:
        FieldError: a value is out of range.

    Reference:
        Vaswani, Shazeer, Parmar, Uszkoreit, Jones, Gomez, Kaiser, Polosukhin (2017), "Attention Is All You Need", NIPS,
        section 3; with the norms before each part, and one at the end, as in Radford, Wu, Child, Luan, Amodei,
        Sutskever (2019), "Language Models are Unsupervised Multitask Learners", section 2.3.

    Example:
        >>> import chainrule as cr
        >>> layers = cr.make("model", "transformer", blocks=1).build((32,), units=65, activation="softmax")
        >>> network = cr.Network(layers, input_shape=(32,), loss="categorical_cross_entropy")
        >>> network.names[:5]
        ['0.embedding', '1.positional_encoding', '2.residual', '3.residual', '4.layer_norm']
        >>> network.output_shape, network.parameters.theta.size
        ((32, 65), 58433)
    """

    blocks: int = 2
    heads: int = 4
    width: int = 64
    hidden: int = 4
    activation: str | Mapping[str, Any] | Activation = "gelu"
    dropout: float = 0.0
    causal: bool = True
    sequences: bool = True
    learned_positions: bool = False
    tokens: int | None = None

    check_examples = (
        {"blocks": 1, "heads": 2, "width": 4},
        {"blocks": 1, "heads": 2, "width": 4, "hidden": 2, "dropout": 0.2, "sequences": False},
    )
    check_input_shapes = ((4,), (4, 3), (4, 3, 2))

    def __post_init__(self) -> None:
        for field in ("blocks", "heads", "width", "hidden"):
            self.require(field, getattr(self, field) >= 1, "at least 1")
        self.require("heads", self.width % self.heads == 0, f"a divisor of the width, {self.width}")
        self.require("dropout", 0 <= self.dropout < 1, "at least 0 and less than 1")
        self.require("tokens", self.tokens is None or self.tokens >= 1, "at least 1, or null")

    def reference(self, input_shape: Shape, units: int, activation: str) -> list[Any]:
        layers: list[Any] = []
        if len(input_shape) == 1:
            tokens, start = units if self.tokens is None else self.tokens, {"name": "normal", "std": 1.0}
            layers += [{"name": "embedding", "tokens": tokens, "units": self.width, "initializer": start}]
        if len(input_shape) == 3:
            layers += [{"name": "reshape", "shape": (input_shape[0], -1)}]
        to_width = {"name": "dense_per_step", "units": self.width}
        if len(input_shape) > 1:
            layers += [to_width]
        layers += [{"name": "positional_encoding", "learned": self.learned_positions}]
        attention = {"name": "self_attention", "heads": self.heads, "causal": self.causal}
        wide = {
            **to_width,
            "units": self.width * self.hidden,
            "initializer": "he_normal",
            "activation": self.activation,
        }
        end: list[Any] = [{"name": "dropout", "rate": self.dropout}] if self.dropout else []
        layers += [
            {"name": "residual", "layers": ["layer_norm", attention, *end]},
            {"name": "residual", "layers": ["layer_norm", wide, to_width, *end]},
        ] * self.blocks
        layers += ["layer_norm"]
        if not self.sequences:
            layers += ["mean_over_steps"]
        output = "dense_per_step" if self.sequences else "dense"
        return [*layers, {"name": output, "units": units, "activation": activation}]

    def build(self, input_shape: Shape, units: int, activation: str) -> list[Any]:
        tokens = (self.tokens or units) if len(input_shape) == 1 else None
        layers = as_sequence(input_shape, tokens, self.width)
        if tokens is None:
            layers.append({"name": "dense_per_step", "units": self.width})
        layers.append({"name": "positional_encoding", "learned": self.learned_positions})
        for _ in range(self.blocks):
            layers += self._block()
        layers.append("layer_norm")
        if self.sequences:
            return [*layers, {"name": "dense_per_step", "units": units, "activation": activation}]
        return [*layers, "mean_over_steps", {"name": "dense", "units": units, "activation": activation}]

    def _block(self) -> list[Any]:
        inner = {"name": "dense_per_step", "units": self.hidden * self.width, "initializer": "he_normal"}
        parts = (
            [{"name": "self_attention", "heads": self.heads, "causal": self.causal}],
            [{**inner, "activation": anew(self, "activation")}, {"name": "dense_per_step", "units": self.width}],
        )
        return [{"name": "residual", "layers": ["layer_norm", *part, *dropout(self.dropout)]} for part in parts]


def as_sequence(input_shape: Shape, tokens: int | None, width: int) -> list[Any]:
    """The layers that make a sequence of vectors of the input: those of tokens are of that width."""
    if tokens is not None:
        # As large as the sines of a positional_encoding, beside which smaller ones could hardly be told.
        return [{"name": "embedding", "tokens": tokens, "units": width, "initializer": {"name": "normal", "std": 1.0}}]
    if len(input_shape) == 2:
        return []
    return [{"name": "reshape", "shape": (*input_shape[:1], -1)}]
