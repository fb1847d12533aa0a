"""A formula over whole arrays of any shape, into another one, by each engine."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from chainrule.engine import elementwise
from chainrule.engine.elementwise import Biased, Elementwise
from chainrule.engine.passes import passes_of
from chainrule.engine.use import using
from chainrule.process.threads import all_in_parts

ENGINES = ["numpy", *(["numba"] if importlib.util.find_spec("numba") else [])]
FORMULAS = {
    "the same": lambda z, w: z,
    "sum": lambda z, w: z + w,
    "several": lambda z, w: (z - w) * (z + w) / (1 + z * z) - np.maximum(z, w),
    "truths": lambda z, w: (z > 0) * w + (w > 0),
    "a truth alone": lambda z, w: (z > 0) & (w > 0),
    "a truth twice": lambda z, w: np.where(z > 0, z, (z > 0) + w),
    "choice": lambda z, w: np.where((z > 0) | (w > 1), w, -z),
    "exponentials": lambda z, w: np.exp(-np.abs(z)) * np.tanh(w),
    "the first one late": lambda z, w: np.maximum(z + w, 0) + np.minimum(z - w, 0) * z,
}


@pytest.fixture(params=ENGINES)
def engine(request):
    with using(request.param):
        yield request.param


def numbers(shape, dtype, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1,), (7,), (3, 4), (2, 3, 4)])
@pytest.mark.parametrize("name", FORMULAS)
def test_it_computes_what_it_says_and_writes_into_the_last_alone(engine, name, shape, dtype):
    z, w = numbers(shape, dtype), numbers(shape, dtype, 1)
    before = z.copy(), w.copy()
    out = np.full(shape, np.nan, dtype)
    Elementwise(FORMULAS[name], ("z", "w"))(z, w, out)
    wanted = np.asarray(FORMULAS[name](*before)).astype(dtype)
    np.testing.assert_allclose(out, wanted, rtol=1e-12 if dtype == "float64" else 1e-6)
    assert np.array_equal(z, before[0])
    assert np.array_equal(w, before[1])


@pytest.mark.parametrize("name", FORMULAS)
def test_in_parts_it_gives_the_same(engine, name):
    z, w = numbers((9, 5), "float32"), numbers((9, 5), "float32", 1)
    compute = Elementwise(FORMULAS[name], ("z", "w"))
    alone, together = np.empty_like(z), np.empty_like(z)
    compute(z, w, alone)
    with all_in_parts(3):
        compute(z, w, together)
    assert np.array_equal(alone, together)


@pytest.mark.parametrize("name", FORMULAS)
def test_arrays_may_lie_apart_in_memory(engine, name):
    z, w = numbers((6, 8), "float32")[:, ::2], numbers((4, 6), "float32", 1).T
    out = np.full((6, 8), np.nan, np.float32)[:, 1::2]
    Elementwise(FORMULAS[name], ("z", "w"))(z, w, out)
    np.testing.assert_allclose(out, np.asarray(FORMULAS[name](z, w)).astype(np.float32), rtol=1e-6)


def test_a_truth_that_is_computed_with_alone_is_no_array_of_truths():
    def work(function):
        return passes_of(Elementwise(function, ("z", "w"))._formula, np.dtype(np.float32), ("z", "w")).work

    assert work(lambda z, w: (z > 0) * w) == ()
    assert work(lambda z, w: np.where(z > 0, w, z)) == (np.dtype(bool),)


@pytest.mark.parametrize("rows", [1, 5])
def test_a_bias_is_added_before(rows):
    pytest.importorskip("numba")
    y, b = numbers((rows, 4), "float32"), numbers((4,), "float32", 1)
    wanted = np.where(y + b > 0, y + b, (y + b) * np.float32(0.5))
    biased = Biased(lambda z: np.where(z > 0, z, z * 0.5))
    assert biased.loop(y.dtype) is None  # by NumPy, which is the engine in use
    with using("numba"):
        biased.loop(y.dtype)(y, b)
    assert np.array_equal(y, wanted)


def test_what_numpy_computes_faster_is_not_compiled():
    pytest.importorskip("numba")
    with using("numba"):
        assert Biased(lambda z: np.tanh(z)).loop(np.dtype(np.float32)) is None


def test_where_it_cannot_be_compiled_numpy_computes(monkeypatch):
    monkeypatch.setattr(elementwise, "compiled", lambda *given: None)
    z, out = numbers((3,), "float32"), np.empty(3, np.float32)
    with using("numba"):
        Elementwise(lambda z: z + z, ("z",))(z, out)
        assert Biased(lambda z: z + z).loop(z.dtype) is None
    assert np.array_equal(out, 2 * z)


def locked(array):
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    "given", [locked(numbers((3, 4), "float32")), numbers((3, 4), "float64")], ids=["locked", "wide"]
)
def test_arrays_for_which_no_loop_is_compiled_are_left_to_numpy(engine, given):
    out = np.empty((3, 4), np.float32 if given.dtype == np.float32 else np.float64)
    slope = numbers((3, 4), "float32", 1)
    Elementwise(lambda z, w: (z > 0) * w, ("z", "w"))(slope, given, out)
    assert np.array_equal(out, (slope > 0) * given)
