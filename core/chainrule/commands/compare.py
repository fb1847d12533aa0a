"""``chainrule compare``: runs grouped by what differs, with means over seeds."""

from __future__ import annotations

import argparse
from typing import Any

from chainrule.errors import ConfigError

NAME = "compare"


def add(commands: Any) -> None:
    """Its options."""
    parser = commands.add_parser(NAME, help="runs by what differs: mean and interval over seeds, best first")
    parser.add_argument("which", nargs="?", metavar="SWEEP|EXPERIMENT", help="by name (default: the latest sweep)")
    parser.add_argument("--where", metavar="FILTER", help="only such runs: \"params.optimizer.name = 'adam'\"")
    parser.add_argument(
        "--metric",
        action="append",
        metavar="NAME",
        help="what to rank by (default: the objective of the runs); given again, a further column",
    )
    forms = parser.add_mutually_exclusive_group()
    for option, form in {"--csv": ".csv", "--json": ".json", "--markdown": ".md", "--latex": ".tex"}.items():
        printed = "print this; the rest goes to stderr"
        forms.add_argument(option, dest="form", action="store_const", const=form, help=printed)
    parser.add_argument("--no-record", dest="record", action="store_false", help="leave MLflow as it is")
    parser.add_argument("--uri", help="the store (default: MLFLOW_TRACKING_URI, else mlflow.db in this folder)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Compare, print and record; the exit status."""
    from chainrule import comparison

    metric, *further = options.metric or [None]
    try:
        compared = comparison.compare(options.which, options.where, metric, options.uri, further or None)
    except ConfigError as error:  # an argument is an option here
        error.key = error.key and f"--{error.key}"
        raise
    comparison.report(compared, options.uri, options.form, options.record)
    return 0
