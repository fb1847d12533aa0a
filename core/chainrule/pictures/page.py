"""What the pictures share: a page, axes in one style, colours, a scale."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.errors import debugging
from chainrule.pictures.lettering import BOLD, DPI, fitted
from chainrule.words import error_in_words, one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import Formatter


# The colours of Okabe and Ito (2008), which colour-blind readers can tell apart; those that differ most come first.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
BLUE, VERMILLION, INK, GREY = "#0072B2", "#D55E00", "#222222", "#666666"
SPLIT_COLORS = {"train": BLUE, "validation": VERMILLION}
log = logging.getLogger(__name__)


def new_page(width: float, height: float, title: str, caption: str = "") -> Figure:
    """A white page, in inches, with the title and a line of text below it at the top."""
    from chainrule.pictures.sheet import Sheet

    figure = Sheet((width, height), dpi=DPI, facecolor="white")
    left, title_top, caption_top = 0.12 / width, 1 - 0.1 / height, 1 - 0.34 / height
    shown = fitted(title, width - 0.24, 11, BOLD)
    figure.text(left, title_top, shown, va="top", fontsize=11, fontweight=BOLD, color=INK)
    figure.text(left, caption_top, caption, va="top", fontsize=8.5, color=GREY)
    return figure


def place_axes(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Axes at a place in inches, in the style of all pictures."""
    page = figure.get_size_inches()
    axes = figure.add_axes((left / page[0], bottom / page[1], width / page[0], height / page[1]))
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8.5)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(plain_numbers())
    axes.grid(color="#E4E4E4", linewidth=0.6)
    axes.set_axisbelow(True)
    return axes


def save(draw: Callable[[], Figure], path: Path) -> bool:
    """Draw a figure into a PNG file. Whatever goes wrong there is a warning, as no picture is worth what it shows.

    Returns:
        Whether there is a file.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    try:
        drawn = io.BytesIO()
        FigureCanvasAgg(draw()).print_png(drawn, metadata={"Software": None})  # type: ignore[no-untyped-call]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(drawn.getvalue())
    except Exception as error:
        log.warning("%s is not drawn: %s", path.name, one_line(error_in_words(error)), exc_info=debugging())
        return False
    return True


def plain_numbers() -> Formatter:
    """Numbers beside an axis that are no formulas, whatever Matplotlib's settings say."""
    from matplotlib.ticker import ScalarFormatter

    return ScalarFormatter(useMathText=False, usetex=False)


def spans_decades(numbers: Array) -> bool:
    """Whether they are so far apart, by more than two decades, that only a log scale shows them."""
    positive = numbers[numbers > 0]
    return len(positive) > 0 and bool(numbers.min() >= 0 and positive.max() / 100 > positive.min())


def scale_by_decades(axes: Axes, along: Literal["x", "y"] = "y") -> None:
    from matplotlib.ticker import FuncFormatter, NullLocator

    axis = {"x": axes.xaxis, "y": axes.yaxis}[along]
    {"x": axes.set_xscale, "y": axes.set_yscale}[along]("log", nonpositive="mask" if along == "y" else "clip")
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))  # the usual 10^n is slow to typeset
    axis.set_minor_locator(NullLocator())


def drawable(values: Any) -> Array:
    """NaN, which leaves a gap, for what is infinite, or so large that matplotlib's own arithmetic overflows."""
    numbers = np.asarray(values, float)
    return np.where(np.abs(numbers) < 1e100, numbers, np.nan)


def legend_above(axes: Axes) -> None:
    """A legend in one row above the axes, where it hides nothing."""
    axes.legend(
        loc="lower left", bbox_to_anchor=(-0.02, 0.99), ncols=4, fontsize=8, frameon=False, borderpad=0.2,
        columnspacing=1.0, handlelength=1.3,
    )  # fmt: skip


def legend_beside(axes: Axes, handles: Sequence[Any], labels: Sequence[str]) -> None:
    """A legend to the right of the axes. The labels are put in later: Matplotlib leaves out what begins with "_"."""
    legend = axes.legend(
        handles, [" "] * len(labels), loc="upper left", bbox_to_anchor=(1.02, 1.01), fontsize=8.5, frameon=False
    )
    for text, label in zip(legend.get_texts(), labels):
        text.set_text(label)


def color_bar(
    figure: Figure, image: Any, left: float, bottom: float, height: float, label: str, percent: bool = False
) -> None:
    from matplotlib.ticker import PercentFormatter

    numbers = PercentFormatter(1) if percent else plain_numbers()
    bar = figure.colorbar(image, cax=place_axes(figure, left, bottom, 0.14, height), format=numbers)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8, length=2)
    bar.set_label(label, fontsize=8.5)


def as_rgb_values(colors: Sequence[Any]) -> Array:
    from matplotlib.colors import to_rgb

    return np.array([to_rgb(color) for color in colors])


def class_colors(n: int) -> list[Any]:
    """n colours: the palette, while it lasts."""
    if n <= len(PALETTE):
        return list(PALETTE[:n])
    from matplotlib import colormaps

    return list(colormaps["turbo"](np.linspace(0.05, 0.95, n)))
