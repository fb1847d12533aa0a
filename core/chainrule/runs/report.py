"""What a run prints at its end: a table of its metrics, the time, where its files are, and how to open it in MLflow."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chainrule.registry.goals import judging
from chainrule.runs.result import WEIGHTS
from chainrule.runs.run import run
from chainrule.tracking.written import files_in, written
from chainrule.words import number, relative

if TYPE_CHECKING:
    from chainrule.config.jobs import Done, Job

SPLITS = ("train", "validation", "test")


def run_and_report(job: Job) -> dict[str, float] | Done:
    """Do one job, and print its report; of a job in a sweep, return it as one line. Returns its metrics."""
    from chainrule.config.jobs import Done

    before = files_in(job.folder)
    try:
        result = run(job)
    except KeyboardInterrupt:
        if WEIGHTS in written(job.folder, before):
            sys.stderr.write(f"the weights as far as they were trained are in {relative(job.folder)}\n")
        raise
    report = Report(result.name, result.metrics, job.config["objective"])
    if job.sweep is not None:
        took = "reused" if result.reused else f"{result.seconds:.1f} s"
        text = "  ".join([result.name, in_line(report.figures), took, relative(job.folder)])
        return Done(text, report.figures, report.judged, result.run_id, result.reused)
    report.table()
    if report.judged is not None:
        print(f"judged   by {judged_by(report.judged, report.objective)}: {number(result.metrics[report.judged])}")
    if result.stopped:
        print(f"stopped  {result.stopped}")
    for remark in result.remarks:
        print(f"note     {remark}")
    print(f"time     {result.seconds:.1f} s{', of an equal run that had finished' if result.reused else ''}")
    print(f"files    {relative(job.folder)}")
    if result.link:
        print(f"MLflow   {result.link}")
    return result.metrics


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

        table = Table(title=self.name, title_style="bold", title_justify="left")
        columns = [split for split in SPLITS if any(name.startswith(f"{split}/") for name in self.metrics)]
        best = any(name.startswith("best/") for name in self.metrics)
        for heading in ["", *columns, *(["best validation (epoch)"] if best else [])]:
            table.add_column(heading, justify="right" if heading else "left")
        for name in self._measured():
            cells = [number(self.metrics.get(f"{split}/{name}")) for split in columns]
            table.add_row(name.replace("_", " "), *cells, *([self._best(name)] if best else []))
        Console(highlight=False).print(table)

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
