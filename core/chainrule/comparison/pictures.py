"""The two pictures of a comparison: the metric by group, each seed a point; and learning curves, mean and band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.comparison.groups import Comparison
from chainrule.comparison.inference import summary
from chainrule.comparison.wording import group_name
from chainrule.contract.arrays import Array
from chainrule.pictures.page import GREY, INK, PALETTE, drawable, new_page, place_axes, scale_by_decades, spans_decades
from chainrule.registry.goals import Goal
from chainrule.words import cut, in_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

MOST_CURVES = len(PALETTE) - 1  # black is for text
MOST_ROWS = 40
POINTS = 500  # of a curve
NAME = 34  # letters


def by_group(comparison: Comparison) -> Figure:
    """One row for each group, the best on top: its seeds as points, its mean as a line, the 95 % interval as a bar."""
    groups = comparison.counted[:MOST_ROWS]
    few = f"the best {MOST_ROWS} of {len(comparison.counted)} groups; " if len(comparison.counted) > MOST_ROWS else ""
    caption = f"{few}points: seeds; line and bar: mean and its 95 % interval; {comparison.goal.word} is better"
    height = 0.42 * len(groups) + 0.1
    figure = new_page(8.0, height + 1.2, comparison.title, caption)
    axes = place_axes(figure, 2.75, 0.5, 5.05, height)
    axes.grid(visible=False, axis="y")
    for row, (group, color) in enumerate(zip(groups, _colors(len(groups)))):
        heights = strip(axes, row, group.values, color)
        for index in group.outliers:
            name, place = f"seed {group.runs[index].seed}", (group.values[index], heights[index])
            axes.annotate(name, place, (5, 0), textcoords="offset points", va="center", fontsize=7, color=INK)
    names = [cut(group_name(comparison, group), NAME) for group in groups]
    axes.set_yticks(range(len(groups)), names, parse_math=False)
    axes.set(ylim=(len(groups) - 0.4, -0.6), xlabel=comparison.metric)
    _limit(axes, [value for group in groups for value in group.values])
    return figure


def curves(comparison: Comparison, name: str, series: Sequence[Sequence[Mapping[int, float]]]) -> Figure:
    """The metric of that name by epoch: the mean over seeds, and a band from the lowest to the highest of them.

    Args:
        series: for each of the best groups, for each of its seeds, the values by epoch.
    """
    few = (
        f"the best {len(series)} of {len(comparison.counted)} groups; " if len(series) < len(comparison.counted) else ""
    )
    caption = f"{few}mean over seeds, and a band from the lowest to the highest"
    figure = new_page(8.0, 4.4, comparison.title, caption)
    axes = place_axes(figure, 0.75, 0.5, 4.6, 3.35)
    drawn = [np.empty(0)]
    for group, runs, color in zip(comparison.counted, series, _colors(len(series))):
        there = [run for run in runs if run]
        if not there:
            continue
        epochs, values = aligned(there)
        if not band(axes, epochs, values, color, group_name(comparison, group)):
            caption = f"{few}mean and band over seeds; dotted: over those that still train"
        drawn.append(values[np.isfinite(values)])
    figure.texts[1].set_text(caption)
    if spans_decades(np.concatenate(drawn)) and comparison.goal is Goal.MIN:
        scale_by_decades(axes)
    axes.set(xlabel="epoch", ylabel=in_words(name))
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(
        handles, [cut(label, NAME) for label in labels], loc="upper left", bbox_to_anchor=(1.0, 1.02),
        fontsize=8.5, frameon=False,
    )  # fmt: skip
    return figure


def strip(axes: Axes, row: float, values: Sequence[float], color: str) -> Array:
    """Draw a group along a row: each seed a point, their mean a line, its 95 % interval a bar.

    Args:
        row: where, upwards; it is about 0.7 high.
        values: at least one; of a single one there is neither line nor bar.

    Returns:
        How high each point lies, in the order of the values: they are beside one another, as some may be equal.
    """
    known = summary(values)
    if known.low is not None and known.high is not None:
        axes.barh(row, known.high - known.low, 0.56, known.low, color=color, alpha=0.25, linewidth=0)
        axes.plot([known.mean] * 2, [row - 0.35, row + 0.35], color=color, linewidth=2)
    heights = row + (np.linspace(-0.2, 0.2, known.n) if known.n > 1 else np.zeros(1))
    axes.plot(values, heights, "o", color=color, markersize=4.5, markeredgecolor="white", markeredgewidth=0.6)
    return heights


def band(axes: Axes, epochs: ArrayLike, values: ArrayLike, color: str, label: str, **line: Any) -> bool:
    """Draw the mean over seeds as a line, and a band from the lowest to the highest of them.

    Args:
        epochs: shape (points,), or whatever else is drawn to the right.
        values: shape (seeds, points): NaN where a seed has none. There the mean of the others is a dotted line.
        line: more that matplotlib's ``plot`` takes.

    Returns:
        Whether each seed has a value at every point, so that nothing is dotted.
    """
    points, rows = np.asarray(epochs, float), drawable(values)
    count = np.isfinite(rows).sum(axis=0)
    mean = np.divide(np.nansum(rows, axis=0), count, out=np.full(len(points), np.nan), where=count > 0)
    whole = count == len(rows)
    axes.fill_between(points, *_range(rows), color=color, alpha=0.15, linewidth=0)
    axes.plot(points, np.where(whole, mean, np.nan), color=color, label=label, **{"linewidth": 1.6, **line})
    if not whole.all():
        axes.plot(points, mean, color=color, linewidth=1, linestyle=":")
    return bool(whole.all())


def aligned(runs: Sequence[Mapping[int, float]]) -> tuple[Array, Array]:
    """Curves of several runs on one scale, for ``band``; of long ones not every epoch is recorded.

    Args:
        runs: at least one, each with a value for at least one epoch.

    Returns:
        Epochs, shape (points,), at most 500 of them; and values, shape (runs, points): NaN after a run's end.
    """
    last = max(max(run) for run in runs)
    epochs = np.unique(np.linspace(min(min(run) for run in runs), last, POINTS).round())
    rows = [np.interp(epochs, list(run), drawable(list(run.values())), right=np.nan) for run in runs]
    return epochs, np.array(rows)


def _range(values: Array) -> tuple[Array, Array]:
    """The lowest and the highest in each column, of those that there are."""
    known = np.isfinite(values)
    low = np.where(known, values, np.inf).min(axis=0)
    high = np.where(known, values, -np.inf).max(axis=0)
    return drawable(low), drawable(high)


def _colors(n: int) -> list[str]:
    """The same for a group in both pictures, while they last."""
    return [*PALETTE[:MOST_CURVES], *[GREY] * (n - MOST_CURVES)][:n]


def _limit(axes: Axes, values: Sequence[float]) -> None:
    """Show all seeds; the intervals of two or three of them may be so wide that nothing else would be seen."""
    low, high = min(values), max(values)
    room = 0.5 * (high - low) or 0.05 * abs(high) or 1.0
    left, right = axes.get_xlim()
    axes.set_xlim(max(left, low - room), min(right, high + room))
