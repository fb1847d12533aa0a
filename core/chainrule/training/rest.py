"""The moments between two updates, at which a training can be saved, or ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from chainrule.process.signals import Interrupts, interrupts_wait


class Rest:
    """Whether a training is at rest, and what waits until it is."""

    def __init__(self) -> None:
        self.here = True
        self._waiting: list[Callable[[], None]] = []
        self._interrupts = Interrupts()

    @contextmanager
    def awaited_by_interrupts(self) -> Iterator[None]:
        """Inside, a signal that ends the training does so at the next rest, and a second one at once."""
        with interrupts_wait() as self._interrupts:
            yield

    def ends(self) -> None:
        """An update begins, or the end of an epoch."""
        self.here = False

    def begins(self) -> None:
        """It is over: what waits is done, an interrupt last."""
        self.here = True
        while self._waiting:
            self._waiting.pop(0)()
        self._interrupts.act()

    def given_up(self) -> None:
        """An error came in between: what waits is not done."""
        self.here, self._waiting = True, []

    def when(self, action: Callable[[], None]) -> None:
        """Call it at rest: now, or once every callback has heard of the update that goes on."""
        if self.here:
            action()
        else:
            self._waiting.append(action)
