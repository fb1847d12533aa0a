"""A formula as one loop over the numbers of its vectors, compiled by numba; each result is computed in registers.

Numba rounds as NumPy does: nothing is contracted or reordered, so that both give the same numbers wherever an operation
is rounded exactly (IEEE 754: sums, products, quotients, square roots).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import NamedTuple

from chainrule.engine.shared import shared_numbers, varying
from chainrule.engine.symbols import OF_TRUTHS, WHERE, Formula, Operation, Symbol, key_of

FORMS: Mapping[str, str] = {
    "add": "{} + {}", "subtract": "{} - {}", "multiply": "{} * {}", "divide": "{} / {}",
    "positive": "{}", "negative": "-{}", "square": "{0} * {0}", "reciprocal": "one / {}",
    "absolute": "abs({})", "sqrt": "np.sqrt({})",
    "sign": "one if {0} > zero else (-one if {0} < zero else (zero if {0} == zero else {0}))",
    # NumPy's give what is no number wherever there is one.
    "maximum": "{0} if {0} > {1} or {0} != {0} else {1}", "minimum": "{0} if {0} < {1} or {0} != {0} else {1}",
    "greater": "{} > {}", "greater_equal": "{} >= {}", "less": "{} < {}", "less_equal": "{} <= {}",
    "equal": "{} == {}", "not_equal": "{} != {}",
    "logical_and": "{} and {}", "logical_or": "{} or {}", "logical_not": "not {}",
    "bitwise_and": "{} and {}", "bitwise_or": "{} or {}", "invert": "not {}",
    WHERE: "{1} if {0} else {2}",
}  # fmt: skip
"""How an operation is written on numbers; others are called by NumPy's name."""
GUARDS = ("keep", "limit", "tiny", "zero", "one")
UNGUARDED = (1.0, math.inf, 0.0, 0.0, 1.0)
"""The same where nothing is done beside."""


class Loop(NamedTuple):
    """Python's text of ``loop(<vectors>, numbers)``. ``numbers``: what follows the guards in that array."""

    source: str
    numbers: tuple[object, ...]


def loop_of(formula: Formula, guarded: Mapping[str, str], of_columns: Collection[str] = ()) -> Loop:
    """The loop that computes it.

    Args:
        guarded: what is done to a vector's numbers beside, by its name: ``"keep"`` multiplies them by the first of the
            loop's numbers before all else, ``"limit"`` cuts off what is larger than the second, and ``"tiny"`` sets
            results smaller than the third to zero.
        of_columns: the names of vectors with a number for each column of the others, which then are matrices.
    """
    numbers = shared_numbers(formula)
    named = {key_of(number): f"k{place}" for place, number in enumerate(numbers)}
    names = [vector.name for vector in formula.vectors]
    whole = next(name for name in names if name not in of_columns)
    at = {
        name: f"{name}[j]" if name in of_columns else f"{name}[i, j]" if of_columns else f"{name}[i]" for name in names
    }
    read = [name for name in names if _is_read(formula, name)]
    lines = [f"{name}_ = {at[name]}" for name in read]
    lines += [f"{name}_ = {name}_ * keep" for name in read if guarded.get(name) == "keep"]
    for name in (name for name in read if guarded.get(name) == "limit"):
        lines.append(f"{name}_ = limit if {name}_ > limit else {name}_")
        lines.append(f"{name}_ = -limit if {name}_ < -limit else {name}_")

    def written(operand: object, operation: Operation, place: int) -> str:
        if not isinstance(operand, Symbol) or not operand.varies:
            return named[key_of(operand)]
        takes_truths = operation.name in OF_TRUTHS or (operation.function == WHERE and place == 0)
        return f"{operand.name}_" if takes_truths else as_number(operand)

    def as_number(symbol: Symbol) -> str:
        return f"(one if {symbol.name}_ else zero)" if symbol.truth else f"{symbol.name}_"

    for symbol in varying(formula):
        operation = symbol.operation
        assert operation is not None
        given = [written(operand, operation, place) for place, operand in enumerate(operation.operands)]
        form = FORMS.get(operation.name, f"np.{operation.name}({', '.join('{}' for _ in given)})")
        lines.append(f"{symbol.name}_ = {form.format(*given)}")
    for name, result in formula.results.items():
        value = f"{result.name}_"
        kept = f"zero if abs({value}) < tiny else {value}" if guarded.get(name) == "tiny" else value
        lines.append(f"{at[name]} = {kept}")
    loops = [f"for i in range({whole}.shape[0]):"]
    if of_columns:
        loops.append(f"    for j in range({whole}.shape[1]):")
    head = [f"{name} = numbers[{place}]" for place, name in enumerate([*GUARDS, *named.values()])]
    body = "\n    ".join([*head, *loops, *(f"{'    ' * len(loops)}{line}" for line in lines)])
    return Loop(f"def loop({', '.join([*names, 'numbers'])}):\n    {body}\n", numbers)


def _is_read(formula: Formula, name: str) -> bool:
    """Whether it is computed from what stands in that vector."""
    return any(
        isinstance(operand, Symbol) and operand.name == name
        for symbol in varying(formula)
        if symbol.operation is not None
        for operand in symbol.operation.operands
    ) or any(result.name == name for result in formula.results.values())
