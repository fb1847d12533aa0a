"""Loops over arrays that a component writes out beside its NumPy code, compiled where that engine is in use."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from chainrule.engine.compiling import compiling, told_in_place, worth_keeping
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
                if self._compiled is None:
                    import numba

                    jit = numba.njit(cache=worth_keeping(self._function), nogil=True, error_model="numpy")
                    self._compiled = jit(self._function)
                self._compiled(*arguments)
            except Exception as error:
                self.fails = True
                told_in_place(self.name, error)
                return False
        self._known.add(key)
        return True

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
