"""Several arrays by name as one: so that a layer of several inputs or outputs is checked as any other.

All numbers of a sample lie one after another in one row. A layer, or a loss, that takes or gives mappings is put into
one that takes them apart on the way in, and packs them on the way out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.contract.arrays import Array, Shape, Task
from chainrule.contract.graph import Graph
from chainrule.contract.kinds import Layer, Loss
from chainrule.errors import ConfigError, ShapeError
from chainrule.registry.making import fresh

INT64 = 7
"""ONNX's number of that type."""


def packed_shape(shape: Any) -> Shape:
    """That of all numbers in one row, where there are several shapes by name."""
    return (sum(math.prod(one) for one in shape.values()),) if isinstance(shape, Mapping) else tuple(shape)


def packed(arrays: Any) -> Array:
    """Arrays by name as one, ``(batch, numbers)``; one that has no name as it is."""
    if not isinstance(arrays, Mapping):
        return arrays  # type: ignore[no-any-return]
    return np.concatenate([array.reshape(len(array), -1) for array in arrays.values()], axis=1)


def unpacked(array: Array, shapes: Any) -> Any:
    """The way back; without names, the array as it is."""
    if not isinstance(shapes, Mapping):
        return array
    ends = np.cumsum([math.prod(shape) for shape in shapes.values()])
    parts = np.split(array, ends[:-1], axis=1)
    return {name: part.reshape(len(array), *shape) for (name, shape), part in zip(shapes.items(), parts)}


@dataclass
class PackedLayer(Layer):
    """A layer of several inputs or outputs as one of a single array each: $y = f(x)$.

    Args:
        inner: the layer.
        shapes: of its inputs, by name; none where it takes one.
    """

    inner: str | Mapping[str, Any] | Layer
    shapes: Mapping[str, Any] = field(default_factory=dict)

    def build(self, input_shape: Shape) -> Shape:
        if self.shapes and input_shape != packed_shape(self.shapes):
            raise ShapeError(f"takes {dict(self.shapes)}, as one array of shape {packed_shape(self.shapes)}")
        self.layer: Any = self.__dict__.get("layer") or fresh(self.inner)
        self.layer.__dict__["_lent_scope"] = self.__dict__["_lent_scope"]
        blueprint = self.__dict__["_lent_scope"]._blueprint
        whole = blueprint.whole
        self.outputs = self.layer.build(self.shapes or input_shape)
        blueprint.whole = whole  # what is in it may take whole numbers: it is given some
        return packed_shape(self.outputs)

    def _taken_apart(self, x: Array) -> Any:
        """Inputs by name, and whole numbers where the layer takes such."""
        parts = unpacked(x, self.shapes or None)
        dtypes, ranges = self.layer.input_dtype, self.layer.input_range
        for name in dtypes if isinstance(dtypes, Mapping) else ():
            if dtypes[name] is not None:
                parts[name] = np.asarray(ranges[name])[np.floor(7 * parts[name]).astype(np.int64) % len(ranges[name])]
        return parts

    def reference(self, x: Array, training: bool, **mask: Any) -> Any:
        given = self.layer.reference(self._taken_apart(x), training, **mask)
        y, buffers = given if isinstance(given, tuple) else (given, {})
        return packed(y), buffers

    def forward(self, x: Array, training: bool, **mask: Any) -> Array:
        return packed(self.layer.forward(self._taken_apart(x), training, **mask))

    def to_onnx(self, graph: Graph, x: str) -> str:
        given: Any = self._taken_apart_in(graph, x) if self.shapes else x
        y = self.layer.to_onnx(graph, given)
        graph.require_known(y)
        if not isinstance(y, Mapping):
            return y  # type: ignore[no-any-return]
        return graph.add("Concat", *(graph.add("Flatten", one, axis=1) for one in y.values()), axis=1)

    def _taken_apart_in(self, graph: Graph, x: str) -> dict[str, str]:
        sizes = np.array([math.prod(shape) for shape in self.shapes.values()])
        rows = graph.add("Split", x, sizes, outputs=len(sizes), axis=1)
        parts = dict(zip(self.shapes, [rows] if isinstance(rows, str) else rows))
        parts = {n: graph.add("Reshape", part, np.array([-1, *self.shapes[n]])) for n, part in parts.items()}
        dtypes, ranges = self.layer.input_dtype, self.layer.input_range
        for name in dtypes if isinstance(dtypes, Mapping) else ():
            if dtypes[name] is not None:
                whole = graph.add("Cast", graph.add("Floor", graph.add("Mul", parts[name], 7.0)), to=INT64)
                parts[name] = graph.add("Gather", np.asarray(ranges[name]), graph.add("Mod", whole, len(ranges[name])))
        return parts

    def backward(self, dy: Array) -> Array:
        return packed(self.layer.backward(unpacked(dy, self.outputs)))

    def backward_parameters(self, dy: Array) -> None:
        self.layer.backward_parameters(unpacked(dy, self.outputs))


@dataclass
class PackedLoss(Loss):
    """A loss of several outputs as one of a single output: $loss = sum loss_k$; all outputs as wide as each other.

    Args:
        inner: the loss.
    """

    inner: str | Mapping[str, Any] | Loss

    def __post_init__(self) -> None:
        self.loss: Any = fresh(self.inner)
        self.names = list(self.loss.parts)

    def output(self, task: Task, classes: int) -> tuple[int, str]:
        units, activations = self.loss.output(dict.fromkeys(self.names, task), dict.fromkeys(self.names, classes))
        if len({*units.values()}) > 1 or len({*activations.values()}) > 1:
            raise ConfigError("its outputs end in different ways")
        return sum(units.values()), next(iter(activations.values()))

    def _by_name(self, array: Array) -> Any:
        return dict(zip(self.names, np.split(array, len(self.names), axis=-1)))

    def reference(self, prediction: Array, target: Array) -> Any:
        return self.loss.reference(self._by_name(prediction), self._by_name(target))

    def forward(self, prediction: Array, target: Array) -> float:
        return self.loss.forward(self._by_name(prediction), self._by_name(target))  # type: ignore[no-any-return]

    def to_onnx(self, graph: Graph, prediction: str, target: str) -> str:
        def by_name(given: str) -> dict[str, str]:
            parts = graph.add("Split", given, outputs=len(self.names), axis=-1, num_outputs=len(self.names))
            return dict(zip(self.names, [parts] if isinstance(parts, str) else parts))

        return self.loss.to_onnx(graph, by_name(prediction), by_name(target))  # type: ignore[no-any-return]

    def rows(self) -> Array:
        return self.loss.rows()  # type: ignore[no-any-return]

    def backward(self) -> Array:
        return np.concatenate(list(self.loss.backward().values()), axis=-1)
