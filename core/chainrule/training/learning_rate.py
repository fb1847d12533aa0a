"""Where the learning rate meets the schedule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chainrule.contract.kinds import Schedule


class LearningRate:
    r"""The rate of each update: $lr_t = lr \cdot s(t, T)$.

    The schedule gives the factor s for t updates made of T planned; without a schedule it is 1.
    """

    def __init__(self, lr: float, schedule: Schedule | None) -> None:
        self._lr = float(lr)  # of NumPy it would promote float32 arrays
        self._schedule = schedule
        self._given: tuple[int, float] | None = None  # the step at which it was set, and to what

    def at(self, step: int, total: int) -> float:
        """The rate of the update that follows ``step`` others, of ``total`` that are planned."""
        if self._given is not None and self._given[0] == step:
            return self._given[1]
        return self._lr if self._schedule is None else self._lr * self._factor(step, total)

    def set(self, rate: float, step: int, total: int) -> None:
        """Make ``rate`` that of the next update, and change what the schedule multiplies accordingly.

        Where the schedule's factor is 0, no lr makes it that: then the next update has it all the same, and those that
        follow have it times their factors.
        """
        factor = self._factor(step, total)
        self._lr = float(rate) / factor if factor else float(rate)
        self._given = (step, float(rate))

    def observe(self, metrics: Mapping[str, float]) -> None:
        """An epoch has ended with these values, which a schedule may look at."""
        if self._schedule is not None:
            self._schedule.observe(metrics)

    def state(self) -> dict[str, Any]:
        """All of it, for ``load_state``."""
        gathered = self._schedule.state() if self._schedule is not None else {}
        return {"lr": self._lr, "given": self._given, "schedule": gathered}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what ``state`` gave.

        Raises:
            ValueError: it did not give this.
        """
        match state:
            case {"lr": float() as lr, "given": None | (int(), float()) as given, "schedule": dict() as gathered}:
                self._lr, self._given = lr, given
            case _:
                raise ValueError("learning_rate is none of a training")
        if self._schedule is not None:
            self._schedule.load_state(gathered)

    def _factor(self, step: int, total: int) -> float:
        if self._schedule is None:
            return 1.0
        return float(self._schedule(step, max(total, 1)))  # none is planned before fit
