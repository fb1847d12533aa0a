"""Numbers that were predicted, beside the true ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainrule.contract.data import Data
from chainrule.pictures.page import (
    BLUE,
    GREY,
    INK,
    VERMILLION,
    class_colors,
    drawable,
    legend_above,
    new_page,
    place_axes,
)
from chainrule.pictures.said import (
    MOST_POINTS,
    Predict,
    as_columns,
    data_range,
    feature_name,
    shown_split,
    train_and_shown,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def fitted_line(data: Data, predict: Predict, title: str) -> Figure:
    """The data along its one input, and what the network says there."""
    low, high = data_range(np.concatenate([split.x for split in data.splits.values()]), 0.05)
    line = np.linspace(low, high, 400)
    figure = new_page(6.4, 4.3, title)
    axes = place_axes(figure, 0.75, 0.5, 5.45, 3.1)
    for (name, split), marker, edge in zip(train_and_shown(data).items(), "oD", ("white", INK)):
        x, y = (part[:MOST_POINTS] for part in split)
        axes.plot(x, y, marker, color=BLUE, markersize=4.5, markeredgecolor=edge, markeredgewidth=0.5, label=name)
    axes.plot(line, drawable(predict(line)), color=VERMILLION, linewidth=2, label="prediction")
    axes.set(xlabel=feature_name(data, 0), ylabel="target")
    legend_above(axes)
    return figure


def predicted_vs_true(data: Data, predict: Predict, title: str) -> Figure:
    """Each prediction against its target; a perfect network puts all of them on the diagonal."""
    name, (x, y) = shown_split(data)
    true, said = as_columns(y[:MOST_POINTS]), drawable(as_columns(predict(x[:MOST_POINTS])))
    error = np.sqrt(np.mean((said - true) ** 2))
    limits = np.ravel(data_range(np.append(true, said[np.isfinite(said)])[:, None], 0.05))
    figure = new_page(5.0, 5.2, title, f"{name}: root mean squared error {error:.4g}")
    axes = place_axes(figure, 0.75, 0.5, 3.9, 3.9)
    for k, color in enumerate(class_colors(data.classes)):
        label = f"{name} sample" if data.classes == 1 else f"target {k + 1}"
        look = {"color": color, "markersize": 4.5, "markeredgecolor": "white", "markeredgewidth": 0.4}
        axes.plot(true[:, k], said[:, k], "o", label=label, **look)
    axes.plot(limits, limits, "--", color=GREY, linewidth=1, label="perfect")
    axes.set(xlabel="true value", ylabel="predicted value", xlim=limits, ylim=limits)
    if data.classes <= 3:  # the room above
        legend_above(axes)
    return figure
