"""A formula at work on vectors, by the engine that is in use: block by block, or in one loop, on several threads."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.engine.compiling import compiled
from chainrule.engine.loops import loop_of
from chainrule.engine.passes import passes_of
from chainrule.engine.shared import built, computing_shared
from chainrule.engine.symbols import Formula, recorded
from chainrule.engine.use import engine_in_use
from chainrule.process.threads import LEAST, in_parts

Vector = np.ndarray[Any, np.dtype[Any]]

BLOCK = 262_144
"""Numbers of a pass of NumPy: 4 MB of four vectors in float32 stay in a processor's outer cache from the first pass
over them to the last. Of smaller blocks there are so many that NumPy's calls cost more than a nearer cache gains."""
KEPT = 4_096
"""Numbers of a work array, from which on one that is kept is had sooner than a new one."""


class Rule:
    """A function of numbers, for whole vectors.

    Args:
        function: is called once, with a symbol for each name. It returns the numbers that the ``results`` become.
        vectors: names of arrays that it takes; of one shape and dtype.
        scalars: names of numbers that it takes, the same for a whole vector.
        results: names of the vectors that it changes.
        guarded: what is done to the numbers of a vector beside, by its name; see ``engine.loops.loop_of``.

    Raises:
        ContractError: the function cannot be recorded.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        vectors: Sequence[str],
        scalars: Sequence[str],
        results: Sequence[str],
        guarded: Mapping[str, str],
    ) -> None:
        self.formula = recorded(function, vectors, scalars, results)
        self._guarded = dict(guarded)
        self._forms: dict[tuple[str, str], Callable[..., None]] = {}

    def passes(self, dtype: Any = np.float32) -> str:
        """What NumPy computes it by, as text."""
        return passes_of(self.formula, np.dtype(dtype)).source

    def loop(self) -> str:
        """What is compiled for it, as text."""
        return loop_of(self.formula, self._guarded).source

    def run(
        self,
        arrays: Sequence[Vector],
        scalars: Sequence[float],
        keep: float = 1.0,
        limit: float = math.inf,
        tiny: float = 0.0,
    ) -> None:
        """Compute it in place.

        Args:
            arrays, scalars: in the order of their names. What is not among the results may be overwritten.
            keep, limit, tiny: of ``guarded``.
        """
        self.form(arrays[0].dtype)(arrays, scalars, keep, limit, tiny)

    def form(self, dtype: np.dtype[Any]) -> Callable[..., None]:
        """What computes it for arrays of this dtype, by the engine in use; it takes what ``run`` does."""
        engine = engine_in_use()
        form = self._forms.get((engine, dtype.char))  # its letter, which is had sooner than a dtype
        if form is None:
            passes = _Passes(self.formula, dtype, self._guarded)
            loop = self.compiled(dtype) if engine == "numba" else None
            form = self._forms[engine, dtype.char] = passes if loop is None else _Loop(loop, dtype, passes)
        return form

    def compiled(self, dtype: Any) -> Callable[..., None] | None:
        """The loop, compiled; None where that fails, which is told."""
        types = ", ".join([f"{np.dtype(dtype).name}[::1]"] * (len(self.formula.vectors) + 1))
        return compiled(self.loop(), "loop", f"({types})")

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_forms": {}}  # made anew where they are needed


class _Passes:
    """By NumPy: each block goes through all passes before the next one does."""

    def __init__(self, formula: Formula, dtype: np.dtype[Any], guarded: Mapping[str, str]) -> None:
        passes = passes_of(formula, dtype)
        self._passes, self._work = built(passes.source, "passes"), passes.work
        self._shared, self.shared = computing_shared(formula, dtype), computing_shared(formula)
        names = [vector.name for vector in formula.vectors]
        self._guarded: dict[str, list[int]] = {}
        for name, guard in guarded.items():
            self._guarded.setdefault(guard, []).append(names.index(name))

    def __call__(
        self, arrays: Sequence[Vector], scalars: Sequence[float], keep: float, limit: float, tiny: float
    ) -> None:
        size, shared = arrays[0].size, self._shared(*scalars)
        if size < 2 * LEAST:
            if keep == 1 and limit == math.inf and not (tiny or self._work):
                self._passes(*arrays, *shared)
            else:
                self._compute(arrays, shared, keep, limit, tiny)
            return

        def compute(part: slice) -> None:
            for start in range(part.start, part.stop, BLOCK):
                cut = slice(start, min(start + BLOCK, part.stop))
                self._compute([array[cut] for array in arrays], shared, keep, limit, tiny)

        in_parts(compute, size, size)

    def _compute(self, arrays: Sequence[Vector], shared: Sequence[Any], keep: float, limit: float, tiny: float) -> None:
        if keep != 1:
            for place in self._guarded.get("keep", ()):
                np.multiply(arrays[place], keep, arrays[place])
        if limit < math.inf:
            for place in self._guarded.get("limit", ()):
                _cut_off(arrays[place], limit)
        work = work_arrays(self._work, arrays[0].shape) if self._work else ()
        self._passes(*arrays, *work, *shared)
        if tiny:
            for place in self._guarded.get("tiny", ()):
                arrays[place][np.abs(arrays[place]) < tiny] = 0


class _Loop:
    """Compiled: each number goes through the whole formula before the next one does."""

    def __init__(self, loop: Callable[..., None], dtype: np.dtype[Any], passes: _Passes) -> None:
        self._loop, self._dtype, self._passes = loop, dtype, passes
        self._numbers: tuple[Any, Any] = (None, None)

    def __call__(
        self, arrays: Sequence[Vector], scalars: Sequence[float], keep: float, limit: float, tiny: float
    ) -> None:
        given = (keep, limit, tiny, 0, 1, *self._passes.shared(*scalars))
        known, numbers = self._numbers
        if given != known:  # they are the same at each step of some rules
            numbers = np.array(given, self._dtype)
            self._numbers = given, numbers
        size = arrays[0].size
        try:
            if size < 2 * LEAST:
                self._loop(*arrays, numbers)
            else:
                in_parts(lambda part: self._loop(*(array[part] for array in arrays), numbers), size, size)
        except TypeError:  # it is compiled for vectors that lie in one piece, and nothing was done
            self._passes(arrays, scalars, keep, limit, tiny)


def _cut_off(x: Vector, limit: float) -> None:
    """Cut off what is larger. The product of the vector with itself tells at once, and far faster than a look at each
    number, that there is nothing to cut."""
    if not np.vdot(x, x) < limit * limit:
        np.clip(x, -limit, limit, out=x)


_threads = threading.local()


def work_arrays(dtypes: Sequence[np.dtype[Any]], shape: tuple[int, ...]) -> list[Vector]:
    """Some that nobody else uses now: each thread has its own, of which large ones are kept."""
    size = math.prod(shape)
    if size < KEPT:
        return [np.empty(shape, dtype) for dtype in dtypes]
    kept: dict[str, Vector] = vars(_threads)
    found = []
    for place, dtype in enumerate(dtypes):
        work = kept.get(f"{place} {dtype}")
        if work is None or work.size < size:
            work = kept[f"{place} {dtype}"] = np.empty(size, dtype)
        found.append(work[:size].reshape(shape))
    return found
