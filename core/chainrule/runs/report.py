"""What a run prints at its end: a table of its metrics, the time, where its files are, and how to open it in MLflow."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from chainrule.runs.measured import in_line, in_short
from chainrule.runs.result import PAGE, WEIGHTS, Result
from chainrule.runs.run import run
from chainrule.tracking.written import files_in, written
from chainrule.words import relative

if TYPE_CHECKING:
    from chainrule.config.jobs import Done, Job


def run_and_report(job: Job) -> dict[str, float] | Done:
    """Do one job, and print its report; of a job in a sweep, return it as one line. Returns its metrics."""
    from chainrule.config.jobs import Done

    before = files_in(job.folder)
    try:
        result = run(job)
    except KeyboardInterrupt as error:
        if WEIGHTS in written(job.folder, before):
            sys.stderr.write(f"the weights as far as they were trained are in {relative(job.folder)}\n")
        for note in getattr(error, "__notes__", ()):
            sys.stderr.write(f"{note}\n")
        raise
    except Exception:
        if PAGE in written(job.folder, before):
            sys.stderr.write(f"how it came to this is shown in {relative(job.folder / PAGE)}\n")
        raise
    if job.sweep is not None:
        report = result.report
        took = "reused" if result.reused else f"{result.seconds:.1f} s"
        named = job.config["tracking"]["run_name"]
        name = in_short([named] if named else job.differs) or result.name
        text = "  ".join([name, in_line(report.figures), took, relative(job.folder)])
        return Done(text, report.figures, report.judged, result.run_id, result.reused)
    report_on(result)
    return result.metrics


def report_on(result: Result) -> None:
    """Print it."""
    result.report.table()
    for word, text in result.told():
        print(f"{word:8} {text}")
