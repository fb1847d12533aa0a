"""``chainrule evaluate``: how well a trained network does on new data with answers."""

from __future__ import annotations

import argparse
from typing import Any

from chainrule.process.signals import ended_by_signals

NAME = "evaluate"


def add(commands: Any) -> None:
    """Its options."""
    parser = commands.add_parser(NAME, help="how well a trained network does on new data, with intervals")
    parser.add_argument("run_id", metavar="RUN", help="a run's id, or its folder; latest is the one trained last")
    parser.add_argument(
        "data",
        metavar="DATA",
        help="a file like that which it was trained on, with answers; - is standard input; or a folder of folders of "
        "PNGs, named by classes",
    )
    parser.add_argument("--metric", action="append", help="by its name; again for more (default: all for the task)")
    parser.add_argument(
        "--resamples", type=int, default=1000, metavar="N", help="of the bootstrap (default: %(default)s)"
    )
    parser.add_argument("--no-record", dest="record", action="store_false", help="leave MLflow out of it")
    parser.add_argument("--uri", help="the store (default: MLFLOW_TRACKING_URI, else mlflow.db in this folder)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure, print and record."""
    from chainrule.runs.evaluating import evaluate_run, show
    from chainrule.words import relative

    with ended_by_signals():
        evaluated = evaluate_run(
            options.run_id, options.data, options.uri, options.metric, options.resamples, options.record
        )
    show(evaluated)
    network, names = evaluated.trained.predictor.network, evaluated.trained.predictor.preparation.class_names
    if network.task == "binary":
        print(f'yes      of the two classes it is "{names[1]}"')
    print(f"files    {relative(evaluated.folder)}")
    if evaluated.link:
        print(f"MLflow   {evaluated.link}")
    return 0
