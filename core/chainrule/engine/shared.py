"""What an operation is given beside the numbers of a vector: the same for all of them, and computed once."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from chainrule.engine.symbols import WHERE, Formula, Symbol, is_truth, key_of

PLAIN: Mapping[str, str] = {
    "add": "{} + {}", "subtract": "{} - {}", "multiply": "{} * {}", "divide": "{} / {}", "power": "({}) ** {}",
    "positive": "{}", "negative": "-{}", "square": "{0} * {0}", "sqrt": "math.sqrt({})", "absolute": "abs({})",
    "exp": "math.exp({})", "log": "math.log({})",
    "greater": "{} > {}", "greater_equal": "{} >= {}", "less": "{} < {}", "less_equal": "{} <= {}",
    "equal": "{} == {}", "not_equal": "{} != {}",
    WHERE: "{1} if {0} else {2}",
}  # fmt: skip
"""How an operation on two numbers is written where Python has it: ten times as fast as NumPy's functions."""


def varying(formula: Formula) -> Iterator[Symbol]:
    """The operations that each number of a vector needs."""
    return (symbol for symbol in formula.steps if symbol.varies)


def shared_numbers(formula: Formula) -> tuple[object, ...]:
    """What these are given beside: numbers as they are written, and symbols that are the same for a whole vector."""
    found: dict[object, object] = {}
    for symbol in varying(formula):
        assert symbol.operation is not None
        found |= {key_of(operand): operand for operand in symbol.operation.operands if not varies(operand)}
    return tuple(found.values())


def varies(operand: object) -> bool:
    """Whether it is a number of a vector."""
    return isinstance(operand, Symbol) and operand.varies


def computing_shared(formula: Formula, dtype: np.dtype[Any] | None = None) -> Callable[..., tuple[Any, ...]]:
    """What gives the shared numbers, in order, from the formula's scalars, as plain numbers: NumPy's own would turn
    vectors of float32 into float64.

    Args:
        dtype: of arrays without axes, as which what is the same at each step is given then: NumPy's functions take one
            in half the time.
    """
    known: dict[str, Any] = {} if dtype is None else {
        f"k{place}": np.array(number, bool if is_truth(number) else dtype)
        for place, number in enumerate(shared_numbers(formula)) if not isinstance(number, Symbol)
    }  # fmt: skip
    exactly = built(_source(formula, {}, ()), "shared")
    # Where Python refuses, or is complex, NumPy has a number.
    known["exactly"] = lambda *scalars: exactly(*map(np.float64, scalars))
    return built(_source(formula, PLAIN, known, otherwise="exactly"), "shared", known)


def _source(formula: Formula, forms: Mapping[str, str], known: Collection[str], otherwise: str = "") -> str:
    """Python's text of ``shared(<scalars>)``; numbers that are ``known`` have names. Where it fails it is computed by
    the function that is called ``otherwise``."""
    lines = []
    for symbol in formula.steps:
        if not symbol.varies and symbol.operation is not None:
            read = [op.name if isinstance(op, Symbol) else repr(op) for op in symbol.operation.operands]
            name = symbol.operation.name
            form = forms.get(name, f"np.{name}({', '.join('{}' for _ in read)})")
            lines.append(f"{symbol.name} = {form.format(*read)}")
    given = []
    for place, number in enumerate(shared_numbers(formula)):
        if isinstance(number, Symbol):
            given.append(f"{'bool' if number.truth else 'float'}({number.name})")
        else:
            given.append(f"k{place}" if f"k{place}" in known else repr(number))
    lines.append(f"return ({', '.join(given)}{',' if given else ''})")
    scalars = ", ".join(scalar.name for scalar in formula.scalars)
    if otherwise:
        failing = "except (ArithmeticError, ValueError, TypeError):"
        lines = ["try:", *(f"    {line}" for line in lines), failing, f"    return {otherwise}({scalars})"]
    body = "\n    ".join(lines)
    return f"def shared({scalars}):\n    {body}\n"


def built(source: str, name: str, beside: Mapping[str, Any] = MappingProxyType({})) -> Callable[..., Any]:
    """The function of that name, from its text, which knows NumPy's functions, and what is given ``beside``."""
    known: dict[str, Any] = {"np": np, "math": math, **beside}
    known |= {"inf": math.inf, "nan": math.nan}  # as numbers are written
    exec(source, known)  # written here, from what was recorded: names of operations, and numbers
    made: Callable[..., Any] = known[name]
    return made
