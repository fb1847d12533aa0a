"""A network's forward pass as a graph of operators: what takes it elsewhere reads that, and needs no layer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.contract.graph import Graph
from chainrule.contract.kinds import Built, Component, Loss
from chainrule.contract.named import each, items
from chainrule.contract.target_scale import TargetScale
from chainrule.errors import ExportError
from chainrule.network.onnx_file import BATCH, model_of, onnx_path, texts, write_model
from chainrule.network.stack import Stack
from chainrule.registry.provenance import provenance, supplier

if TYPE_CHECKING:
    from onnx import ModelProto

FLOAT64 = 11
"""ONNX's number of that type."""


class Exported:
    """The part of a network that says how it is computed elsewhere."""

    input_shape: Any
    output_shape: Any
    dtype: np.dtype[Any]
    task: Any
    target_scale: TargetScale | None
    loss: Loss
    components: Sequence[Component]
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
        self.add_forward(graph, {n: n for n in graph.inputs} if isinstance(self.input_shape, dict) else "x")
        return graph

    def add_forward(self, graph: Graph, x: Any) -> None:
        """Add what ``to_graph()`` is made of to a graph whose inputs are others: those that the network's are made of.

        Args:
            graph: takes the operators, and the network's outputs as its own.
            x: the name of the value that the network is given; of several inputs a mapping of names.

        Raises:
            ExportError, ContractError: as ``to_graph`` does.
        """
        y = self._stack.to_onnx(graph, x)
        graph.outputs = dict(items(each(lambda one: self._in_units(graph, one), y), "y"))

    def to_onnx(self, path: str | Path, metadata: Mapping[str, str] | None = None, graph: Graph | None = None) -> None:
        """Write what ``predict`` computes without a mask to an ONNX file (opset 20), which onnxruntime and others run.

        Axis 0 of all inputs and outputs is the batch, of any size. One input is called ``"x"``, one output ``"y"``;
        several have their own names. Parameters and buffers have theirs. The file takes its place only once it is
        whole.

        Args:
            path: ends in ``.onnx``.
            metadata: texts by name, which the file holds beside ``"task"`` and ``"components"``.
            graph: one that ``add_forward`` has written into; None for ``to_graph()``.

        Raises:
            ConfigError: the path does not end so, or there is no such folder.
            ExportError: a component has no ``to_onnx``, the package ``onnx`` is not installed, or the arrays are larger
                than 2 GB.
            ContractError: what the components' ``to_onnx`` wrote is no ONNX.
            DataError: the file cannot be written.
        """
        file = onnx_path(path)
        write_model(file, self.onnx_model(metadata, graph))

    def onnx_model(
        self,
        metadata: Mapping[str, str] | None = None,
        graph: Graph | None = None,
        further: Mapping[str, tuple[Sequence[int | str], Any]] | None = None,
    ) -> ModelProto:
        """What ``to_onnx`` writes, as the package ``onnx`` has it.

        Args:
            metadata, graph: as ``to_onnx`` takes them.
            further: of each output that the graph has beside the network's own, its shape and dtype: ``(("batch",),
                np.int64)``.

        Example:
            >>> import chainrule as cr
            >>> model = cr.Network([{"name": "dense", "units": 1, "activation": "tanh"}], (2,), "mse").onnx_model()
            >>> [node.op_type for node in model.graph.node], [output.name for output in model.graph.output]
            (['MatMul', 'Add', 'Tanh'], ['y'])
        """
        if graph is None:
            graph = self._graph()
        dtype = self.dtype if self.target_scale is None else np.dtype(np.float64)
        outputs: dict[str, Any] = {name: ((BATCH, *shape), dtype) for name, shape in items(self.output_shape, "y")}
        outputs |= further or {}
        values = {}
        for step in self._stack.steps:
            shapes = dict(items(step.shape))
            for name, value in items(graph.values[step.name]):
                values[value] = (BATCH, *shapes[name]), self.dtype
        task = {} if self.task is None else {"task": self.task if isinstance(self.task, str) else json.dumps(self.task)}
        told = {**task, "components": json.dumps(provenance(self.components)), **texts(metadata)}
        return model_of(graph, outputs, told, repr(self).strip("<>"), values)

    def _graph(self) -> Graph:
        """``to_graph()``, where it fails with all components that are to blame, and where each is from."""
        try:
            return self.to_graph()
        except ExportError as error:
            without = [c for c in self.components if isinstance(c, Built) and type(c).to_onnx is Built.to_onnx]
            if not without:
                raise
            named = sorted({f"{type(component).__name__} ({supplier(component)})" for component in without})
            raise ExportError(
                f"{', '.join(named)}: without a method to_onnx, which says the forward pass as operators, a network "
                "with it cannot be exported. It is for its author to write; or take another component"
            ) from error

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
