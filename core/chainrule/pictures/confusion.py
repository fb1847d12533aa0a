"""Which class is taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.pictures.page import INK, color_bar, new_page, place_axes
from chainrule.words import cut

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def confusion_matrix(counts: Array, class_names: Sequence[str], title: str, split: str = "") -> Figure:
    """True classes down, predicted ones across; coloured by the share of the true class.

    Args:
        counts: ``(true, predicted)``. The numbers are left out for more than 20 classes.
    """
    n, total, right = len(counts), int(counts.sum()), int(np.trace(counts))
    names = [cut(name, 16) for name in class_names] if len(class_names) == n else [str(i) for i in range(n)]
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
