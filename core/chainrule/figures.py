"""Every picture that a run leaves: one function builds each as a matplotlib ``Figure``, and ``draw_all`` saves them.

Only figure objects and the Agg canvas are used, no pyplot and nothing else that is shared, so that any thread may draw.
Axes are placed by hand, in inches, and many small things are drawn as one: matplotlib's automatic layout draws a figure
twice, and an artist costs half a millisecond. Nothing in a file depends on the clock.
"""

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
MOST_POINTS = 2000  # of a scatter
MOST_PREDICTED = 10_000  # samples that are searched for mistakes
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
    for name, figure in figures(history, data, predict, title, arrays):
        paths.append(folder / f"{name}.png")
        _save(figure, paths[-1])
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
    for metric, (split, array) in _of_last_split(arrays).items():
        if metric == "confusion_matrix":
            yield metric, confusion_matrix(array, data.class_names, title, split)
        elif array.ndim in (1, 2):
            yield metric, array_metric(array, data.class_names, title, f"{split} {_words(metric)}".strip())


# One function for each picture.


def curves(history: History, title: str) -> Figure:
    """The loss by epoch, and beside it up to two other metrics. The epoch of the lowest validation loss is marked."""
    names = [name.partition("/") for name in history]
    metrics = dict.fromkeys(metric for split, _, metric in names if split in SPLIT_COLORS)
    panels = sorted(metrics, key=lambda name: (name != "loss", name == "penalty"))[:3] or ["loss"]
    width = 6.4 if len(panels) == 1 else 4.8
    figure = _figure(width * len(panels), 3.7, title)
    for i, name in enumerate(panels):
        _draw_curve(_axes(figure, i * width + 0.75, 0.5, width - 0.95, 2.5), history, name)
    return figure


def predictions(history: History, data: Data, predict: Predict, title: str) -> Figure:
    """Images with what the network says of each; below, across the page, the loss curve.

    The first two rows hold the first images of the test split (of validation or training where there is none), which
    shows what is usual. The last row holds the wrong answers that the network is surest of.
    """
    name, (x, y) = _shown_split(data)
    x, y = x[:MOST_PREDICTED], y[:MOST_PREDICTED]
    predicted, confidence = _classified(predict(x))
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
    images = _resized(_as_rgb(x[np.concatenate(rows)]))
    height, width = images.shape[1:3]
    step_x, step_y = max(124, width + 14), height + 44
    page = np.full((len(rows) * step_y, PER_ROW * step_x, 3), 255, np.uint8)
    page_width, page_height = page.shape[1] / DPI, page.shape[0] / DPI
    curve_height = 2.5 if "train/loss" in history else 0.0
    figure = _figure(page_width, page_height + curve_height + 0.7, title, caption)
    axes = _axes(figure, 0, curve_height, page_width, page_height)
    axes.axis("off")
    places = [(row, column, i) for row, shown in enumerate(rows) for column, i in enumerate(shown)]
    for (row, column, i), image in zip(places, images):
        mark, color, frame = ("✓", BLUE, 1) if predicted[i] == y[i] else ("✗", VERMILLION, 3)
        top, left = row * step_y + 36, column * step_x + (step_x - width) // 2
        page[top - frame : top + height + frame, left - frame : left + width + frame] = 255 * _rgb([color])[0]
        page[top : top + height, left : left + width] = image
        said, true = (_short(data.class_names[k], 11) for k in (predicted[i], y[i]))
        text = f"{mark} {said} {confidence[i]:.0%}\ntrue: {true}"
        at = (left + width / 2, top - 4)
        axes.text(*at, text, ha="center", va="bottom", fontsize=8, color=color, parse_math=False)
    axes.imshow(page, extent=(0, page.shape[1], page.shape[0], 0), aspect="auto", interpolation="nearest")
    if curve_height:
        _draw_curve(_axes(figure, 0.75, 0.5, page_width - 1.0, curve_height - 0.8), history, "loss")
    return figure


def confusion_matrix(counts: Array, class_names: Sequence[str], title: str, split: str = "") -> Figure:
    """True classes down, predicted ones across; coloured by the share of the true class.

    Args:
        counts: ``(true, predicted)``. The numbers are left out for more than 20 classes.
    """
    n, total, right = len(counts), int(counts.sum()), int(np.trace(counts))
    names = [_short(name, 16) for name in class_names] if len(class_names) == n else [str(i) for i in range(n)]
    ticks = range(0, n, -(-n // 25))
    longest = 0.075 * max(map(len, names))
    side = max(2.6, 0.55 * n) if n <= 10 else 0.46 * n if n <= 20 else 6.5
    slanted = longest > side / len(ticks)
    left, bottom = 0.55 + longest, 0.5 + 0.75 * longest * slanted
    caption = f"{split} accuracy {right / max(total, 1):.1%} ({right:,} of {total:,})".strip()
    figure = _figure(left + side + 0.95, bottom + side + 0.75, title, caption)
    axes = _axes(figure, left, bottom, side, side)
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
    _color_bar(figure, image, left + side + 0.12, bottom, side, "share of the true class")
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
    low, high = _range(x, 0.4 if few else 0.1)
    across, up = np.linspace(low, high, GRID).T
    plane = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    said = _by_class(predict(plane)).reshape(GRID, GRID, -1)
    colors = _rgb(_colors(data.classes))

    ratio = (high[1] - low[1]) / (high[0] - low[0])
    ratio = ratio if 1 / 3 < ratio < 3 else 1.0  # true to scale, unless that would make a strip of it
    width, height = min(4.6, 4.6 / ratio), min(4.6, 4.6 * ratio)
    labels = [f"class {_short(name, 20)}" for name in data.class_names]
    beside = 0.55 + max(map(len, [*labels, "validation"])) * 0.066
    explained = "; in each circle its target, below it the probability given to that" if few else ""
    figure = _figure(0.75 + width + beside, height + 1.2, title, _accuracies(data, predict) + explained)
    axes = _axes(figure, 0.75, 0.5, width, height)
    axes.grid(visible=False)
    axes.set(xlabel=_feature(data, 0), ylabel=_feature(data, 1))
    extent = (low[0], high[0], low[1], high[1])
    axes.imshow(_shaded(said, colors), extent=extent, origin="lower", aspect="auto", interpolation="bilinear")
    for lead in _leads(said):
        if lead.min() < 0 < lead.max():
            axes.contour(across, up, lead, levels=[0], colors=INK, linewidths=1)

    handles = [Line2D([], [], color=color, marker="s", linestyle="", markersize=8) for color in colors]
    if few:
        x, y = x[distinct], y[distinct]
        given = _by_class(predict(x))[np.arange(len(x)), y]
        axes.scatter(x[:, 0], x[:, 1], s=420, color=colors[y], edgecolors="white", linewidths=2)
        for point, target, p in zip(x, y, given):
            axes.annotate(f"{target}", point, ha="center", va="center", color="white", fontsize=12)
            axes.annotate(
                f"P({target}) = {p:.2f}", point, (0, -22), textcoords="offset points", ha="center", fontsize=8
            )
    else:
        for (name, split), marker, edge in zip(_train_and_shown(data).items(), "oD", ("white", INK)):
            x, y = (part[:MOST_POINTS] for part in split)
            axes.scatter(x[:, 0], x[:, 1], s=20, marker=marker, color=colors[y], edgecolors=edge, linewidths=0.6)
            handles.append(Line2D([], [], color=GREY, marker=marker, markeredgecolor=edge, linestyle="", markersize=6))
            labels.append(name)
    axes.legend(handles, labels, loc="upper left", bbox_to_anchor=(1.02, 1.01), fontsize=8.5, frameon=False)
    return figure


def fit(data: Data, predict: Predict, title: str) -> Figure:
    """The data along its one input, and what the network says there."""
    low, high = _range(np.concatenate([split.x for split in data.splits.values()]), 0.05)
    line = np.linspace(low, high, 400)
    figure = _figure(6.4, 4.3, title)
    axes = _axes(figure, 0.75, 0.5, 5.45, 3.1)
    for (name, split), marker, edge in zip(_train_and_shown(data).items(), "oD", ("white", INK)):
        x, y = (part[:MOST_POINTS] for part in split)
        axes.plot(x, y, marker, color=BLUE, markersize=4.5, markeredgecolor=edge, markeredgewidth=0.5, label=name)
    axes.plot(line, _drawable(predict(line)), color=VERMILLION, linewidth=2, label="prediction")
    axes.set(xlabel=_feature(data, 0), ylabel="target")
    _legend_above(axes)
    return figure


def predicted_vs_true(data: Data, predict: Predict, title: str) -> Figure:
    """Each prediction against its target; a perfect network puts all of them on the diagonal."""
    name, (x, y) = _shown_split(data)
    true, said = _columns(y[:MOST_POINTS]), _drawable(_columns(predict(x[:MOST_POINTS])))
    error = np.sqrt(np.mean((said - true) ** 2))
    limits = np.ravel(_range(np.append(true, said[np.isfinite(said)])[:, None], 0.05))
    figure = _figure(5.0, 5.2, title, f"{name}: root mean squared error {error:.4g}")
    axes = _axes(figure, 0.75, 0.5, 3.9, 3.9)
    for k, color in enumerate(_colors(data.classes)):
        label = f"{name} sample" if data.classes == 1 else f"target {k + 1}"
        look = {"color": color, "markersize": 4.5, "markeredgecolor": "white", "markeredgewidth": 0.4}
        axes.plot(true[:, k], said[:, k], "o", label=label, **look)
    axes.plot(limits, limits, "--", color=GREY, linewidth=1, label="perfect")
    axes.set(xlabel="true value", ylabel="predicted value", xlim=limits, ylim=limits)
    if data.classes <= 3:  # the room above
        _legend_above(axes)
    return figure


def array_metric(array: Array, class_names: Sequence[str], title: str, name: str) -> Figure:
    """Any other metric that is an array: ``(n,)`` as bars, by class where there are n classes; a matrix as colours."""
    if array.ndim == 2:
        figure = _figure(6.4, 5.6, title, name)
        axes = _axes(figure, 0.75, 0.5, 4.6, 4.4)
        axes.grid(visible=False)
        image = axes.imshow(array, cmap="viridis", aspect="auto")
        _color_bar(figure, image, 5.5, 0.5, 4.4, name)
        return figure
    by_class = len(class_names) == len(array)
    labels = [_short(c, 16) for c in class_names] if by_class else []
    bottom = 0.5 + 0.05 * max(map(len, labels), default=0)
    figure = _figure(6.4, 3.2 + bottom, title)
    axes = _axes(figure, 0.75, bottom, 5.45, 2.6)
    axes.bar(np.arange(len(array)), array, color=BLUE)
    axes.set(ylabel=name, xlabel="class" if by_class else "index")
    if by_class:
        axes.set_xticks(range(len(array)), labels, rotation=45, ha="right", rotation_mode="anchor", parse_math=False)
    return figure


# What the pictures share.


def _figure(width: float, height: float, title: str, caption: str = "") -> Figure:
    """A white page, in inches, with the title and a line of text below it at the top."""
    from matplotlib.figure import Figure

    figure = Figure((width, height), dpi=DPI, facecolor="white")
    left, title_top, caption_top = 0.12 / width, 1 - 0.1 / height, 1 - 0.34 / height
    shown = _short(title, int(width / 0.098))
    figure.text(left, title_top, shown, va="top", fontsize=11, fontweight="bold", color=INK, parse_math=False)
    figure.text(left, caption_top, caption, va="top", fontsize=8.5, color=GREY, parse_math=False)
    return figure


def _axes(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
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


def _save(figure: Figure, path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure).print_png(path, metadata={"Software": None})  # type: ignore[no-untyped-call]


def _draw_curve(axes: Axes, history: History, name: str) -> None:
    """One value per epoch, for training and validation; the epoch of the lowest validation loss is marked."""
    from matplotlib.ticker import MaxNLocator

    gaps, drawn = [], [np.empty(0)]
    for split, color in SPLIT_COLORS.items():
        values = _drawable(history.get(f"{split}/{name}", ()))
        finite = np.isfinite(values)
        missing = np.flatnonzero(~finite)
        if len(missing):
            gaps.append(f"{split} in {missing[0] + 1}{', ...' if len(missing) > 1 else ''}")
        if len(missing) < len(values):
            shown = np.unique(np.linspace(0, len(values) - 1, MOST_EPOCHS).astype(int))  # all, up to so many
            marker = "o" if finite.sum() <= 30 else ""
            axes.plot(shown + 1, values[shown], color=color, marker=marker, markersize=3.5, linewidth=1.5, label=split)
            drawn.append(values[finite])

    best = _best_epoch(history)
    at_best = _drawable(history.get(f"validation/{name}", ()))[best - 1 : best]
    if np.isfinite(at_best).any():
        label = f"{'lowest, ' if name == 'loss' else ''}epoch {best}: {at_best[0]:.4g}"
        axes.axvline(best, color=GREY, linewidth=0.8, linestyle=":")
        axes.plot([best], at_best, "*", color=VERMILLION, markersize=12, markeredgecolor="white", label=label)

    numbers = np.concatenate(drawn)
    if len(numbers):
        _legend_above(axes)
    else:
        axes.text(0.5, 0.5, "no finite value", transform=axes.transAxes, ha="center", color=GREY)
    if name == "loss" and _spans_decades(numbers):
        _scale_by_decades(axes)
    epochs = max(len(values) for values in history.values())
    room = max(0.3, 0.03 * epochs)
    axes.set(xlabel=f"epoch (not finite: {'; '.join(gaps)})" if gaps else "epoch", ylabel=_words(name))
    axes.set_xlim(1 - room, epochs + room)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))


def _best_epoch(history: History) -> int:
    """The epoch, from 1, of the lowest validation loss; 0 where there is none."""
    losses = _drawable(history.get("validation/loss", ()))
    return int(np.nanargmin(losses)) + 1 if np.isfinite(losses).any() else 0


def _spans_decades(numbers: Array) -> bool:
    """Whether they are so far apart, by more than two decades, that only a log scale shows them."""
    positive = numbers[numbers > 0]
    return len(positive) > 0 and bool(numbers.min() >= 0 and positive.max() / 100 > positive.min())


def _scale_by_decades(axes: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, NullLocator

    axes.set_yscale("log", nonpositive="mask")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))  # the usual 10^n is slow to typeset
    axes.yaxis.set_minor_locator(NullLocator())


def _drawable(values: Any) -> Array:
    """NaN, which leaves a gap, for what is infinite, or so large that matplotlib's own arithmetic overflows."""
    numbers = np.asarray(values, float)
    return np.where(np.abs(numbers) < 1e100, numbers, np.nan)


def _legend_above(axes: Axes) -> None:
    """A legend in one row above the axes, where it hides nothing."""
    axes.legend(
        loc="lower left", bbox_to_anchor=(-0.02, 0.99), ncols=4, fontsize=8.5, frameon=False, borderpad=0.2,
        columnspacing=1.4, handlelength=1.6,
    )  # fmt: skip


def _color_bar(figure: Figure, image: Any, left: float, bottom: float, height: float, label: str) -> None:
    bar = figure.colorbar(image, cax=_axes(figure, left, bottom, 0.14, height))
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8, length=2)
    bar.set_label(label, fontsize=8.5)


def _shown_split(data: Data) -> tuple[str, Split]:
    """Test data, or else validation, or else training."""
    return list(data.splits.items())[-1]


def _train_and_shown(data: Data) -> dict[str, Split]:
    return {"train": data.train} | dict([_shown_split(data)])


def _of_last_split(arrays: Mapping[str, Array]) -> dict[str, tuple[str, Array]]:
    """For each metric, the split and the value of its test, or else validation, or else training."""
    chosen: dict[str, tuple[str, Array]] = {}
    for wanted in ("train", "validation", "test"):
        for name, array in arrays.items():
            split, _, metric = name.rpartition("/")
            if split == wanted:
                chosen[metric] = (split, np.asarray(array))
    return chosen


def _by_class(output: Array) -> Array:
    """``(batch, classes)``: what the network gives to each class. One unit is the probability of class 1 of two."""
    columns = _columns(output)
    return np.hstack([1 - columns, columns]) if columns.shape[1] == 1 else columns


def _classified(output: Array) -> tuple[Array, Array]:
    """The predicted class of each sample, and what the network gives to it. Of equals the first: 0.5 is class 0."""
    said = _by_class(output)
    predicted = said.argmax(axis=1)
    return predicted, said[np.arange(len(said)), predicted]


def _columns(values: Array) -> Array:
    return values.reshape(len(values), -1)


def _accuracies(data: Data, predict: Predict) -> str:
    """Of the training data and of the shown split."""
    splits = {name: [part[:MOST_PREDICTED] for part in split] for name, split in _train_and_shown(data).items()}
    right = {name: np.mean(_classified(predict(x))[0] == y) for name, (x, y) in splits.items()}
    return f"accuracy: {', '.join(f'{name} {share:.1%}' for name, share in right.items())}"


def _range(x: Array, margin: float) -> tuple[Array, Array]:
    """The lowest and highest value of each column, and some room beyond them."""
    low, high = x.min(axis=0), x.max(axis=0)
    room = np.where(high > low, (high - low) * margin, 1.0)
    return low - room, high + room


def _shaded(said: Array, colors: Array) -> Array:
    """An image of the predicted classes' colours, white where the network has no opinion."""
    chance = 1 / said.shape[-1]
    sure = np.nan_to_num(said.max(axis=-1, keepdims=True) - chance) / (1 - chance)
    strength = 0.6 * np.clip(sure, 0, 1)
    shaded: Array = 1 - strength + strength * colors[said.argmax(axis=-1)]
    return shaded.clip(0, 1)  # rounding may lead out of it, and matplotlib would say so


def _leads(said: Array) -> Iterator[Array]:
    """For each class, by how much it leads the best other one: 0 where its region ends."""
    for k in range(said.shape[-1]):
        yield said[..., k] - np.delete(said, k, axis=-1).max(axis=-1)


def _as_rgb(images: Array) -> Array:
    """``(n, height, width, 3)`` bytes. 0 is black and 1 is white, or whatever lies beyond them."""
    low, high = min(0.0, float(images.min())), max(1.0, float(images.max()))
    levels = (255 * ((images - low) / (high - low))).astype(np.uint8)
    channels = levels[..., None] if levels.ndim == 3 else levels
    return np.repeat(channels, 3, axis=3) if channels.shape[3] == 1 else channels


def _resized(images: Array) -> Array:
    """The longer side near to 96 pixels, by repeating pixels or by leaving some out."""
    factor = 96 / max(images.shape[1:3])
    factor = round(factor) if factor > 1 else factor
    rows, columns = ((np.arange(max(1, int(n * factor))) / factor).astype(int) for n in images.shape[1:3])
    return images[:, rows[:, None], columns]


def _colors(n: int) -> list[Any]:
    """n colours: the palette, while it lasts."""
    if n <= len(PALETTE):
        return list(PALETTE[:n])
    from matplotlib import colormaps

    return list(colormaps["turbo"](np.linspace(0.05, 0.95, n)))


def _rgb(colors: Sequence[Any]) -> Array:
    from matplotlib.colors import to_rgb

    return np.array([to_rgb(color) for color in colors])


def _feature(data: Data, column: int) -> str:
    return _short(data.feature_names[column], 40) if data.feature_names else f"x{column + 1}"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
