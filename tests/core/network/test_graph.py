"""A network as a graph of operators: what is in it, what is known by name, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from networks import around

import chainrule as cr

DENSE = {"name": "dense", "units": 3, "activation": "tanh"}


@dataclass
class Squared(cr.Activation):
    def forward(self, z: Any) -> Any:
        return z * z

    def backward(self, da: Any) -> Any:
        return da


def test_each_step_has_its_value_and_each_parameter_its_own_name() -> None:
    network = cr.Network([DENSE, "batch_norm", {"name": "dense", "units": 2, "activation": "softmax"}], (4,),
                         "categorical_cross_entropy")  # fmt: skip
    graph = network.to_graph()
    assert list(graph.values) == network.names
    assert graph.outputs == {"y": graph.values["2.dense.softmax"]}  # although the loss has taken it over
    expected = {p.name for p in network.parameters} | {b.name for b in network.buffers}
    assert set(graph.parameters) == expected
    assert graph.inputs == {"x": ((4,), np.dtype("float32"))}
    assert {node.step for node in graph.nodes} == set(network.names)
    outputs = [name for node in graph.nodes for name in node.outputs]
    assert len({*outputs, *graph.constants, *graph.parameters}) == len(outputs) + len(graph.constants) + len(expected)


def test_layers_within_layers_are_steps_with_values_too() -> None:
    inner = {"name": "residual", "layers": [{"name": "dense", "units": 4}]}
    graph = cr.Network(["relu", inner], (4,), "mse").to_graph()
    assert set(graph.values) == {
        "0.relu",
        "1.residual",
        "1.residual.layers.0.dense",
        "1.residual.layers.0.dense.linear",
    }
    assert [node.step for node in graph.nodes] == [
        "0.relu",
        *["1.residual.layers.0.dense"] * 2,
        "1.residual.layers.0.dense.linear",
        "1.residual",
    ]


def test_every_node_reads_what_stands_before_it() -> None:
    for kind in ("activation", "layer"):
        for called, network, _ in around(kind):
            graph = network.to_graph()
            known = {"", *graph.inputs, *graph.constants, *graph.parameters}
            for node in graph.nodes:
                assert {*node.inputs} <= known, called
                known |= {*node.outputs}
            assert {*graph.outputs.values()} <= known, called


def test_a_standardized_target_is_given_in_its_units_in_float64() -> None:
    network = cr.Network([DENSE, {"name": "dense", "units": 1}], (4,), "mse", task="regression",
                         target_scale=[[1990.0], [10.0]])  # fmt: skip
    graph = network.to_graph()
    assert [node.op_type for node in graph.nodes[-3:]] == ["Cast", "Mul", "Add"]
    assert [graph.constants[node.inputs[1]].tolist() for node in graph.nodes[-2:]] == [[10.0], [1990.0]]
    assert {graph.constants[node.inputs[1]].dtype for node in graph.nodes[-2:]} == {np.dtype("float64")}
    loss = network.add_loss(graph)
    assert graph.values["1.dense.linear"] in next(node for node in graph.nodes if node.step == "loss").inputs
    assert loss in graph.nodes[-1].outputs
    assert graph.inputs["target"] == ((1,), np.dtype("float32"))


def test_of_several_inputs_and_outputs_each_has_its_name() -> None:
    heads = {"name": "heads", "heads": {"up": ["relu"], "same": []}}
    losses = {"name": "by_output", "losses": {"up": "mse", "same": "mae"}}
    tower = {"name": "join", "towers": {"b": [{"name": "embedding", "tokens": 5, "units": 2}]}}
    network = cr.Network([tower, heads], {"a": (3,), "b": (2,)}, losses)
    graph = network.to_graph()
    assert graph.inputs == {"a": ((3,), np.dtype("float32")), "b": ((2,), np.dtype("int64"))}
    assert list(graph.outputs) == ["up", "same"]
    assert graph.values["1.heads"] == graph.outputs
    network.add_loss(graph)
    assert set(graph.inputs) == {"a", "b", "target.up", "target.same"}


def test_what_has_no_to_onnx_is_named() -> None:
    words = r"^Squared does not say its forward pass as operators: it has no to_onnx$"
    with pytest.raises(cr.ExportError, match=words):
        cr.Network([DENSE, Squared()], (4,), "mse").to_graph()
    network = cr.Network([DENSE], (4,), {"name": "triplet", "dimensions": 3})
    with pytest.raises(cr.ExportError, match=r"^Triplet does not say its loss as operators: it has no to_onnx$"):
        network.add_loss(network.to_graph())


@pytest.mark.parametrize(
    ("gives", "words"),
    [
        (lambda graph, x: None, r"to_onnx of 1\.squared must return the name of a value, got None"),
        (lambda graph, x: "other", r"to_onnx of 1\.squared must return the name of a value, got 'other'"),
        (lambda graph, x: graph.add("Mul", x, "other"), r"1\.squared reads a value 'other', which nothing gives"),
    ],
)
def test_names_of_nothing_are_refused(gives: Any, words: str) -> None:
    @dataclass
    class Named(Squared):
        def to_onnx(self, graph: cr.Graph, x: str) -> str:
            return gives(graph, x)  # type: ignore[no-any-return]

    with pytest.raises(cr.ContractError, match=words.replace("squared", "named")):
        cr.Network([DENSE, Named()], (4,), "mse").to_graph()


def test_numbers_take_the_networks_dtype_and_arrays_keep_theirs() -> None:
    graph = cr.Graph(np.dtype("float32"))
    x = graph.input("x", (2,))
    graph.add("Add", graph.add("Mul", x, 0.5), np.ones(2))
    graph.add("Reshape", x, graph.constant([-1, 1]))
    assert [array.dtype.name for array in graph.constants.values()] == ["float32", "float64", "int64"]


def test_an_operator_of_several_outputs_gives_a_name_for_each_and_an_input_may_be_left_out() -> None:
    graph = cr.Graph(np.dtype("float32"))
    x = graph.input("x", (4, 2))
    names = graph.add("LSTM", x, np.ones(1), np.ones(1), None, outputs=2, hidden_size=1)
    assert names == ("LSTM", "LSTM_2")
    assert graph.nodes[0].inputs[3] == ""
    assert repr(graph) == "<Graph of 1 operators: LSTM>"
