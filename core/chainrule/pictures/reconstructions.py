"""Images with what a network that is to give them back made of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from chainrule.contract.data import Data
from chainrule.pictures.lettering import DPI
from chainrule.pictures.page import drawable, new_page, place_axes
from chainrule.pictures.predictions import PER_ROW, as_rgb, enlarged
from chainrule.pictures.said import MOST_POINTS, Predict, as_columns, shown_split

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROWS = 2  # of images, each with a row of its own below it
GAP = 14  # pixels of the page


def are_of_images(data: Data) -> bool:
    """Whether the targets of a regression are numbers for each pixel of the inputs, which are images."""
    shape = data.input_shape
    image = len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3))
    return image and math.prod(data.train.y.shape[1:]) == math.prod(shape)


def reconstructions(data: Data, predict: Predict, title: str) -> Figure:
    """The first images of the test split (of validation or training where there is none) as the targets have them, and
    below each what the network gives."""
    name, (x, y) = shown_split(data)
    x, y = x[:MOST_POINTS], as_columns(y[:MOST_POINTS])
    said = drawable(as_columns(predict(x)))
    error = np.mean((said - y) ** 2)
    shown = min(len(x), ROWS * PER_ROW)
    # What lies beyond the numbers of the targets is shown as the nearest of them, and what is none as the least.
    within = np.clip(np.nan_to_num(said[:shown], nan=y.min()), y.min(), y.max())
    both = enlarged(as_rgb(np.stack([y[:shown], within]).reshape(2 * shown, *data.input_shape)))
    height, width = both.shape[1:3]
    rows = math.ceil(shown / PER_ROW)
    page = np.full((rows * 2 * (height + GAP), PER_ROW * (width + GAP), 3), 255, np.uint8)
    for i in range(shown):
        for below, image in enumerate((both[i], both[shown + i])):
            top = (i // PER_ROW) * 2 * (height + GAP) + below * (height + GAP // 3)
            left = (i % PER_ROW) * (width + GAP) + GAP // 2
            page[top : top + height, left : left + width] = image
    page_width, page_height = page.shape[1] / DPI, page.shape[0] / DPI
    caption = f"{name}: mean squared error {error:.4g} a pixel. Below each image what the network gives."
    figure = new_page(page_width, page_height + 0.7, title, caption)
    axes = place_axes(figure, 0, 0, page_width, page_height)
    axes.axis("off")
    axes.imshow(page, extent=(0, page.shape[1], page.shape[0], 0), aspect="auto", interpolation="nearest")
    return figure
