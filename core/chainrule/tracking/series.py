"""The points of one metric, as many as a store is to hold."""

from __future__ import annotations

Measured = tuple[float, int, int]  # value, milliseconds, step
POINTS = 1000


class Series:
    """The points of one metric that wait to be sent, each ``(value, milliseconds, step)``.

    Of the first ``POINTS`` that are logged, each is sent, then of as many again every second one, then every fourth
    for twice as long, and so on; the last one always is. Which ones they are does not depend on when they are taken.
    """

    def __init__(self) -> None:
        self.last: tuple[float, int] | None = None  # value and step
        self._waiting: list[Measured] = []
        self._left_out: Measured | None = None
        self._count = 0
        self._stride = 1

    def add(self, value: float, stamp: int, step: int) -> None:
        if self._count == POINTS * self._stride:
            self._stride *= 2
        self._left_out = (value, stamp, step) if self._count % self._stride else None
        if self._left_out is None:
            self._waiting.append((value, stamp, step))
        self._count += 1
        self.last = (value, step)

    def take(self, last: bool) -> list[Measured]:
        """What waits; with the last one, if it was left out and is asked for."""
        return [*self._waiting, self._left_out] if last and self._left_out else self._waiting

    def clear(self) -> None:
        self._waiting = []
