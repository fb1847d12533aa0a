"""Passes of NumPy, in place, give what the function gives of arrays, whatever lies where meanwhile."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from programs import GIVEN, SCALARS, Program, awkward, programs, same

from chainrule.engine.rule import KEPT, Rule

SIZES = (0, 1, 7, KEPT + 9, KEPT + 3)


def require_same_as_called(program, size, dtype, seed):
    arrays = [awkward(size, dtype, seed + place) for place in range(len(program.vectors))]
    before = [array.copy() for array in arrays]
    with np.errstate(all="ignore"):
        expected = program(*GIVEN, **dict(zip(program.vectors, before)))
        Rule(program, program.vectors, SCALARS, tuple(program.results), {}).run(arrays, GIVEN)
    for name, value in zip(program.results, expected):
        assert same(arrays[program.vectors.index(name)], np.asarray(value).astype(dtype)), name


SWAPPED = Program(("a", "b"), (), {"a": 1, "b": 0})
CROSSED = Program(("a", "b"), (("multiply", (1, 2, 3)), ("multiply", (0, 1, 3))), {"a": 2, "b": 3})
TURNED = Program(("a", "b", "c"), (), {"a": 1, "b": 2, "c": 0})
ONE_FOR_ALL = Program(("a", "b", "c"), (("add", (0, 1, 1)),), {"a": 3, "b": 3, "c": 3})
OLD_FOR_ALL = Program(("a", "b", "c"), (), {"a": 1, "c": 1})


@settings(max_examples=300)
@given(programs(), st.sampled_from(SIZES), st.sampled_from(["float32", "float64"]), st.integers(0, 99))
@example(SWAPPED, 7, "float32", 0)
@example(CROSSED, 7, "float32", 0)
@example(TURNED, 7, "float32", 0)
@example(ONE_FOR_ALL, 7, "float32", 0)
@example(OLD_FOR_ALL, 7, "float32", 0)
def test_passes_give_what_the_function_gives_of_arrays(program, size, dtype, seed):
    require_same_as_called(program, size, dtype, seed)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_two_numbers_that_become_each_other_are_not_lost(dtype):
    a, b = np.array([1, 2], dtype), np.array([3, 4], dtype)
    Rule(lambda a, b: (b * 2, a * 3), ("a", "b"), (), ("a", "b"), {}).run([a, b], [])
    assert (a.tolist(), b.tolist()) == ([6.0, 8.0], [3.0, 6.0])


def test_an_array_that_is_no_result_is_used_in_place_of_a_work_array():
    rule = Rule(lambda x, g, lr: x - lr * np.sign(g), ("x", "g"), ("lr",), ("x",), {})
    assert "work" not in rule.passes()
    x, g = np.array([1.0, 2.0]), np.array([3.0, -4.0])
    rule.run([x, g], [0.5])
    assert x.tolist() == [0.5, 2.5]


def test_work_arrays_that_are_kept_serve_each_size_and_shape_anew():
    rule = Rule(lambda x, v: (np.where(x > v, x + v, x * v), v), ("x", "v"), (), ("x", "v"), {})
    assert "work0" in rule.passes()
    for shape in ((KEPT * 3,), (2, KEPT), (KEPT + 1,), (3,), (4, 5, KEPT), ()):
        x = np.random.default_rng(0).standard_normal(shape)
        v = np.random.default_rng(1).standard_normal(shape)
        expected = np.where(x > v, x + v, x * v)
        rule.run([x, v], [])
        assert np.array_equal(x, expected)
