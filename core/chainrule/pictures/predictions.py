"""Images with what the network says of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.contract.data import Data
from chainrule.pictures.curves import Epochs, draw_curve
from chainrule.pictures.lettering import DPI, told_apart
from chainrule.pictures.page import BLUE, VERMILLION, as_rgb_values, new_page, place_axes
from chainrule.pictures.said import MOST_PREDICTED, Predict, classified, shown_split

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PER_ROW = 8  # images


def predictions(history: Epochs, data: Data, predict: Predict, title: str) -> Figure:
    """Images with what the network says of each; below, across the page, the loss curve.

    The first two rows hold the first images of the test split (of validation or training where there is none), which
    shows what is usual. The last row holds the wrong answers that the network is surest of.
    """
    name, (x, y) = shown_split(data)
    y = y[:MOST_PREDICTED]
    predicted, confidence = classified(predict(x[:MOST_PREDICTED]))
    wrong = np.flatnonzero(predicted != y)
    surest = wrong[np.argsort(-confidence[wrong], kind="stable")][:PER_ROW]
    first = np.arange(min(len(y), 2 * PER_ROW))
    rows = [row for row in (first[:PER_ROW], first[PER_ROW:], surest) if len(row)]

    some = "all" if len(first) == len(y) else f"the first {len(first)}"
    mistakes = "the only mistake" if len(wrong) == 1 else f"the {len(surest)} surest of {len(wrong):,} mistakes"
    caption = (
        f"{len(y) - len(wrong):,} of {len(y):,} {name} images right ({1 - len(wrong) / len(y):.1%}). Shown: {some}"
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
    seen = sorted({*predicted[np.concatenate(rows)], *y[np.concatenate(rows)]})
    names = dict(zip(seen, told_apart([data.class_names[k] for k in seen], 0.75, 8)))
    places = [(row, column, i) for row, shown in enumerate(rows) for column, i in enumerate(shown)]
    for (row, column, i), image in zip(places, images):
        mark, color, frame = ("✓", BLUE, 1) if predicted[i] == y[i] else ("✗", VERMILLION, 3)
        top, left = row * step_y + 36, column * step_x + (step_x - width) // 2
        page[top - frame : top + height + frame, left - frame : left + width + frame] = 255 * as_rgb_values([color])[0]
        page[top : top + height, left : left + width] = image
        said, true = names[predicted[i]], names[y[i]]
        text = f"{mark} {said} {confidence[i]:.0%}\ntrue: {true}"
        at = (left + width / 2, top - 4)
        axes.text(*at, text, ha="center", va="bottom", fontsize=8, color=color)
    axes.imshow(page, extent=(0, page.shape[1], page.shape[0], 0), aspect="auto", interpolation="nearest")
    if curve_height:
        draw_curve(place_axes(figure, 0.75, 0.5, page_width - 1.0, curve_height - 0.8), history, "loss")
    return figure


def as_rgb(images: Array) -> Array:
    """``(n, height, width, 3)`` bytes. 0 is black and 1 is white, or whatever lies beyond them."""
    low, high = min(0.0, float(images.min())), max(1.0, float(images.max()))
    levels = (255 * ((images - low) / (high - low))).astype(np.uint8)
    channels = levels[..., None] if levels.ndim == 3 else levels
    return np.repeat(channels, 3, axis=3) if channels.shape[3] == 1 else channels


def enlarged(images: Array) -> Array:
    """The longer side near to 96 pixels, by repeating pixels or by leaving some out."""
    factor = 96 / max(images.shape[1:3])
    factor = round(factor) if factor > 1 else factor
    rows, columns = ((np.arange(max(1, int(n * factor))) / factor).astype(int) for n in images.shape[1:3])
    return images[:, rows[:, None], columns]
