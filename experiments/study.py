"""What studies and figures share: their command line, their runs, and where their results go."""

from __future__ import annotations

import argparse
import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator
from rich import box
from rich.console import Console
from rich.table import Table

import chainrule as cr
from chainrule.comparison import (
    PALETTE,
    Group,
    Paired,
    aligned,
    band,
    corrected,
    learning_curves,
    p_value,
    paired,
    strip,
    summary,
)

BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILLION, *_ = PALETTE

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


def figure_arguments(shows: str, takes_overrides: bool = False) -> argparse.Namespace:
    """Of a figure, which is from one seed: ``--results`` and, where it trains a network, overrides for that."""
    parser = argparse.ArgumentParser(description=shows)
    parser.add_argument("--results", type=Path, default=RESULTS, help="where table and figure go")
    if takes_overrides:
        parser.add_argument("overrides", nargs="*", help="as chainrule train takes them")
    return parser.parse_intermixed_args()


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
    between = "" if known.low is None else f" ({known.low:.{places}f} to {known.high:.{places}f})"
    return f"{known.mean:.{places}f}{between}"


def differences(base: Sequence[float], others: Mapping[str, Sequence[float]]) -> dict[str, Paired]:
    """By how much the others are above ``base``, seed by seed."""
    return dict(zip(others, corrected([paired(other, base) for other in others.values()])))


def points(other: Paired) -> str:
    """The difference in percentages: ``+0.30``."""
    return f"{other.difference:+.2f}"


@dataclass(frozen=True)
class Accuracies:
    """Of the test images, in percent, of each seed; ``differences``: those of the others from ``base``, in points."""

    base: str
    right: Mapping[str, Sequence[float]]
    differences: Mapping[str, Paired]

    @classmethod
    def of(cls, groups: Mapping[str, Group], base: str) -> Accuracies:
        right = {
            name: [100 * accuracy for accuracy in values(group, "test/accuracy")] for name, group in groups.items()
        }
        others = {name: measured for name, measured in right.items() if name != base}
        return cls(base, right, differences(right[base], others))

    @staticmethod
    def columns(base: str) -> list[str]:
        """What ``cells`` stand under; ``base``: in words."""
        return ["test accuracy, %", f"from {base}, points", "p"]

    def cells(self, name: str) -> list[str]:
        """Its accuracy, how much that differs from the base's, and p."""
        other = self.differences.get(name)
        if other is None:
            return [interval(self.right[name]), "", ""]
        between = "" if other.low is None else f" ({other.low:+.2f} to {other.high:+.2f})"
        return [interval(self.right[name]), f"{points(other)}{between}", p_value(other.p_holm)]

    @property
    def best_first(self) -> dict[str, Paired]:
        return dict(sorted(self.differences.items(), key=lambda named: -named[1].difference))

    @property
    def verdict(self) -> str:
        """Of the base, where it is the one with the lowest validation loss, and what the seeds can tell of its lead."""
        right = f"{interval(self.right[self.base])} % of the test images right"
        return f"{self.base} has the lowest validation loss, and {right}. {in_words(self.differences)}"


def in_words(others: Mapping[str, Paired]) -> str:
    """Which of the differences are more than the seeds' spread explains, and which are not."""
    told = []
    for size, apart in (("more", True), ("no more", False)):
        names = [f"{name} ({points(other)})" for name, other in others.items() if other.told_apart == apart]
        if names:
            told.append(f"by {size} than the seeds' spread: {', '.join(names)}")
    return f"From that differ, in points, {'; '.join(told)}"


def draw_curve(axes: Axes, group: Group, metric: str, color: str, label: str) -> None:
    """The metric by epoch: the mean over seeds, and a band from the lowest to the highest."""
    band(axes, *aligned(learning_curves(group, metric)), color, label)


def draw_seeds(axes: Axes, measured: Mapping[str, Sequence[float]]) -> None:
    """A row for each name, the first at the top: a dot for each seed, their mean, and the 95 % interval of it."""
    for row, numbers in enumerate(measured.values()):
        strip(axes, row, numbers, BLUE)
    axes.use_sticky_edges = False  # of bars, which would leave no room beside the outermost
    axes.set_yticks(range(len(measured)), list(measured))
    axes.invert_yaxis()
    axes.grid(alpha=0.3)


def finish_curves(axes: Axes, title: str, ylabel: str = "validation loss") -> None:
    """Of losses by epoch: the titles, a log scale, a legend."""
    axes.set(xlabel="epoch", ylabel=ylabel, title=title)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    log_scale(axes)
    axes.legend()


def seeds_and_curves(accuracies: Accuracies, drawn: Mapping[str, Group], title: str) -> Figure:
    """The test accuracy of each seed; and, of the groups that are drawn, the validation loss by epoch."""
    drawing = Figure(figsize=(11, 4.5), layout="constrained")
    seeds, curves = drawing.subplots(1, 2)
    draw_seeds(seeds, accuracies.right)
    seeds.set(xlabel="test accuracy (%)", title="Each seed, and the 95 % interval of their mean")
    for color, (label, group) in zip(PALETTE, drawn.items()):
        draw_curve(curves, group, "validation/loss", color, label)
    finish_curves(curves, title)
    return drawing


def log_scale(axes: Axes) -> None:
    """A log scale upwards, with numbers that people read: 0.1, 0.2, 0.3, 0.5, 1."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(alpha=0.3)


def percent(fractions: Iterable[float]) -> str:
    """Mean and standard deviation: ``98.41 ± 0.05 %``."""
    known = summary([100 * fraction for fraction in fractions])
    spread = "" if known.sd is None else f" ± {known.sd:.2f}"
    return f"{known.mean:.2f}{spread} %"


def shown(epoch: float) -> str:
    """``never`` where it is infinite."""
    return f"{epoch:.0f}" if epoch < math.inf else "never"


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
