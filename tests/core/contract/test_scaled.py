"""Numbers that are scaled as they are read: whatever is read of them is what the whole array would have there."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import chainrule as cr

RNG = np.random.default_rng(0)
RAW = RNG.integers(0, 256, (20, 3, 4)).astype(np.uint8)
ROWS = RNG.permutation(20)[:9]
SCALINGS = {
    "pixels": cr.Scaling(white=1.0),
    "pixels as counts": cr.Scaling(width=16.0, white=16.0),
    "standardized": cr.Scaling(RNG.random((3, 4)).tolist(), (0.1 + RNG.random((3, 4))).tolist(), 1.0),
    "numbers": cr.Scaling(3.0, 7.0),
}
INDICES: list[Any] = [
    3,
    -1,
    np.int64(2),
    slice(2, 5),
    slice(None, None, -2),
    [4, 0, 0],
    np.array([8, 1]),
    np.arange(9) % 2 == 0,
    np.array([[0, 1], [2, 3]]),
    (slice(1, 4), 2),
    (slice(None), [0, 2], slice(1, None)),
    (3, 1),
    ([0, 1], [1, 2]),
    (Ellipsis, 0),
    Ellipsis,
    None,
    [],
]


@pytest.mark.parametrize("name", SCALINGS)
@pytest.mark.parametrize("rows", [None, ROWS])
def test_what_is_read_is_what_the_whole_array_has_there(name, rows):
    scaling = SCALINGS[name]
    whole = scaling.encode(RAW if rows is None else RAW[rows])
    x = cr.Scaled(RAW, scaling, rows)
    assert (x.shape, x.dtype, x.ndim, x.size, len(x)) == (whole.shape, whole.dtype, 3, whole.size, len(whole))
    assert np.array_equal(x, whole)
    for which in INDICES:
        if len(x) != 9 and isinstance(which, np.ndarray) and which.dtype == bool:
            continue
        found = x[which]
        assert (found.shape, found.dtype) == (whole[which].shape, whole.dtype), which
        assert np.array_equal(found, whole[which]), which


@pytest.mark.parametrize("name", SCALINGS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_batch_is_taken_into_the_array_of_the_one_before(name, dtype):
    scaling = SCALINGS[name]
    x = cr.Scaled(RAW, scaling, ROWS).as_type(dtype)
    whole = scaling.encode(RAW[ROWS]).astype(dtype)
    kept = np.empty((3, 3, 4), dtype)
    found = x.take(np.array([5, 0, 5]), 0, kept, "clip")
    assert found is kept
    assert np.array_equal(kept, whole[[5, 0, 5]])
    assert np.array_equal(x.take([1, 2], axis=0), whole[[1, 2]])
    assert np.array_equal(x.take([1, 2]), whole.take([1, 2]))
    assert np.array_equal(x.take([1, 2], axis=1), whole.take([1, 2], axis=1))


def test_pixels_are_those_that_division_gives_to_the_last_bit():
    every = np.arange(256, dtype=np.uint8)[:, None]
    found = cr.Scaled(every, cr.Scaling(white=1.0))
    assert [float(value) for value in found[:, 0]] == [float(np.float32(k / 255)) for k in range(256)]
    assert np.array_equal(found.as_type("float64")[:], np.asarray(found).astype(np.float64)), "not k / 255 in float64"


def test_whatever_else_an_array_can_it_can():
    x = cr.Scaled(RAW, SCALINGS["pixels"], ROWS)
    whole = np.asarray(x)
    assert x.mean() == whole.mean()
    assert x.astype(np.float64).dtype == np.float64
    assert np.array_equal(x.reshape(9, -1), whole.reshape(9, -1))
    assert np.array_equal(2 * x - x, whole)
    assert np.array_equal(np.concatenate([x, x]), np.concatenate([whole, whole]))
    assert np.array_equal(np.exp(x), np.exp(whole))
    assert (x == whole).all()
    assert np.array_equal(np.stack(list(x)), whole)
    assert np.asarray(x, np.float64).dtype == np.float64
    assert np.asarray(x).flags.writeable, "it is a new array"
    for again in (pickle.loads(pickle.dumps(x)), copy.deepcopy(x), copy.copy(x)):
        assert np.array_equal(again, whole)
    assert repr(x) == "<Scaled float32 of shape (9, 3, 4), of uint8>"
    with pytest.raises(ValueError, match="leave copy=False out"):
        np.asarray(x, copy=False)
    with pytest.raises(AttributeError, match="no attribute 'halved'"):
        x.halved()


def test_it_holds_the_raw_array_itself():
    raw = RAW.copy()
    x = cr.Scaled(raw, SCALINGS["pixels"])
    raw[0] = 255
    assert (x[0] == 1).all()


@pytest.mark.parametrize(
    ("raw", "scaling", "rows", "says"),
    [
        (RAW.astype(float), cr.Scaling(), None, "must be an array of whole ones, got float64 of shape"),
        (RAW.tolist(), cr.Scaling(), None, "must be an array of whole ones, got "),
        (RAW, 255, None, "a scaling must be a Scaling, got 255"),
        (RAW, cr.Scaling(), [0, 20], "rows must be positions from 0 to 19, got "),
        (RAW, cr.Scaling(), [-1], "rows must be positions from 0 to 19"),
        (RAW, cr.Scaling(), [[0]], "rows must be positions from 0 to 19"),
        (RAW, cr.Scaling(), [0.5], "rows must be positions from 0 to 19"),
    ],
)
def test_what_it_does_not_take(raw, scaling, rows, says):
    with pytest.raises(cr.DataError, match=says):
        cr.Scaled(raw, scaling, rows)


def data(x: Any, **more: Any) -> cr.Data:
    return cr.Data((x, np.arange(len(x)) % 2), "binary", class_names=("a", "b"), **more)


def test_data_has_the_digest_that_the_arrays_have():
    x = cr.Scaled(RAW, SCALINGS["standardized"], ROWS)
    assert data(x).digest == data(np.asarray(x)).digest
    many = RNG.integers(0, 256, (3000, 2)).astype(np.uint8)
    x = cr.Scaled(many, SCALINGS["pixels"])
    assert data(x).digest == data(np.asarray(x)).digest


def test_numbers_that_would_not_be_finite_are_refused():
    wide = cr.Scaling(width=np.full((3, 4), 1e-300).tolist())
    x = cr.Scaled(RAW.astype(np.int64), wide)
    assert data(x).input_shape == (3, 4), "finite in float64"
    network = cr.Network(["flatten", {"name": "dense", "units": 1, "activation": "sigmoid"}], (3, 4), "mse")
    with pytest.raises(cr.DataError, match="the given data holds values that are infinite or not a number as float32"):
        network.evaluate(x, np.arange(20) % 2)
    with pytest.raises(cr.DataError, match="infinite or not a number"):
        data(cr.Scaled(RAW, cr.Scaling(shift=float("nan"))))


def test_labels_and_tokens_are_none():
    with pytest.raises(cr.DataError, match="labels must be integers"):
        cr.Data((RAW, cr.Scaled(RAW[:, 0, 0], cr.Scaling())), "binary", class_names=("a", "b"))
    with pytest.raises(cr.DataError, match="must be whole numbers from 0 to 1"):
        data(cr.Scaled(RAW, cr.Scaling()), token_names=("a", "b"))
