"""One value per epoch for each name, and the best of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from chainrule.markup import html_table
from chainrule.registry.goals import goal_of
from chainrule.training.sketch import sketch
from chainrule.words import number

MEASURED = ("train/", "validation/")
"""What the names begin with of what each epoch has, and be it NaN."""
LOSSES = ("train/loss", "validation/loss")
"""What a notebook draws of it."""


class History(dict[str, list[float]]):
    """One value per epoch for each name, such as ``history["validation/loss"]``; NaN where an epoch had none.

    The loss and metrics under ``train/`` are means over the epoch, of batches met while the weights moved and dropout
    was on; those under ``validation/`` are measured after it, with its last weights and dropout off. So they may well
    be the better ones.
    """

    epochs = 0

    @classmethod
    def of(cls, columns: Mapping[str, list[float]], epochs: int) -> History:
        """That of so many epochs, with these values."""
        history = cls({name: list(column) for name, column in columns.items()})
        history.epochs = epochs
        return history

    def __repr__(self) -> str:
        """A row for each name: its first and last value, and the best one with its epoch."""
        rows = self._rows()
        widths = [max(map(len, column)) for column in zip(*rows)]
        lines = (f"{row[0]:{widths[0]}}" + "".join(f"  {x:>{w}}" for x, w in zip(row[1:], widths[1:])) for row in rows)
        return "\n".join(line.rstrip() for line in lines)

    def _repr_html_(self) -> str:
        """The same rows, and the losses as curves."""
        (epochs, *headings), *rows = self._rows()
        return html_table(epochs, ["", *headings], rows) + sketch({name: self[name] for name in LOSSES if name in self})

    def _rows(self) -> list[tuple[str, str, str, str]]:
        rows = [(f"{self.epochs} epochs", "first", "last", "best (epoch)")]
        for name, column in self.items():
            best = best_epoch(self, name) if name.startswith(MEASURED) else None
            rows.append((name, number(column[0]), number(column[-1]), f"{number(best[0])} ({best[1]})" if best else ""))
        return rows

    def append(self, values: Mapping[str, float]) -> None:
        """Take in the values of one epoch."""
        for name in values:
            if name not in self:
                self[name] = [math.nan] * self.epochs
        self.epochs += 1
        for name, column in self.items():
            column.append(values.get(name, math.nan))

    def amend(self, name: str, value: float) -> None:
        """Give the last epoch another value, or one more."""
        self.setdefault(name, [math.nan] * self.epochs)[-1] = value

    def by_epoch(self) -> Iterator[tuple[int, dict[str, float]]]:
        """The values of each epoch, from 1, from where on a name had one; what a callback did not log is none."""
        first = {name: next((i for i, x in enumerate(column) if x == x), 0) for name, column in self.items()}
        for index in range(self.epochs):
            values = {name: column[index] for name, column in self.items() if index >= first[name]}
            yield index + 1, {name: x for name, x in values.items() if x == x or name.startswith(MEASURED)}


def best_epoch(history: History, name: str) -> tuple[float, int] | None:
    """The best value of a metric and its epoch, from 1, of equal ones the first; None where none is finite."""
    known = [(value, epoch) for epoch, value in enumerate(history[name], start=1) if math.isfinite(value)]
    if not known:
        return None
    best = goal_of(name).best(value for value, _ in known)
    return next((value, epoch) for value, epoch in known if value == best)
