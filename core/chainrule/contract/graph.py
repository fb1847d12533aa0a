"""A forward pass as a graph of ONNX operators: plain data, which a page, a file or another program computes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, overload

import numpy as np

from chainrule.contract.arrays import Array, Shape
from chainrule.contract.parameters import Buffer, Parameter
from chainrule.errors import ContractError
from chainrule.words import listed, quoted

OPSET = 20
"""The version of ONNX's operators that a graph is made of."""
Given: TypeAlias = "str | Parameter | Buffer | Array | float | None"
"""What an operator may be given: the name of a value, or what becomes one; None for an input that is left out."""


@dataclass(frozen=True)
class Node:
    """One operator at work: ``outputs = op_type(inputs)``, all of them names, ``""`` for an input that is left out.

    ``step``: that of the network which it belongs to, ``"0.dense"``.
    """

    op_type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    step: str


class Graph:
    """What ``to_onnx`` of a component writes its forward pass into: operators of ONNX, opset 20.

    A value has a name; a component is told that of its input, and returns that of its output. Axis 0 is the batch, of
    any size: where an operator wants a shape, write -1 or 0 for it.

    Attributes:
        dtype: the network's, of all values that are not whole numbers.
        nodes: in the order in which they can be computed.
        inputs: of the whole graph, by name: the shape of a sample, and the dtype.
        constants: arrays by name; ``parameters``: those of the network, and its buffers, likewise by their own names.
        values: by the name of a step of the network, ``"0.dense"``, the name of what it gives.
        outputs: of the whole graph: for ``"y"``, or each output by name, the name of the value.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> graph = cr.Graph(np.dtype("float32"))
        >>> x = graph.input("x", (2,))
        >>> graph.add("Mul", graph.add("Sigmoid", x), 2.0)
        'Mul'
        >>> [(node.op_type, node.inputs, node.outputs) for node in graph.nodes]
        [('Sigmoid', ('x',), ('Sigmoid',)), ('Mul', ('Sigmoid', 'Constant'), ('Mul',))]
        >>> graph.constants["Constant"]
        array(2., dtype=float32)
    """

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self.nodes: list[Node] = []
        self.inputs: dict[str, tuple[Shape, np.dtype[Any]]] = {}
        self.constants: dict[str, Array] = {}
        self.parameters: dict[str, Parameter | Buffer] = {}
        self.values: dict[str, Any] = {}
        self.outputs: dict[str, str] = {}
        self._names: set[str] = {""}
        self._step = ""

    @overload
    def add(self, op_type: str, *inputs: Given, outputs: Literal[1] = 1, **attributes: Any) -> str: ...
    @overload
    def add(self, op_type: str, *inputs: Given, outputs: int, **attributes: Any) -> tuple[str, ...]: ...
    def add(self, op_type: str, *inputs: Given, outputs: int = 1, **attributes: Any) -> str | tuple[str, ...]:
        """An operator at work on ``inputs``: ``graph.add("MatMul", x, self.W)``.

        Args:
            op_type: what ONNX calls it.
            inputs: names of values; parameters, buffers, arrays and numbers are taken as they are; None for one that
                is left out.
            outputs: how many it gives.
            attributes: as ONNX has them: numbers, texts, tuples of numbers.

        Returns:
            The name of its output; of several a tuple.

        Raises:
            ContractError: nothing has the name of an input.
        """
        names = tuple(self._name_of(given) for given in inputs)
        given = tuple(self._new(op_type) for _ in range(outputs))
        self.nodes.append(Node(op_type, names, given, attributes, self._step))
        return given[0] if outputs == 1 else given

    def constant(self, value: Any) -> str:
        """The name of an array or number that never changes. A Python number with a point takes the network's dtype,
        a whole one int64; an array keeps its own."""
        name = self._new("Constant")
        self.constants[name] = np.asarray(value, self.dtype if isinstance(value, float) else None)
        return name

    def parameter(self, parameter: Parameter | Buffer) -> str:
        """The name of a parameter or buffer in the graph, which is its own, ``"0.dense.W"``. One that layers share is
        there once."""
        self.parameters.setdefault(parameter.name, parameter)
        self._names.add(parameter.name)
        return parameter.name

    def input(self, name: str, shape: Shape, dtype: Any = None) -> str:
        """Declare an input of the whole graph, and return its name; ``dtype`` is the network's where it is not said."""
        self._names.add(name)
        self.inputs[name] = (shape, np.dtype(dtype or self.dtype))
        return name

    @contextmanager
    def within(self, step: str) -> Iterator[None]:
        """What is added meanwhile belongs to this step."""
        before, self._step = self._step, step
        try:
            yield
        finally:
            self._step = before

    def require_known(self, given: Any) -> None:
        """Refuse what is the name of no value; of several by name, each.

        Raises:
            ContractError: says what it is.
        """
        names = given.values() if isinstance(given, Mapping) else [given]
        for name in names:
            if not isinstance(name, str) or name not in self._names or not name:
                raise ContractError(f"to_onnx of {self._step} must return the name of a value, got {quoted(name)}")

    def _name_of(self, given: Given) -> str:
        if given is None:
            return ""
        if isinstance(given, (Parameter, Buffer)):
            return self.parameter(given)
        if not isinstance(given, str):
            return self.constant(given)
        if given not in self._names:
            raise ContractError(f"{self._step or 'the graph'} reads a value {quoted(given)}, which nothing gives")
        return given

    def _new(self, what: str) -> str:
        """A name that nothing has: ``"0.dense/MatMul"``, and with a number from the second on."""
        first = name = f"{self._step}/{what}" if self._step else what
        count = 1
        while name in self._names:
            count += 1
            name = f"{first}_{count}"
        self._names.add(name)
        return name

    def __repr__(self) -> str:
        operators = sorted({node.op_type for node in self.nodes})
        return f"<Graph of {len(self.nodes)} operators: {listed(operators, 8)}>"
