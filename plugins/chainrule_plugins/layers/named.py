"""Layers between one array and several by name: what a network of several inputs begins with, and of several outputs
ends in."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule import Activation, Array, Graph, Layer, Shape, ShapeError
from chainrule_plugins.layers._references import reference_of


@dataclass
class Join(Layer):
    r"""Several inputs by name become one vector: each goes through a tower of layers of its own, beside the others.

    Forward:
        $y = [f_a(x_a), f_b(x_b), ...]$ along the features, in the order of the inputs

    Backward:
        $dx_a$ is what $f_a$ gives for its part of dy, and so for each

    Shapes:
        x: for each input (batch, *any), as the first of its layers takes it
        y: (batch, features), all numbers that the towers give

    Args:
        towers: for each input, by its name, the layers that it goes through; each a list of layers and activations,
            their names, or `{name: ..., ...}`. An input that is not named is taken as it is. Default {}.

    Raises:
        ShapeError: the input is one array, or has no input of a tower's name.

    Reference:
        Bromley, Guyon, LeCun, Säckinger, Shah (1993), "Signature Verification using a Siamese Time Delay Neural
        Network", NIPS, for towers that meet; here each has weights of its own.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> network = cr.Network([cr.make("layer", "join", towers={"b": ["relu"]})], {"a": (1,), "b": (2,)}, "mse")
        >>> network.predict({"a": np.array([[-1.0]]), "b": np.array([[-2.0, 3.0]])})
        array([[-1.,  0.,  3.]], dtype=float32)
    """

    towers: Mapping[str, Sequence[str | Mapping[str, Any] | Layer | Activation]] = field(default_factory=dict)

    check_examples = (
        {},
        {"towers": {"a": ({"name": "dense", "units": 2, "activation": "tanh"}, "dropout")}},
        {"towers": {"b": ({"name": "embedding", "tokens": 5, "units": 2}, "flatten")}},
    )
    check_input_shapes = ({"a": (3,), "b": (2, 2)},)

    def reference(self, x: Any, training: bool, mask: Array | None = None) -> tuple[Array, dict[str, Array]]:
        columns, buffers = [], {}
        for name, array in x.items():
            if name in self.stacks:
                array, more = reference_of(self.stacks[name], f"towers.{name}", array, training, mask)
                buffers.update(more)
            columns += [array.reshape(len(array), -1)]
        return np.concatenate(columns, axis=1), buffers

    def build(self, input_shape: Any) -> Shape:
        if not isinstance(input_shape, Mapping):
            raise ShapeError(f"join takes several inputs by name, got one of shape {input_shape}")
        for name in self.towers:
            if name not in input_shape:
                raise ShapeError(f'join has a tower "{name}", and the inputs are {", ".join(input_shape)}')
        self.stacks = self.child("towers", {name: layers for name, layers in self.towers.items() if layers})
        self.shapes = {name: self.stacks[name].build(shape) if name in self.stacks else shape
                       for name, shape in input_shape.items()}  # fmt: skip
        for name, shape in self.shapes.items():
            if isinstance(shape, Mapping):
                raise ShapeError(f'the tower "{name}" of join gives several outputs: let it give one')
        self.sizes = {name: math.prod(shape) for name, shape in self.shapes.items()}
        return (sum(self.sizes.values()),)

    @property
    def input_dtype(self) -> Any:
        taken = {name: layer.input_dtype for name, layer in self._first().items()}
        return taken if any(taken.values()) else None

    @property
    def input_range(self) -> Any:
        return {name: layer.input_range for name, layer in self._first().items()}

    def _first(self) -> dict[str, Layer]:
        """The first layer of each tower, once they are built."""
        first = {name: stack.steps[0].layer for name, stack in self.__dict__.get("stacks", {}).items()}
        return {name: layer for name, layer in first.items() if isinstance(layer, Layer)}

    def forward(self, x: Any, training: bool, mask: Array | None = None) -> Array:
        self.batch = len(next(iter(x.values())))
        columns = [
            (self.stacks[name].forward(array, training, mask) if name in self.stacks else array).reshape(self.batch, -1)
            for name, array in x.items()
        ]
        return np.concatenate(columns, axis=1)

    def to_onnx(self, graph: Graph, x: Mapping[str, str]) -> str:
        columns = []
        for name, one in x.items():
            y = self.stacks[name].to_onnx(graph, one) if name in self.stacks else one
            columns.append(graph.add("Reshape", y, graph.constant([-1, self.sizes[name]])))
        return graph.add("Concat", *columns, axis=1)

    def backward(self, dy: Array) -> Any:
        return {name: self.stacks[name].backward(part) if name in self.stacks else part
                for name, part in self._parts(dy).items()}  # fmt: skip

    def backward_parameters(self, dy: Array) -> None:
        parts = self._parts(dy)
        for name, stack in self.stacks.items():
            stack.backward_parameters(parts[name])

    def _parts(self, dy: Array) -> dict[str, Array]:
        """The gradient with respect to what each tower gives."""
        ends = np.cumsum([*self.sizes.values()])
        columns = {name: dy[:, end - size : end] for (name, size), end in zip(self.sizes.items(), ends)}
        return {name: part.reshape(self.batch, *self.shapes[name]) for name, part in columns.items()}


@dataclass
class Heads(Layer):
    r"""Several outputs by name from one input: each is what layers of its own, a head, make of it.

    Forward:
        $y_a = f_a(x)$, and so for each

    Backward:
        $dx = dx_a + dx_b + ...$, what each head gives for its own $dy_a$

    Shapes:
        x: (batch, *any), as the first layer of each head takes it
        y: for each output what its head gives

    Args:
        heads: for each output, by its name, the layers of its head; a list of layers and activations, their names, or
            `{name: ..., ...}`. An empty one gives x itself. At least one.

    Raises:
        FieldError: there are no heads.
        ConfigError: a head begins with a layer that takes whole numbers: put that before the heads.

    Reference:
        Caruana (1997), "Multitask Learning", Machine Learning 28, figure 2.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> split = cr.make("layer", "heads", heads={"up": ["relu"], "same": []})
        >>> loss = {"name": "by_output", "losses": {"up": "mse", "same": "mse"}}
        >>> cr.Network([split], (2,), loss).predict(np.array([[-1.0, 2.0]]))
        {'up': array([[0., 2.]], dtype=float32), 'same': array([[-1.,  2.]], dtype=float32)}
    """

    heads: Mapping[str, Sequence[str | Mapping[str, Any] | Layer | Activation]]

    check_examples = (
        {"heads": {"a": ({"name": "dense", "units": 3, "activation": "tanh"},), "b": ("dropout",)}},
        {"heads": {"a": ("batch_norm", {"name": "dense", "units": 2}), "same": ()}},
    )

    def __post_init__(self) -> None:
        self.require("heads", len(self.heads) >= 1, "a mapping of at least one output to its layers")

    def reference(self, x: Array, training: bool, mask: Array | None = None) -> tuple[Any, dict[str, Array]]:
        y, buffers = {}, {}
        for name, stack in self.stacks.items():
            y[name], more = reference_of(stack, f"heads.{name}", x, training, mask)
            buffers.update(more)
        return y, buffers

    def build(self, input_shape: Shape) -> Any:
        self.stacks = self.child("heads", self.heads)
        return {name: stack.build(input_shape) for name, stack in self.stacks.items()}

    def forward(self, x: Array, training: bool, mask: Array | None = None) -> Any:
        return {name: stack.forward(x, training, mask) for name, stack in self.stacks.items()}

    def to_onnx(self, graph: Graph, x: str) -> dict[str, str]:
        return {name: stack.to_onnx(graph, x) for name, stack in self.stacks.items()}

    def backward(self, dy: Any) -> Array:
        first, *others = [stack.backward(dy[name]) for name, stack in self.stacks.items()]
        dx: Array = sum(others, first)
        return dx

    def backward_parameters(self, dy: Any) -> None:
        for name, stack in self.stacks.items():
            stack.backward_parameters(dy[name])
