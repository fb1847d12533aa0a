"""The loss and other metrics by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from chainrule.pictures.lettering import fitted
from chainrule.pictures.page import (
    GREY,
    SPLIT_COLORS,
    VERMILLION,
    drawable,
    legend_above,
    new_page,
    place_axes,
    scale_by_decades,
    spans_decades,
)
from chainrule.words import in_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Epochs: TypeAlias = Mapping[str, Sequence[float]]
MOST_EPOCHS = 1000  # points of a curve


def curves(history: Epochs, title: str) -> Figure:
    """The loss by epoch, and beside it up to two other metrics. The epoch of the lowest validation loss is marked."""
    names = [name.partition("/") for name in history]
    metrics = dict.fromkeys(metric for split, _, metric in names if split in SPLIT_COLORS)
    panels = sorted(metrics, key=lambda name: (name != "loss", name == "penalty"))[:3] or ["loss"]
    width = 6.4 if len(panels) == 1 else 4.8
    figure = new_page(width * len(panels), 3.7, title)
    for i, name in enumerate(panels):
        draw_curve(place_axes(figure, i * width + 0.75, 0.5, width - 0.95, 2.5), history, name)
    return figure


def draw_curve(axes: Axes, history: Epochs, name: str) -> None:
    """One value per epoch, for training and validation; the epoch of the lowest validation loss is marked."""
    from matplotlib.ticker import MaxNLocator

    gaps, drawn = [], [np.empty(0)]
    for split, color in SPLIT_COLORS.items():
        values = drawable(history.get(f"{split}/{name}", ()))
        finite = np.isfinite(values)
        missing = np.flatnonzero(~finite)
        if len(missing):
            gaps.append(f"{split} in {missing[0] + 1}{', ...' if len(missing) > 1 else ''}")
        if len(missing) < len(values):
            shown = np.unique(np.linspace(0, len(values) - 1, MOST_EPOCHS).astype(int))  # all, up to so many
            marker = "o" if finite.sum() <= 30 else ""
            axes.plot(shown + 1, values[shown], color=color, marker=marker, markersize=3.5, linewidth=1.5, label=split)
            drawn.append(values[finite])

    best = lowest_loss_epoch(history)
    at_best = drawable(history.get(f"validation/{name}", ()))[best - 1 : best]
    if np.isfinite(at_best).any():
        label = f"lowest{'' if name == 'loss' else ' loss'} (epoch {best}): {at_best[0]:.4g}"
        axes.axvline(best, color=GREY, linewidth=0.8, linestyle=":")
        axes.plot([best], at_best, "*", color=VERMILLION, markersize=12, markeredgecolor="white", label=label)

    numbers = np.concatenate(drawn)
    if len(numbers):
        legend_above(axes)
    else:
        axes.text(0.5, 0.5, "no finite value", transform=axes.transAxes, ha="center", color=GREY)
    if name == "loss" and spans_decades(numbers):
        scale_by_decades(axes)
    epochs = max(len(values) for values in history.values())
    room = max(0.3, 0.03 * epochs)
    axes.set(
        xlabel=f"epoch (not finite: {'; '.join(gaps)})" if gaps else "epoch", ylabel=fitted(in_words(name), 2.5, 10)
    )
    axes.set_xlim(1 - room, epochs + room)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))


def lowest_loss_epoch(history: Epochs) -> int:
    """The epoch, from 1, of the lowest validation loss; 0 where there is none."""
    losses = drawable(history.get("validation/loss", ()))
    return int(np.nanargmin(losses)) + 1 if np.isfinite(losses).any() else 0
