"""Every picture that a run leaves: one function builds each as a matplotlib ``Figure``, and ``draw_all`` saves them.

Only figure objects and the Agg canvas are used, no pyplot and nothing else that is shared, so that any thread may draw.
Axes are placed by hand, in inches, and many small things are drawn as one: matplotlib's automatic layout draws a figure
twice, and an artist costs half a millisecond. Nothing in a file depends on the clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.arrays import Array
from chainrule.data import Data
from chainrule.drawing import (
    BLUE,
    DPI,
    GREY,
    INK,
    MOST_PREDICTED,
    SPLIT_COLORS,
    VERMILLION,
    History,
    Predict,
    accuracies,
    as_columns,
    as_rgb,
    as_rgb_values,
    by_class,
    class_colors,
    classified,
    color_bar,
    data_range,
    draw_curve,
    drawable,
    enlarged,
    feature_name,
    in_words,
    leads,
    legend_above,
    new_page,
    of_last_split,
    place_axes,
    save,
    shaded,
    shortened,
    shown_split,
    train_and_shown,
)
from chainrule.garbage import searched_later

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_POINTS = 2000  # of a scatter
PER_ROW = 8  # images
FEW = 12  # distinct inputs that are labelled one by one
GRID = 160  # points of the plane, each way


def draw_all(
    folder: Path, history: History, data: Data, predict: Predict, title: str, arrays: Mapping[str, Array]
) -> list[Path]:
    """Draw what suits the data, and return the paths of the PNG files.

    Args:
        folder: where they go.
        history: one value per epoch, by name: ``"train/loss"``, ``"validation/accuracy"``. May hold NaN.
        predict: takes inputs, ``(batch, *input_shape)``, and gives what the output layer does, ``(batch, units)``.
        title: the run's name, at the top of each picture.
        arrays: array-valued metrics, by name: ``"test/confusion_matrix"``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    with searched_later():
        for name, figure in figures(history, data, predict, title, arrays):
            paths.append(folder / f"{name}.png")
            save(figure, paths[-1])
    return paths


def figures(
    history: History, data: Data, predict: Predict, title: str, arrays: Mapping[str, Array]
) -> Iterator[tuple[str, Figure]]:
    """The name and the figure of each picture that suits the data."""
    regression, shape = data.task == "regression", data.input_shape
    if any(len(values) for values in history.values()):
        yield "curves", curves(history, title)
    if not regression and (len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3))):
        yield "predictions", predictions(history, data, predict, title)
    if not regression and shape == (2,):
        yield "decision_boundary", decision_boundary(data, predict, title)
    if regression and shape == (1,) and data.classes == 1:
        yield "fit", fit(data, predict, title)
    if regression:
        yield "predicted_vs_true", predicted_vs_true(data, predict, title)
    for metric, (split, array) in of_last_split(arrays).items():
        if array.shape == (data.classes, data.classes) and np.issubdtype(array.dtype, np.integer):
            yield metric, confusion_matrix(array, data.class_names, title, split)
        elif array.ndim in (1, 2):
            yield metric, array_metric(array, data.class_names, title, f"{split} {in_words(metric)}".strip())


# One function for each picture.


def curves(history: History, title: str) -> Figure:
    """The loss by epoch, and beside it up to two other metrics. The epoch of the lowest validation loss is marked."""
    names = [name.partition("/") for name in history]
    metrics = dict.fromkeys(metric for split, _, metric in names if split in SPLIT_COLORS)
    panels = sorted(metrics, key=lambda name: (name != "loss", name == "penalty"))[:3] or ["loss"]
    width = 6.4 if len(panels) == 1 else 4.8
    figure = new_page(width * len(panels), 3.7, title)
    for i, name in enumerate(panels):
        draw_curve(place_axes(figure, i * width + 0.75, 0.5, width - 0.95, 2.5), history, name)
    return figure


def predictions(history: History, data: Data, predict: Predict, title: str) -> Figure:
    """Images with what the network says of each; below, across the page, the loss curve.

    The first two rows hold the first images of the test split (of validation or training where there is none), which
    shows what is usual. The last row holds the wrong answers that the network is surest of.
    """
    name, (x, y) = shown_split(data)
    x, y = x[:MOST_PREDICTED], y[:MOST_PREDICTED]
    predicted, confidence = classified(predict(x))
    wrong = np.flatnonzero(predicted != y)
    surest = wrong[np.argsort(-confidence[wrong], kind="stable")][:PER_ROW]
    first = np.arange(min(len(x), 2 * PER_ROW))
    rows = [row for row in (first[:PER_ROW], first[PER_ROW:], surest) if len(row)]

    some = "all" if len(first) == len(x) else f"the first {len(first)}"
    mistakes = "the only mistake" if len(wrong) == 1 else f"the {len(surest)} surest of {len(wrong):,} mistakes"
    caption = (
        f"{len(x) - len(wrong):,} of {len(x):,} {name} images right ({1 - len(wrong) / len(x):.1%}). Shown: {some}"
        f"{f', then {mistakes}' if len(wrong) else '; there are no mistakes'}. "
        "Above each: prediction, confidence, true class."
    )

    # All images are one, in pixels of the page, with white between them and room for two lines of text above each.
    images = enlarged(as_rgb(x[np.concatenate(rows)]))
    height, width = images.shape[1:3]
    step_x, step_y = max(124, width + 14), height + 44
    page = np.full((len(rows) * step_y, PER_ROW * step_x, 3), 255, np.uint8)
    page_width, page_height = page.shape[1] / DPI, page.shape[0] / DPI
    curve_height = 2.5 if "train/loss" in history else 0.0
    figure = new_page(page_width, page_height + curve_height + 0.7, title, caption)
    axes = place_axes(figure, 0, curve_height, page_width, page_height)
    axes.axis("off")
    places = [(row, column, i) for row, shown in enumerate(rows) for column, i in enumerate(shown)]
    for (row, column, i), image in zip(places, images):
        mark, color, frame = ("✓", BLUE, 1) if predicted[i] == y[i] else ("✗", VERMILLION, 3)
        top, left = row * step_y + 36, column * step_x + (step_x - width) // 2
        page[top - frame : top + height + frame, left - frame : left + width + frame] = 255 * as_rgb_values([color])[0]
        page[top : top + height, left : left + width] = image
        said, true = (shortened(data.class_names[k], 11) for k in (predicted[i], y[i]))
        text = f"{mark} {said} {confidence[i]:.0%}\ntrue: {true}"
        at = (left + width / 2, top - 4)
        axes.text(*at, text, ha="center", va="bottom", fontsize=8, color=color, parse_math=False)
    axes.imshow(page, extent=(0, page.shape[1], page.shape[0], 0), aspect="auto", interpolation="nearest")
    if curve_height:
        draw_curve(place_axes(figure, 0.75, 0.5, page_width - 1.0, curve_height - 0.8), history, "loss")
    return figure


def confusion_matrix(counts: Array, class_names: Sequence[str], title: str, split: str = "") -> Figure:
    """True classes down, predicted ones across; coloured by the share of the true class.

    Args:
        counts: ``(true, predicted)``. The numbers are left out for more than 20 classes.
    """
    n, total, right = len(counts), int(counts.sum()), int(np.trace(counts))
    names = [shortened(name, 16) for name in class_names] if len(class_names) == n else [str(i) for i in range(n)]
    ticks = range(0, n, -(-n // 25))
    longest = 0.075 * max(map(len, names))
    side = max(2.6, 0.55 * n) if n <= 10 else 0.46 * n if n <= 20 else 6.5
    slanted = longest > side / len(ticks)
    left, bottom = 0.55 + longest, 0.5 + 0.75 * longest * slanted
    caption = f"{split} accuracy {right / max(total, 1):.1%} ({right:,} of {total:,})".strip()
    figure = new_page(left + side + 0.95, bottom + side + 0.75, title, caption)
    axes = place_axes(figure, left, bottom, side, side)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    labels = [names[i] for i in ticks]
    axes.set_yticks(ticks, labels, parse_math=False)
    turned: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if slanted else {}
    axes.set_xticks(ticks, labels, parse_math=False, **turned)
    axes.set(xlabel="predicted class", ylabel="true class")
    if n <= 20:
        for i, j in np.argwhere((counts > 0) | (n <= 10)):
            color = "white" if share[i, j] > 0.5 else INK if counts[i, j] else "#AAAAAA"
            axes.text(j, i, f"{counts[i, j]:,}", ha="center", va="center", fontsize=8, color=color)
    color_bar(figure, image, left + side + 0.12, bottom, side, "share of the true class")
    return figure


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
    labels = [f"class {shortened(name, 20)}" for name in data.class_names]
    beside = 0.55 + max(map(len, [*labels, "validation"])) * 0.066
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
    axes.legend(handles, labels, loc="upper left", bbox_to_anchor=(1.02, 1.01), fontsize=8.5, frameon=False)
    return figure


def fit(data: Data, predict: Predict, title: str) -> Figure:
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


def array_metric(array: Array, class_names: Sequence[str], title: str, name: str) -> Figure:
    """Any other metric that is an array: ``(n,)`` as bars, by class where there are n classes; a matrix as colours."""
    if array.ndim == 2:
        figure = new_page(6.4, 5.6, title, name)
        axes = place_axes(figure, 0.75, 0.5, 4.6, 4.4)
        axes.grid(visible=False)
        image = axes.imshow(array, cmap="viridis", aspect="auto")
        color_bar(figure, image, 5.5, 0.5, 4.4, name)
        return figure
    by_class = len(class_names) == len(array)
    labels = [shortened(c, 16) for c in class_names] if by_class else []
    bottom = 0.5 + 0.05 * max(map(len, labels), default=0)
    figure = new_page(6.4, 3.2 + bottom, title)
    axes = place_axes(figure, 0.75, bottom, 5.45, 2.6)
    axes.bar(np.arange(len(array)), array, color=BLUE)
    axes.set(ylabel=name, xlabel="class" if by_class else "index")
    if by_class:
        axes.set_xticks(range(len(array)), labels, rotation=45, ha="right", rotation_mode="anchor", parse_math=False)
    return figure
