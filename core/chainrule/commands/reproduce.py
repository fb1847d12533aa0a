"""``chainrule reproduce``: train a recorded run again, and say whether it is equal to the last bit."""

from __future__ import annotations

import argparse
from typing import Any

from chainrule.process.signals import ended_by_signals

NAME = "reproduce"


def add(commands: Any) -> None:
    """Its options."""
    parser = commands.add_parser(NAME, help="train a recorded run again: is it equal to the last bit?")
    parser.add_argument("run_id", metavar="RUN", help="its id, as MLflow's pages and the report of the run give it")
    parser.add_argument("--threads", type=int, metavar="N", help="of the matrix products (default: as recorded)")
    parser.add_argument("--uri", help="the store (default: MLFLOW_TRACKING_URI, else mlflow.db in this folder)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Train again, and print both runs side by side; the exit status: 0 where all is equal."""
    from chainrule.runs.reproduce import reproduce
    from chainrule.runs.reproduction_report import show_reproduction

    with ended_by_signals():
        reproduction = reproduce(options.run_id, options.uri, options.threads)
    show_reproduction(reproduction)
    return 0 if reproduction.equal else 1
