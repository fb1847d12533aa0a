"""``chainrule resume``: go on with a run that was cut."""

from __future__ import annotations

import argparse
from typing import Any

from chainrule.process.signals import ended_by_signals

NAME = "resume"


def add(commands: Any) -> None:
    """Its options."""
    parser = commands.add_parser(NAME, help="go on with a run that was cut, to the last bit")
    parser.add_argument("run_id", metavar="RUN", nargs="?", help="its id or folder (default: the latest that was cut)")
    parser.add_argument("overrides", metavar="trainer.epochs=N", nargs="*", help="train longer, a finished run too")
    parser.add_argument("--anyway", action="store_true", help="go on though something differs here; it is recorded")
    parser.add_argument("--uri", help="the store (default: MLFLOW_TRACKING_URI, else mlflow.db in this folder)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Go on, and print the report that the run would have given."""
    from chainrule.runs.report import report_on
    from chainrule.runs.resume import resume

    run_id, overrides = options.run_id, options.overrides
    if run_id is not None and "=" in run_id:  # chainrule resume trainer.epochs=40
        run_id, overrides = None, [run_id, *overrides]
    with ended_by_signals():
        report_on(resume(run_id, overrides, options.uri, options.anyway))
    return 0
