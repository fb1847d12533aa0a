"""What the network says of every point of the plane."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.contract.data import Data
from chainrule.pictures.lettering import told_apart, widest
from chainrule.pictures.page import GREY, INK, as_rgb_values, class_colors, legend_beside, new_page, place_axes
from chainrule.pictures.said import (
    MOST_POINTS,
    Predict,
    accuracies,
    by_class,
    data_range,
    feature_name,
    train_and_shown,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FEW = 12  # distinct inputs that are labelled one by one
GRID = 160  # points of the plane, each way


def decision_boundary(data: Data, predict: Predict, title: str) -> Figure:
    """What the network says of every point of the plane, with the data on it.

    The colour is the predicted class's, the paler the less sure. Where there are only a few distinct points, as in XOR,
    each shows its target, and the probability that the network gives to that.
    """
    from matplotlib.lines import Line2D

    x = np.concatenate([split.x for split in data.splits.values()])
    y = np.concatenate([split.y for split in data.splits.values()])
    distinct = np.unique(x, axis=0, return_index=True)[1]
    few = len(distinct) <= FEW
    low, high = data_range(x, 0.4 if few else 0.1)
    across, up = np.linspace(low, high, GRID).T
    plane = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    said = by_class(predict(plane)).reshape(GRID, GRID, -1)
    colors = as_rgb_values(class_colors(data.classes))

    ratio = (high[1] - low[1]) / (high[0] - low[0])
    ratio = ratio if 1 / 3 < ratio < 3 else 1.0  # true to scale, unless that would make a strip of it
    width, height = min(4.6, 4.6 / ratio), min(4.6, 4.6 * ratio)
    labels = [f"class {name}" for name in told_apart(data.class_names, 1.6, 8.5)]
    beside = 0.65 + widest([*labels, "validation"], 8.5)
    explained = "; in each circle its target, below it the probability given to that" if few else ""
    figure = new_page(0.75 + width + beside, height + 1.2, title, accuracies(data, predict) + explained)
    axes = place_axes(figure, 0.75, 0.5, width, height)
    axes.grid(visible=False)
    axes.set(xlabel=feature_name(data, 0), ylabel=feature_name(data, 1))
    extent = (low[0], high[0], low[1], high[1])
    axes.imshow(shaded(said, colors), extent=extent, origin="lower", aspect="auto", interpolation="bilinear")
    for lead in leads(said):
        if lead.min() < 0 < lead.max():
            axes.contour(across, up, lead, levels=[0], colors=INK, linewidths=1)

    handles = [Line2D([], [], color=color, marker="s", linestyle="", markersize=8) for color in colors]
    if few:
        x, y = x[distinct], y[distinct]
        given = by_class(predict(x))[np.arange(len(x)), y]
        axes.scatter(x[:, 0], x[:, 1], s=420, color=colors[y], edgecolors="white", linewidths=2)
        for point, target, p in zip(x, y, given):
            axes.annotate(f"{target}", point, ha="center", va="center", color="white", fontsize=12)
            axes.annotate(
                f"P({target}) = {p:.2f}", point, (0, -22), textcoords="offset points", ha="center", fontsize=8
            )
    else:
        for (name, split), marker, edge in zip(train_and_shown(data).items(), "oD", ("white", INK)):
            x, y = (part[:MOST_POINTS] for part in split)
            axes.scatter(x[:, 0], x[:, 1], s=20, marker=marker, color=colors[y], edgecolors=edge, linewidths=0.6)
            handles.append(Line2D([], [], color=GREY, marker=marker, markeredgecolor=edge, linestyle="", markersize=6))
            labels.append(name)
    legend_beside(axes, handles, labels)
    return figure


def shaded(said: Array, colors: Array) -> Array:
    """An image of the predicted classes' colours, white where the network has no opinion."""
    chance = 1 / said.shape[-1]
    sure = np.nan_to_num(said.max(axis=-1, keepdims=True) - chance) / (1 - chance)
    strength = 0.6 * np.clip(sure, 0, 1)
    shaded: Array = 1 - strength + strength * colors[said.argmax(axis=-1)]
    return shaded.clip(0, 1)  # rounding may lead out of it, and matplotlib would say so


def leads(said: Array) -> Iterator[Array]:
    """For each class, by how much it leads the best other one: 0 where its region ends."""
    for k in range(said.shape[-1]):
        yield said[..., k] - np.delete(said, k, axis=-1).max(axis=-1)
