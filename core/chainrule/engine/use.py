"""Which engine computes: NumPy's passes, or loops that numba compiles."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any, Literal, get_args

from chainrule.engine.compiling import numba_version
from chainrule.errors import ConfigError, FieldError
from chainrule.words import quoted

Engine = Literal["numpy", "numba"]
CHOICES = ("auto", *get_args(Engine))
HOW_TO_INSTALL = 'python -m pip install "chainrule[fast]"'
MANY = 65_536
"""Parameters from which on loops are compiled where it is left open: to import numba takes as long as some thousand
updates of so many gain."""

_in_use: ContextVar[Engine] = ContextVar("engine", default="numpy")
engine_in_use = _in_use.get


@contextlib.contextmanager
def using(engine: Engine) -> Iterator[None]:
    """Compute by this engine inside, in this thread."""
    token = _in_use.set(engine)
    try:
        yield
    finally:
        _in_use.reset(token)


def require_engine(given: Any) -> str:
    """One of ``CHOICES``.

    Raises:
        ConfigError: it is none of them, or cannot be used here.
    """
    if given not in CHOICES:
        raise FieldError(f"got {quoted(given)}, expected {', '.join(CHOICES)}", key="engine")
    if given == "numba" and numba_version() is None:
        raise ConfigError(f"numba cannot be used here: {HOW_TO_INSTALL}", key="engine")
    return str(given)


def chosen_engine(given: str, parameters: int) -> Engine:
    """The one that is given, or, of ``"auto"``, the one with which a training of so many parameters is faster."""
    if given == "auto":
        return "numba" if parameters >= MANY and numba_version() is not None else "numpy"
    return "numba" if given == "numba" else "numpy"


def usable_engine(recorded: str) -> Engine:
    """The engine of a training that was recorded, where it can be used here; else the one that always can."""
    return "numba" if recorded.startswith("numba") and numba_version() is not None else "numpy"


def engine_in_words(engine: Engine) -> str:
    """It, with its version where that is not NumPy's: ``"numba 0.68.1"``."""
    return f"numba {numba_version()}" if engine == "numba" else engine
