"""``chainrule predict``: the answers of a trained network for new rows."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from chainrule.errors import DataError, FieldError

NAME = "predict"


def add(commands: Any) -> None:
    """Its options."""
    parser = commands.add_parser(NAME, help="what a trained network answers to new rows, as CSV")
    parser.add_argument("run_id", metavar="RUN", help="a run's id, or its folder; latest is the one trained last")
    parser.add_argument(
        "data",
        metavar="DATA",
        help="a file like that which it was trained on; - is standard input; or a folder of PNGs",
    )
    parser.add_argument("--out", metavar="FILE", help="the answers, CSV or .parquet (default: standard output)")
    parser.add_argument("--proba", action="store_true", help="the probability of each class beside the answer")
    parser.add_argument(
        "--threshold", type=float, metavar="P", help="of two classes, above which probability the second is the answer"
    )
    parser.add_argument("--uri", help="the store (default: MLFLOW_TRACKING_URI, else mlflow.db in this folder)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Predict, row by row in their order."""
    from chainrule.runs.predicting import predicted

    given = [Path(path) for path in (options.data, options.out) if path is not None]
    if len(given) == 2 and all(path.exists() for path in given) and given[0].samefile(given[1]):
        raise FieldError(f"got {options.out}, which is the data itself: name another file", key="--out")
    frame = predicted(options.run_id, options.data, options.uri, options.proba, options.threshold)
    if options.out is None:
        sys.stdout.write(frame.to_csv(index=False))
        return 0
    path = Path(options.out)
    try:
        if path.suffix == ".parquet":
            frame.to_parquet(path)
        else:
            path.write_text(frame.to_csv(index=False), encoding="utf-8", newline="")
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}") from None
    print(f"answers  {path} ({len(frame):,} rows)")
    return 0
