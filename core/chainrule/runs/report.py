"""What a run prints at its end: a table of its metrics, the time, where its files are, and how to open it in MLflow."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from chainrule.errors import debugging
from chainrule.runs.reproduce import MetricAgain, Reproduction
from chainrule.runs.run import run
from chainrule.words import number, relative

if TYPE_CHECKING:
    from chainrule.config.jobs import Done, Job
    from chainrule.config.mailbox import Ended


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


def show_reproduction(reproduction: Reproduction) -> None:
    """Print both runs side by side, what differs between their environments, and the verdict last."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    result = reproduction.result
    table = Table(title=Text(f"{result.name}, run {reproduction.run_id}"), title_style="bold", title_justify="left")
    for heading in ("", "recorded", "again", "difference", "equal"):
        table.add_column(heading, justify="right" if heading else "left", overflow="fold")
    for metric in reproduction.metrics:
        table.add_row(*map(Text, (metric.name, *_numbers(metric), _said(metric))))
    then, now = reproduction.weights
    table.add_row("weights", (then or "")[:8], now[:8], "", "yes" if then == now else "no")
    console.print(table)
    if reproduction.differences:
        table = Table(title="What differs", title_style="bold", title_justify="left")
        for heading in ("", "recorded", "here"):
            table.add_column(heading, overflow="fold")
        for name, pair in reproduction.differences.items():
            table.add_row(*map(Text, (name, *pair)))
        console.print(table)
    print(f"time     {result.seconds:.1f} s")
    print(f"files    {result.folder.relative_to(Path.cwd())}")
    print(f"verdict  {verdict(reproduction)}")


def verdict(reproduction: Reproduction) -> str:
    """In a sentence, whether the run is the same, and if not, what may be why."""
    names = ", ".join(reproduction.differences)
    count = len(reproduction.metrics)
    if reproduction.equal:
        same = f"equal to the last bit: {count} metrics and the weights"
        return f"{same}, although this differs: {names}" if names else same
    unequal = sum(bool(metric.differs) for metric in reproduction.metrics)
    weights = "the weights are equal" if len(set(reproduction.weights)) == 1 else "the weights differ"
    why = f"here differs: {names}" if names else "nothing that is recorded of its environment differs here"
    return f"not equal: {unequal} of {count} metrics differ, {weights}; {why}"


def _numbers(metric: MetricAgain) -> tuple[str, str, str]:
    """Both last values, and by how much the new one is more, where that is anything."""
    then, now = metric.recorded, metric.again
    if now is None:
        return f"{then:.4g}", "", ""
    return f"{then:.4g}", f"{now:.4g}", f"{now - then:+.1e}" if now != then and math.isfinite(now - then) else ""


def _said(metric: MetricAgain) -> str:
    if metric.steps > 1:
        return f"{metric.steps - len(metric.differs)} of {metric.steps}"
    return "no" if metric.differs else "yes"


def show_failures(failed: Sequence[Ended]) -> None:
    """A table to stderr: which jobs failed, and why; with tracebacks where they were asked for."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if debugging():
        sys.stderr.write("".join(ended.trace for ended in failed))
    table = Table(title=f"{len(failed)} failed", title_style="bold", title_justify="left")
    for heading in ("job", "overrides", "why"):
        table.add_column(heading, overflow="fold")
    for ended in failed:
        table.add_row(str(ended.number), Text(job_name(ended)), Text(ended.failed or ""))
    Console(stderr=True, highlight=False).print(table)


def job_name(ended: Ended) -> str:
    return ",".join(ended.overrides) or f"job {ended.number}"
