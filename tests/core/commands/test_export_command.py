"""``chainrule export``: what is written, that the lines it prints run it, and what is said where nothing can be."""

from __future__ import annotations

import re

import numpy as np
import onnxruntime
import pytest

import chainrule as cr

GIVEN = ("experiment=xor", "tracking.figures=false", "trainer.threads=1", "trainer.epochs=5")
CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, program_in):
    """A folder with a recorded run in it, the run's own folder, and its id."""
    folder = tmp_path_factory.mktemp("trained")
    ran = program_in("train", *GIVEN, folder=folder)
    [run] = folder.glob("outputs/xor/*")
    return folder, run, re.search(r"chainrule ui (\w+)", ran.out)[1]


@pytest.fixture
def export(trained, program_in, tmp_path):
    folder, _, _ = trained
    return lambda *words: program_in("export", *words, folder=folder)


def test_a_run_and_its_folder_give_the_same_and_a_file_the_network_alone(trained, export, tmp_path):
    _, run, run_id = trained
    weights = run / "model" / "weights.safetensors"
    written, printed = [], []
    for what in (run_id, str(run), str(weights)):
        ran = export(what, str(tmp_path / "model.onnx"))
        assert (ran.status, ran.err) == (0, "")
        written.append((tmp_path / "model.onnx").read_bytes())
        printed.append(ran.out.splitlines())
        lines = [line.removeprefix("Python").strip() for line in printed[-1][-2:]]
        x1, x2 = CORNERS.T[:, :, None].astype(float)
        names = {"onnxruntime": onnxruntime, "x": CORNERS, "x1": x1, "x2": x2}
        exec("\n".join(lines), names)
        assert np.abs(names["outputs"][0] - cr.load_network(weights).predict(CORNERS)).max() < 1e-6
    assert written[0] == written[1] != written[2]
    columns = ["input    x1: float64, (batch, 1)", "input    x2: float64, (batch, 1)"]
    assert printed[0][1:-3] == [*columns, "output   y: float32, (batch, 1)", "output   label: text, (batch)"]
    assert "missing numbers are NaN" in printed[0][-3]
    assert printed[2][:-2] == [
        f"onnx     {tmp_path}/model.onnx ({len(written[2]):,} bytes)",
        "input    x: float32, (batch, 2)",
        "output   y: float32, (batch, 1)",
    ]


def test_several_inputs_and_outputs_are_named(export, tmp_path):
    heads = {"name": "heads", "heads": {"up": ["relu"], "same": []}}
    losses = {"name": "by_output", "losses": {"up": "mse", "same": "mae"}}
    network = cr.Network([{"name": "join"}, heads], {"a": (3,), "b-1": (2,)}, losses)
    network.save(tmp_path / "several.safetensors")
    ran = export(str(tmp_path / "several.safetensors"), str(tmp_path / "several.onnx"))
    assert ran.out.splitlines()[1:] == [
        "input    a: float32, (batch, 3)",
        "input    b-1: float32, (batch, 2)",
        "output   up: float32, (batch, 5)",
        "output   same: float32, (batch, 5)",
        f"Python   session = onnxruntime.InferenceSession('{tmp_path}/several.onnx')",
        "         outputs = session.run(None, {'a': a, 'b-1': ...})",
    ]


@pytest.mark.parametrize(
    ("what", "path", "said"),
    [
        ("nothing", "m.onnx", r'there is no run "nothing" in this store; chainrule ui shows what is there'),
        ("m.onnx", "nothing", r'path: got "nothing", expected a name that ends in \.onnx, such as model\.onnx'),
        ("nothing", "m.pb", r'path: got "m\.pb", expected a name that ends in \.onnx, such as model\.onnx'),
        ("nothing", "no/m.onnx", r"path: there is no folder no"),
        (".", "m.onnx", r"\. is no folder of a run: it has no model/weights\.safetensors"),
        ("no.safetensors", "m.onnx", r"no\.safetensors is not a network that chainrule saved: No such file .*"),
        ("", "m.onnx", r"run: got '', expected the id of a run, its folder, or a network's file"),
    ],
)
def test_what_cannot_be_exported_is_one_line(trained, export, what, path, said):
    ran = export(what, path)
    assert (ran.status, ran.out) == (2, "")
    assert re.fullmatch(rf"chainrule: {said}\n", ran.err), ran.err
    assert not list(trained[0].glob("*.onnx*"))


def test_a_component_without_to_onnx_is_named_with_its_package(export, tmp_path, monkeypatch):
    monkeypatch.setattr(cr.registry().get("activation", "tanh").cls, "to_onnx", cr.Activation.to_onnx)
    cr.Network([{"name": "dense", "units": 2, "activation": "tanh"}], (2,), "mse").save(tmp_path / "a.safetensors")
    ran = export(str(tmp_path / "a.safetensors"), str(tmp_path / "a.onnx"))
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith(f"chainrule: Tanh (chainrule {cr.__version__}): without a method to_onnx, ")
