"""What the pictures share: a page and axes in one style, a curve, colours, and what a network said as classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from chainrule.arrays import Array
from chainrule.data import Data, Split

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

History: TypeAlias = Mapping[str, Sequence[float]]
Predict: TypeAlias = Callable[[Array], Array]

# The colours of Okabe and Ito (2008), which colour-blind readers can tell apart; those that differ most come first.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
BLUE, VERMILLION, INK, GREY = "#0072B2", "#D55E00", "#222222", "#666666"
SPLIT_COLORS = {"train": BLUE, "validation": VERMILLION}
DPI = 100
MOST_EPOCHS = 1000  # points of a curve
MOST_PREDICTED = 10_000  # samples that are searched for mistakes


def new_page(width: float, height: float, title: str, caption: str = "") -> Figure:
    """A white page, in inches, with the title and a line of text below it at the top."""
    from matplotlib.figure import Figure

    figure = Figure((width, height), dpi=DPI, facecolor="white")
    left, title_top, caption_top = 0.12 / width, 1 - 0.1 / height, 1 - 0.34 / height
    shown = shortened(title, int(width / 0.098))
    figure.text(left, title_top, shown, va="top", fontsize=11, fontweight="bold", color=INK, parse_math=False)
    figure.text(left, caption_top, caption, va="top", fontsize=8.5, color=GREY, parse_math=False)
    return figure


def place_axes(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Axes at a place in inches, in the style of all pictures."""
    page = figure.get_size_inches()
    axes = figure.add_axes((left / page[0], bottom / page[1], width / page[0], height / page[1]))
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8.5)
    axes.xaxis.label.set_parse_math(False)
    axes.yaxis.label.set_parse_math(False)
    axes.grid(color="#E4E4E4", linewidth=0.6)
    axes.set_axisbelow(True)
    return axes


def save(figure: Figure, path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure).print_png(path, metadata={"Software": None})  # type: ignore[no-untyped-call]


def draw_curve(axes: Axes, history: History, name: str) -> None:
    """One value per epoch, for training and validation; the epoch of the lowest validation loss is marked."""
    from matplotlib.ticker import MaxNLocator

    gaps, drawn = [], [np.empty(0)]
    for split, color in SPLIT_COLORS.items():
        values = drawable(history.get(f"{split}/{name}", ()))
        finite = np.isfinite(values)
        missing = np.flatnonzero(~finite)
        if len(missing):
            gaps.append(f"{split} in {missing[0] + 1}{', ...' if len(missing) > 1 else ''}")
        if len(missing) < len(values):
            shown = np.unique(np.linspace(0, len(values) - 1, MOST_EPOCHS).astype(int))  # all, up to so many
            marker = "o" if finite.sum() <= 30 else ""
            axes.plot(shown + 1, values[shown], color=color, marker=marker, markersize=3.5, linewidth=1.5, label=split)
            drawn.append(values[finite])

    best = lowest_loss_epoch(history)
    at_best = drawable(history.get(f"validation/{name}", ()))[best - 1 : best]
    if np.isfinite(at_best).any():
        label = f"lowest{'' if name == 'loss' else ' loss'} (epoch {best}): {at_best[0]:.4g}"
        axes.axvline(best, color=GREY, linewidth=0.8, linestyle=":")
        axes.plot([best], at_best, "*", color=VERMILLION, markersize=12, markeredgecolor="white", label=label)

    numbers = np.concatenate(drawn)
    if len(numbers):
        legend_above(axes)
    else:
        axes.text(0.5, 0.5, "no finite value", transform=axes.transAxes, ha="center", color=GREY)
    if name == "loss" and spans_decades(numbers):
        scale_by_decades(axes)
    epochs = max(len(values) for values in history.values())
    room = max(0.3, 0.03 * epochs)
    axes.set(xlabel=f"epoch (not finite: {'; '.join(gaps)})" if gaps else "epoch", ylabel=in_words(name))
    axes.set_xlim(1 - room, epochs + room)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))


def lowest_loss_epoch(history: History) -> int:
    """The epoch, from 1, of the lowest validation loss; 0 where there is none."""
    losses = drawable(history.get("validation/loss", ()))
    return int(np.nanargmin(losses)) + 1 if np.isfinite(losses).any() else 0


def spans_decades(numbers: Array) -> bool:
    """Whether they are so far apart, by more than two decades, that only a log scale shows them."""
    positive = numbers[numbers > 0]
    return len(positive) > 0 and bool(numbers.min() >= 0 and positive.max() / 100 > positive.min())


def scale_by_decades(axes: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, NullLocator

    axes.set_yscale("log", nonpositive="mask")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))  # the usual 10^n is slow to typeset
    axes.yaxis.set_minor_locator(NullLocator())


def drawable(values: Any) -> Array:
    """NaN, which leaves a gap, for what is infinite, or so large that matplotlib's own arithmetic overflows."""
    numbers = np.asarray(values, float)
    return np.where(np.abs(numbers) < 1e100, numbers, np.nan)


def legend_above(axes: Axes) -> None:
    """A legend in one row above the axes, where it hides nothing."""
    axes.legend(
        loc="lower left", bbox_to_anchor=(-0.02, 0.99), ncols=4, fontsize=8.5, frameon=False, borderpad=0.2,
        columnspacing=1.4, handlelength=1.6,
    )  # fmt: skip


def color_bar(figure: Figure, image: Any, left: float, bottom: float, height: float, label: str) -> None:
    bar = figure.colorbar(image, cax=place_axes(figure, left, bottom, 0.14, height))
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8, length=2)
    bar.set_label(label, fontsize=8.5)


def shown_split(data: Data) -> tuple[str, Split]:
    """Test data, or else validation, or else training."""
    return list(data.splits.items())[-1]


def train_and_shown(data: Data) -> dict[str, Split]:
    return {"train": data.train} | dict([shown_split(data)])


def of_last_split(arrays: Mapping[str, Array]) -> dict[str, tuple[str, Array]]:
    """For each metric, the split and the value of its test, or else validation, or else training."""
    chosen: dict[str, tuple[str, Array]] = {}
    for wanted in ("train", "validation", "test"):
        for name, array in arrays.items():
            split, _, metric = name.rpartition("/")
            if split == wanted:
                chosen[metric] = (split, np.asarray(array))
    return chosen


def by_class(output: Array) -> Array:
    """``(batch, classes)``: what the network gives to each class. One unit is the probability of class 1 of two."""
    columns = as_columns(output)
    return np.hstack([1 - columns, columns]) if columns.shape[1] == 1 else columns


def classified(output: Array) -> tuple[Array, Array]:
    """The predicted class of each sample, and what the network gives to it. Of equals the first: 0.5 is class 0."""
    said = by_class(output)
    predicted = said.argmax(axis=1)
    return predicted, said[np.arange(len(said)), predicted]


def as_columns(values: Array) -> Array:
    return values.reshape(len(values), -1)


def accuracies(data: Data, predict: Predict) -> str:
    """Of the training data and of the shown split."""
    splits = {name: [part[:MOST_PREDICTED] for part in split] for name, split in train_and_shown(data).items()}
    right = {name: np.mean(classified(predict(x))[0] == y) for name, (x, y) in splits.items()}
    return f"accuracy: {', '.join(f'{name} {share:.1%}' for name, share in right.items())}"


def data_range(x: Array, margin: float) -> tuple[Array, Array]:
    """The lowest and highest value of each column, and some room beyond them."""
    low, high = x.min(axis=0), x.max(axis=0)
    room = np.where(high > low, (high - low) * margin, 1.0)
    return low - room, high + room


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


def class_colors(n: int) -> list[Any]:
    """n colours: the palette, while it lasts."""
    if n <= len(PALETTE):
        return list(PALETTE[:n])
    from matplotlib import colormaps

    return list(colormaps["turbo"](np.linspace(0.05, 0.95, n)))


def as_rgb_values(colors: Sequence[Any]) -> Array:
    from matplotlib.colors import to_rgb

    return np.array([to_rgb(color) for color in colors])


def feature_name(data: Data, column: int) -> str:
    return shortened(data.feature_names[column], 40) if data.feature_names else f"x{column + 1}"


def in_words(name: str) -> str:
    return name.replace("_", " ")


def shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
