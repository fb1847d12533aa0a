"""What the studies share: their command line, their runs, and where their results go."""

from __future__ import annotations

import argparse
import io
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator
from rich import box
from rich.console import Console
from rich.table import Table

import chainrule as cr
from chainrule.comparison.groups import Group
from chainrule.comparison.inference import LEVEL, Paired, holm, paired, summary
from chainrule.comparison.runs import by_epoch
from chainrule.pictures.page import BLUE
from chainrule.tracking.store import connect
from chainrule.tracking.uris import default_uri

ROOM = Path(__file__).resolve().parent
RESULTS = ROOM / "results"
PAGE = ROOM / "README.md"
ANSWER = 2
"""The column of the page's table, from 0, that ``publish`` writes."""
SEEDS_TO_TUNE = 2
"""A rate or a strength is chosen by the mean of so many."""


def arguments(question: str, seeds: int, epochs: int | None = None) -> argparse.Namespace:
    """``--seeds``, ``--results`` and overrides for every run, such as ``trainer.epochs=1`` to try a study out.

    Args:
        seeds: how many by default.
        epochs: how many by default, for a study that composes no config: ``--epochs`` then stands for the overrides.
    """
    parser = argparse.ArgumentParser(description=question)
    parser.add_argument("--seeds", type=int, default=seeds, help="how many, from 0 (default: %(default)s)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where table and figure go")
    if epochs is None:
        parser.add_argument("overrides", nargs="*", help="for every run, as chainrule train takes them")
    else:
        parser.add_argument("--epochs", type=int, default=epochs, help="at most (default: %(default)s)")
    options = parser.parse_intermixed_args()
    for name in {"seeds", "epochs"} & {*vars(options)}:
        if getattr(options, name) < 1:
            parser.error(f"--{name} must be at least 1")
    return options


def runs(study: str, seeds: int, overrides: Sequence[str]) -> list[cr.Result]:
    """One run for each seed, recorded in MLflow under the study's name; that of seed 0 with figures."""
    common = [f"tracking.experiment=study_{study}", "tracking.reuse=true", "callbacks=[nan_guard]"]
    results = []
    for seed in range(seeds):
        results.append(cr.train([*common, f"seed={seed}", f"tracking.figures={seed == 0}", *overrides]))
        print(f"{' '.join(overrides)} seed={seed}: {results[-1].seconds:.1f} s", flush=True)
    return results


def sweep(study: str, seeds: int, settings: Sequence[str], metric: str = "validation/loss") -> list[Group]:
    """All combinations of the settings, each from every seed, as one sweep: the groups of its runs, the best first.

    A run that has finished before is not run again, so a study that was cut goes on where it was. A setting of which
    any run failed or diverged is as bad as can be: it is left out.
    """
    common = [
        f"tracking.experiment=study_{study}",
        "tracking.figures=false",
        "tracking.reuse=true",
        "trainer.threads=1",
        f"seed={','.join(map(str, range(seeds)))}",
    ]
    try:
        name = cr.sweep([*common, *settings])
    except cr.SweepError as failed:
        name = failed.sweep
    groups = [group for group in cr.compare(name, metric=metric).groups if len(group.runs) == seeds]
    if not groups:
        raise SystemExit(f"{study}: there is no setting of which every seed came to its end: {' '.join(settings)}")
    return groups


def mean(group: Group) -> float:
    """Of the metric by which the sweep was sorted."""
    assert group.summary is not None, "sweep leaves out groups without values"
    return group.summary.mean


def tuned(
    study: str,
    seeds: int,
    settings: Sequence[str],
    field: str,
    tried: Sequence[float],
    by: Callable[[Group], float] = mean,
) -> Group:
    """The settings with the best value of a field, from every seed. ``by``: less is better; of ``SEEDS_TO_TUNE``."""
    grid = f"{field}={','.join(map(str, tried))}"
    best = min(sweep(study, min(SEEDS_TO_TUNE, seeds), [*settings, grid]), key=by)
    [group] = sweep(study, seeds, [*settings, f"{field}={best.runs[0].params[field]}"])
    return group


def values(group: Group, metric: str) -> list[float]:
    """The metric's, one for each seed."""
    return [run.metrics[metric] for run in group.runs]


def accuracies(group: Group) -> list[float]:
    """Of the test images, in percent, one for each seed."""
    return [100 * accuracy for accuracy in values(group, "test/accuracy")]


def rate(group: Group) -> float:
    """The learning rate."""
    return float(group.runs[0].params["optimizer.lr"])


def edges(best: Mapping[str, float], grids: Mapping[str, Sequence[float]], what: str) -> str:
    """Whether a value that was not tried could be better than the best of those that were."""
    at_edge = [name for name in grids if best[name] in (grids[name][0], grids[name][-1])]
    if at_edge:
        return f"The best {what} of {', '.join(at_edge)} is the first or last of its grid: a better one may lie beyond."
    return f"No best {what} is the first or last of its grid."


def interval(numbers: Sequence[float], places: int = 2) -> str:
    """Mean and 95 % interval of it: ``97.62 (97.50 to 97.74)``."""
    known = summary(numbers)
    between = known.low is not None and known.high is not None
    return f"{known.mean:.{places}f}" + (f" ({known.low:.{places}f} to {known.high:.{places}f})" if between else "")


@dataclass(frozen=True)
class Difference:
    """Of something from what it is held against, in points of a percentage, over the seeds that both have.

    ``p``: of the paired t test, corrected by Holm's method for all that are held against the same. None: of one seed,
    or where all seeds differ alike, there is no test.
    """

    paired: Paired
    p: float | None

    @property
    def told_apart(self) -> bool:
        """Whether it is more than the seeds' spread explains."""
        return self.p is not None and self.p < LEVEL

    @property
    def points(self) -> str:
        return f"{self.paired.difference:+.2f}"

    def __str__(self) -> str:
        low, high = self.paired.low, self.paired.high
        return self.points if low is None or high is None else f"{self.points} ({low:+.2f} to {high:+.2f})"


def differences(base: Sequence[float], others: Mapping[str, Sequence[float]]) -> dict[str, Difference]:
    """Of the percentages of others from those of ``base``, seed by seed."""
    tests = {name: paired(other, base) for name, other in others.items()}
    corrected = iter(holm([test.p for test in tests.values() if test.p is not None]))
    return {name: Difference(test, None if test.p is None else next(corrected)) for name, test in tests.items()}


def in_words(others: Mapping[str, Difference]) -> str:
    """Which of the differences are more than the seeds' spread explains, and which are not."""
    told = []
    for size, apart in (("more", True), ("no more", False)):
        names = [f"{name} ({other.points})" for name, other in others.items() if other.told_apart == apart]
        if names:
            told.append(f"by {size} than the seeds' spread: {', '.join(names)}")
    return f"From that differ, in points, {'; '.join(told)}"


def verdict(best: str, accuracy: Sequence[float], others: Mapping[str, Difference]) -> str:
    """Of the one with the lowest validation loss, and what the seeds can tell of its lead over the others."""
    right = f"{best} has the lowest validation loss, and {interval(accuracy)} % of the test images right"
    return f"{right}. {in_words(others)}"


def p_value(p: float | None) -> str:
    if p is None:
        return "-"
    return "< 0.0001" if p < 1e-4 else f"{p:.2g}"


def draw_curve(axes: Axes, group: Group, metric: str, color: str, label: str) -> None:
    """The metric by epoch: the mean over seeds, and a band from the lowest to the highest."""
    client = connect(default_uri())
    runs = [by_epoch(client, run.run_id, metric) for run in group.runs]
    epochs = sorted(set.intersection(*map(set, runs)))
    curves = np.array([[run[epoch] for epoch in epochs] for run in runs])
    axes.fill_between(epochs, curves.min(axis=0), curves.max(axis=0), color=color, alpha=0.15, linewidth=0)
    axes.plot(epochs, curves.mean(axis=0), color=color, label=label)


def draw_seeds(axes: Axes, measured: Mapping[str, Sequence[float]]) -> None:
    """A row for each name, the first at the top: a dot for each seed, and the 95 % interval of their mean."""
    for row, numbers in enumerate(measured.values()):
        known = summary(numbers)
        if known.low is not None and known.high is not None:
            axes.barh(row, known.high - known.low, 0.5, known.low, color=BLUE, alpha=0.25)
        axes.plot(numbers, [row] * len(numbers), "o", color=BLUE, markersize=4, markeredgecolor="white")
    axes.use_sticky_edges = False  # of bars, which would leave no room beside the outermost
    axes.set_yticks(range(len(measured)), list(measured))
    axes.invert_yaxis()
    axes.grid(alpha=0.3)


def log_scale(axes: Axes) -> None:
    """A log scale upwards, with numbers that people read: 0.1, 0.2, 0.3, 0.5, 1."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(alpha=0.3)


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
    Console(file=text, width=1000).print(table)
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
