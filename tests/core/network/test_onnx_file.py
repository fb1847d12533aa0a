"""A network as an ONNX file: what other programs compute of it is what NumPy does, and what they read of it is said."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from networks import around, endings_of, network_and_batch
from running_onnx import outputs_of, session_of, worst_difference

import chainrule as cr
from chainrule.network.onnx_file import BATCH, model_of
from chainrule.testing.models import batch_for, endings, network_of, sample_shapes
from chainrule.testing.subject import Examined

CLOSE = 1e-6
"""Of the largest number: what float32 leaves of seven digits after a few hundred sums."""
DENSE = {"name": "dense", "units": 3, "activation": "tanh"}
rng = np.random.default_rng(5)


def built_in(kind: str) -> set[str]:
    return {entry.name for entry in cr.registry() if entry.kind == kind and entry.distribution == "chainrule"}


# ---- what is computed


@pytest.mark.parametrize("kind", ["activation", "layer"])
def test_every_built_in_component_is_computed_by_onnxruntime_as_by_numpy(kind: str) -> None:
    seen = set()
    for called, network, x in around(kind):
        assert worst_difference(network, x) <= CLOSE, called
        seen.add(called.partition("-")[0].partition(".")[2])
    assert seen == built_in(kind)


def test_every_output_that_a_built_in_loss_asks_for_is_computed_as_in_numpy() -> None:
    seen, x = set(), rng.standard_normal((17, 4))
    for name, loss, task, _, units, activation in endings_of(built_in("loss") - {"by_output"}):
        last = {"name": "dense", "units": units, "activation": activation}
        network = cr.Network([DENSE, last], (4,), loss, task=task, seed=1)
        assert worst_difference(network, x) <= CLOSE, (loss, task)
        seen.add(name)
    assert seen == built_in("loss") - {"by_output"}  # of several outputs, which have names: below


def test_every_built_in_model_is_computed_as_in_numpy() -> None:
    seen = set()
    for entry in cr.registry():
        if entry.kind != "model" or entry.distribution != "chainrule":
            continue
        for subject in Examined(entry).subjects():
            if "builds" in subject.not_applicable:
                continue  # one that ends in other ways: networks of several outputs are below
            for shape in sample_shapes(subject):
                for ending in endings():
                    network = network_of(subject, shape, *ending).copy("float32")
                    x, _ = batch_for(network, rng)
                    assert worst_difference(network, x) <= CLOSE, (entry.name, shape, ending)
                    seen.add(entry.name)
    assert seen == built_in("model")


def test_a_network_of_float64_is_one_there_too() -> None:
    network, x = network_and_batch([DENSE, "layer_norm", {"name": "dense", "units": 2, "activation": "softmax"}], (4,),
                                   dtype="float64")  # fmt: skip
    assert worst_difference(network, x) <= 1e-12


def test_several_inputs_and_outputs_have_their_names_and_whole_numbers_stay_whole() -> None:
    heads = {"name": "heads", "heads": {"up": ["relu"], "same": []}}
    losses = {"name": "by_output", "losses": {"up": "mse", "same": "mae"}}
    tower = {"name": "join", "towers": {"b": [{"name": "embedding", "tokens": 5, "units": 2}, "flatten"]}}
    network = cr.Network([tower, heads], {"a": (3,), "b": (2,)}, losses, seed=3)
    x = {"a": rng.standard_normal((17, 3)), "b": rng.integers(0, 5, (17, 2))}
    session = session_of(network.onnx_model().SerializeToString())
    described = [(i.name, i.type, i.shape) for i in session.get_inputs()]
    assert described == [("a", "tensor(float)", ["batch", 3]), ("b", "tensor(int64)", ["batch", 2])]
    assert [(o.name, o.shape) for o in session.get_outputs()] == [("up", ["batch", 7]), ("same", ["batch", 7])]
    assert worst_difference(network, x, session) <= CLOSE


def test_an_output_that_has_an_inputs_name_is_told_apart() -> None:
    heads = {"name": "heads", "heads": {"a": [], "y": ["relu"]}}
    losses = {"name": "by_output", "losses": {"a": "mse", "y": "mse"}}
    network = cr.Network([{"name": "join"}, heads], {"a": (3,), "b": (2,)}, losses)
    x = {"a": rng.standard_normal((5, 3)), "b": rng.standard_normal((5, 2))}
    session = session_of(network.onnx_model().SerializeToString())
    assert [output.name for output in session.get_outputs()] == ["a.output", "y"]
    assert worst_difference(network, x, session) == 0


def test_targets_units_are_given_in_float64() -> None:
    network = cr.Network([DENSE, {"name": "dense", "units": 1}], (4,), "mse", task="regression", seed=1,
                         target_scale=[[1990.0], [10.0]])  # fmt: skip
    x = rng.standard_normal((17, 4))
    [y] = outputs_of(session_of(network.onnx_model().SerializeToString()), network, x).values()
    assert y.dtype == np.float64
    assert np.abs(y - network.predict(x)).max() <= 1e-5  # of ten years' spread, by float32 before it is scaled
    assert np.abs(y - 1990).max() > 1


@dataclass
class Tied(cr.Layer):
    """The weights of the first layer, the other way round."""

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        self.W = self.shared("0.dense.W")
        return (self.W.shape[0],)

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        return x @ self.W.value.T

    def backward(self, dy: cr.Array) -> cr.Array:
        return dy @ self.W.value

    def to_onnx(self, graph: cr.Graph, x: str) -> str:
        return graph.add("MatMul", x, graph.add("Transpose", self.W, perm=(1, 0)))


def test_a_shared_and_a_frozen_parameter_are_there_once() -> None:
    network = cr.Network([DENSE, Tied()], (4,), "mse", seed=2)
    next(iter(network.parameters)).trainable = False
    model = network.onnx_model()
    names = [array.name for array in model.graph.initializer]
    assert names == ["0.dense.W", "0.dense.b"]
    assert worst_difference(network, rng.standard_normal((3, 4))) <= CLOSE


def test_what_was_trained_is_what_is_written() -> None:
    x, y = rng.standard_normal((64, 4)), rng.integers(0, 3, 64)
    layers = [
        DENSE,
        "batch_norm",
        {"name": "dropout", "rate": 0.3},
        {"name": "dense", "units": 3, "activation": "softmax"},
    ]
    network = cr.Network(layers, (4,), "categorical_cross_entropy")
    before = network.onnx_model().SerializeToString()
    cr.Trainer(network, "adam").fit((x, y), epochs=3)
    assert worst_difference(network, x) <= CLOSE
    assert network.onnx_model().SerializeToString() != before


# ---- what stands before the network


def test_a_graph_of_other_inputs_can_be_written_with_what_makes_the_networks_own_of_them(tmp_path: Path) -> None:
    network = cr.Network([DENSE], (2,), "mse", seed=4)
    graph = cr.Graph(network.dtype)
    length, colour = graph.input("length", (), "float64"), graph.input("colour", (), "int64")
    scaled = graph.add("Div", graph.add("Sub", length, np.array(3.0)), np.array(0.5))
    columns = [graph.add("Unsqueeze", graph.add("Cast", name, to=1), np.array([1])) for name in (scaled, colour)]
    network.add_forward(graph, graph.add("Concat", *columns, axis=1))
    network.to_onnx(tmp_path / "model.onnx", {"classes": '["a", "b"]'}, graph)
    raw = {"length": rng.normal(3, 0.5, 6), "colour": rng.integers(0, 2, 6)}
    [y] = session_of(str(tmp_path / "model.onnx")).run(None, raw)
    expected = network.predict(np.stack([(raw["length"] - 3) / 0.5, raw["colour"]], axis=1))
    assert np.abs(y - expected).max() <= CLOSE
    props = {prop.key: prop.value for prop in onnx.load(tmp_path / "model.onnx").metadata_props}
    assert props["classes"] == '["a", "b"]'


# ---- what the file says


def test_the_file_says_what_it_is(tmp_path: Path) -> None:
    network = cr.Network([DENSE, "batch_norm", {"name": "dense", "units": 2, "activation": "softmax"}], (4,),
                         "categorical_cross_entropy", task="multiclass")  # fmt: skip
    network.to_onnx(tmp_path / "model.onnx")
    model = onnx.load(tmp_path / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert [(one.domain, one.version) for one in model.opset_import] == [("", 20)]
    assert (model.ir_version, model.producer_name, model.producer_version) == (9, "chainrule", cr.__version__)
    assert model.doc_string == repr(network).strip("<>")
    props = {prop.key: prop.value for prop in model.metadata_props}
    assert props["task"] == "multiclass"
    assert json.loads(props["components"]) == network.provenance()
    given = {array.name: onnx.numpy_helper.to_array(array) for array in model.graph.initializer}
    for item in [*network.parameters, *network.buffers]:
        assert np.array_equal(given[item.name], item.value)
    assert {node.name.rpartition("/")[0] for node in model.graph.node} == {*network.names}
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]


def test_every_step_has_its_shape_in_the_file() -> None:
    network = cr.Network([{"name": "conv2d", "filters": 2, "kernel": 3}, "flatten", DENSE], (6, 5, 1), "mse")
    model, graph = network.onnx_model(), network.to_graph()
    shapes = {
        value.name: [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]
        for value in [*model.graph.value_info, *model.graph.output]
    }
    named = {**graph.values, network.names[-1]: "y"}
    for name, shape in zip(network.names, network.shapes):
        assert shapes[named[name]] == [BATCH, *shape]


# ---- what cannot be written


@dataclass
class Cubed(cr.Activation):
    def forward(self, z: Any) -> Any:
        return z**3

    def backward(self, da: Any) -> Any:
        return da


def test_all_that_have_no_to_onnx_are_named_with_where_they_are_from(tmp_path: Path) -> None:
    network = cr.Network([DENSE, Cubed(), Cubed()], (4,), "mse")
    with pytest.raises(cr.ExportError) as caught:
        network.to_onnx(tmp_path / "model.onnx")
    assert str(caught.value) == (
        "Cubed (class Cubed): without a method to_onnx, which says the forward pass as operators, a network with it "
        "cannot be exported. It is for its author to write; or take another component"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_component_that_says_why_it_cannot_is_heard() -> None:
    class Own(Cubed):
        def to_onnx(self, graph: cr.Graph, x: str) -> str:
            raise cr.ExportError("no operator computes it")

    with pytest.raises(cr.ExportError, match=r"^no operator computes it$"):
        cr.Network([dataclass(Own)()], (4,), "mse").onnx_model()


@pytest.mark.parametrize(
    ("says", "words"),
    [
        (lambda graph, x: graph.add("Cube", x), r"its graph is no ONNX: No Op registered for Cube .*0\.own/Cube"),
        (lambda graph, x: graph.add("Elu", x, alpha=object()), "its graph is no ONNX: .*object"),
        (lambda graph, x: graph.add("Add", x, np.array(["a"])), "its graph is no ONNX: .*0.own/Add"),
    ],
)
def test_what_is_no_onnx_is_refused_where_it_is_written(says: Any, words: str, tmp_path: Path) -> None:
    class Own(Cubed):
        def to_onnx(self, graph: cr.Graph, x: str) -> str:
            return says(graph, x)  # type: ignore[no-any-return]

    with pytest.raises(cr.ContractError, match=words):
        cr.Network([dataclass(Own)()], (4,), "mse").to_onnx(tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("model.txt", r'^path: got "model\.txt", expected a name that ends in \.onnx, such as model\.onnx$'),
        ("nowhere/model.onnx", r"^path: there is no folder .*nowhere$"),
        ("folder.onnx", r"folder\.onnx cannot be written: it is a folder or a device$"),
    ],
)
def test_where_no_file_can_be_is_said(path: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises((cr.ConfigError, cr.DataError), match=words):
        cr.Network([DENSE], (4,), "mse").to_onnx(tmp_path / path)
    assert [file.name for file in tmp_path.iterdir()] == ["folder.onnx"]


def test_metadata_is_of_texts() -> None:
    with pytest.raises(cr.FieldError, match=r"^metadata: got {'classes': 3}, expected texts by name$"):
        cr.Network([DENSE], (4,), "mse").onnx_model({"classes": 3})  # type: ignore[dict-item]


def test_what_is_larger_than_a_file_can_be_is_refused_before_it_is_made() -> None:
    graph = cr.Graph(np.dtype("float32"))
    graph.outputs = {"y": graph.constant(np.broadcast_to(np.float32(0), (1 << 15, 1 << 14)))}
    with pytest.raises(cr.ExportError, match=r"^its arrays take 2\.15 GB, and an ONNX file holds 2 GB at most$"):
        model_of(graph, {"y": ((1 << 15, 1 << 14), "float32")})


def test_without_onnx_it_is_said_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "onnx"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "onnx", None)  # type: ignore[arg-type]
    with pytest.raises(cr.ExportError, match=r"^onnx is not installed: pip install 'chainrule\[onnx\]'$"):
        cr.Network([DENSE], (4,), "mse").onnx_model()
