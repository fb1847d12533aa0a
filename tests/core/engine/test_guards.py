"""What is done to the numbers of a vector beside the formula: keep, limit, tiny."""

from __future__ import annotations

import math

import numpy as np
import pytest
from programs import awkward, same

from chainrule.engine.rule import KEPT, Rule
from chainrule.engine.use import using
from chainrule.process.threads import blas_threads

GUARDED = {"x": "keep", "g": "limit", "m": "tiny", "v": "tiny"}
NAMES = ("x", "g", "m", "v")
# Without a quotient and a sum of squares, in which two engines may differ by NaN's sign alone.
RULE = Rule(lambda x, g, m, v, lr: (x - lr * m, 0.5 * m + g, v + g**2), NAMES, ("lr",), ("x", "m", "v"), GUARDED)
LIMITS = {"float32": 2.2e15, "float64": 7.1e145}
MANY = 2 * 262_144 + 77  # enough for two threads, and for more than one block
both = pytest.mark.parametrize("engine", ["numpy", "numba"])


@pytest.fixture(autouse=True)
def with_numba(request):
    if "numba" in request.node.callspec.params.values():
        pytest.importorskip("numba")


def computed_otherwise(arrays, lr, keep, limit, tiny):
    """The same, one number after another, in the vectors' dtype."""
    x, g, m, v = (array.ravel() for array in arrays)
    number, found = x.dtype.type, []
    for one in zip(x, g, m, v):
        x0, g0, m0, v0 = one
        if not np.isnan(g0):
            g0 = number(min(max(g0, number(-limit)), number(limit)))
        new = [x0 * number(keep) - number(lr) * m0, number(0.5) * m0 + g0, v0 + g0 * g0]
        found.append([new[0], *(number(0) if abs(value) < number(tiny) else value for value in new[1:])])
    return [np.array(column, x.dtype).reshape(arrays[0].shape) for column in zip(*found)]


@both
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("keep", "limited", "tiny"),
    [(1, False, 0), (0.75, False, 0), (1, True, 0), (1, False, 1e-3), (0.9, True, 1e-30)],
)
def test_guards_do_what_they_say(engine, dtype, keep, limited, tiny):
    limit = LIMITS[dtype] if limited else math.inf
    arrays = [awkward(999, dtype, seed) for seed in range(4)]
    arrays[1][:5] = LIMITS[dtype] * np.array([2, -2, 1e9, 1, 0.5])
    with np.errstate(all="ignore"):
        expected = computed_otherwise(arrays, 0.1, keep, limit, tiny)
        with using(engine):
            RULE.run(arrays, [0.1], keep, limit, tiny)
    assert all(map(same, (arrays[0], *arrays[2:]), expected))
    assert np.isnan(expected[1]).any()
    assert not tiny or (expected[1] == 0).any()


@both
def test_what_is_no_number_stays_so(engine):
    arrays = [np.array([1.0, 1.0], np.float32) for _ in NAMES]
    arrays[1][0] = arrays[3][1] = np.nan
    with using(engine), np.errstate(invalid="ignore"):
        RULE.run(arrays, [0.5], 0.9, 10.0, 1e-3)
    assert [np.isnan(array).tolist() for array in (arrays[2], arrays[3])] == [[True, False], [True, True]]


@both
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_two_threads_give_the_same_as_one_to_the_last_bit(engine, dtype):
    runs = []
    for threads in (1, 2):
        arrays = [awkward(MANY, dtype, seed) for seed in range(4)]
        with blas_threads(threads), using(engine), np.errstate(all="ignore"):
            for _ in range(2):
                RULE.run(arrays, [0.1], 0.9, LIMITS[dtype], 1e-30)
        runs.append(arrays)
    assert all(same(one, other) for one, other in zip(*runs))


@both
@pytest.mark.parametrize("threads", [1, 2])
def test_threads_and_blocks_leave_out_no_number(engine, threads):
    rule = Rule(lambda x, n: x + n * n, ("x", "n"), (), ("x",), {})
    n = np.arange(MANY, dtype=np.float64)
    x = n.copy()
    with blas_threads(threads), using(engine):
        rule.run([x, n.copy()], [])
    assert np.array_equal(x, n + n * n)


SHAPED = {
    "every other": lambda x: x[::2],
    "backwards": lambda x: x[::-1],
    "a matrix": lambda x: x.reshape(7, -1),
    "turned": lambda x: x.reshape(7, -1).T,
    "columns": lambda x: x.reshape(-1, 7)[:, 1:3],
    "one number": lambda x: x[:1].reshape(()),
}


@both
@pytest.mark.parametrize("size", [700, KEPT * 7, 262_144 * 7])
@pytest.mark.parametrize("shape", SHAPED)
def test_arrays_may_be_shaped_and_lie_apart(engine, shape, size):
    arrays = [SHAPED[shape](awkward(size, "float32", seed)) for seed in range(4)]
    flat = [array.flatten() for array in arrays]
    with blas_threads(2), using(engine), np.errstate(all="ignore"):
        RULE.run(arrays, [0.1], 0.9, LIMITS["float32"], 1e-30)
        RULE.run(flat, [0.1], 0.9, LIMITS["float32"], 1e-30)
    assert all(same(array.flatten(), other) for array, other in zip(arrays[::2], flat[::2]))
