"""A network with the preparation of its data as an ONNX graph: raw columns in, answers out."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from chainrule.contract.columns import PERIODS, Category, Column, Date, Number
from chainrule.contract.graph import Graph
from chainrule.contract.preparation import Preparation
from chainrule.network.network import Network

FLOAT32, BOOL, INT64, FLOAT64 = 1, 9, 7, 11
"""ONNX's numbers of these types."""
LABEL = "label"
"""The output that names the class."""


def graph_of(network: Network, preparation: Preparation) -> tuple[Graph, dict[str, Any]]:
    """The graph, and for each of its outputs beside those of the network its shape and dtype.

    Of a table each column is an input of its own, ``(batch, 1)``, with the column's name: numbers are doubles, where
    NaN is a missing value; categories are texts, where the empty one is; dates are doubles, in days since 1970. A
    category that is unknown is 0 in all its inputs, also where ``Preparation`` refuses it. Arrays are one input, as
    they are before their scaling. Of a task with classes the output ``"label"`` is the name of the answer,
    ``(batch,)``.
    """
    graph = Graph(network.dtype)
    if preparation.columns:
        parts = [_column(graph, column) for column in preparation.columns]
        wide = parts[0] if len(parts) == 1 else graph.add("Concat", *parts, axis=1)
        network.add_forward(graph, graph.add("Cast", wide, to=_number_of(network.dtype)))
    elif isinstance(network.input_shape, dict) or preparation.scaling is None:
        graph = network.to_graph()
    else:
        x = graph.input(
            "x", network.input_shape, None if network.whole_numbers is None else network.whole_numbers.dtype
        )
        network.add_forward(graph, _scaled(graph, x, preparation.scaling))
    return graph, _add_label(graph, network, preparation)


def metadata_of(preparation: Preparation) -> dict[str, str]:
    """What the file says of it, for programs: ``"preparation"`` as JSON, ``"classes"`` in the order of the outputs."""
    names = preparation.class_names
    classes = {"classes": json.dumps(names if isinstance(names, dict) else list(names))} if names else {}
    return {"preparation": json.dumps(preparation.as_json()), **classes}


def _column(graph: Graph, column: Column) -> str:
    """The inputs that a column becomes, ``(batch, features)``, in float64."""
    if isinstance(column, Category):
        return _one_hot(graph, column)
    assert isinstance(column, (Number, Date))
    x = graph.input(column.name, (1,), np.float64)
    if column.fill is not None:
        x = graph.add("Where", graph.add("IsNaN", x), np.asarray(column.fill, np.float64), x)
    scaled = graph.add(
        "Div", graph.add("Sub", x, np.asarray(column.shift, np.float64)), np.asarray(column.width, np.float64)
    )
    if isinstance(column, Number) or not column.cycles:
        return scaled
    parts = [scaled]
    for cycle in column.cycles:
        angle = graph.add("Mul", x, np.asarray(2 * np.pi / PERIODS[cycle]))
        parts += [graph.add("Sin", angle), graph.add("Cos", angle)]
    return graph.add("Concat", *parts, axis=1)


def _one_hot(graph: Graph, column: Category) -> str:
    x = graph.input(column.name, (1,), object)
    there = graph.add("Equal", x, np.array([list(column.categories)], object))
    if column.fill is not None:
        missing = graph.add("Equal", x, np.array([[""]], object))
        filled = np.array([[category == column.fill for category in column.categories]])
        there = graph.add("Or", there, graph.add("And", missing, filled))
    return graph.add("Cast", there, to=FLOAT64)


def _scaled(graph: Graph, x: str, scaling: Any) -> str:
    if (scaling.shift, scaling.width) == (0.0, 1.0):
        return x
    wide = graph.add("Cast", x, to=FLOAT64)
    shifted = graph.add("Sub", wide, np.asarray(scaling.shift, np.float64))
    scaled = graph.add("Div", shifted, np.asarray(scaling.width, np.float64))
    return graph.add("Cast", scaled, to=_number_of(graph.dtype))


def _add_label(graph: Graph, network: Network, preparation: Preparation) -> dict[str, Any]:
    """The name of the answer as one more output, where there is a class for each sample."""
    names, shape = preparation.class_names, network.output_shape
    if isinstance(shape, dict) or len(shape) != 1 or not names:
        return {}
    y = graph.outputs["y"]
    if network.task == "binary" and shape == (1,) and len(names) == 2:
        middle = 0.0 if network.loss.scores else 0.5
        above = graph.add("Cast", graph.add("Greater", y, np.asarray(middle, network.dtype)), to=INT64)
        which = graph.add("Squeeze", above, np.array([1]))
    elif network.task == "multiclass" and shape == (len(names),):
        which = graph.add("ArgMax", y, axis=1, keepdims=0)
    else:
        return {}
    graph.outputs[LABEL] = graph.add("Gather", np.array(list(map(str, names)), object), which, axis=0)
    return {LABEL: (("batch",), object)}


def _number_of(dtype: np.dtype[Any]) -> int:
    return FLOAT32 if dtype == np.float32 else FLOAT64
