"""Loops over arrays that a component writes out beside its NumPy code, compiled where that engine is in use."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from chainrule.engine.compiling import OPTIONS, compiling, told_in_place
from chainrule.engine.use import engine_in_use


class Loops:
    """What ``loops`` makes of a function."""

    def __init__(self, function: Callable[..., None]) -> None:
        functools.update_wrapper(self, function)
        self._function, self.name = function, function.__name__
        self._compiled: Callable[..., None] | None = None
        self._known: set[Any] = set()
        self.fails = False

    def __call__(self, *arguments: Any) -> bool:
        """Compute it, where loops are compiled: whether that was done."""
        if not self.in_use:
            return False
        key = getattr(arguments[0], "dtype", None)
        if key in self._known and self._compiled is not None:
            self._compiled(*arguments)
            return True
        with compiling():
            try:
                self._compile_and_call(arguments)
            except Exception as error:
                self.fails = True
                told_in_place(self.name, error)
                return False
        self._known.add(key)
        return True

    def _compile_and_call(self, arguments: tuple[Any, ...]) -> None:
        import numba

        try:
            if self._compiled is None:
                self._compiled = numba.njit(cache=True, **OPTIONS)(self._function)
            self._compiled(*arguments)
        except numba.core.errors.NumbaError:
            raise
        except Exception:  # what is kept is damaged, or none can be: there is no file, or nothing may be written
            self._compiled = numba.njit(**OPTIONS)(self._function)
            self._compiled(*arguments)

    @property
    def in_use(self) -> bool:
        """Whether a call would compute it, as far as is known: for what is prepared for it alone."""
        return not self.fails and engine_in_use() == "numba"

    def __repr__(self) -> str:
        return f"<Loops {self.name}>"


def loops(function: Callable[..., None]) -> Loops:
    """A function of plain loops, for components that NumPy computes in several passes and a compiled loop in one::

        @cr.loops
        def rectify(z, a):
            for i in range(len(z)):
                for j in range(z.shape[1]):
                    a[i, j] = z[i, j] if z[i, j] > 0 else 0

        def forward(self, z):
            self.a = self.work("a", z.shape, z.dtype)
            if not rectify(z, self.a):  # by NumPy, where nothing is compiled
                np.maximum(z, 0, out=self.a)
            return self.a

    A call says whether it did the work: it does so where the engine is numba (see ``Trainer``), and the function can be
    compiled; that it cannot is told once. It writes into arrays that it is given, and returns nothing. Both ways give
    the same, to 1e-12 in float64 and to 1e-6 in float32, which the kit holds them to.
    """
    return Loops(function)
