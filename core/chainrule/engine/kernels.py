"""Loops over arrays that a component writes out beside its NumPy code, compiled where that engine is in use."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import FunctionType
from typing import Any

from chainrule.engine.compiling import OPTIONS, compiling, told_in_place
from chainrule.engine.use import engine_in_use


class Loops:
    """What ``loops`` makes of a function."""

    def __init__(self, function: Callable[..., None]) -> None:
        functools.update_wrapper(self, function)
        self._function, self.name = function, function.__name__
        self._compiled: dict[Any, Callable[..., None]] = {}  # by the dtype of what is given first, its letter
        self.fails = False

    def __call__(self, *arguments: Any) -> bool:
        """Compute it, where loops are compiled: whether that was done."""
        if self.fails or engine_in_use() != "numba":
            return False
        dtype = arguments[0].dtype
        compiled = self._compiled.get(dtype.char)  # its letter, which is had sooner than a dtype
        try:
            if compiled is None:
                with compiling():
                    self._compile_and_call(dtype, arguments)
            else:
                compiled(*arguments)
        except Exception as error:  # of compiling, for arguments of these types: what is compiled raises none
            self.fails = True
            told_in_place(self.name, error)
            return False
        return True

    def _compile_and_call(self, dtype: Any, arguments: tuple[Any, ...]) -> None:
        import numba

        # Of several types in one file, numba mixes up what two processes compile at once: it is named by its function.
        function = FunctionType(self._function.__code__, self._function.__globals__, f"{self.name}_{dtype}")
        function.__qualname__ = f"{self._function.__qualname__}_{dtype}"
        try:
            compiled = numba.njit(cache=True, **OPTIONS)(function)
            compiled(*arguments)
        except numba.core.errors.NumbaError:
            raise
        except Exception:  # what is kept is damaged, or none can be: there is no file, or nothing may be written
            compiled = numba.njit(**OPTIONS)(function)
            compiled(*arguments)
        self._compiled[dtype.char] = compiled

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
    the same, to 1e-12 in float64 and to 1e-6 in float32, which the kit holds them to. A plain 1 beside a float32 is
    computed in float64 there: ``one = z.dtype.type(1)`` is not.
    """
    return Loops(function)
