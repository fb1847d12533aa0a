"""A network's forward pass as a graph of operators: what takes it elsewhere reads that, and needs no layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.contract.data import TargetScale
from chainrule.contract.graph import Graph
from chainrule.contract.kinds import Loss
from chainrule.contract.named import each, items
from chainrule.network.stack import Stack

FLOAT64 = 11
"""ONNX's number of that type."""


class Exported:
    """The part of a network that says how it is computed elsewhere."""

    input_shape: Any
    output_shape: Any
    dtype: np.dtype[Any]
    target_scale: TargetScale | None
    loss: Loss
    _stack: Stack
    whole_numbers: Any

    def to_graph(self) -> Graph:
        """What ``predict`` computes without a mask, as operators of ONNX: the last activation is among them although
        the loss may take it over, and the prediction is in the targets' units.

        Raises:
            ExportError: a component has no ``to_onnx``.
            ContractError: one gives what is no value's name.

        Example:
            >>> import chainrule as cr
            >>> network = cr.Network([{"name": "dense", "units": 1, "activation": "tanh"}], (2,), "mse")
            >>> graph = network.to_graph()
            >>> [node.op_type for node in graph.nodes], sorted(graph.parameters), graph.outputs
            (['MatMul', 'Add', 'Tanh'], ['0.dense.W', '0.dense.b'], {'y': '0.dense.tanh/Tanh'})
        """
        graph = Graph(self.dtype)
        whole = dict(items(self.whole_numbers))
        for name, shape in items(self.input_shape, "x"):
            of_whole = whole.get(name if isinstance(self.input_shape, dict) else "")
            graph.input(name, shape, None if of_whole is None else of_whole.dtype)
        y = self._stack.to_onnx(graph, {n: n for n in graph.inputs} if isinstance(self.input_shape, dict) else "x")
        graph.outputs = dict(items(each(lambda one: self._in_units(graph, one), y), "y"))
        return graph

    def add_loss(self, graph: Graph) -> str:
        """Add the mean loss of a batch to ``to_graph()``, and return its name. The targets, as the loss takes them, are
        one more input: ``"target"``, or of several outputs ``"target.NAME"``.

        Raises:
            ExportError: the loss has no ``to_onnx``.
        """
        y = graph.values[self._stack.steps[-1].name]
        several = isinstance(self.output_shape, dict)
        parts: Any = self.loss.parts if several else self.loss

        def declared(name: str, shape: Any, loss: Loss) -> str:
            own = loss.target_shape(shape)
            return graph.input(name, shape if own is None else own, loss.target_dtype if own is not None else None)

        if several:
            target: Any = {n: declared(f"target.{n}", s, parts[n]) for n, s in self.output_shape.items()}
        else:
            target = declared("target", self.output_shape, parts)
        with graph.within("loss"):
            loss = self.loss.to_onnx(graph, y, target)
            graph.require_known(loss)
        return loss

    def _in_units(self, graph: Graph, y: str) -> str:
        if self.target_scale is None:
            return y
        wide = graph.add("Cast", y, to=FLOAT64)  # in float32 a year would keep three digits behind the point
        scaled = graph.add("Mul", wide, np.array(self.target_scale.std))
        return graph.add("Add", scaled, np.array(self.target_scale.mean))
