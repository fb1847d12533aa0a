"""The two pictures of a comparison: the metric by group, each seed a point; and learning curves, mean and band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.comparison.groups import Comparison, Group
from chainrule.comparison.inference import summary
from chainrule.comparison.wording import group_name
from chainrule.contract.arrays import Array
from chainrule.pictures.lettering import fitted, told_apart, widest
from chainrule.pictures.page import (
    GREY,
    INK,
    PALETTE,
    drawable,
    legend_beside,
    new_page,
    place_axes,
    scale_by_decades,
    spans_decades,
)
from chainrule.registry.goals import Goal
from chainrule.words import in_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

MOST_CURVES = len(PALETTE) - 1  # black is for text
MOST_ROWS = 40
POINTS = 500  # of a curve


def by_group(comparison: Comparison) -> Figure:
    """One row for each group, the best on top: its seeds as points, its mean as a line, the 95 % interval as a bar."""
    groups = comparison.counted[:MOST_ROWS]
    few = f"the best {MOST_ROWS} of {len(comparison.counted)} groups; " if len(comparison.counted) > MOST_ROWS else ""
    names = told_apart([group_name(comparison, group) for group in groups], 2.5, 8.5)
    left, height = 0.3 + widest(names, 8.5), 0.42 * len(groups) + 0.1
    figure = new_page(8.0, height + 1.2, comparison.title)
    axes = place_axes(figure, left, 0.5, 7.8 - left, height)
    axes.grid(visible=False, axis="y")
    colors = _colors(len(groups))
    seeds = [strip(axes, row, group.values, color) for row, (group, color) in enumerate(zip(groups, colors))]
    if comparison.goal is Goal.MIN and spans_decades(np.concatenate([group.values for group in groups])):
        scale_by_decades(axes, "x")
    arrow = "; arrow: it goes on" if show_intervals(axes, groups) else ""
    caption = f"{few}points: seeds; line and bar: mean and its 95 % interval{arrow}; {comparison.goal.word} is better"
    figure.texts[1].set_text(caption)
    across = axes.transData - axes.transAxes
    for group, heights in zip(groups, seeds):
        for index in group.outliers:
            inwards = 1 if across.transform((group.values[index], 0))[0] < 0.5 else -1
            axes.annotate(
                f"seed {group.runs[index].seed}", (group.values[index], heights[index]), (5 * inwards, 0),
                textcoords="offset points", ha="left" if inwards == 1 else "right", va="center", fontsize=7, color=INK,
            )  # fmt: skip
    axes.set_yticks(range(len(groups)), names)
    axes.set(ylim=(len(groups) - 0.4, -0.6), xlabel=fitted(comparison.metric, 5.0, 10))
    return figure


def curves(comparison: Comparison, name: str, series: Sequence[Sequence[Mapping[int, float]]]) -> Figure:
    """The metric of that name by epoch: the mean over seeds, and a band from the lowest to the highest of them.

    Args:
        series: for each of the best groups, for each of its seeds, the values by epoch.
    """
    from matplotlib.lines import Line2D
    from matplotlib.ticker import MaxNLocator

    few = (
        f"the best {len(series)} of {len(comparison.counted)} groups; " if len(series) < len(comparison.counted) else ""
    )
    caption = f"{few}mean over seeds, and a band from the lowest to the highest"
    figure = new_page(8.0, 4.4, comparison.title, caption)
    axes = place_axes(figure, 0.75, 0.5, 4.6, 3.35)
    drawn, handles, labels = [np.empty(0)], [], []
    for group, runs, color in zip(comparison.counted, series, _colors(len(series))):
        there = [run for run in runs if run]
        if not there:
            continue
        epochs, values = aligned(there)
        handles.append(Line2D([], [], color=color, linewidth=1.6))
        labels.append(group_name(comparison, group))
        if not band(axes, epochs, values, color, labels[-1]):
            caption = f"{few}mean and band over seeds; dotted: over those that still train"
        drawn.append(values[np.isfinite(values)])
    figure.texts[1].set_text(caption)
    if spans_decades(np.concatenate(drawn)) and comparison.goal is Goal.MIN:
        scale_by_decades(axes)
    axes.set(xlabel="epoch", ylabel=fitted(in_words(name), 3.2, 10))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    legend_beside(axes, handles, told_apart(labels, 2.0, 8.5))
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


def show_intervals(axes: Axes, groups: Sequence[Group]) -> bool:
    """Limits across with room beside all seeds and intervals.

    An interval that goes beyond the seeds by more than all of them are apart, as that of two seeds may, would squeeze
    what there is to compare: it is cut there, and an arrow points on.

    Returns:
        Whether any is cut.
    """
    log = axes.get_xscale() == "log"
    tiny = np.finfo(float).tiny

    def scaled(numbers: ArrayLike) -> Array:
        return np.log10(np.maximum(numbers, tiny)) if log else np.asarray(numbers, float)

    values = scaled(np.concatenate([group.values for group in groups]))
    spans = [(group.summary.low, group.summary.high) if group.summary else (None, None) for group in groups]
    known = {row: (start, end) for row, (start, end) in enumerate(spans) if start is not None and end is not None}
    ends = scaled(list(known.values())).reshape(-1, 2)
    low, high = values.min(), values.max()
    apart = (high - low) or 0.05 * abs(high) or 1.0
    beyond = 0.3 * apart if log else apart
    left = max(low - beyond, min([low, *ends[:, 0]]))
    right = min(high + beyond, max([high, *ends[:, 1]]))
    room = 0.04 * (right - left) or apart
    limits = np.array([left - room, right + room])
    axes.set_xlim(*(10**limits if log else limits))
    cut = [(row, 0, "<") for row, (start, _) in zip(known, ends) if start < left]
    cut += [(row, 1, ">") for row, (_, end) in zip(known, ends) if end > right]
    for row, edge, arrow in cut:
        axes.plot(edge, row, arrow, transform=axes.get_yaxis_transform(), color=GREY, markersize=6, clip_on=False)
    return bool(cut)
