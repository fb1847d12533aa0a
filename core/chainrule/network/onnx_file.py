"""A graph as the ONNX model that other programs run, and as a file; the package ``onnx`` is loaded where one is asked
for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from chainrule.contract.arguments import require_path
from chainrule.contract.arrays import Array
from chainrule.contract.graph import OPSET, Graph
from chainrule.contract.named import plain
from chainrule.errors import ConfigError, ContractError, DataError, ExportError, FieldError
from chainrule.network.files import put
from chainrule.registry.provenance import own_version
from chainrule.words import quoted

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, ValueInfoProto

Described: TypeAlias = "tuple[Sequence[int | str], Any]"
"""A shape, with the batch as its first axis, and a dtype."""
SUFFIX = ".onnx"
BATCH = "batch"
"""The name of axis 0 of all inputs and outputs, whose size is any."""
IR_VERSION = 9
"""Of the file's own format: the one that came with opset 20, which onnxruntime reads from 1.17 (January 2024) on."""
LARGEST = 2**31 - 2**20
"""Bytes of arrays in one file: protobuf ends at 2 GB, and what is not arrays takes some."""
HOW_TO_INSTALL = "onnx is not installed: pip install 'chainrule[onnx]'"


def model_of(
    graph: Graph,
    outputs: Mapping[str, Described],
    metadata: Mapping[str, str] | None = None,
    about: str = "",
    values: Mapping[str, Described] | None = None,
) -> ModelProto:
    """The model, checked by ONNX's own checker and its inference of all shapes.

    Args:
        outputs: of each of the graph's outputs the shape, ``(BATCH, *shape)``, and the dtype. Each has its own name in
            the model; one that is an input's name too is called ``"NAME.output"`` there.
        metadata: texts by name, for programs; ``about``: a line for people.
        values: the same as of outputs of values within the graph, by their names.

    Raises:
        ExportError: ``onnx`` is not installed, or the arrays are larger than a file can be.
        ContractError: the graph is no ONNX.
    """
    try:
        import onnx
        from onnx import helper
    except ModuleNotFoundError:
        raise ExportError(HOW_TO_INSTALL) from None

    size = sum(array.nbytes for array in _arrays(graph).values())
    if size > LARGEST:
        raise ExportError(f"its arrays take {size / 1e9:,.2f} GB, and an ONNX file holds 2 GB at most")
    try:
        model = helper.make_model(
            _graph_proto(graph, outputs, values or {}),
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid("", OPSET)],
            producer_name="chainrule",
            producer_version=own_version(),
            doc_string=about,
        )
        helper.set_model_props(model, dict(metadata or {}))
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, TypeError, ValueError) as error:
        raise ContractError(f"its graph is no ONNX: {_in_a_line(error)}") from error
    return model


def _graph_proto(graph: Graph, outputs: Mapping[str, Described], values: Mapping[str, Described]) -> GraphProto:
    from onnx import helper, numpy_helper

    def value(name: str, described: Described) -> ValueInfoProto:
        shape, dtype = described
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)

    computed = {name for node in graph.nodes for name in node.outputs}
    arrays = _arrays(graph)
    known = {*graph.inputs, *computed, *arrays}
    given = {name: f"{name}.output" if name in known else name for name in graph.outputs}
    # What a node gives takes the output's name; what none does, or two outputs are, is copied.
    renamed = {graph.outputs[name]: given[name] for name in reversed(given) if graph.outputs[name] in computed}
    copied = {given[name]: value for name, value in graph.outputs.items() if renamed.get(value) != given[name]}

    def node(op_type: str, name: str, inputs: Iterable[str], outputs: Iterable[str], **attributes: Any) -> NodeProto:
        taken, gives = ([renamed.get(value, value) for value in values] for values in (inputs, outputs))
        return helper.make_node(op_type, taken, gives, name, **attributes)

    nodes = [node(one.op_type, one.outputs[0], one.inputs, one.outputs, **one.attributes) for one in graph.nodes]
    nodes += [node("Identity", name, [value], [name]) for name, value in copied.items()]
    return helper.make_graph(
        nodes,
        "network",
        [value(name, ((BATCH, *shape), dtype)) for name, (shape, dtype) in graph.inputs.items()],
        [value(given[name], outputs[name]) for name in given],
        [numpy_helper.from_array(np.asarray(array, order="C"), name) for name, array in arrays.items()],
        value_info=[value(name, described) for name, described in values.items() if name in computed - {*renamed}],
    )


def _arrays(graph: Graph) -> dict[str, Array]:
    return {**{name: parameter.value for name, parameter in graph.parameters.items()}, **graph.constants}


def texts(given: Any) -> dict[str, str]:
    """Metadata that somebody hands over.

    Raises:
        FieldError: it is not texts by name.
    """
    told = plain({} if given is None else given)
    if not isinstance(told, dict) or not all(isinstance(text, str) for text in (*told, *told.values())):
        raise FieldError(f"got {quoted(given)}, expected texts by name", key="metadata")
    return told


def in_words(values: Iterable[ValueInfoProto]) -> dict[str, str]:
    """What inputs or outputs of a model are, by name: ``{"x": "float32, (batch, 2)"}``."""
    from onnx import helper

    found = {}
    for value in values:
        tensor = value.type.tensor_type
        axes = [axis.dim_param or str(axis.dim_value) for axis in tensor.shape.dim]
        dtype = helper.tensor_dtype_to_np_dtype(tensor.elem_type)
        found[value.name] = f"{'text' if dtype.kind == 'O' else dtype}, ({', '.join(axes)})"
    return found


def write_model(path: Path, model: ModelProto) -> None:
    """Write it, whole and onto the disk, or not at all.

    Raises:
        DataError: it cannot be written; its cause is the OSError.
    """
    try:
        put(path, model.SerializeToString())
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}") from error


def onnx_path(given: Any) -> Path:
    """Where a model can be written.

    Raises:
        ConfigError: it is no path that ends in ``.onnx``, or there is no such folder.
    """
    path = require_path("path", given)
    if path.suffix != SUFFIX:
        raise FieldError(f'got "{path.name}", expected a name that ends in {SUFFIX}, such as model{SUFFIX}', key="path")
    if not path.parent.is_dir():
        raise ConfigError(f"there is no folder {path.parent}", key="path")
    return path


def _in_a_line(error: Exception) -> str:
    """What ONNX's own errors say, which goes over many lines."""
    return " ".join(str(error).split())
