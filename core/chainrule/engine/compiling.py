"""Functions of plain loops, compiled by numba, with what was compiled kept on disk.

Each is written into a file of its own, named by its text and types: numba keeps what it compiled beside it, and a
reader finds there what runs. Of several types in one file, numba mixes up what two processes compile at once.
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
from typing import Any

import numpy as np

log = logging.getLogger(__name__)

LONG = 1.0
"""Seconds of a wait that is told."""
# Of Python's own, a division looks whether it is by zero: so no several numbers are computed at once.
OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}


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
    with compiling():
        try:
            return _compiled(source, name, types)
        except Exception as error:
            told_in_place("A loop", error)
            return None


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
    lines = [line for line in str(error).splitlines() if line.strip()]
    reason = next((line for line in lines if not line.startswith("Failed in nopython mode")), "")
    log.warning("%s cannot be compiled (%s: %s): NumPy computes in its place", what, type(error).__name__, reason)


def _compiled(source: str, name: str, types: str) -> Callable[..., None]:
    import numba

    label = f"chainrule_{name}_{hashlib.sha256(f'{types} {source}'.encode()).hexdigest()[:16]}"
    path = _written(label, source)
    function = _function(source, name, label, path)
    loop: Callable[..., None]
    if path is not None:
        try:
            loop = numba.njit(types, cache=True, **OPTIONS)(function)
            return loop
        except numba.core.errors.NumbaError:
            raise
        except Exception as error:  # what is kept was damaged, or none can be kept beside
            log.debug("What numba keeps of %s cannot be used: %s", path, error)
            for kept in path.parent.glob(f"*/{label}.*"):
                with contextlib.suppress(OSError):
                    kept.unlink()
    loop = numba.njit(types, **OPTIONS)(function)
    return loop


def _function(source: str, name: str, label: str, path: Path | None) -> Callable[..., None]:
    """The function, of a module by which numba finds it."""
    module = sys.modules[label] = ModuleType(label)
    vars(module).update(__file__=None if path is None else str(path), np=np)
    exec(compile(source, str(path or f"<{label}>"), "exec"), vars(module))
    made: Callable[..., None] = vars(module)[name]
    return made


def _written(label: str, source: str) -> Path | None:
    """The file of a module's text; None where none can be written."""
    from platformdirs import user_cache_path

    path = user_cache_path("chainrule") / "loops" / f"{label}.py"
    beside = path.with_suffix(f".{os.getpid()}.{threading.get_ident()}")
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(source)
            beside.replace(path)
    except OSError:
        return None
    return path
