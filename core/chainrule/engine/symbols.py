"""A formula as its author wrote it, recorded: called with symbols in place of numbers, it tells what it computes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from chainrule.errors import ContractError
from chainrule.words import quoted

WHERE = "where"
"""A choice of two numbers, which NumPy has no ufunc for."""
OF_TRUTHS = {"logical_and", "logical_or", "logical_not", "bitwise_and", "bitwise_or", "invert"}
"""Operations on what is true or false."""
TAKEN = re.compile(r"np|abs|range|i|j|numbers|keep|limit|tiny|zero|one|k\d+|work\d+|_.*|.*_")
"""Names that passes and loops give to what they work with."""


class Operation(NamedTuple):
    """One of a formula, on symbols and plain numbers. ``function``: a ufunc, or ``WHERE``."""

    function: Any
    operands: tuple[Any, ...]

    @property
    def name(self) -> str:
        return WHERE if self.function == WHERE else str(self.function.__name__)


class Symbol(NDArrayOperatorsMixin):
    """Stands for a number while a formula is recorded.

    ``varies``: whether it differs from number to number of a vector; what does not is computed once for all of them.
    ``truth``: whether it is true or false, as what a comparison gives.
    """

    def __init__(
        self, tape: Tape, name: str, varies: bool, operation: Operation | None = None, truth: bool = False
    ) -> None:
        self.tape, self.name, self.varies, self.operation, self.truth = tape, name, varies, operation, truth

    def __repr__(self) -> str:
        return f"<Symbol {self.name}>"

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *operands: Any, **options: Any) -> Symbol:
        if getattr(np, ufunc.__name__, None) is not ufunc:
            raise ContractError(f"a formula of single numbers takes NumPy's functions, not {quoted(ufunc)}")
        if method != "__call__" or options or ufunc.nout != 1 or ufunc.signature:
            raise ContractError(f"a formula of single numbers cannot use {ufunc.__name__} in this way")
        return self.tape.record(ufunc, operands)

    # In place, as m *= beta, is a new symbol by the old name; of NumPy's out=m nothing would be seen.
    __iadd__, __isub__ = NDArrayOperatorsMixin.__add__, NDArrayOperatorsMixin.__sub__
    __imul__, __itruediv__ = NDArrayOperatorsMixin.__mul__, NDArrayOperatorsMixin.__truediv__
    __ipow__ = NDArrayOperatorsMixin.__pow__

    def __array_function__(self, function: Callable[..., Any], _: Any, given: Sequence[Any], options: Any) -> Symbol:
        if function is np.where and len(given) == 3:
            condition, *numbers = given
            return self.tape.record(WHERE, [condition if is_truth(condition) else np.not_equal(condition, 0), *numbers])
        if function is np.clip and len(given) == 3 and not options:
            x, least, most = given
            bounded: Symbol = np.minimum(np.maximum(x, least), most)
            return bounded
        raise ContractError(f"a formula of single numbers cannot use {function.__name__}: it is given one at a time")

    def __bool__(self) -> NoReturn:
        raise ContractError("a formula of single numbers cannot branch on one: choose by np.where(condition, a, b)")

    def __float__(self) -> NoReturn:
        raise ContractError("a formula of single numbers takes functions of NumPy: np.sqrt in place of math.sqrt")


class Tape:
    """What is recorded, in order."""

    def __init__(self) -> None:
        self.symbols: list[Symbol] = []
        self._known: dict[Any, Symbol] = {}  # by what is computed: what a formula writes twice is computed once

    def record(self, function: Any, operands: Sequence[Any]) -> Symbol:
        operands = [_plain(operand) for operand in operands]
        if function is np.multiply and any(not isinstance(operand, Symbol) and operand == 1 for operand in operands):
            multiplied = next(operand for operand in operands if isinstance(operand, Symbol))
            if not multiplied.truth:  # else it becomes a number by this
                return multiplied
        if function is np.power and not isinstance(operands[1], Symbol) and operands[1] in (2, 0.5):
            function, operands = (np.square if operands[1] == 2 else np.sqrt), operands[:1]  # as NumPy does for arrays
        key = (function, *map(key_of, operands))
        if key not in self._known:
            varies = any(isinstance(operand, Symbol) and operand.varies for operand in operands)
            truth = _gives_truth(function, operands)
            symbol = Symbol(self, f"_{len(self.symbols)}", varies, Operation(function, tuple(operands)), truth)
            self.symbols.append(symbol)
            self._known[key] = symbol
        return self._known[key]


def key_of(number: object) -> str:
    """What tells one operand from another: for NumPy True and 1.0 are not one, nor are 0.0 and -0.0."""
    return number.name if isinstance(number, Symbol) else repr(number)


def is_truth(operand: object) -> bool:
    """Whether it is true or false, and no number."""
    return operand.truth if isinstance(operand, Symbol) else isinstance(operand, bool)


def _plain(operand: Any) -> Any:
    """A symbol, or a number of Python: NumPy's own would turn vectors of float32 into float64."""
    if isinstance(operand, np.bool_):
        return bool(operand)
    if isinstance(operand, np.integer):
        return int(operand)
    if isinstance(operand, (float, np.floating)):
        return float(operand)
    if not isinstance(operand, (Symbol, int)):
        raise ContractError(f"a formula of single numbers cannot use {quoted(operand)}: it is no number")
    return operand


def _gives_truth(function: Any, operands: Sequence[Any]) -> bool:
    ones = [
        np.ones(1, bool if is_truth(operand) else float) if isinstance(operand, Symbol) and operand.varies
        else is_truth(operand) or 1 for operand in operands
    ]  # fmt: skip
    with np.errstate(all="ignore"):
        computed = (np.where if function == WHERE else function)(*ones)
    return bool(np.asarray(computed).dtype == np.bool_)


class Formula(NamedTuple):
    """A recorded function of numbers.

    ``vectors``: the names of those that differ from number to number; ``scalars``: of those that do not; ``steps``: the
    symbols that are computed, in order; ``results``: for each vector that is changed, by name, the symbol that it
    becomes.
    """

    vectors: tuple[Symbol, ...]
    scalars: tuple[Symbol, ...]
    steps: tuple[Symbol, ...]
    results: Mapping[str, Symbol]


def recorded(
    function: Callable[..., Any], vectors: Sequence[str], scalars: Sequence[str], results: Sequence[str]
) -> Formula:
    """What a function of numbers computes.

    Args:
        function: it is called once, with a symbol for each name, by name.
        vectors, scalars: the names of what it takes: see ``Formula``.
        results: the names of the vectors that become what it returns: one number, or a tuple of them.

    Raises:
        ContractError: it branches on a number, calls what does not work on symbols, or returns something else; or a
            name is none that a vector may have.
    """
    tape = Tape()
    if taken := [name for name in vectors if TAKEN.fullmatch(name)]:
        raise ContractError(f"a vector of a formula cannot be called {quoted(taken[0])}: give it another name")
    given = {name: Symbol(tape, name, True) for name in vectors} | {name: Symbol(tape, name, False) for name in scalars}
    try:
        returned = function(**given)
    except ContractError:
        raise
    except (TypeError, AttributeError, ValueError) as error:
        raise ContractError(f"a formula of single numbers cannot do this: {error}") from error
    numbers = returned if isinstance(returned, tuple) else (returned,)
    if len(numbers) != len(results) or not all(isinstance(number, Symbol) and number.varies for number in numbers):
        raise ContractError(f"the formula must return {', '.join(results)}, computed from what it is given")
    kept: dict[str, Symbol] = {}
    for name, number in zip(results, numbers):
        if number.truth:
            number = tape.record(np.multiply, [number, 1.0])
        # What becomes another one's old number, or the same as another one, is copied: an operation by itself.
        copied = number.operation is None or any(number is other for other in kept.values())
        kept[name] = tape.record(np.positive, [number]) if copied and number is not given[name] else number
    return Formula(
        tuple(symbol for symbol in given.values() if symbol.varies),
        tuple(symbol for symbol in given.values() if not symbol.varies),
        _needed(tape.symbols, kept.values()),
        kept,
    )


def _needed(symbols: Sequence[Symbol], results: Iterable[Symbol]) -> tuple[Symbol, ...]:
    """Those that a result comes from, in their order."""
    wanted = {id(result) for result in results}
    for symbol in reversed(symbols):
        if id(symbol) in wanted and symbol.operation is not None:
            wanted |= {id(operand) for operand in symbol.operation.operands}
    return tuple(symbol for symbol in symbols if id(symbol) in wanted)
