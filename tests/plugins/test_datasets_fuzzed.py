"""Data files that nobody should trust, and paths that lead to none."""

from __future__ import annotations

import gzip
import io
import struct
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fuzzing import CASES, damaged, few, fuzz, mostly
from hypothesis import strategies as st

from chainrule_plugins.datasets import Csv, Npz
from chainrule_plugins.datasets._idx import IdxFile, IdxSource
from chainrule_plugins.datasets.mnist import IdxDataset

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 3))

# ---- npz


def npz(compressed: bool = False, **arrays: Any) -> bytes:
    buffer = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(buffer, **arrays)
    return buffer.getvalue()


WHOLE = [
    npz(x=X, y=np.arange(12) % 3),
    npz(True, x=X, y=np.arange(12) % 3),
    npz(True, x=RNG.integers(0, 256, (12, 2, 2), np.uint8), y=np.eye(2)[np.arange(12) % 2]),
    npz(x_train=X, y_train=X, x_test=X, y_test=X),
]
DESCR = [
    "'<f8'", "'<i8'", "'|u1'", "'|O'", "'<U3'", "'|V8'", "'<f2'", "'<c16'", "'<M8[s]'", "'|b1'", "'<f99'", "'|S0'",
    "'<U999999999'", "[('a', '<f8')]", "[('a', '<f8', (3, 99999999))]", "'<i8,<i8'", "None", "1", "''", "{}",
]  # fmt: skip
SHAPES = [
    "(12, 3)", "(12,)", "()", "(0,)", "(12, 0)", "(-12, 3)", "(12, -3)", "(12.0, 3)", "(True, 3)", "('a',)", "12",
    "None", "[12, 3]", "(12,) * 99", "(1,) * 99", "(12, 3, 1)", "(999999999,)", "(99999999999, 99)",
    "(1000000000000000000000,)", "(" + "1, " * 70 + ")", "(" + "9" * 5000 + ",)",
]  # fmt: skip
NAMES = ["x", "y", "x_train", "y_train", "x_test", "y_test", "z", "", "x/y", "../x", "n" * 9999, "é", "x.npy"]


@st.composite
def members(draw: st.DrawFn) -> bytes:
    """A sound zip archive of what is called arrays."""
    buffer = io.BytesIO()
    method = draw(
        mostly(zipfile.ZIP_DEFLATED, st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]))
    )
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", method) as archive:
        warnings.simplefilter("ignore")  # two members of one name
        for name, sound, values in (("x", SHAPES[0], np.arange(36.0)), ("y", SHAPES[1], np.arange(12.0) % 3)):
            descr, shape = draw(mostly(DESCR[0], st.sampled_from(DESCR))), draw(mostly(sound, st.sampled_from(SHAPES)))
            order = draw(mostly("False", st.sampled_from(["True", "0", "None"])))
            header = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}}}"
            header = draw(mostly(header, st.sampled_from(["", "{", "[" * 999, "'\\N{'", "0x" + "f" * 9000])))
            version = draw(mostly((1, 0), st.sampled_from([(2, 0), (3, 0), (9, 9)])))
            text = header.encode() + b"\n"
            size = struct.pack("<H" if version == (1, 0) else "<I", len(text))
            data = draw(mostly(values.tobytes(), st.sampled_from([b"", b"\x80\x04N.", b"\x00" * 999])))
            content = draw(
                mostly(b"\x93NUMPY" + bytes(version) + size + text + data, st.sampled_from([b"", b"\x93NUMPY"]))
            )
            archive.writestr(draw(mostly(name, st.sampled_from(NAMES))) + draw(mostly(".npy", st.just(".np"))), content)
    return buffer.getvalue()


def load_npz(path: Path, case: tuple[bytes, dict[str, Any]]) -> None:
    content, fields = case
    path.write_bytes(content)
    Npz(str(path), **fields).load()


NPZ = st.tuples(
    st.one_of(damaged(st.sampled_from(WHOLE)), members(), st.sampled_from(WHOLE)),
    few(
        {
            "task": st.sampled_from(["binary", "multiclass", "regression"]),
            "scale": st.sampled_from(["standard", "minmax"]),
            "validation_fraction": st.sampled_from([0.0, 0.9, 1e-300]),
            "seed": st.sampled_from([1, 10**30]),
        },
    ),
)


@CASES
def test_npz(cases: int, tmp_path: Path) -> None:
    fuzz(lambda case: load_npz(tmp_path / "data.npz", case), NPZ, cases)


# ---- csv

CELLS = st.one_of(
    st.sampled_from(
        [
            "1",
            "2",
            "0.5",
            "-3e2",
            "yes",
            "no",
            "",
            "NA",
            "1e400",
            "1_0",
            "é",
            "0x1p3",
            "1,5",
            '"a"',
            '"',
            '""',
            "\x00",
            "\u0661",
        ]
    ),
    st.sampled_from(["9" * 5000, "a" * 200_000, "nan", "inf", "1e19", "1e18", " 1 ", "'", "#", "\u2028", "\x85", "\r"]),
    st.integers(-9, 9).map(str),
    st.text(max_size=5),
)


@st.composite
def tables(draw: st.DrawFn) -> bytes:
    """A table of sound rows, with some odd cells among them."""
    separator = draw(mostly(",", st.sampled_from([";", "\t", " "])))
    end = draw(mostly("\n", st.sampled_from(["\r\n", "\r"])))
    header = draw(mostly("abc", st.sampled_from(["\x00bc", "123", ["", "b", "c"], "ab", "b", ["b", "b" * 9999, "c"]])))
    numbers = range(draw(mostly(20, st.sampled_from([3, 1, 0]))))
    body = [[str(i), str(i % 2), "yes" if i % 3 else "no"][: len(header)] for i in numbers]
    for _ in range(draw(st.integers(0, 2)) if body else 0):
        draw(st.sampled_from(body))[draw(st.integers(0, len(header) - 1))] = draw(CELLS)
    text = end.join(separator.join(row) for row in [header, *body])
    content = text.encode(
        draw(mostly("utf-8", st.sampled_from(["utf-8-sig", "utf-16", "utf-16-le", "cp1252"]))), "replace"
    )
    content = gzip.compress(content) if draw(st.booleans()) else content
    return draw(mostly(content, damaged(st.just(content))))


def load_csv(path: Path, case: tuple[bytes, dict[str, Any]]) -> None:
    content, fields = case
    path.write_bytes(content)
    Csv(str(path), **{"target": "b", "leave_out": ["c"], **fields}).load()


CSV = st.tuples(
    st.one_of(tables(), st.binary()),
    few(
        {
            "target": st.sampled_from(["a", "c", ["a", "b"], ["b", "b"], "\x00", "\ud800", ["b"] * 99]),
            "features": st.sampled_from([["a"], ["a", "c"], ["z"], ["b"]]),
            "leave_out": st.sampled_from([["a"], ["c"], ["z"]]),
            "drop_missing": st.booleans(),
            "task": st.sampled_from(["binary", "multiclass", "regression"]),
            "separator": st.sampled_from([";", "tab", " ", "a", "\x00", "é", "\ud800", "'", "\\", "1", "."]),
            "scale": st.sampled_from(["none", "minmax"]),
            "test_fraction": st.sampled_from([0.0, 0.99, 5e-324]),
        },
    ),
)


@CASES
def test_csv(cases: int, tmp_path: Path) -> None:
    fuzz(lambda case: load_csv(tmp_path / "data.csv", case), CSV, cases)


# ---- idx

SHAPED = {"images": (9, 2, 3), "labels": (9,), "test_images": (4, 2, 3), "test_labels": (4,)}
SOURCE = IdxSource("tiny", (), *(IdxFile(name, len(shape)) for name, shape in SHAPED.items()))


class Tiny(IdxDataset):
    """A dataset of files of that form, by no hash verified."""

    source = SOURCE
    class_names = ("0", "1", "2")


def idx(shape: tuple[int, ...], content: bytes) -> bytes:
    return struct.pack(f">{1 + len(shape)}I", 0x0800 + len(shape), *shape) + content


@st.composite
def four_files(draw: st.DrawFn) -> dict[str, bytes]:
    """The four, of which some are other than they should be."""
    files = {}
    for name, shape in SHAPED.items():
        said = tuple(draw(mostly(n, st.sampled_from([0, 1, 2**32 - 1]))) for n in shape)
        sound = idx(said, (np.arange(np.prod(shape)) % 3).astype(np.uint8).tobytes())
        content = draw(mostly(sound, damaged(st.just(sound))))
        if draw(st.booleans()):
            packed = gzip.compress(content, mtime=0)
            files[f"{name}.gz"] = draw(mostly(packed, damaged(st.just(packed))))
        else:
            files[name] = content
    return files


def load_idx(folder: Path, files: dict[str, bytes]) -> None:
    for old in folder.iterdir():
        old.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    Tiny(validation_size=2).load()


@CASES
def test_idx(cases: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tiny").mkdir()
    monkeypatch.setenv("CHAINRULE_DATA", str(tmp_path))
    fuzz(lambda files: load_idx(tmp_path / "tiny", files), four_files(), cases)
