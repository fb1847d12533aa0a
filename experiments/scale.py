"""How much time and memory does `chainrule compare` take as the runs of a store grow to 10,000?

One run is trained, and its record in MLflow copied: each copy is a run of its own, with another seed, learning rate,
hidden layer and batch size, and other values of every metric. Of each size three whole commands are measured: comparing
a sweep of all those runs; comparing the latest sweep, of ten runs among them; and training one run more. A figure is
the least of several rounds: seconds of a processor, whatever else the machine does, and the most memory that it had.

    python experiments/scale.py
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure
from study import BLUE, GREEN, ORANGE, RESULTS, publish

import chainrule as cr
from chainrule.tracking.environment import processor
from chainrule.tracking.store import prepare_store

SIZES = (10, 100, 1000, 10_000)
SEEDS = 10
QUICK = ("experiment=xor", "trainer.epochs=5", "tracking.figures=false", "callbacks=[nan_guard]")
COMMANDS = {
    "a sweep of all": ["compare", "whole"],
    "the latest sweep, of ten": ["compare"],
    "one run more": ["train", *QUICK],
}
COLUMNS = ["runs", "groups", *(f"{what}, {unit}" for what in COMMANDS for unit in ("s", "MiB"))]
TABLES = {
    "runs": "run_uuid",
    "tags": "run_uuid",
    "params": "run_uuid",
    "metrics": "run_uuid",
    "latest_metrics": "run_uuid",
    "inputs": "destination_id",
}
"""Where a store has the record of a run, and the column of its id there."""
STOPWATCH = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss)
sys.exit(code)
"""
"""Runs a command from a process so small that the command's own peak is what the system tells of it."""
MINUTE, DAY = 60_000, 86_400_000
"""In milliseconds, as times are recorded."""


@dataclass(frozen=True)
class Measured:
    seconds: float
    mebibytes: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="(default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="(default: %(default)s)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where table and figure go")
    options = parser.parse_args()
    if min(*options.sizes, options.rounds) < 1:
        parser.error("--sizes and --rounds must be at least 1")
    found = {}
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        folder = Path(name)
        copies = Copies(folder / "mlflow.db")
        for size in sorted(options.sizes):
            copies.grow(size)
            found[size] = {
                what: least([measured(command, folder) for _ in range(options.rounds)])
                for what, command in COMMANDS.items()
            }
            print(size, found[size], file=sys.stderr, flush=True)
    rows = [
        [f"{size:,}", f"{-(-size // SEEDS):,}", *(cell for one in of_size.values() for cell in cells(one))]
        for size, of_size in found.items()
    ]
    note = f"{processor()}, {os.cpu_count()} cores; a SQLite store, {SEEDS} seeds of each group. The least of "
    publish(
        options.results,
        "scale",
        COLUMNS,
        rows,
        drawing(found),
        note=f"{note}{options.rounds} rounds.",
        conclusion=verdict(found),
    )


class Copies:
    """The record of one run, in a new store, and copies of it there."""

    def __init__(self, path: Path) -> None:
        prepare_store(f"sqlite:///{path}", "scale")
        cr.sweep([*QUICK, "seed=0", "tracking.experiment=scale"])
        self.path, self.count = path, 0
        with self.opened() as database:
            [(self.run, self.start)] = database.execute("SELECT run_uuid, start_time FROM runs")
            self.record = {}
            for table, column in TABLES.items():
                rows = database.execute(f"SELECT * FROM {table} WHERE {column} = ?", (self.run,))
                names = [name for name, *_ in rows.description]
                self.record[table] = [dict(zip(names, row)) for row in rows]
            for number in range(SEEDS):
                self.copy(database, f"b{number:031}", number, "ten", self.start + number + 1)

    @contextlib.contextmanager
    def opened(self) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(sqlite3.connect(self.path)) as database, database:
            yield database

    def grow(self, count: int) -> None:
        """Until there are so many in the sweep ``whole``, all of them older."""
        with self.opened() as database:
            for number in range(self.count, count):
                self.copy(database, f"a{number:031}", number, "whole", self.start - DAY + number)
        self.count = max(count, self.count)

    def copy(self, database: sqlite3.Connection, run: str, number: int, sweep: str, start: int) -> None:
        seed, lr, hidden, batch_size = (number // SEEDS**place % SEEDS for place in range(4))
        params = {"seed": seed, "optimizer.lr": (lr + 1) / 100, "model.hidden": [hidden + 1]}
        params |= {"trainer.batch_size": batch_size + 1}
        tags = {"sweep": sweep, "mlflow.runName": ",".join(f"{key}={value}" for key, value in params.items())}
        luck = random.Random(run)
        changes: dict[str, Callable[[dict[str, object]], dict[str, object]]] = {
            "runs": lambda row: {
                "name": tags["mlflow.runName"],
                "artifact_uri": str(row["artifact_uri"]).replace(self.run, run),
                "start_time": start,
                "end_time": start + MINUTE,
            },
            "tags": lambda row: {"value": tags.get(str(row["key"]), row["value"])},
            "params": lambda row: {"value": str(params.get(str(row["key"]), row["value"]))},
            "metrics": lambda row: {"value": float(str(row["value"])) * luck.uniform(0.9, 1.1)},
            "latest_metrics": lambda row: {"value": float(str(row["value"])) * luck.uniform(0.9, 1.1)},
            "inputs": lambda row: {"input_uuid": run},
        }
        for table, rows in self.record.items():
            new = [{**row, **changes[table](row), TABLES[table]: run} for row in rows]
            places = ", ".join(f":{name}" for name in new[0])
            database.executemany(f"INSERT INTO {table} ({', '.join(new[0])}) VALUES ({places})", new)


def measured(command: list[str], folder: Path) -> Measured:
    """A whole command."""
    whole = [sys.executable, "-c", STOPWATCH, sys.executable, "-m", "chainrule", *command]
    done = subprocess.run(whole, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    *_, seconds, kibibytes = done.stdout.split()
    return Measured(float(seconds), int(kibibytes) / 1024)


def least(rounds: list[Measured]) -> Measured:
    return Measured(min(one.seconds for one in rounds), min(one.mebibytes for one in rounds))


def cells(one: Measured) -> list[str]:
    return [f"{one.seconds:.1f}", f"{one.mebibytes:.0f}"]


def verdict(found: dict[int, dict[str, Measured]]) -> str:
    """What the commands take of the smallest and of the largest store."""
    fewest, most = min(found), max(found)
    whole, latest, more = COMMANDS

    def told(size: int, what: str) -> str:
        return f"{found[size][what].seconds:.1f} s with {found[size][what].mebibytes:.0f} MiB"

    return (
        f"A sweep of {fewest:,} runs is compared in {told(fewest, whole)}, one of {most:,} in {told(most, whole)}; the "
        f"latest one, of ten runs in a store of {most:,}, in {told(most, latest)}. One run more takes "
        f"{told(fewest, more)} where there are {fewest:,}, and {told(most, more)} where there are {most:,}"
    )


def drawing(found: dict[int, dict[str, Measured]]) -> Figure:
    figure = Figure(figsize=(10, 4), layout="constrained")
    seconds, memory = figure.subplots(1, 2)
    for what, colour in zip(COMMANDS, (BLUE, ORANGE, GREEN)):
        of_sizes = [of_size[what] for of_size in found.values()]
        seconds.plot([*found], [one.seconds for one in of_sizes], "o-", color=colour, label=what)
        memory.plot([*found], [one.mebibytes for one in of_sizes], "o-", color=colour)
    for axes, unit, title in ((seconds, "s", "Time of a whole command"), (memory, "MiB", "Its memory, at most")):
        axes.set(xscale="log", xlabel="runs in the store", ylabel=unit, title=title)
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
    seconds.legend()
    return figure


if __name__ == "__main__":
    main()
