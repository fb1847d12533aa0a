"""``chainrule explain``: one step of learning, every number of it, as a page or in tables."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from chainrule.errors import FieldError
from chainrule.process.signals import ended_by_signals

NAME = "explain"


def add(commands: Any) -> None:
    """Its options."""
    parser = commands.add_parser(NAME, help="every number of a step, and of a filmed training, as a page for a browser")
    parser.add_argument(
        "what",
        metavar="RUN",
        nargs="*",
        help="a run's id; or overrides as for train, experiment=spirals optimizer=sgd; or a file, or a run's folder",
    )
    parser.add_argument(
        "--examples", metavar="N|I,J,...", help="how many, or which ones (default: 8, if they find room)"
    )
    parser.add_argument("--split", default="train", metavar="SPLIT", help="train, validation or test (default: train)")
    parser.add_argument("--text", action="store_true", help="tables here, in place of the page")
    parser.add_argument("--out", metavar="FILE", help="the page's file (default: explanation.html)")
    parser.add_argument("--open", action="store_true", help="show the page in the browser")
    parser.add_argument("--config-dir", metavar="DIR", help="a folder with configs of your own")
    parser.add_argument("--uri", help="the store (default: MLFLOW_TRACKING_URI, else mlflow.db in this folder)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Explain a run, or the first step of an experiment."""
    from chainrule.commands.attached import among_the_artifacts
    from chainrule.runs.explaining import explain_experiment, explain_file, explain_run
    from chainrule.runs.trained import lies_here

    examples = None if options.examples is None else _examples(options.examples)
    with ended_by_signals():
        first, *more = options.what or [""]
        of_a_file = lies_here(first)
        of_a_run = bool(first) and "=" not in first and not of_a_file
        if of_a_run and more:
            raise FieldError(f"a run is explained as it was: leave {' '.join(more)} out", key=first)
        if of_a_file:
            explanation = explain_file(first, more, options.config_dir, examples, options.split)
        elif of_a_run:
            explanation = explain_run(first, options.uri, examples, options.split)
        else:
            explanation = explain_experiment(options.what, options.config_dir, examples, options.split)
        if options.text:
            print(explanation.text(), end="")
            return 0
        file = explanation.save(Path(options.out or "explanation.html").absolute())
        print(f"page     {file}")
        if of_a_run:
            among_the_artifacts(first, file, options.uri)
    if options.open:
        import webbrowser

        webbrowser.open(file.as_uri())
    return 0


def _examples(given: str) -> list[int] | int:
    """How many, or which.

    Raises:
        FieldError: it is neither.
    """
    try:
        numbers = [int(part) for part in given.split(",")]
    except ValueError:
        raise FieldError(f'got "{given}", expected a number or positions such as 0,3,17', key="--examples") from None
    if len(numbers) == 1 and numbers[0] < 1:
        raise FieldError(f'got "{given}", expected at least 1', key="--examples")
    return numbers[0] if len(numbers) == 1 else numbers
