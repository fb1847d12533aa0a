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


def arguments(question: str, seeds: int) -> argparse.Namespace:
    """``--seeds``, ``--results`` and overrides for every run, such as ``trainer.epochs=1`` to try a study out."""
    parser = argparse.ArgumentParser(description=question)
    parser.add_argument("--seeds", type=int, default=seeds, help="how many, from 0 (default: %(default)s)")
    parser.add_argument(
        "--results", type=Path, default=Path(__file__).parent / "results", help="where table and figure go"
    )
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
) -> None:
    """Write ``<study>.md``, the note below its table, and, with a figure, ``<study>.png``; print the former."""
    table = Table(box=box.MARKDOWN)
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*row)
    text = io.StringIO()
    Console(file=text, width=160).print(table)
    markdown = "\n".join(line.rstrip() for line in text.getvalue().strip().splitlines()) + "\n"
    markdown += f"\n{note}\n" if note else ""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{study}.md").write_text(markdown, encoding="utf-8")
    print(markdown)
    print(f"{folder / study}.md")
    if figure is not None:
        figure.savefig(folder / f"{study}.png", dpi=100, bbox_inches="tight", metadata={"Software": None})
        print(f"{folder / study}.png")
