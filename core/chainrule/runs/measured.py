"""What a run measured, for people: a table, and the figures on a line, first that by which it is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chainrule.markup import markdown_table
from chainrule.registry.goals import judging
from chainrule.words import SHOWN, abridged, number

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Report:
    """The metrics of one run, for people. ``objective``: that by which it is to be judged, None for none."""

    name: str
    metrics: Mapping[str, float]
    objective: str | None = None

    @property
    def judged(self) -> str | None:
        """The metric by which it is judged; None for none, or where it measured neither it nor what stands for it."""
        name = judging(self.objective, self.metrics) if self.objective is not None else None
        return name if name in self.metrics else None

    @property
    def figures(self) -> dict[str, float]:
        """What a line shows: that by which it is judged, then what was measured on the last split that there is."""
        last = next((s for s in reversed(SPLITS) if any(name.startswith(f"{s}/") for name in self.metrics)), "train")
        names = [self.judged, *(f"{last}/{name}" for name in self._measured())]
        return {name: self.metrics[name] for name in names if name is not None and name in self.metrics}

    def table(self) -> None:
        """Print a row for each metric, a column for each split."""
        from rich.console import Console
        from rich.table import Table

        table = Table(title=abridged(self.name, SHOWN), title_style="bold", title_justify="left")
        headings, *rows = self.rows()
        for heading in headings:
            table.add_column(heading, justify="right" if heading else "left")
        for row in rows:
            table.add_row(*row)
        Console(highlight=False).print(table)

    def markdown(self) -> str:
        """By what it is judged, and the same table."""
        headings, *rows = self.rows()
        table = markdown_table(headings, rows)
        if self.judged is None:
            return table
        return f"**{judged_by(self.judged, self.objective)}: {number(self.metrics[self.judged])}**\n\n{table}"

    def rows(self) -> list[list[str]]:
        """The headings, then a row for each metric."""
        columns = [split for split in SPLITS if any(name.startswith(f"{split}/") for name in self.metrics)]
        best = any(name.startswith("best/") for name in self.metrics)
        rows = [["", *columns, *(["best validation (epoch)"] if best else [])]]
        for name in self._measured():
            cells = [number(self.metrics.get(f"{split}/{name}")) for split in columns]
            rows.append([name.replace("_", " "), *cells, *([self._best(name)] if best else [])])
        return rows

    def _measured(self) -> list[str]:
        """What was measured on any split, in the order of the record: loss first."""
        names = [name.partition("/")[2] for name in self.metrics if name.partition("/")[0] in SPLITS]
        return list(dict.fromkeys(names))

    def _best(self, name: str) -> str:
        key = f"validation/{name}"
        if f"best/{key}" not in self.metrics:
            return ""
        return f"{number(self.metrics[f'best/{key}'])} ({self.metrics[f'best_epoch/{key}']:.0f})"


def in_line(figures: Mapping[str, float]) -> str:
    """``validation/loss 0.1129  test/accuracy 0.9716``"""
    return "  ".join(f"{name} {number(value)}" for name, value in figures.items())


def judged_by(metric: str, objective: str | None) -> str:
    """The metric by which runs are judged, and why, where it is not the objective that was asked for."""
    return (
        metric
        if metric == objective
        else f"{metric}, as no {(objective or '').rpartition('/')[0]} samples measure {objective}"
    )


def in_short(overrides: Sequence[str]) -> str:
    """What tells a job from others, on a line.

    >>> in_short(["optimizer.lr=0.1", "seed=0"])
    'optimizer.lr=0.1,seed=0'
    """
    return ",".join(map(abridged, overrides))
