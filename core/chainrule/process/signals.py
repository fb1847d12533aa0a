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
    with _handled([number for number in ENDING if signal.getsignal(number) is signal.SIG_DFL], _end):
        yield


@contextlib.contextmanager
def signals_wait() -> Iterator[list[int]]:
    """Keep signals that would end the process until what is inside has ended, also by an error, then let the first of
    them act. Gives those that came, for work that is to be cut short then."""
    came: list[int] = []
    ending = [number for number in (signal.SIGINT, *ENDING) if signal.getsignal(number) not in (signal.SIG_IGN, None)]
    try:
        with _handled(ending, lambda number, frame: came.append(number)):
            yield came
    finally:
        if came:
            signal.raise_signal(came[0])


class Interrupts:
    """Signals that came and wait for a good moment, at which ``act`` lets the first of them end what goes on."""

    def __init__(self) -> None:
        self._came: int | None = None

    def __call__(self, number: int, frame: Any) -> None:
        if self._came is not None:  # asked twice: at once
            self._end(number)
        self._came = number

    def act(self) -> None:
        """Raise what the signal that came stands for, if one did."""
        if self._came is not None:
            self._end(self._came)

    def _end(self, number: int) -> None:
        raise KeyboardInterrupt if number == signal.SIGINT else Terminated(signal.Signals(number).name)


@contextlib.contextmanager
def interrupts_wait() -> Iterator[Interrupts]:
    """Let signals that would raise an error wait until ``Interrupts.act``; a second one raises it at once.

    Those of others' handlers, and those that end the process without a word, act as before.
    """
    interrupts = Interrupts()
    ours = [n for n in (signal.SIGINT, *ENDING) if signal.getsignal(n) in (signal.default_int_handler, _end)]
    with _handled(ours, interrupts):
        yield interrupts
    interrupts.act()


def _end(number: int, frame: Any) -> None:
    raise Terminated(signal.Signals(number).name)


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
