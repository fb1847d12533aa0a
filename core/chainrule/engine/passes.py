"""A formula as passes of NumPy over whole vectors, each into an array that is there already.

Where an operation's result may lie is found here: in the vector that it becomes, once nothing needs what stood there;
else in the place of an operand that nothing needs any more, or of any other; else in a work array.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np

from chainrule.engine.shared import shared_numbers, varies, varying
from chainrule.engine.symbols import OF_TRUTHS, WHERE, Formula, Symbol, key_of


class Passes(NamedTuple):
    """Python's text of ``passes(<vectors>, <work arrays>, <numbers>)``, and what it wants.

    ``work``: the dtypes of its work arrays; ``numbers``: what all numbers of a vector share, in order.
    """

    source: str
    work: tuple[np.dtype[np.generic], ...]
    numbers: tuple[object, ...]


def passes_of(formula: Formula, dtype: np.dtype[np.generic], spared: Collection[str] = ()) -> Passes:
    """The passes that compute it, for vectors of this dtype; into those that are ``spared`` nothing is written."""
    numbers = shared_numbers(formula)
    named = {key_of(number): f"k{place}" for place, number in enumerate(numbers)}
    places = _Places(formula, dtype, spared)
    lines = []
    for symbol in varying(formula):
        assert symbol.operation is not None
        function, operands = symbol.operation
        read = [places.of[operand.name] if varies(operand) else named[key_of(operand)] for operand in operands]
        out = places.place(symbol)
        if function == WHERE:
            condition, chosen, other = read
            lines += [f"np.copyto({out}, {other})"] if other != out else []
            lines.append(f"np.copyto({out}, {chosen}, where={condition})")
        else:
            lines.append(f"np.{symbol.operation.name}({', '.join(read)}, out={out})")
    lines += [f"np.copyto({name}, {places.of[result.name]})" for name, result in places.moved()]
    given = [vector.name for vector in formula.vectors] + list(places.work) + [*named.values()]
    body = "\n    ".join(lines or ["pass"])
    source = f"def passes({', '.join(given)}):\n    {body}\n"
    return Passes(source, tuple(places.work.values()), numbers)


class _Places:
    """Which array holds which number: ``of`` a symbol by its name. ``work``: the arrays beside the vectors."""

    def __init__(self, formula: Formula, dtype: np.dtype[np.generic], spared: Collection[str]) -> None:
        self._dtype = dtype
        self._targets = {result.name: name for name, result in formula.results.items()}
        self._left = {symbol.name: 0 for symbol in (*formula.vectors, *formula.steps)}  # how often each is yet read
        for symbol in varying(formula):
            for operand in _operands(symbol):
                self._left[operand.name] += 1
        for name in (*(result.name for result in formula.results.values()), *spared):
            self._left[name] += 1  # by who gave the vectors
        # A truth that is only computed with is a number at once, 1 or 0: NumPy is slow at turning one into the other.
        self._asked_as_truths = {operand.name for symbol in varying(formula) for operand in _truths_asked_by(symbol)}
        self._formula = formula
        self.of = {vector.name: vector.name for vector in formula.vectors}
        self.work: dict[str, np.dtype[np.generic]] = {}

    def place(self, symbol: Symbol) -> str:
        """Where the next operation writes; its operands are read for the last time, where nothing else needs them."""
        for operand in _operands(symbol):
            self._left[operand.name] -= 1
        taken = {self.of[name] for name, left in self._left.items() if left and name in self.of}
        if symbol.operation and symbol.operation.function == WHERE:  # it writes before it has read all of these
            taken |= {self.of[operand.name] for operand in symbol.operation.operands[:2] if varies(operand)}
        target = self._targets.get(symbol.name)
        if target is not None:  # where another result belongs it would be lost as that one is moved there
            taken |= self._formula.results.keys() - {target}
        dtype = np.dtype(np.bool_) if symbol.name in self._asked_as_truths else self._dtype
        vectors = {vector.name: self._dtype for vector in self._formula.vectors}
        free = [name for name, of in (vectors | self.work).items() if of == dtype and name not in taken]
        wanted = [target, *(self.of[operand.name] for operand in _operands(symbol))]
        chosen = next((name for name in (*wanted, *free) if name in free), None)
        if chosen is None:
            chosen = f"work{len(self.work)}"
            self.work[chosen] = dtype
        self.of[symbol.name] = chosen
        return chosen

    def moved(self) -> list[tuple[str, Symbol]]:
        """The vectors whose result lies elsewhere."""
        return [(name, result) for name, result in self._formula.results.items() if self.of[result.name] != name]


def _truths_asked_by(symbol: Symbol) -> list[Symbol]:
    """Of its operands, those that it takes as true or false."""
    operation = symbol.operation
    if operation is None or operation.name not in OF_TRUTHS | {WHERE}:
        return []
    operands = operation.operands[:1] if operation.function == WHERE else operation.operands
    return [operand for operand in operands if isinstance(operand, Symbol) and operand.truth]


def _operands(symbol: Symbol) -> list[Symbol]:
    assert symbol.operation is not None
    return [operand for operand in symbol.operation.operands if varies(operand)]
