"""How much a network relies on each column of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.pictures.lettering import told_apart, widest
from chainrule.pictures.page import BLUE, INK, drawable, new_page, place_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZE = 8.5
SHOWN = 25


def importance(by_column: Mapping[str, Array], title: str, split: str) -> Figure:
    """The growth of the loss where a column is shuffled: its mean over the shuffles as a bar, each of them as a point.
    Of many columns the 25 with the largest are shown.

    Args:
        by_column: for each column, its importance in each shuffle, ``(repeats,)``.
        split: of the samples it was measured on.
    """
    means = {name: float(np.mean(drawable(values))) for name, values in by_column.items()}
    names = sorted(means, key=lambda name: -np.nan_to_num(means[name], nan=-np.inf))[:SHOWN]
    labels = told_apart(names, 2.2, SIZE)
    left, height = 0.3 + widest(labels, SIZE), 0.26 * len(names) + 0.15
    caption = f"growth of the {split} loss where a column is shuffled"
    if len(names) < len(by_column):
        caption += f"; the {len(names)} largest of {len(by_column)} columns"
    figure = new_page(left + 4.6, height + 1.3, title, caption)
    axes = place_axes(figure, left, 0.5, 4.3, height)
    rows = np.arange(len(names))
    axes.barh(rows, [means[name] for name in names], color=BLUE, height=0.7)
    values = drawable([by_column[name] for name in names])
    axes.plot(values.ravel(), np.repeat(rows, values.shape[1]), "o", color=INK, markersize=2.2, alpha=0.7)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_yticks(rows, labels)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.set(xlabel="growth of the loss")
    return figure
