"""``chainrule resend``: send what a run could not, while its store did not answer."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

NAME = "resend"


def add(commands: Any) -> None:
    """Its options."""
    parser = commands.add_parser(NAME, help="send what a run kept while MLflow did not answer")
    parser.add_argument("file", type=Path, help="the unsent-....jsonl in the run's folder")
    parser.add_argument("--anew", action="store_true", help="make the run first: it, or its database, was deleted")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Send, and say how much; the exit status."""
    from chainrule.tracking.resending import resend

    print(f"{resend(options.file, anew=options.anew)} records sent")
    return 0
