"""Ending well when a signal says so: a run must get its status, however it ends."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


class Terminated(KeyboardInterrupt):
    """A signal told the process to end: a cluster's scheduler, ``kill``, a closed terminal."""


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end what is inside by raising ``Terminated``, as Ctrl-C does ``KeyboardInterrupt``.

    A handler that somebody else set stays: of ``nohup``, which ignores SIGHUP, or of a cluster's launcher.
    """

    def end(number: int, frame: Any) -> None:
        raise Terminated(signal.Signals(number).name)

    with _handled([number for number in ENDING if signal.getsignal(number) is signal.SIG_DFL], end):
        yield


@contextlib.contextmanager
def signals_wait() -> Iterator[None]:
    """Keep signals that would end the process until what is inside is done, then let the first of them act."""
    came: list[int] = []
    ending = [number for number in (signal.SIGINT, *ENDING) if signal.getsignal(number) not in (signal.SIG_IGN, None)]
    with _handled(ending, lambda number, frame: came.append(number)):
        yield
    if came:
        signal.raise_signal(came[0])


@contextlib.contextmanager
def _handled(numbers: list[int], handler: Callable[[int, Any], None]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # only the main thread may, and is interrupted
        yield
        return
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
