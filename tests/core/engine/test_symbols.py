"""A formula is recorded as it was written; what is none of single numbers is refused, with what to do."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special

from chainrule.engine.rule import Rule
from chainrule.engine.symbols import Formula, recorded
from chainrule.errors import ContractError


def of(function: Callable[..., Any], results: tuple[str, ...] = ("x",)) -> Formula:
    return recorded(function, ("x", "v"), ("lr", "step"), results)


def computed(formula: Formula) -> list[str]:
    return [symbol.operation.name for symbol in formula.steps if symbol.operation]


def branching(x, v, lr, step):
    return x if x > 0 else v


def many(x, v, lr, step):
    return x * np.ones(3)


def branching_on_a_scalar(x, v, lr, step):
    return x * min(step, 10)


REFUSED = [
    (branching, "cannot branch on one: choose by np.where(condition, a, b)"),
    (branching_on_a_scalar, "cannot branch on one: choose by np.where(condition, a, b)"),
    (lambda x, v, lr, step: x and v, "choose by np.where(condition, a, b)"),
    (lambda x, v, lr, step: max(x, v), "choose by np.where(condition, a, b)"),
    (lambda x, v, lr, step: math.sqrt(x), "takes functions of NumPy: np.sqrt in place of math.sqrt"),
    (lambda x, v, lr, step: v * math.sqrt(lr) + x, "takes functions of NumPy: np.sqrt in place of math.sqrt"),
    (lambda x, v, lr, step: float(x), "takes functions of NumPy"),
    (many, "cannot use ndarray of shape (3,) and type float64: it is no number"),
    (lambda x, v, lr, step: x * np.array(2.0), "cannot use array(2.): it is no number"),
    (lambda x, v, lr, step: x * 1j, "cannot use 1j: it is no number"),
    (lambda x, v, lr, step: x * np.complex64(1), "it is no number"),
    (lambda x, v, lr, step: np.where(np.ones(3), x, v), "cannot use ndarray of shape (3,)"),
    (lambda x, v, lr, step: x * "2", "cannot use '2': it is no number"),
    (lambda x, v, lr, step: scipy.special.expit(x), "takes NumPy's functions, not <ufunc 'expit'>"),
    (lambda x, v, lr, step: np.frompyfunc(abs, 1, 1)(x), "takes NumPy's functions"),
    (lambda x, v, lr, step: np.sum(x), "cannot use sum: it is given one at a time"),
    (lambda x, v, lr, step: x / np.linalg.norm(x), "cannot use norm: it is given one at a time"),
    (lambda x, v, lr, step: np.add.reduce(x), "cannot use add in this way"),
    (lambda x, v, lr, step: np.clip(x, -1, 1, out=v), "cannot use clip"),
    (lambda x, v, lr, step: np.modf(x)[0], "cannot use modf in this way"),
    (lambda x, v, lr, step: np.matmul(x, v), "cannot use matmul in this way"),
    (lambda x, v, lr, step: np.multiply(x, 2, where=x > 0), "cannot use multiply in this way"),
    (lambda x, v, lr, step: np.multiply(x, 2, dtype=np.float64), "cannot use multiply in this way"),
    (lambda x, v, lr, step: x.mean(), "cannot do this: 'Symbol' object has no attribute 'mean'"),
    (lambda x, v, lr, step: x[0], "cannot do this: 'Symbol' object is not subscriptable"),
    (lambda x, v, lr, step: sum(x), "cannot do this: 'Symbol' object is not iterable"),
    (lambda x, v, lr, step: x & v, "cannot do this: ufunc 'bitwise_and' not supported"),
    (lambda x, v, lr: x, "cannot do this: "),
    (lambda x, v, lr, step: (x, v), "must return x, computed from what it is given"),
    (lambda x, v, lr, step: None, "must return x, computed from what it is given"),
    (lambda x, v, lr, step: 0.0, "must return x, computed from what it is given"),
    (lambda x, v, lr, step: lr * step, "must return x, computed from what it is given"),
    (lambda x, v, lr, step: [x], "must return x, computed from what it is given"),
]


@pytest.mark.parametrize(("function", "message"), REFUSED)
def test_what_is_no_formula_of_single_numbers_is_refused(function, message):
    with pytest.raises(ContractError, match=re.escape(message)) as refusal:
        of(function)
    assert str(refusal.value).count("formula") == 1  # one message, not one in another


def test_too_few_results_are_refused_with_the_names_of_all():
    with pytest.raises(ContractError, match="must return x, v, computed from what it is given"):
        of(lambda x, v, lr, step: x - lr * v, ("x", "v"))


@pytest.mark.parametrize("given", [{"out": "v"}, {"out": "x"}])
def test_a_result_that_is_to_be_written_somewhere_is_refused_where_nothing_would_be_seen_of_it(given):
    def rule(x, v, lr, step):
        np.multiply(v, 2, out={"x": x, "v": v}[given["out"]])
        return x - v

    with pytest.raises(ContractError, match="cannot use multiply in this way"):
        of(rule)


@pytest.mark.parametrize("name", ["np", "k0", "work12", "i", "limit", "numbers", "_m", "m_"])
def test_a_name_that_the_loops_give_themselves_is_refused(name):
    with pytest.raises(ContractError, match=f"cannot be called '{name}': give it another name"):
        recorded(lambda **given: given["x"] + given[name], ("x", name), (), ("x",))


def test_what_is_written_twice_is_computed_once():
    formula = of(lambda x, v, lr, step: (x - lr * np.sqrt(v), v + np.sqrt(v) + lr * np.sqrt(v)), ("x", "v"))
    assert sorted(computed(formula)) == ["add", "add", "multiply", "sqrt", "subtract"]


def test_what_no_result_needs_is_not_computed():
    assert computed(of(lambda x, v, lr, step: (np.exp(v), x - v)[1])) == ["subtract"]


def test_squares_and_roots_are_those_of_arrays():
    assert computed(of(lambda x, v, lr, step: x**2)) == ["square"]
    assert computed(of(lambda x, v, lr, step: x**0.5)) == ["sqrt"]
    assert computed(of(lambda x, v, lr, step: x**3)) == ["power"]


@pytest.mark.parametrize("one", [1, 1.0, np.float32(1), True])
def test_multiplication_by_one_costs_nothing(one):
    assert computed(of(lambda x, v, lr, step: one * (x - v))) == ["subtract"]
    assert computed(of(lambda x, v, lr, step: (x - v) * one)) == ["subtract"]


def test_what_is_the_same_for_all_numbers_is_apart_from_what_is_not():
    formula = of(lambda x, v, lr, step: x - lr * (1 - 0.9**step) * v)
    assert [symbol.varies for symbol in formula.steps] == [False, False, False, True, True]


def test_in_place_operators_make_new_numbers():
    def rule(x, v, lr, step):
        old = v
        v *= 0.9
        v += x
        v -= 1.0
        v /= 2
        v **= 2
        return x - lr * old, v

    x, v = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    Rule(rule, ("x", "v"), ("lr", "step"), ("x", "v"), {}).run([x, v], [0.5, 1])
    assert x.tolist() == [1 - 1.5, 2 - 2.0]
    assert v.tolist() == [((3 * 0.9 + 1 - 1) / 2) ** 2, ((4 * 0.9 + 2 - 1) / 2) ** 2]


# What only some formulas have, each with what it gives of x = -2, 0, 3 and v = 1, 0, -1, at lr = 0.5 and step = 4.
UNUSUAL = [
    (lambda x, v, lr, step: (x > v) * 1.0 + (x > -9) * 1.0, [1.0, 1.0, 2.0]),  # truths become numbers
    (lambda x, v, lr, step: (x > v) * 3, [0.0, 0.0, 3.0]),
    (lambda x, v, lr, step: x > v, [0.0, 0.0, 1.0]),
    (lambda x, v, lr, step: ~(x > v) & (v > 0), [1.0, 0.0, 0.0]),
    (lambda x, v, lr, step: np.where(x > 0, v > 5, x), [-2.0, 0.0, 0.0]),
    (lambda x, v, lr, step: np.where(x, v, 7), [1.0, 7.0, -1.0]),  # a condition that is a number
    (lambda x, v, lr, step: np.where(x > 0, np.inf, -math.inf), [-np.inf, -np.inf, np.inf]),
    (lambda x, v, lr, step: np.where(x > 0, math.nan, x), [-2.0, 0.0, np.nan]),
    (lambda x, v, lr, step: np.where(step > 3, x, v), [-2.0, 0.0, 3.0]),  # a condition that all numbers share
    (lambda x, v, lr, step: np.where(step > 4, x, v), [1.0, 0.0, -1.0]),
    (lambda x, v, lr, step: np.where((x > 0) & (step > 3), 9, v), [1.0, 0.0, 9.0]),
    (lambda x, v, lr, step: np.where(True, x, v), [-2.0, 0.0, 3.0]),
    (lambda x, v, lr, step: 1 / np.copysign(0.0, x) + 1 / np.copysign(-0.0, x), [-np.inf, np.inf, np.inf]),
    (lambda x, v, lr, step: 1 / np.where(x > 0, 0.0, -0.0), [-np.inf, -np.inf, np.inf]),  # two zeros
    (lambda x, v, lr, step: x * (-2) ** step, [-32.0, 0.0, 48.0]),
    (lambda x, v, lr, step: x * 2.0 ** (1000 * step), [-np.inf, np.nan, np.inf]),  # Python: OverflowError
    (lambda x, v, lr, step: x + 1 / (step - 4), [np.inf, np.inf, np.inf]),  # Python: ZeroDivisionError
    (lambda x, v, lr, step: x + (1 - step) ** 0.3, [np.nan, np.nan, np.nan]),  # Python: a complex number
    (lambda x, v, lr, step: x + np.log(4 - step), [-np.inf, -np.inf, -np.inf]),
    (lambda x, v, lr, step: x + step**-1, [-1.75, 0.25, 3.25]),
    (lambda x, v, lr, step: x * np.minimum(step, 2) / 2, [-2.0, 0.0, 3.0]),
    (lambda x, v, lr, step: np.clip(x, -lr, 1), [-0.5, 0.0, 1.0]),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("function", "expected"), UNUSUAL)
def test_unusual_formulas_give_what_they_say(function, expected, dtype):
    x, v = np.array([-2, 0, 3], dtype), np.array([1, 0, -1], dtype)
    with np.errstate(all="ignore"):
        Rule(function, ("x", "v"), ("lr", "step"), ("x",), {}).run([x, v], [0.5, 4])
    assert np.array_equal(x, np.array(expected, dtype), equal_nan=True)


def test_two_results_that_are_one_truth_are_two_numbers():
    x, v = np.array([-1.0, 2.0]), np.array([3.0, 4.0])
    Rule(lambda x, v: (x > 0, x > 0), ("x", "v"), (), ("x", "v"), {}).run([x, v], [])
    assert x.tolist() == v.tolist() == [0.0, 1.0]


def test_a_number_of_numpy_computes_as_one_of_python_in_the_dtype_of_the_vectors():
    x, other = np.linspace(0, 1, 999, dtype=np.float32), np.linspace(0, 1, 999, dtype=np.float32)
    for array, third in ((x, np.float64(1 / 3)), (other, 1 / 3)):
        Rule(lambda x, third=third: x * third * third, ("x",), (), ("x",), {}).run([array], [])
    assert np.array_equal(x, other)
