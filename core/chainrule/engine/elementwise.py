"""A formula at work on arrays of any shape: in passes of NumPy, or in one compiled loop where that is faster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np

from chainrule.engine.compiling import compiled
from chainrule.engine.loops import FORMS, UNGUARDED, loop_of
from chainrule.engine.passes import passes_of
from chainrule.engine.rule import Vector, work_arrays
from chainrule.engine.shared import built, computing_shared, varying
from chainrule.engine.symbols import Formula, recorded
from chainrule.engine.use import engine_in_use
from chainrule.process.threads import in_parts, least_of_a_part

Computing = Callable[..., None]


class Elementwise:
    """A function of numbers, for whole arrays of one shape, whose result goes into another one.

    Args:
        function: is called once, with a symbol for each name. It returns one number.
        names: of the arrays that it takes. Nothing is written into them.

    Raises:
        ContractError: the function cannot be recorded.
    """

    def __init__(self, function: Callable[..., Any], names: Sequence[str]) -> None:
        def of_all(out: Any, **numbers: Any) -> Any:
            return function(*numbers.values())

        self._names = names
        self._formula = recorded(of_all, [*names, "out"], (), ("out",))
        self._loops = _Loops(self._formula)
        self._computing: dict[tuple[str, str], Computing] = {}  # by engine and the dtype's letter

    def __call__(self, *arrays: Vector) -> None:
        """Compute it: all that it takes, in order, and the array that the result goes into."""
        out = arrays[-1]
        compute = self._computing.get((engine_in_use(), out.dtype.char)) or self._made(out.dtype)
        if out.size < 2 * least_of_a_part():
            compute(*arrays)
        else:
            in_parts(lambda part: compute(*(array[part] for array in arrays)), len(out), out.size)

    def _made(self, dtype: np.dtype[Any]) -> Computing:
        by_numpy, loop = self._by_numpy(dtype), self._loops.of(dtype)

        def compute(*arrays: Vector) -> None:
            if loop is not None and arrays[-1].flags.c_contiguous:
                try:
                    loop(*[array.ravel() for array in arrays])
                    return
                except TypeError:  # it is not compiled for arrays of other types, such as locked ones
                    pass
            by_numpy(*arrays)

        made = self._computing[engine_in_use(), dtype.char] = by_numpy if loop is None else compute
        return made

    def _by_numpy(self, dtype: np.dtype[Any]) -> Computing:
        source, work, _ = passes_of(self._formula, dtype, self._names)
        passes: Any = built(source, "passes")
        passes.__defaults__ = computing_shared(self._formula, dtype)()
        if not work:
            return cast(Computing, passes)
        return lambda *arrays: passes(*arrays, *work_arrays(work, arrays[0].shape))


class Biased:
    """A function of one number, of a matrix to each of whose columns a number is added before; the result lies in the
    matrix. It is there as a compiled loop alone: by NumPy it would be two passes all the same."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._loops = _Loops(recorded(lambda y, b: function(y + b), ("y", "b"), (), ("y",)), ("b",))
        self.gain = self._loops.gain

    def loop(self, dtype: np.dtype[Any]) -> Computing | None:
        """``loop(y, b)``, for ``y`` ``(n, features)`` and ``b`` ``(features,)``; None where it is not to be had, or
        NumPy is faster."""
        return self._loops.of(dtype)


class _Loops:
    """A formula as compiled loops, one for each dtype. ``gain``: whether they may be faster than NumPy."""

    def __init__(self, formula: Formula, of_columns: Sequence[str] = ()) -> None:
        self._formula, self._of_columns = formula, of_columns
        self._known: dict[str, Computing | None] = {}
        # Of exponentials and the like NumPy computes many at a time, and a loop one after the other.
        self.gain = all(symbol.operation is None or symbol.operation.name in FORMS for symbol in varying(formula))

    def of(self, dtype: np.dtype[Any]) -> Computing | None:
        """The loop, where that engine is in use, and it gains."""
        if not self.gain or engine_in_use() != "numba":
            return None
        if dtype.char not in self._known:
            self._known[dtype.char] = self._compiled(dtype)
        return self._known[dtype.char]

    def _compiled(self, dtype: np.dtype[Any]) -> Computing | None:
        source, _ = loop_of(self._formula, {}, self._of_columns)
        whole = "[:, ::1]" if self._of_columns else "[::1]"
        axes = ["[::1]" if vector.name in self._of_columns else whole for vector in self._formula.vectors]
        loop = compiled(source, "loop", f"({', '.join(dtype.name + axis for axis in [*axes, '[::1]'])})")
        if loop is None:
            return None
        numbers = np.array((*UNGUARDED, *computing_shared(self._formula)()), dtype)
        return lambda *arrays: loop(*arrays, numbers)
