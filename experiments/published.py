"""Do networks that were published for MNIST come out here as they were published?

The settings of each are an experiment in `conf/experiment/`. Ours is the accuracy after the last epoch, on the images
that the source names; five seeds where a run takes less than ten minutes, else one. A run that has finished is not run
again, so that a study that was cut goes on where it was; all of it takes about 80 minutes on one core. The figure
shows the error of each seed.

    python experiments/published.py
"""

from __future__ import annotations

import itertools
import math
import statistics
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullFormatter
from study import BLUE, VERMILLION, arguments, interval, publish, runs

import chainrule as cr

WITHIN = 0.5
"""Points by which ours may differ without a reason."""


@dataclass(frozen=True)
class Row:
    """What was published: ``accuracy`` in %, on the images of ``split``; ``epoch``: the one that it is of, if known."""

    source: str
    settings: str
    accuracy: float
    epoch: str
    split: str = "test"
    seeds: int = 5
    best_of: int = 0  # runs, where the best epoch of the best of them was published
    his_images: bool = False  # for validation, those that Nielsen took


NIELSEN = "mnist_nielsen.npz"
"""In the working folder: MNIST with the last 10,000 training images for validation, as Nielsen cuts it."""
CROSS_ENTROPY = Row(
    "Nielsen 2015, chapter 3",
    "784-100-10, sigmoid; cross-entropy, weights N(0, 1), L2 5 / 50,000, rate 0.5, batch 10, 30 epochs",
    97.92,
    "last epoch",
    "validation",
)
SLOW = Row(
    "Nielsen 2015, chapter 3",
    "784-100-10, sigmoid; the same, but rate 0.1, batch 10, 60 epochs",
    98.04,
    "epoch not said",
    "validation",
)
ROWS = {
    "mnist_nielsen_quadratic": Row(
        "Nielsen 2015, chapter 1",
        "784-30-10, sigmoid; quadratic cost, weights N(0, 1), rate 3, batch 10, 30 epochs",
        95.42,
        "best epoch of the best of 3 runs",
        best_of=3,
    ),
    "mnist_nielsen_cross_entropy": CROSS_ENTROPY,
    "mnist_nielsen_cross_entropy, his images": replace(CROSS_ENTROPY, his_images=True),
    "mnist_nielsen_slow": SLOW,
    "mnist_nielsen_slow, his images": replace(SLOW, his_images=True),
    "mnist_simard": Row(
        "Simard et al. 2003",
        "784-800-10; cross-entropy, no distortion. Ours: ReLU, momentum 0.9, rate 0.05, batch 128, 20 epochs",
        98.4,
        "epoch not said",
    ),
    "mnist_keras": Row(
        "Keras examples, mnist_mlp",
        "784-512-512-10, ReLU; dropout 0.2, RMSprop, rate 0.001, batch 128, 20 epochs",
        98.40,
        "last epoch",
    ),
    "mnist_keras_cnn": Row(
        "Keras examples, mnist_cnn",
        "conv 32 3x3, conv 64 3x3, pool, 128-10, ReLU; dropout 0.25 and 0.5, Adadelta, rate 1, batch 128, 12 epochs",
        99.25,
        "last epoch",
        seeds=1,
    ),
    "mnist_nielsen_cnn": Row(
        "Nielsen 2015, chapter 6",
        "conv 20 5x5, pool, conv 40 5x5, pool, 100-10, ReLU; L2 0.1 / 5,000, rate 0.03, batch 10, 60 epochs",
        99.23,
        "epoch with the best validation accuracy",
        seeds=1,
    ),
}
COMMON = ["trainer.threads=1"]
COLUMNS = [
    "experiment",
    "published in",
    "network and settings",
    "published (%)",
    "of",
    "ours, last epoch: mean (95 % interval)",
    "seeds",
    "difference",
    "best epoch of the best seed, validation",
]
NOTE = """\
{within} differ by at most {limit} points. Published is the accuracy of one run. Ours is always that after the last
epoch: only there are the test images looked at. So what the best epoch of the best seed reaches can only be told of
validation images. With 10,000 images, an accuracy near 95 % has a standard error of {error:.2f} points by itself, one
near 99 % of {small:.2f}.

- `mnist_nielsen_quadratic`: after its last epoch, the published run was at 95.34 %. On our validation images, the best
  epoch of the best of 3 runs lies {chosen:.2f} points above the mean of all runs after their last epoch.
- `mnist_nielsen_cross_entropy`, `mnist_nielsen_slow`: Nielsen's validation images are the last 10,000 of the 60,000 for
  training, "his images"; without these words ours are 10,000 drawn at random.
- `mnist_nielsen_cnn`: there, the images come in the same order in every epoch; here, in a new one.
- `mnist_simard`: the number of units, the loss and the error are the paper's; of the settings that are called ours none
  was searched for.
- `mnist_simard` and those of Keras train on all 60,000 images, those of Nielsen on 50,000.
{missed}"""


@dataclass(frozen=True)
class Found:
    """Of a row's runs, one per seed, in %: ``values`` are what is held against the published figure; ``last`` and
    ``best`` are of the validation images, after the last and in the best epoch: empty where there are none. ``missed``:
    by seed, the digits that it never learned."""

    values: list[float]
    last: list[float]
    best: list[float]
    missed: dict[int, list[int]]

    @property
    def mean(self) -> float:
        return statistics.mean(self.values)

    @property
    def learned(self) -> list[float]:
        """The values of the seeds that learned all ten digits."""
        return [value for seed, value in enumerate(self.values) if seed not in self.missed]

    def chosen(self, runs: int) -> float:
        """What it adds, in points, to show the best epoch of the best of so many runs: the mean over all such choices,
        on the validation images."""
        choices = itertools.combinations(self.best, min(runs, len(self.best)))
        return statistics.mean(map(max, choices)) - statistics.mean(self.last)


def main() -> None:
    options = arguments(__doc__, seeds=5)
    whole = cr.make("dataset", "mnist", validation_size=0).load()
    write_cut(whole, Path(NIELSEN))
    found = {}
    for name, row in ROWS.items():
        overrides = [f"experiment={name.partition(',')[0]}", *COMMON, *options.overrides]
        if row.his_images:
            kept = [override for override in overrides if not override.startswith("dataset.")]  # these are mnist's
            overrides = [*kept, "dataset=npz", f"dataset.path={NIELSEN}"]
        found[name] = outcome(row, runs("published", min(row.seeds, options.seeds), overrides), whole.test)
    rows = [[name, *cells(row, found[name])] for name, row in ROWS.items()]
    publish(options.results, "published", COLUMNS, rows, figure(found), note(found), conclusion(found))


def write_cut(whole: cr.Data, path: Path) -> None:
    """MNIST as Nielsen cuts it, unless the file is there."""
    if path.exists():
        return
    x, y = np.round(255 * whole.train.x).astype(np.uint8), whole.train.y  # in the order of MNIST's files
    parts = {"train": slice(50_000), "validation": slice(50_000, None)}
    arrays = {f"{letter}_{part}": array[rows] for part, rows in parts.items() for letter, array in (("x", x), ("y", y))}
    np.savez(path, x_test=np.round(255 * whole.test.x).astype(np.uint8), y_test=whole.test.y, **arrays)


def outcome(row: Row, results: list[cr.Result], test: cr.Split) -> Found:
    def percent(metric: str) -> list[float]:
        return [100 * result.metrics[metric] for result in results if metric in result.metrics]

    missed = {seed: digits for seed, result in enumerate(results) if (digits := never_read(result.network, test))}
    return Found(
        percent(f"{row.split}/accuracy"), percent("validation/accuracy"), percent("best/validation/accuracy"), missed
    )


def never_read(network: cr.Network, test: cr.Split) -> list[int]:
    """The digits of which the network reads less than one in ten, which is what chance would do."""
    right = network.predict(test.x).argmax(axis=1) == test.y
    return [digit for digit in range(10) if right[test.y == digit].mean() < 0.1]


def is_within(row: Row, found: Found) -> bool:
    return abs(found.mean - row.accuracy) <= WITHIN


def cells(row: Row, found: Found) -> list[str]:
    return [
        row.source,
        row.settings,
        f"{row.accuracy:.2f}",
        f"{row.split} images, {row.epoch}",
        interval(found.values),
        str(len(found.values)),
        f"{found.mean - row.accuracy:+.2f}",
        f"{max(found.best):.2f}" if found.best else "",
    ]


def count(found: dict[str, Found]) -> str:
    return f"{sum(is_within(row, found[name]) for name, row in ROWS.items())} of {len(ROWS)}"


def conclusion(found: dict[str, Found]) -> str:
    apart = [
        f"{name} differs by {found[name].mean - row.accuracy:+.2f}{reason(name, found)}"
        for name, row in ROWS.items()
        if not is_within(row, found[name])
    ]
    return "; ".join([f"{count(found)} do, to within {WITHIN} points", *apart])


def reason(name: str, found: dict[str, Found]) -> str:
    """Why a row differs, as far as the runs tell."""
    row, ours, on_his = ROWS[name], found[name], found.get(f"{name}, his images")
    if ours.missed and ours.learned:
        number = f"{len(ours.missed)} of {len(ours.values)}"
        return f", as {number} seeds never learned some digit: {statistics.mean(ours.learned):.2f} % without"
    if row.best_of:
        return f", where choosing the best epoch of the best of {row.best_of} runs adds {ours.chosen(row.best_of):.2f}"
    if on_his is not None:
        return f", on his own validation images by {on_his.mean - row.accuracy:+.2f}"
    return ""


def note(found: dict[str, Found]) -> str:
    return NOTE.format(
        within=count(found),
        limit=WITHIN,
        error=standard_error(95),
        small=standard_error(99),
        chosen=found["mnist_nielsen_quadratic"].chosen(3),
        missed="".join(missed(name, found[name]) for name in ROWS) or "- Each run learned all ten digits.",
    ).rstrip()


def standard_error(accuracy: float, images: int = 10_000) -> float:
    """In points, as of a binomial distribution; ``accuracy`` in %."""
    return math.sqrt(accuracy * (100 - accuracy) / images)


def missed(name: str, found: Found) -> str:
    """The seeds that never learned some digit, and what the others reach."""
    if not found.missed:
        return ""
    seeds = [
        f"seed {seed} ({found.values[seed]:.2f} %) reads less than a tenth of the digit {', '.join(map(str, digits))}"
        for seed, digits in found.missed.items()
    ]
    others = f"; without: {interval(found.learned)}" if found.learned else ""
    return f"- `{name}`: {len(seeds)} of {len(found.values)} never learned some digit: {'; '.join(seeds)}{others}.\n"


def figure(found: dict[str, Found]) -> Figure:
    drawing = Figure(figsize=(9, 5.5), layout="constrained")
    axes = drawing.subplots()
    places = range(len(ROWS))
    for place, row in zip(places, ROWS.values(), strict=True):
        axes.axhspan(place - 0.5, place + 0.5, color="black", alpha=0.04 * (place % 2), lw=0)
        low, high = 100 - row.accuracy - WITHIN, 100 - row.accuracy + WITHIN
        axes.plot([low, high], [place, place], color=BLUE, alpha=0.25, lw=12, solid_capstyle="butt")
    axes.plot([100 - row.accuracy for row in ROWS.values()], places, "D", color=BLUE, label="published, ± 0.5")
    for place, name in enumerate(ROWS):
        errors = [100 - value for value in found[name].values]
        label = "ours, each seed" if place == 0 else None
        axes.plot(errors, [place] * len(errors), "o", color=VERMILLION, alpha=0.6, label=label)
        for seed, digits in found[name].missed.items():
            text = f"never learns\n{', '.join(map(str, digits))}"
            axes.annotate(
                text, (errors[seed], place), (8, 0), textcoords="offset points", va="center", fontsize="small"
            )
    axes.set(yticks=places, yticklabels=[f"{row.source}\n{name}" for name, row in ROWS.items()])
    axes.set(xscale="log", xlabel="error (%)", title="MNIST", ylim=(len(ROWS) - 0.5, -0.5))
    axes.xaxis.set_major_locator(FixedLocator([0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 7, 10, 20, 50]))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(axis="x", alpha=0.3)
    drawing.legend(loc="outside lower center", ncols=2)
    return drawing


if __name__ == "__main__":
    main()
