"""What an operation is given beside the numbers of a vector: the same for all of them, and computed once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from chainrule.engine.symbols import WHERE, Formula, Symbol, key_of

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


def computing_shared(formula: Formula) -> Callable[..., tuple[Any, ...]]:
    """What gives the shared numbers, in order, from the formula's scalars, as plain numbers: NumPy's own would turn
    vectors of float32 into float64."""
    plainly, exactly = (built(_source(formula, forms), "shared") for forms in (PLAIN, {}))

    def shared(*scalars: Any) -> tuple[Any, ...]:
        try:
            numbers: tuple[Any, ...] = plainly(*scalars)
        except (ArithmeticError, ValueError, TypeError):  # where Python refuses, or is complex, NumPy has a number
            numbers = exactly(*map(np.float64, scalars))
        return numbers

    return shared


def _source(formula: Formula, forms: Mapping[str, str]) -> str:
    lines = []
    for symbol in formula.steps:
        if not symbol.varies and symbol.operation is not None:
            read = [op.name if isinstance(op, Symbol) else repr(op) for op in symbol.operation.operands]
            name = symbol.operation.name
            form = forms.get(name, f"np.{name}({', '.join('{}' for _ in read)})")
            lines.append(f"{symbol.name} = {form.format(*read)}")
    given = [
        f"{'bool' if op.truth else 'float'}({op.name})" if isinstance(op, Symbol) else repr(op)
        for op in shared_numbers(formula)
    ]
    body = "\n    ".join([*lines, f"return ({', '.join(given)}{',' if given else ''})"])
    return f"def shared({', '.join(scalar.name for scalar in formula.scalars)}):\n    {body}\n"


def built(source: str, name: str) -> Callable[..., Any]:
    """The function of that name, from its text, which knows NumPy's functions."""
    known: dict[str, Any] = {"np": np, "math": math, "inf": math.inf, "nan": math.nan}  # as numbers are written
    exec(source, known)  # written here, from what was recorded: names of operations, and numbers
    made: Callable[..., Any] = known[name]
    return made
