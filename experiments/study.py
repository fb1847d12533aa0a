"""What the studies share: their command line, their runs, and where their results go."""

from __future__ import annotations

import argparse
import io
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path

from matplotlib.figure import Figure
from rich import box
from rich.console import Console
from rich.table import Table

import chainrule as cr

ROOM = Path(__file__).resolve().parent
RESULTS = ROOM / "results"
PAGE = ROOM / "README.md"
ANSWER = 2
"""The column of the page's table, from 0, that ``publish`` writes."""


def arguments(question: str, seeds: int) -> argparse.Namespace:
    """``--seeds``, ``--results`` and overrides for every run, such as ``trainer.epochs=1`` to try a study out."""
    parser = argparse.ArgumentParser(description=question)
    parser.add_argument("--seeds", type=int, default=seeds, help="how many, from 0 (default: %(default)s)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where table and figure go")
    parser.add_argument("overrides", nargs="*", help="for every run, as chainrule train takes them")
    options = parser.parse_args()
    if options.seeds < 1:
        parser.error("--seeds must be at least 1")
    return options


def runs(study: str, seeds: int, overrides: Sequence[str]) -> list[cr.Result]:
    """One run for each seed, recorded in MLflow under the study's name; that of seed 0 with figures."""
    common = [f"tracking.experiment=study_{study}", "callbacks=[nan_guard]"]
    results = []
    for seed in range(seeds):
        results.append(cr.train([*common, f"seed={seed}", f"tracking.figures={seed == 0}", *overrides]))
        print(f"{' '.join(overrides)} seed={seed}: {results[-1].seconds:.1f} s", flush=True)
    return results


def percent(fractions: Iterable[float]) -> str:
    """Mean and standard deviation: ``98.41 ± 0.05 %``."""
    values = [100 * fraction for fraction in fractions]
    spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.2f}{spread} %"


def publish(
    folder: Path,
    study: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    figure: Figure | None = None,
    note: str = "",
    conclusion: str = "",
) -> None:
    """Write ``<study>.md`` and, with a figure, ``<study>.png``; print the former.

    Args:
        note: goes below the table.
        conclusion: what the numbers say, in one paragraph: it goes above the table and, where ``folder`` is
            ``RESULTS``, into the study's row of the page of this room.
    """
    table = Table(box=box.MARKDOWN)
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*row)
    text = io.StringIO()
    Console(file=text, width=160).print(table)
    markdown = "\n".join(line.rstrip() for line in text.getvalue().strip().splitlines()) + "\n"
    markdown = "\n".join([*([conclusion, ""] if conclusion else []), markdown, *([note, ""] if note else [])])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{study}.md").write_text(markdown, encoding="utf-8")
    print(markdown)
    print(f"{folder / study}.md")
    if figure is not None:
        figure.savefig(folder / f"{study}.png", dpi=100, bbox_inches="tight", metadata={"Software": None})
        print(f"{folder / study}.png")
    if conclusion and folder.resolve() == RESULTS:
        answer(study, conclusion)


def answer(study: str, conclusion: str) -> None:
    """Write the conclusion into the study's row of this room's page."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    start = f"| `python experiments/{study}.py` |"
    row = next((number for number, line in enumerate(lines) if line.startswith(start)), None)
    if row is None:
        raise SystemExit(f"{PAGE} has no row for {study}. Add one: {start} question | answer | more |")
    cells = lines[row].strip("| ").split(" | ")
    cells[ANSWER] = conclusion
    lines[row] = f"| {' | '.join(cells)} |"
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")
