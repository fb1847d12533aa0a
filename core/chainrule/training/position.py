"""Where a call of ``fit`` stands."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.errors import FieldError


@dataclass
class Position:
    """Where a call of ``fit`` stands.

    ``begun``: the epoch and the step at which it began; None between two calls. ``next_batch``: of the running epoch,
    None between two epochs; ``order``: the state of the stream from which that epoch's order was drawn; ``chosen``: the
    order that a callback chose instead, of what it knew when the epoch began; ``since``: the time at which that was.
    """

    begun: tuple[int, int] | None = None
    rows: int | None = None
    next_batch: int | None = None
    order: Mapping[str, Any] | None = None
    chosen: Array | None = None
    since: float = 0.0

    def enter(self, order: Mapping[str, Any]) -> None:
        """An epoch begins."""
        self.next_batch, self.order, self.since = 0, order, time.perf_counter()

    def leave(self) -> None:
        """It has ended."""
        self.next_batch = self.order = self.chosen = None

    def require_rows(self, rows: int) -> None:
        """Refuse data that is not that with which the call began."""
        if self.rows is not None and self.rows != rows:
            raise FieldError(
                f"got {rows} samples, but the call of fit that was cut, and goes on, had {self.rows}: give it the same",
                key="train",
            )

    def require_epochs(self, epochs: int, trained: int) -> None:
        """Refuse an end that lies behind."""
        came = trained + (self.next_batch is not None)
        if self.begun is not None and self.begun[0] + epochs < came:
            raise FieldError(
                f"got {epochs}, but the call of fit that was cut, and goes on, has come to epoch "
                f"{came - self.begun[0]} of its own: give it the epochs that it had, or more",
                key="epochs",
            )

    def state(self) -> dict[str, Any]:
        """All of it, for ``Position.of``."""
        seconds = time.perf_counter() - self.since
        return {
            "begun": self.begun,
            "rows": self.rows,
            "next_batch": self.next_batch,
            "order": self.order,
            "chosen": self.chosen,
            "seconds": seconds,
        }

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> Position:
        """The same again, now.

        Raises:
            ValueError: ``state`` did not give this.
        """
        match state:
            case {
                "begun": None | (int(), int()) as begun,
                "rows": None | int() as rows,
                "next_batch": None | int() as next_batch,
                "order": None | dict() as order,
                "chosen": chosen,
                "seconds": float() as seconds,
            } if (next_batch is None) == (order is None) and (next_batch is None or begun is not None):
                if chosen is None or (order is not None and _are_positions(chosen, rows)):
                    return cls(begun, rows, next_batch, order, chosen, time.perf_counter() - seconds)
        raise ValueError("position is none of a call of fit")


def _are_positions(given: Any, rows: int | None) -> bool:
    whole = isinstance(given, np.ndarray) and given.dtype == np.int64 and given.shape == (rows,)
    return bool(whole and given.min() >= 0 and given.max() < rows)
