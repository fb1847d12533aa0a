"""The user's own arrays."""

import os
import re
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule_plugins.datasets import Npz

RNG = np.random.default_rng(0)
X = RNG.normal(3, 2, (50, 4))
CLASSES = np.arange(50) % 3
ALL = {"validation_fraction": 0.0, "test_fraction": 0.0}  # every sample for training


@pytest.fixture
def save(tmp_path, monkeypatch):
    """Save ``data.npz`` into the working directory, which is an empty one."""
    monkeypatch.chdir(tmp_path)

    def save(**arrays) -> str:
        np.savez("data.npz", **arrays)
        return "data.npz"

    return save


def error_of(**fields) -> str:
    """The message that loading ends in."""
    with pytest.raises(cr.DataError) as refused:
        Npz(path="data.npz", **fields).load()
    return str(refused.value)


@pytest.mark.parametrize("names", [("x", "y"), ("x_train", "y_train")])
def test_one_pair_is_cut_by_the_fractions(save, names):
    data = Npz(save(**dict(zip(names, (X, CLASSES)))), test_fraction=0.3, validation_fraction=0.2).load()
    assert [len(part.x) for part in data.splits.values()] == [28, 7, 15]
    pairs = sorted((x.tobytes(), y) for part in data.splits.values() for x, y in zip(*part))
    assert pairs == sorted((x.tobytes(), y) for x, y in zip(X, CLASSES))
    assert (data.task, list(data.class_names)) == ("multiclass", ["0", "1", "2"])


def test_parts_that_the_file_holds_are_taken_as_they_are(save):
    x, y = np.split(X, [30, 40]), np.split(CLASSES, [30, 40])
    path = save(x_train=x[0], y_train=y[0], x_validation=x[1], y_validation=y[1], x_test=x[2], y_test=y[2])
    data = Npz(path).load()
    for part, given in zip(data.splits.values(), zip(x, y)):
        assert np.array_equal(part.x, given[0])
        assert np.array_equal(part.y, given[1])


def test_validation_is_taken_off_the_training_arrays_where_only_test_arrays_are_given(save):
    """As in the files that Keras distributes."""
    data = Npz(save(x_train=X[:40], y_train=CLASSES[:40], x_test=X[40:], y_test=CLASSES[40:])).load()
    assert [len(part.x) for part in data.splits.values()] == [32, 8, 10]
    assert np.array_equal(data.test.x, X[40:])


@pytest.mark.parametrize(
    ("y", "task", "names"),
    [
        (np.array([0, 1, 1, 0], np.uint8), "binary", ["0", "1"]),
        (np.array([False, True, True, False]), "binary", ["0", "1"]),
        (np.array([0, 2, 1, 0], np.int32), "multiclass", ["0", "1", "2"]),
        (np.array([0, 1, 1, 0], np.float32), "regression", []),
        (np.ones((4, 2)), "regression", []),
    ],
)
def test_the_task_is_read_off_the_type_of_the_targets(save, y, task, names):
    data = Npz(save(x=X[:4], y=y), **ALL).load()
    assert (data.task, list(data.class_names)) == (task, names)
    assert np.array_equal(data.train.y, y)
    assert data.train.y.dtype == (np.float64 if task == "regression" else np.int64)


def test_a_task_that_is_given_is_kept(save):
    path = save(x=X[:4], y=np.array([0, 1, 1, 0]))
    assert Npz(path, task="multiclass", **ALL).load().task == "multiclass"
    assert Npz(path, task="regression", **ALL).load().train.y.dtype == np.float64


def test_unsigned_bytes_are_pixels_from_0_to_1(save):
    images = RNG.integers(0, 256, (6, 3, 3), np.uint8)
    data = Npz(save(x=images, y=np.arange(6) % 2), **ALL).load()
    assert data.train.x.dtype == np.float32
    np.testing.assert_allclose(data.train.x, images / 255, rtol=1e-6)
    assert repr(data.train.x) == "<Scaled float32 of shape (6, 3, 3), of uint8>", "in memory they are bytes"
    scaled = Npz(save(x=images, y=np.arange(6) % 2), scale="minmax", **ALL).load()
    floats = images.astype(np.float32) / 255
    width = np.ptp(floats, axis=0)
    np.testing.assert_allclose(scaled.train.x, (floats - floats.min(axis=0)) / np.where(width, width, 1), atol=1e-6)


def test_bytes_beside_numbers_are_pixels_too(save):
    images = RNG.integers(0, 256, (6, 3, 3), np.uint8)
    y = np.arange(6) % 2
    for train, test in ((images, images / 255), (images / 255, images)):
        data = Npz(save(x_train=train, y_train=y, x_test=test, y_test=y), validation_fraction=0.0).load()
        np.testing.assert_allclose(data.train.x, images / 255, rtol=1e-6)
        np.testing.assert_allclose(data.test.x, images / 255, rtol=1e-6)


@pytest.mark.parametrize(("dtype", "kept"), [("f4", "f4"), ("f8", "f8"), ("i4", "f8"), ("?", "f8")])
def test_other_inputs_keep_their_values(save, dtype, kept):
    x = (X[:4] * 10).astype(dtype)
    data = Npz(save(x=x, y=np.arange(4) % 2), **ALL).load()
    assert data.train.x.dtype == kept
    assert np.array_equal(data.train.x, x)


@pytest.mark.parametrize("scale", ["standard", "minmax"])
def test_scaling_is_fitted_on_the_training_samples_only(save, scale):
    x = X.copy()
    x[:, 3] = 0.1
    x[45:] *= 100
    data = Npz(save(x_train=x[:40], y_train=CLASSES[:40], x_test=x[40:], y_test=CLASSES[40:]), scale=scale).load()
    raw = Npz("data.npz").load()
    train = raw.train.x
    shift = train.mean(axis=0) if scale == "standard" else train.min(axis=0)
    width = train.std(axis=0) if scale == "standard" else np.ptp(train, axis=0)
    width[3] = 1
    for name, part in data.splits.items():
        np.testing.assert_allclose(part.x, (raw.splits[name].x - shift) / width, atol=1e-12)


def test_the_seed_decides(save):
    path = save(x=X, y=CLASSES)
    assert Npz(path, seed=1).load().digest == Npz(path, seed=1).load().digest != Npz(path, seed=2).load().digest


TOO_LARGE = "is too large: values go to 1e+19 at most, as float32 must hold their squares; take a larger unit"
ONES = np.ones((2, 3))
OK = np.array([0, 1])


class Trap:
    """Makes a folder when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("trapped",)


def test_a_file_never_runs_code(save):
    save(x=ONES, y=np.array([Trap(), Trap()], dtype=object))
    assert error_of() == "data.npz, y: it holds pickled Python objects, which could run code; save numbers instead"
    assert not Path("trapped").exists()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": ONES}, "must hold x_train and y_train (or x and y); it holds x"),
        ({"x_test": ONES, "y_test": OK}, "must hold x_train and y_train (or x and y); it holds x_test, y_test"),
        ({"x": ONES, "y": OK, "x_test": ONES}, "must hold x_test and y_test; it holds x, y, x_test"),
        ({"x": ONES, "x_train": ONES}, "holds both x and x_train, which mean the same; leave one out"),
        ({"x": ONES, "y": OK, "x_tests": ONES}, 'holds an array "x_tests". Did you mean "x_test"? '
         "Known: x, x_test, x_train, x_validation, y, y_test, y_train, y_validation."),
        ({}, "must hold x_train and y_train (or x and y); it holds no arrays"),
        ({"x": ONES, "y": np.arange(3)}, "x_train has 2 samples, y_train has 3"),
        ({"x": ONES[:0], "y": OK[:0]}, "x_train has 0 samples, y_train has 0"),
        ({"x": np.ones(2), "y": OK}, "x_train: inputs must be numbers of shape (samples, features...), "
         "got float64 of shape (2,)"),
        ({"x": np.array([["a"], ["b"]]), "y": OK}, "x_train: inputs must be numbers of shape "
         "(samples, features...), got <U1 of shape (2, 1)"),
        ({"x": np.array([[1], [np.nan]]), "y": OK}, "x_train: sample 1 holds nan; every value must be finite"),
        ({"x": ONES, "y": np.array([0.5, np.inf])}, "y_train: sample 1 holds inf; every value must be finite"),
        ({"x": ONES, "y": np.array(["a", "b"])}, "y_train: targets must be integers of shape (samples,) for "
         "classes, or numbers of shape (samples,) or (samples, targets) for a regression, got <U1 of shape (2,)"),
        ({"x": ONES, "y": np.ones((2, 2), int)}, "y_train: classes must be whole numbers of shape (samples,), or "
         "one-hot of shape (samples, classes) with a single 1 in each row, got int64 of shape (2, 2)"),
        ({"x": ONES * 1e20, "y": OK}, f"x_train: sample 0 holds 1e+20, which {TOO_LARGE}"),
        ({"x": ONES, "y": np.array([0.5, -2e19])}, f"y_train: sample 1 holds -2e+19, which {TOO_LARGE}"),
        ({"x": np.ones((2, 0)), "y": OK}, "x_train: each sample is empty, in an array of shape (2, 0)"),
        ({"x": ONES, "y": np.ones((2, 0))}, "y_train: each sample is empty, in an array of shape (2, 0)"),
        ({"x": ONES, "y": OK, "x_test": np.ones((2, 4)), "y_test": OK},
         "x_test has samples of shape (4,), x_train of shape (3,)"),
        ({"x": ONES, "y": OK, "x_test": ONES, "y_test": np.eye(2)},
         "y_test has samples of shape (2,), y_train of shape ()"),
        ({"x": ONES, "y": np.array([0, -1])}, "y_train: label -1 of sample 1 is negative; "
         "classes are numbered from 0"),
        ({"x": ONES, "y": np.zeros(2, int)}, "holds one class only, 0: there is nothing to tell apart"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(save, arrays, message):
    save(**arrays)
    assert re.fullmatch(rf"data\.npz[:,]? {re.escape(message)}", error_of(**ALL))


@pytest.mark.parametrize(
    ("labels", "missing"),
    [([1, 2, 3, 1], 0), ([0, 1, 3, 3], 2), ([250_000, 0, 1, 2], 3)],
)
def test_labels_with_gaps_are_refused(save, labels, missing):
    save(x=np.tile(X[:4], (5, 1)), y=np.tile(labels, 5))
    assert error_of(**ALL) == (
        f"data.npz: of the classes 0 to {max(labels)}, {missing} is in none of the 20 training samples; "
        "number classes from 0 without gaps, or give dataset.task=regression for quantities"
    )


@pytest.mark.parametrize("y", [[7, 3, 12, 40], [-2, 5, 9, 9], [1990, 1991, 2003, 2020], list(range(5, 95, 3))])
def test_integers_of_which_each_is_rare_are_quantities_and_that_is_said(save, y):
    data = Npz(save(x=X[: len(y)], y=np.array(y)), **ALL).load()
    assert (data.task, data.train.y.tolist()) == ("regression", y)
    distinct = len(set(y))
    assert data.remarks == [
        f"y holds {distinct} different whole numbers in {len(y)} samples, taken for quantities: "
        "dataset.task=multiclass takes them for classes"
    ]


def test_a_class_of_the_test_samples_must_be_trained(save):
    save(x_train=X[:4], y_train=np.array([0, 1, 0, 1]), x_test=X[:1], y_test=np.array([2]))
    assert error_of(**ALL) == (
        "data.npz: of the classes 0 to 2, 2 is in none of the 4 training samples, but in y_test; what is not trained "
        "is not known"
    )


def test_each_part_has_its_share_of_every_class_and_the_training_samples_have_all(save):
    y = np.array([0] * 80 + [1] * 18 + [2] * 2)
    data = Npz(save(x=np.arange(100.0)[:, None], y=y)).load()
    counts = {name: np.bincount(part.y, minlength=3).tolist() for name, part in data.splits.items()}
    assert np.abs(np.array(counts["train"]) - [51.2, 11.5, 1.3]).max() <= 1
    assert counts["train"][2] >= 1
    assert [sum(count) for count in counts.values()] == [64, 16, 20]


def test_a_binary_task_has_two_classes(save):
    save(x=X, y=CLASSES)
    assert error_of(task="binary") == "data.npz holds 3 classes, a binary task has 2; give task=multiclass"


@pytest.mark.parametrize(
    ("y", "task", "expected", "labels"),
    [
        (np.array([[0], [2], [1], [0]]), "auto", "multiclass", [0, 2, 1, 0]),
        (np.array([0.0, 1.0, 1.0, 0.0]), "binary", "binary", [0, 1, 1, 0]),
        (np.array([[0.0], [2.0], [1.0], [0.0]], np.float32), "multiclass", "multiclass", [0, 2, 1, 0]),
        (np.eye(3, dtype=np.uint8)[[0, 2, 1, 0]], "auto", "multiclass", [0, 2, 1, 0]),
        (np.eye(3)[[0, 2, 1, 0]], "auto", "multiclass", [0, 2, 1, 0]),
        (np.eye(2, dtype=bool)[[0, 1, 1, 0]], "auto", "binary", [0, 1, 1, 0]),
        (np.array([[0.5], [1.5], [1.0], [0.0]]), "auto", "regression", [0.5, 1.5, 1.0, 0.0]),
        (np.eye(3)[[0, 2, 1, 0]], "regression", "regression", np.eye(3)[[0, 2, 1, 0]].tolist()),
    ],
)
def test_targets_in_the_shapes_that_others_write(save, y, task, expected, labels):
    data = Npz(save(x=X[:4], y=y), task=task, **ALL).load()
    assert (data.task, data.train.y.tolist()) == (expected, labels)


def test_classes_are_whole_numbers(save):
    save(x=ONES, y=np.array([0.0, 0.5]))
    assert error_of(task="binary") == (
        "data.npz, y_train: label 0.5 of sample 1 is not a class; give dataset.task=regression for quantities"
    )


def test_scaled_columns_have_names_that_say_so_and_images_have_none(save):
    data = Npz(save(x=X, y=CLASSES), scale="minmax").load()
    assert list(data.feature_names) == ["x1 (scaled)", "x2 (scaled)", "x3 (scaled)", "x4 (scaled)"]
    assert list(Npz(save(x=X, y=CLASSES)).load().feature_names) == ["x1", "x2", "x3", "x4"]
    assert list(Npz(save(x=X.reshape(50, 2, 2), y=CLASSES), scale="minmax").load().feature_names) == []


def test_half_precision_is_compared_without_overflow(save):
    assert Npz(save(x=X.astype(np.float16), y=CLASSES)).load().train.x.dtype == np.float16


def test_a_file_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert error_of() == f"there is no file data.npz (looked for from {tmp_path})"


@pytest.mark.parametrize("content", ["a single array", "half a file", "nothing"])
def test_what_is_no_npz_file_is_refused(save, content):
    save(x=X, y=CLASSES)
    whole = Path("data.npz").read_bytes()
    np.save("one.npy", X)
    wrong = {"a single array": Path("one.npy").read_bytes(), "half a file": whole[: len(whole) // 2], "nothing": b""}
    Path("data.npz").write_bytes(wrong[content])
    assert error_of() == "data.npz is not an .npz file, or is truncated; np.savez(path, x=x, y=y) writes one"


def test_flipped_bits_are_noticed(save):
    save(x=X, y=CLASSES)
    content = bytearray(Path("data.npz").read_bytes())
    content[len(content) // 2] ^= 0xFF
    Path("data.npz").write_bytes(content)
    assert error_of() == "data.npz, x: it is damaged (Bad CRC-32 for file 'x.npy')"


def archive(path: str, content: bytes, method: int = zipfile.ZIP_STORED, name: str = "x.npy") -> None:
    """One array, of that content, in an archive of another maker."""
    with zipfile.ZipFile(path, "w", method) as file:
        file.writestr(name, content)


def npy(shape: str, data: bytes = bytes(24), dtype: str = "<f8") -> bytes:
    """An array as NumPy writes one, with that text as its shape."""
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


DAMAGED = "data.npz, x: it is damaged ("
OTHER = "data.npz, x: it is encrypted, or compressed by another method than NumPy's; np.savez writes it"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (npy("(10**12,)"), DAMAGED + "malformed node or string on line 1"),
        (npy("(1000000000000,)"), DAMAGED + "its header announces 8,000,000,000,000 bytes, it has 24)"),
        (npy("(3,)", bytes(25)), DAMAGED + "its header announces 24 bytes, it has 25)"),
        (npy("(" + "9" * 4000 + ", " + "9" * 4000 + ")"), DAMAGED + "its header announces a billion billion bytes, it"),
        (npy("(-3,)"), DAMAGED + "its header announces -24 bytes, it has 24)"),
        (npy("(" + "9" * 5000 + ",)"), DAMAGED + "Cannot parse header: "),
        (npy("(3"), DAMAGED),
        (b"\x80\x04N.", DAMAGED + "EOF: reading magic string, expected 8 bytes got 4)"),
        (b"", DAMAGED + "EOF: reading magic string, expected 8 bytes got 0)"),
    ],
)
def test_what_a_header_says_is_compared_before_memory_is_taken(save, content, message):
    archive("data.npz", content)
    tracemalloc.start()
    assert error_of().startswith(message)
    assert len(error_of()) < 200
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


def test_an_array_larger_than_the_memory_is_refused(save, monkeypatch):
    save(x=X, y=CLASSES)
    monkeypatch.setattr("chainrule_plugins.datasets._files.free_memory", lambda: 1000)
    assert error_of() == "data.npz, x is too large: it takes 0.0 GB, and 0.0 GB are free"


def test_archives_that_numpy_does_not_write(save):
    archive("data.npz", npy("(3,)"), zipfile.ZIP_BZIP2)
    assert error_of() == OTHER
    save(x=X, y=CLASSES)
    whole = Path("data.npz").read_bytes()
    directory = whole.index(b"PK\x01\x02")
    for at, new, message in (
        (directory + 8, b"\x01", OTHER),  # the flag of an encrypted member
        (directory + 10, b"\x63", OTHER),  # the method of AES
        (directory + 42, b"\xff\xff\xff\x7f", DAMAGED),  # where the member begins
        (directory, b"XX", "data.npz is not an .npz file, or is truncated; np.savez(path, x=x, y=y) writes one"),
    ):
        Path("data.npz").write_bytes(whole[:at] + new + whole[at + len(new) :])
        assert error_of().startswith(message)


def test_a_long_name_is_quoted_by_its_beginning(save):
    archive("data.npz", npy("(3,)"), name="n" * 50_000 + ".npy")
    assert len(error_of()) < 300
