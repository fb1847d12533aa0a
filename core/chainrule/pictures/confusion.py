"""Which class is taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.pictures.lettering import fitted, told_apart, widest, width
from chainrule.pictures.page import GREY, INK, color_bar, new_page, place_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

SIZE = 8.5  # of names, in points
NUMBERED = 20  # so many classes at most have numbers in their cells
NAMED = 25  # so many at most are named
RIGHT = "#E3EAF0"  # the diagonal: however full, it leaves the colours to the mistakes


def confusion_matrix(counts: Array, class_names: Sequence[str], title: str, split: str = "") -> Figure:
    """True classes down, predicted ones across, and each true class's recall. Mistakes alone are coloured, by the share
    of their true class: of few there is as much to see as of many.

    Args:
        counts: ``(true, predicted)``. The numbers are left out for more than 20 classes.
    """
    n, total, right = len(counts), int(counts.sum()), int(np.trace(counts))
    names = class_names if len(class_names) == n else range(n)
    ticks = range(0, n, -(-n // NAMED))
    labels = told_apart([names[i] for i in ticks], 1.5, SIZE)
    longest = widest(labels, SIZE)
    side = max(2.6, 0.55 * n) if n <= 10 else 0.46 * n if n <= NUMBERED else 6.5
    slanted = longest > 0.9 * side / len(ticks)
    left, bottom = 0.6 + longest, 0.5 + (0.71 * longest if slanted else 0)
    page = (left + side + 1.6, bottom + side + 0.95)
    mistakes = np.where(np.eye(n, dtype=bool), 0, counts)
    share = mistakes / np.maximum(counts.sum(axis=1, keepdims=True), 1)

    caption = f"{split} accuracy {right / max(total, 1):.1%} ({right:,} of {total:,})".strip()
    if n > NUMBERED and mistakes.any():
        pair = np.unravel_index(mistakes.argmax(), mistakes.shape)
        true, said = told_apart([names[int(i)] for i in pair], 1.2, SIZE)
        caption += f"; most often {true} is taken for {said}, {mistakes.max():,} times"
    figure = new_page(*page, title, fitted(caption, page[0] - 0.24, SIZE))
    axes = place_axes(figure, left, bottom, side, side)
    image = draw_mistakes(axes, share)
    if mistakes.any():
        color_bar(figure, image, left + side + 0.68, bottom, side, "mistakes, share of the true class", percent=True)
    axes.set_yticks(ticks, labels)
    turned: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if slanted else {}
    axes.set_xticks(ticks, labels, **turned)
    axes.set(xlabel="predicted class", ylabel="true class")
    if n <= NUMBERED:
        write_counts(axes, counts, share, side / n)
    if n <= NAMED:
        write_recall(axes, counts)
    return figure


def draw_mistakes(axes: Axes, share: Array) -> AxesImage:
    """A square for each pair of classes: white without a mistake, a tint that can be seen for the rarest."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap, PowerNorm

    n = len(share)
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    colors = ListedColormap(colormaps["Oranges"](np.linspace(0.12, 1, 256)))
    scale = PowerNorm(0.5, vmin=0, vmax=share.max() or 1)  # one bad pair does not make all others pale
    image = axes.imshow(np.ma.masked_equal(share, 0), cmap=colors, norm=scale, aspect="auto")
    axes.imshow(np.ma.masked_equal(np.eye(n), 0), cmap=ListedColormap([RIGHT]), aspect="auto")
    edges = np.arange(n + 1) - 0.5
    for lines in (axes.hlines, axes.vlines):
        lines(edges if n <= NAMED else edges[[0, -1]], -0.5, n - 0.5, color="#DDDDDD", linewidth=0.6, clip_on=False)
    return image


def write_counts(axes: Axes, counts: Array, share: Array, cell: float) -> None:
    """A number into each cell that has one, as large as a cell of so many inches holds."""
    widest_number = width(f"{counts.max():,}", SIZE)
    size = min(SIZE, SIZE * 0.9 * cell / widest_number)
    dark = 0.4 * share.max()  # of the scale's root, 0.63
    for i, j in np.argwhere((counts > 0) | np.eye(len(counts), dtype=bool)):
        color = "white" if share[i, j] > dark else INK
        axes.text(j, i, f"{counts[i, j]:,}", ha="center", va="center", fontsize=size, color=color)


def write_recall(axes: Axes, counts: Array) -> None:
    """Of each true class, the share that was found, beside its row."""
    beside = axes.get_yaxis_transform()
    axes.text(1.02, 1.01, "recall, %", transform=axes.transAxes, va="bottom", fontsize=8, color=GREY)
    for i, (right, of_class) in enumerate(zip(np.diag(counts), counts.sum(axis=1))):
        said = f"{100 * right / of_class:.1f}" if of_class else "-"
        axes.text(1.02, i, said, transform=beside, va="center", fontsize=8, color=INK)
