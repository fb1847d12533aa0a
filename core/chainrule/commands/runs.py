"""``chainrule runs``: what was trained, how far it came, and what can be gone on with; deleting and renaming."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from chainrule.errors import ConfigError

if TYPE_CHECKING:
    from chainrule.runs.records import Record

NAME = "runs"


def add(commands: Any) -> None:
    """Its options."""
    parser = commands.add_parser(NAME, help="list what was trained; delete and rename runs")
    parser.add_argument("--uri", help="the store (default: MLFLOW_TRACKING_URI, else mlflow.db in this folder)")
    parser.add_argument("--experiment", metavar="NAME", help="of this one alone")
    parser.add_argument("-n", "--count", type=int, default=20, help="so many, the latest (default: 20)")
    parser.set_defaults(run=show)
    actions = parser.add_subparsers(metavar="delete | rename")
    delete = actions.add_parser("delete", help="delete runs: they are shown, and it is asked, first")
    delete.add_argument("run_ids", metavar="RUN", nargs="*", help="their ids")
    delete.add_argument("--failed", action="store_true", help="those that failed or were cut, of the latest ones")
    delete.add_argument("--yes", action="store_true", help="do not ask")
    delete.set_defaults(run=remove)
    rename = actions.add_parser("rename", help="give a run another name")
    rename.add_argument("run_id", metavar="RUN", help="its id")
    rename.add_argument("name", metavar="NAME", help="the new one")
    rename.set_defaults(run=name_again)


def show(options: argparse.Namespace) -> int:
    """Print the latest ones."""
    from chainrule.runs.records import Records

    records = Records(options.uri).latest(options.count, options.experiment)
    if not records:
        print("no run was recorded yet: chainrule train makes one")
        return 0
    _show(records)
    cut = next((record for record in records if record.status == "CUT"), None)
    if cut is not None:
        print(f"To go on with one that was cut: chainrule resume {cut.run_id}")
    return 0


def remove(options: argparse.Namespace) -> int:
    """Show which, ask, and delete them."""
    from chainrule.runs.records import Records

    if bool(options.run_ids) == options.failed:
        raise ConfigError("name the runs by their ids, or all that failed or were cut with --failed", key="RUN")
    records = Records(options.uri)
    if options.failed:
        latest = records.latest(options.count, options.experiment)
        chosen = [record for record in latest if record.status in ("FAILED", "KILLED", "CUT")]
    else:
        chosen = records.chosen(options.run_ids)
    if not chosen:
        print("no such run")
        return 0
    _show(chosen)
    if not options.yes:
        if not sys.stdin.isatty():
            raise ConfigError("nobody is there to be asked: add --yes", key="delete")
        if input(f"Delete {len(chosen)}? Their folders stay. [y/N] ").strip().lower() not in ("y", "yes"):
            print("nothing was deleted")
            return 0
    records.delete(chosen)
    print(f"{len(chosen)} deleted; mlflow runs restore --run-id RUN brings one back")
    return 0


def name_again(options: argparse.Namespace) -> int:
    """Rename it."""
    from chainrule.runs.records import Records

    if not options.name.strip():
        raise ConfigError("a run needs a name", key="NAME")
    records = Records(options.uri)
    [record] = records.chosen([options.run_id])
    records.rename(record, options.name)
    print(f"{record.name} is {options.name} now")
    return 0


def _show(records: Sequence[Record]) -> None:
    from rich.console import Console
    from rich.table import Table

    from chainrule.words import duration, number

    table = Table()
    for heading in ("run", "name", "experiment", "status", "objective", "epochs", "age"):
        table.add_column(heading, overflow="fold")
    for record in records:
        judged = f"{record.judged[0]} {number(record.judged[1])}" if record.judged else ""
        done, planned = record.epochs
        epochs = f"{done}/{planned}" if planned != "None" else str(done)
        days = round(record.age / 86400)
        age = f"{days} days" if days > 1 else duration(record.age)
        table.add_row(record.run_id, record.name, record.experiment, record.status, judged, epochs, age)
    Console(highlight=False, width=None if sys.stdout.isatty() else 160).print(table)
