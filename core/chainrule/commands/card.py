"""``chainrule card``: a model card of a trained network, as Markdown."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from chainrule.errors import DataError, FieldError
from chainrule.process.signals import ended_by_signals

NAME = "card"


def add(commands: Any) -> None:
    """Its options."""
    parser = commands.add_parser(NAME, help="a model card: data, network, results with intervals, how to use it")
    parser.add_argument("run_id", metavar="RUN", help="a run's id, or its folder; latest is the one trained last")
    parser.add_argument("--out", metavar="FILE", default="model_card.md", help="the file (default: %(default)s)")
    parser.add_argument("--uri", help="the store (default: MLFLOW_TRACKING_URI, else mlflow.db in this folder)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the card."""
    from chainrule.commands.attached import among_the_artifacts
    from chainrule.runs.card import card

    with ended_by_signals():
        file = Path(options.out).absolute()
        if file.suffix != ".md":
            raise FieldError(f"got {options.out}, expected a name that ends in .md", key="--out")
        text = card(options.run_id, options.uri)
        try:
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise DataError(f"{file} cannot be written: {error.strerror}") from None
        print(f"card     {file}")
        if not Path(options.run_id).is_dir():
            among_the_artifacts(options.run_id, file, options.uri)
    return 0
