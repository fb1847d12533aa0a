"""The loop that is compiled, as plain Python and compiled, gives what NumPy gives."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from programs import GIVEN, SCALARS, Program, awkward, programs, same

from chainrule.engine.rule import Rule
from chainrule.engine.shared import computing_shared
from chainrule.engine.use import using

SIGN_OF_ZERO = Program(("a", "b"), (("sign", (0, 0, 1)),), {"a": 2})


@settings(max_examples=200)
@given(programs(), st.sampled_from([0, 1, 29]), st.sampled_from(["float32", "float64"]), st.integers(0, 99))
@example(SIGN_OF_ZERO, 29, "float32", 0)
def test_the_text_of_a_loop_computes_the_formula(program, size, dtype, seed):
    rule = Rule(program, program.vectors, SCALARS, tuple(program.results), {})
    known = {"np": np}
    exec(rule.loop(), known)
    arrays = [awkward(size, dtype, seed + place) for place in range(len(program.vectors))]
    with np.errstate(all="ignore"):
        expected = program(*GIVEN, **dict(zip(program.vectors, map(np.copy, arrays))))
        shared = computing_shared(rule.formula)(*GIVEN)
        known["loop"](*arrays, np.array([1, math.inf, 0, 0, 1, *shared], dtype))
    for name, value in zip(program.results, expected):
        assert same(arrays[program.vectors.index(name)], np.asarray(value).astype(dtype)), name


def everything(x, g, v, lr, step):
    """All that is rounded exactly."""
    chosen = np.where((g > 0) & ~(v <= lr) | (x != x), np.sqrt(np.abs(g)) / (v + lr), -g * v)
    least = np.maximum(np.minimum(g, 2.0), x - v) + 0.0
    return np.where(step > 2, x - lr * chosen + np.sign(g) * 3, v), v, least


COMPILED = {
    "momentum": (lambda x, g, v, lr, step: (x - lr * v, 0.9 * v + g), ("x", "v")),
    "adam": (lambda x, g, v, lr, step: (x - lr * (g / (np.sqrt(v + g**2) + 1e-8)), v * (1 - 0.9**step)), ("x", "v")),
    "swapped": (lambda x, g, v, lr, step: (v, g, x), ("x", "g", "v")),
    "signs": (lambda x, g, v, lr, step: (np.sign(g), g > v, 1 / np.sign(v)), ("x", "g", "v")),
    "reciprocal": (lambda x, g, v, lr, step: (np.reciprocal(g), np.where(v, np.inf, -math.inf)), ("x", "v")),
    "everything": (everything, ("x", "g", "v")),
}


@pytest.mark.parametrize("name", COMPILED)
def test_a_compiled_loop_gives_the_same_as_passes_to_the_last_bit(name):
    pytest.importorskip("numba")
    function, results = COMPILED[name]
    rule = Rule(function, ("x", "g", "v"), SCALARS, results, {})
    assert rule.compiled(np.float32) is not None
    for size in (0, 1, 1001):
        runs = []
        for engine in ("numpy", "numba"):
            arrays = [awkward(size, "float32", seed) for seed in range(3)]
            with using(engine), np.errstate(all="ignore"):
                rule.run(arrays, GIVEN)
            runs.append([array for array, vector in zip(arrays, "xgv") if vector in results])
        assert all(map(same, *runs))


def test_a_vector_that_nothing_is_computed_from_is_not_read():
    """Nor is it guarded: what becomes of a number does not hang on it."""
    rule = Rule(lambda theta, grad: 2 * grad, ("theta", "grad"), (), ("theta",), {"theta": "keep", "grad": "limit"})
    assert "theta_ = theta[i]" not in rule.loop()
    theta, grad = np.array([np.nan, 1.0]), np.array([3.0, -5.0])
    with using("numba"):
        rule.run([theta, grad], (), keep=0.5, limit=4.0)
    assert theta.tolist() == [6.0, -8.0]
