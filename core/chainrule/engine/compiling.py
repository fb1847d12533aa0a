"""Functions of plain loops, compiled by numba, with what was compiled kept on disk.

Each is written into a file of its own, named by its text: numba keeps what it compiled beside it, and a reader finds
there what runs.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np

log = logging.getLogger(__name__)

LONG = 1.0
"""Seconds of a wait that is told."""


@functools.cache
def numba_version() -> str | None:
    """Of the numba that is installed, if it can be used; what keeps it from that is told, once."""
    try:
        import numba
    except ModuleNotFoundError as error:
        if error.name == "numba":
            return None
        log.warning("numba cannot be used (%s): NumPy computes in its place", error)
    except Exception as error:  # such as one that does not know the NumPy that is installed
        log.warning("numba cannot be used (%s): NumPy computes in its place", error)
    else:
        return str(numba.__version__)
    return None


@functools.cache
def compiled(source: str, name: str, types: str) -> Callable[..., None] | None:
    """The function of that name in Python's text, for arguments of these types; None where it cannot be compiled, which
    is told once.

    Args:
        types: numba's signature, such as ``"(float32[::1], float32[::1])"``.
    """
    if numba_version() is None:
        return None
    import numba

    with compiling():
        try:
            function, kept = _function(source, name)
            # Of Python's own, a division looks whether it is by zero: so no several numbers are computed at once.
            loop: Callable[..., None] = numba.njit(types, cache=kept, nogil=True, error_model="numpy")(function)
        except Exception as error:
            told_in_place("A loop", error)
            return None
    return loop


@contextlib.contextmanager
def compiling() -> Iterator[None]:
    """Tell a wait that is long."""
    told = threading.Timer(LONG, log.warning, ["Compiling a loop, which is done once for all runs ..."])
    told.daemon = True
    told.start()
    try:
        yield
    finally:
        told.cancel()


def told_in_place(what: str, error: Exception) -> None:
    """Say that NumPy computes in place of what cannot be compiled."""
    reason = str(error).strip().split("\n")[0]
    log.warning("%s cannot be compiled (%s: %s): NumPy computes in its place", what, type(error).__name__, reason)


def worth_keeping(function: Callable[..., None]) -> bool:
    """Whether what is compiled of it can be kept on disk: its text lies in a file."""
    return Path(function.__code__.co_filename).is_file()


def _function(source: str, name: str) -> tuple[Callable[..., None], bool]:
    """The function, of a module that is named by its text; whether that lies in a file, where numba can keep beside it
    what it compiled."""
    label = f"chainrule_{name}_{hashlib.sha256(source.encode()).hexdigest()[:16]}"
    path = _written(label, source)
    module = sys.modules[label] = ModuleType(label)  # by this name numba finds it
    vars(module).update(__file__=path, np=np)
    exec(compile(source, path or f"<{label}>", "exec"), vars(module))
    return vars(module)[name], path is not None


def _written(label: str, source: str) -> str | None:
    """The file of a module's text; None where none can be written."""
    from platformdirs import user_cache_path

    path = user_cache_path("chainrule") / "loops" / f"{label}.py"
    if path.exists():
        return str(path)
    beside = path.with_suffix(f".{os.getpid()}.{threading.get_ident()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(source)
        beside.replace(path)
    except OSError:
        return None
    return str(path)
