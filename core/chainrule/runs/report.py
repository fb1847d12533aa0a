"""What a run prints at its end: a table of its metrics, the time, where its files are, and how to open it in MLflow."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chainrule.runs.run import run
from chainrule.words import number, relative

if TYPE_CHECKING:
    from chainrule.config.jobs import Done, Job

SPLITS = ("train", "validation", "test")


def run_and_report(job: Job) -> dict[str, float] | Done:
    """Do one job, and print its report; of a job in a sweep, return it as one line. Returns its metrics."""
    from chainrule.config.jobs import Done

    try:
        result = run(job)
    except KeyboardInterrupt:
        if (job.folder / "model").exists():
            sys.stderr.write(f"the weights as far as they were trained are in {relative(job.folder)}\n")
        raise
    report = Report(result.name, result.metrics)
    if job.sweep is not None:
        took = "reused" if result.reused else f"{result.seconds:.1f} s"
        return Done(result.metrics, "  ".join([report.line(), took, relative(job.folder)]), result.reused)
    report.table()
    if result.stopped:
        print(f"stopped  {result.stopped}")
    print(f"time     {result.seconds:.1f} s{', of an equal run that had finished' if result.reused else ''}")
    print(f"files    {relative(job.folder)}")
    if result.link:
        print(f"MLflow   {result.link}")
    return result.metrics


@dataclass(frozen=True)
class Report:
    """The metrics of one run, for people."""

    name: str
    metrics: Mapping[str, float]

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

    def line(self) -> str:
        """The name, and what was measured on the last split that there is."""
        last = next((s for s in reversed(SPLITS) if any(name.startswith(f"{s}/") for name in self.metrics)), "train")
        values = [(name, self.metrics.get(f"{last}/{name}")) for name in self._measured()]
        return "  ".join([self.name, *(f"{last}/{name} {number(v)}" for name, v in values if v is not None)])

    def _measured(self) -> list[str]:
        """What was measured on any split, in the order of the record: loss first."""
        names = [name.partition("/")[2] for name in self.metrics if name.partition("/")[0] in SPLITS]
        return list(dict.fromkeys(names))

    def _best(self, name: str) -> str:
        key = f"validation/{name}"
        if f"best/{key}" not in self.metrics:
            return ""
        return f"{number(self.metrics[f'best/{key}'])} ({self.metrics[f'best_epoch/{key}']:.0f})"
