"""Model files: written whole or not at all, and read without trust."""

from __future__ import annotations

import copy
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import tracemalloc
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fuzzing import CASES, damaged, few, fuzz, mostly
from hypothesis import strategies as st
from safetensors import safe_open

import chainrule as cr

DENSE = {"name": "dense", "units": 6}


def network() -> cr.Network:
    return cr.Network([DENSE], (5,), "mse")


def saved(path: Path, dtype: str = "F32", **changes: Any) -> None:
    """A network of one dense layer as a file, whose metadata is changed: None leaves a key out."""
    net = network()
    net.save(path)
    with safe_open(path, "numpy") as file:
        metadata = {**file.metadata(), **changes}
    header: dict[str, Any] = {"__metadata__": {key: text for key, text in metadata.items() if text is not None}}
    data = b""
    for p in net.parameters:
        new = p.value.tobytes() if dtype == "F32" else p.value.astype(np.float16).tobytes()
        header[p.name] = {"dtype": dtype, "shape": p.shape, "data_offsets": [len(data), len(data) + len(new)]}
        data += new
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def changed(**changes: Any) -> str:
    return json.dumps({**network().architecture(), **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": None}, 'model is damaged: its metadata has no mapping "architecture"'),
        ({"architecture": "[" * 100_000}, 'model is damaged: its metadata has no mapping "architecture"'),
        ({"architecture": '{"seed": ' + "9" * 4301 + "}"}, 'model is damaged: its metadata has no mapping "archi'),
        ({"components": None}, 'model is damaged: its metadata has no mapping "components"'),
        ({"components": "[]"}, 'model is damaged: its metadata has no mapping "components"'),
        ({"components": '{"layer.x": 1}'}, 'model is damaged: its "components" hold what is no name'),
        ({"components": '{"layer.\\u001b[2J": "x 1"}'}, 'model is damaged: its "components" hold what is no name'),
        ({"architecture": changed(x=1)}, 'model is damaged: its "architecture" is that of no network'),
        ({"architecture": '{"layers": []}'}, 'model is damaged: its "architecture" is that of no network'),
        ({"architecture": changed(seed=[])}, "model holds a network that cannot be built here: seed: got []"),
        ({"architecture": changed(dtype=[[1], [2]])}, "model holds a network that cannot be built here: dtype: got"),
        ({"architecture": changed(layers=[{}])}, "model holds a network that cannot be built here: layers.0: got {}"),
        (
            {"architecture": changed(layers=[DENSE | {"units": 10**9}])},
            "model holds no 0.dense.W of shape (5, 1000000000)",
        ),
        ({"architecture": changed(input_shape=[10**10])}, "model holds no 0.dense.W of shape (10000000000, "),
        ({"architecture": changed(dtype="float64")}, "model holds no 0.dense.W of shape (5, 6) and type float64"),
        ({"dtype": "BF16"}, "model holds numbers of a type that NumPy does not have, such as bfloat16"),
    ],
)
def test_a_file_that_says_what_is_not_so_is_refused_in_little_memory(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    saved(tmp_path / "model", **changes)
    tracemalloc.start()
    with pytest.raises(cr.DataError) as caught:
        cr.load_network(tmp_path / "model")
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()
    assert message in str(caught.value)
    assert len(str(caught.value)) < 600


def test_numbers_of_a_type_that_another_package_adds_are_refused_as_well(tmp_path: Path) -> None:
    """``onnx`` brings such types along, and with them NumPy reads what it else does not know."""
    saved(tmp_path / "model", dtype="BF16")
    for first in ("", "import ml_dtypes; "):
        program = f"{first}import sys, chainrule; chainrule.load_network(sys.argv[1])"
        done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "model")], capture_output=True, text=True)
        assert "holds numbers of a type that NumPy does not have, such as bfloat16" in done.stderr


def test_a_file_that_cannot_be_written_leaves_no_part_of_it(tmp_path: Path) -> None:
    (tmp_path / "model" / "inside").mkdir(parents=True)
    with pytest.raises(cr.DataError, match="model cannot be written: it is a folder or a device"):
        network().save(tmp_path / "model")
    assert [file.name for file in tmp_path.iterdir()] == ["model"]
    with pytest.raises(cr.DataError, match="model is no file, but a folder, a pipe or a device"):
        cr.load_network(tmp_path / "model")


def test_a_network_larger_than_the_memory_is_refused_before_it_is_made() -> None:
    with pytest.raises(cr.ConfigError) as caught:
        cr.Network([DENSE | {"units": 10**13}], (28,), "mse")
    assert re.fullmatch(
        r"layers\.0: a network with 0\.dense\.W of shape \(28, 10000000000000\) takes 2,240,000\.0 GB of memory, and "
        r"[\d,.]+ GB are free",
        str(caught.value),
    )


# ---- fuzzed

LAYERS: list[list[Any]] = [
    [{"name": "dense", "units": 3, "activation": "relu"}, "batch_norm", "dropout", {"name": "dense", "units": 1}],
    [
        {"name": "conv2d", "filters": 2, "kernel": 3},
        {"name": "max_pool2d"},
        "flatten",
        {"name": "dense", "units": 1},
    ],
]
SHAPES = [(4,), (8, 8, 1)]


@cache
def whole(which: int) -> bytes:
    """What ``save`` writes of a small network."""
    scale = [[2.0], [3.0]] if which == 0 else None
    network = cr.Network(LAYERS[which], SHAPES[which], "mse", task="regression", target_scale=scale)
    with tempfile.TemporaryDirectory() as folder:
        network.save(Path(folder) / "model")
        return (Path(folder) / "model").read_bytes()


def parts(content: bytes) -> tuple[dict[str, Any], bytes]:
    """The header of a safetensors file, and what follows it."""
    (length,) = struct.unpack_from("<Q", content)
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def joined(header: str, data: bytes) -> bytes:
    return (
        struct.pack("<Q", len(header.encode("utf-8", "surrogatepass"))) + header.encode("utf-8", "surrogatepass") + data
    )


ODD = st.sampled_from(
    [
        None, True, -1, 0, 1, 2, 0.5, -0.0, 10**9, 2**31, 2**63, 10**30, 1e308, float("nan"), float("inf"),
        "", "dense", "relu", "0", "\u0000", "x" * 5000, "float64", "bfloat16", "object", "multiclass", "binary",
        [], {}, [[]], [None], [1, 2], [-1, 2], [10**5, 10**5], [[1], [0]], [["a"], [1]], {"": 1},
        {"name": "dense"}, {"name": "dense", "units": 10**7}, {"name": None}, {"name": ["dense"]}, {"name": "relu"},
    ]
)  # fmt: skip
TEXTS = st.sampled_from(
    [
        "", "null", "[]", "{}", "1", '"x"', "NaN", "{", "9" * 5000, "[" * 9999, '{"layers": ' + "9" * 4301 + "}",
        '"\\ud800"', "\u0000", '{"layers": ["flatten"]}', '{"a": 1, "a": 2}', '["layer.dense"]', '{"dense": 1}',
        '{"layer.dense": null}', '{"layer.zzz": "acme 1"}', '{"layer.zzz": 1}', '{"layer.zzz": ""}', "x" * 99999,
    ]
)  # fmt: skip


@st.composite
def changed(draw: st.DrawFn, given: Any) -> Any:
    """Plain values, of which one is another, missing, deeper, or of another name."""
    if isinstance(given, (dict, list)) and given and draw(st.integers(0, 5)):
        key = draw(st.sampled_from(sorted(given) if isinstance(given, dict) else range(len(given))))
        edit = draw(st.sampled_from(["within", "within", "within", "within", "drop", "rename"]))
        given = copy.copy(given)
        if edit == "within":
            given[key] = draw(changed(given[key]))
        elif edit == "drop":
            del given[key]
        elif isinstance(given, dict):
            given[draw(st.sampled_from(["", "x", "name", "units", "layers", "self", "x" * 5000]))] = given.pop(key)
        return given
    deep: Any = []
    for _ in range(draw(mostly(0, st.sampled_from([50, 900])))):
        deep = [deep]
    return deep or draw(ODD)


@st.composite
def headers(draw: st.DrawFn) -> bytes:
    """A file whose header says something else of it."""
    header, data = parts(whole(draw(st.integers(0, 1))))
    metadata = header["__metadata__"]
    for key in ("architecture", "components"):
        for _ in range(draw(st.integers(0, 2 if key == "architecture" else 1))):
            metadata[key] = json.dumps(draw(changed(json.loads(metadata[key]))))
        metadata[key] = draw(mostly(metadata[key], TEXTS))
    metadata.pop(draw(mostly(None, st.sampled_from(["architecture", "components", "format"]))), None)
    name = draw(st.sampled_from([name for name in header if name != "__metadata__"]))
    changes = {
        "dtype": st.sampled_from(["F16", "BF16", "F64", "I32", "BOOL", "F8_E4M3", "C64", "F4", "U8", "", "f32"]),
        "shape": st.sampled_from([[], [0], [1], [12], [3, 4], [4, 3], [10**9], [-1], [2**64], [1] * 99, None]),
        "data_offsets": st.sampled_from([[0, 0], [0, 4], [4, 0], [0, 10**12], [-4, 0], [], [0]]),
    }
    header[name] = {**header[name], **draw(mostly({}, few(changes)))}
    header[draw(mostly(name, st.sampled_from(["", "x", "0.dense.w", "x" * 5000])))] = header.pop(name)
    return joined(json.dumps(header), data)


def load(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    network = cr.load_network(path)
    network.summary()


MODELS = st.one_of(headers(), damaged(st.integers(0, 1).map(whole)))


def of_many_axes() -> bytes:
    """A tensor of more axes than NumPy has."""
    header, data = parts(whole(0))
    header["x"] = {"dtype": "F32", "shape": [1] * 99, "data_offsets": [len(data), len(data) + 4]}
    return joined(json.dumps(header), data + bytes(4))


@CASES
def test_model_files(cases: int, tmp_path: Path) -> None:
    fuzz(lambda content: load(tmp_path / "model", content), MODELS, cases, [of_many_axes()])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a file that is none")
def test_what_is_no_file_is_not_replaced_by_one(tmp_path):
    """Saved to /dev/zero by its administrator, a network took the device's place."""
    network = cr.Network([{"name": "dense", "units": 1}], (1,), "mse")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(cr.DataError, match="cannot be written"):
            network.save(tmp_path / name)
        with pytest.raises(cr.DataError, match="cannot be written: it is a folder or a device"):
            cr.Trainer(network, "sgd").save(tmp_path / name)
    with pytest.raises(cr.DataError, match="cannot be written: No such file or directory"):
        cr.Trainer(network, "sgd").save(tmp_path / "nowhere" / "training.safetensors")
    assert (tmp_path / "pipe").is_fifo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "pipe"]
