"""Any other metric that is an array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.pictures.lettering import fitted, told_apart, widest
from chainrule.pictures.page import BLUE, color_bar, new_page, place_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def array_metric(array: Array, class_names: Sequence[str], title: str, name: str) -> Figure:
    """Any other metric that is an array: ``(n,)`` as bars, by class where there are n classes; a matrix as colours."""
    from matplotlib.ticker import MaxNLocator

    if array.ndim == 2:
        figure = new_page(6.4, 5.6, title, name)
        axes = place_axes(figure, 0.75, 0.5, 4.6, 4.4)
        axes.grid(visible=False)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(integer=True))
        image = axes.imshow(array, cmap="viridis", aspect="auto")
        color_bar(figure, image, 5.5, 0.5, 4.4, name)
        return figure
    by_class = len(class_names) == len(array)
    ticks = range(0, len(array), -(-len(array) // 40)) if by_class else range(0)
    labels = told_apart([class_names[i] for i in ticks], 1.4, 8.5)
    bottom = 0.55 + 0.71 * widest(labels, 8.5)
    figure = new_page(6.4, 3.2 + bottom, title)
    axes = place_axes(figure, 0.95, bottom, 5.25, 2.6)
    axes.bar(np.arange(len(array)), array, color=BLUE)
    axes.set(ylabel=fitted(name, 2.6, 10), xlabel="class" if by_class else "index")
    if by_class:
        axes.set_xticks(ticks, labels, rotation=45, ha="right", rotation_mode="anchor")
    return figure
