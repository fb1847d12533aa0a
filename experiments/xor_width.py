"""How many hidden units does XOR take, and how long does it take them?

The classic network (Rumelhart, Hinton, Williams 1986, Parallel Distributed Processing 1, chapter 8): sigmoid units,
half the squared error summed over the four patterns, all four in each step, rate 0.5, momentum 0.9, weights from
U(-1, 1), biases 0. It learns from 100 seeds for each width of the hidden layer, until every error is below 0.5, or for
1,000 epochs. The networks are trained through `Network` and `Trainer`, without a config; all of them are one run in
MLflow. The figure shows how many seeds solve it, and after how many epochs each of them does.

    python experiments/xor_width.py
"""

from __future__ import annotations

import json
import math

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter
from study import BLUE, VERMILLION, arguments, publish, shown

import chainrule as cr
from chainrule.tracking.tracking import Tracking
from chainrule.tracking.uris import default_uri

WIDTHS = (1, 2, 3, 4, 8, 16, 32)
RATE, MOMENTUM = 0.5, 0.9
DATA = cr.make("dataset", "xor").load()
X, Y = DATA.train
TRIED = {2: "83 of 100, 158", 3: "100 of 100, 110", 4: "100 of 100, 93", 8: "100 of 100, 67"}
COLUMNS = ["hidden units", "solved", "epochs: median", "quartiles", "in plain NumPy", "280 - 33 log2 H"]
NOTE = """\
Epochs: updates until every error was below 0.5, over all seeds, of which some never come to it. The loss here is a mean
over the four patterns where the chapter's is a sum: its rate 0.5 is 2 here. "In plain NumPy": the same settings in a
short program with random numbers of its own, seeds that solve it and median.

The last column is Chauvin's law, as the same chapter reports it, in presentations. What can be compared is how time
falls as the width grows: from 2 units to 32, {falls}.
How high it lies cannot be: the law is a fit to networks with a learning rate and an end of their own."""


class Solved(cr.Callback):
    """Ends the training once every error is below 0.5."""

    def on_batch_end(self, trainer: cr.Trainer) -> None:
        if np.abs(trainer.network.prediction[:, 0] - Y).max() < 0.5:
            trainer.stop("solved")


def main() -> None:
    options = arguments(__doc__, seeds=100, epochs=1000)
    settings = {"loss": "half_squared_error", "rate": RATE, "momentum": MOMENTUM, "weights": "U(-1, 1)"}
    with Tracking(default_uri(), "study_xor_width").run(
        name="xor_width",
        params={**settings, "widths": WIDTHS, "seeds": options.seeds, "epochs": options.epochs},
        tags={},
        dataset=("xor", DATA.digest),
        folder=options.results,
    ) as run:
        epochs = {}
        for width in WIDTHS:
            epochs[width] = [epochs_until_solved(width, seed, options.epochs) for seed in range(options.seeds)]
            run.log({"solved": solved(epochs[width]) / options.seeds, "epochs": median(epochs[width])}, step=width)
            print(f"{width} hidden units: {solved(epochs[width])} of {options.seeds} solved", flush=True)
        note = NOTE.format(falls=falls(epochs))
        publish(options.results, "xor_width", COLUMNS, rows(epochs), figure(epochs), note, conclusion(epochs))
        run.text(json.dumps(epochs), "epochs.json")  # by width, of each seed
        for kind in ("md", "png"):
            run.artifact(options.results / f"xor_width.{kind}")


def epochs_until_solved(width: int, seed: int, limit: int) -> float:
    """The updates that it took; infinity where they were not enough."""
    layer = {"name": "dense", "activation": "sigmoid", "initializer": {"name": "uniform", "low": -1.0, "high": 1.0}}
    network = cr.Network([{**layer, "units": width}, {**layer, "units": 1}], (2,), "half_squared_error", seed)
    optimizer = {"name": "momentum", "lr": RATE * len(X), "momentum": MOMENTUM}
    trainer = cr.Trainer(network, optimizer, batch_size=len(X), metrics=[], shuffle=False)
    trainer.fit((X, Y), limit, callbacks=[Solved()])
    return trainer.step - 1 if trainer.stop_reason else math.inf  # its last update came after the look at the errors


def solved(epochs: list[float]) -> int:
    return sum(epoch < math.inf for epoch in epochs)


def median(epochs: list[float], percent: float = 50) -> float:
    """Or another percentile. It is one of the values: between a number and infinity lies nothing."""
    return float(np.percentile(epochs, percent, method="lower"))


def rows(epochs: dict[int, list[float]]) -> list[list[str]]:
    return [
        [
            str(width),
            f"{solved(found)} of {len(found)}",
            shown(median(found)),
            f"{shown(median(found, 25))} to {shown(median(found, 75))}" if solved(found) else "",
            TRIED.get(width, ""),
            f"{law(width):.0f}" if width > 1 else "",
        ]
        for width, found in epochs.items()
    ]


def law(width: int) -> float:
    """Chauvin's, of the presentations that it takes."""
    return 280 - 33 * math.log2(width)


def conclusion(epochs: dict[int, list[float]]) -> str:
    two, most = epochs[2], max(WIDTHS)
    always = [width for width in WIDTHS if all(solved(epochs[w]) == len(two) for w in WIDTHS if w >= width)]
    enough = f"from {always[0]} on every seed solves it" if always else "no width solves it from every seed"
    return (
        f"One never does, two do from {solved(two)} of {len(two)} seeds, and {enough}. Width saves time: the median is "
        f"{shown(median(two))} epochs with 2 units, {shown(median(epochs[8]))} with 8 and "
        f"{shown(median(epochs[most]))} with {most}"
    )


def falls(epochs: dict[int, list[float]]) -> str:
    ours = [median(epochs[width]) for width in (2, 32)]
    return (
        f"to {100 * ours[1] / ours[0]:.0f} % here and to {100 * law(32) / law(2):.0f} % by the law"
        if max(ours) < math.inf
        else "too few seeds solved it to say"
    )


def figure(epochs: dict[int, list[float]]) -> Figure:
    drawing = Figure(figsize=(10, 4.5), layout="constrained")
    share, times = drawing.subplots(1, 2, width_ratios=[1, 1.5])
    names = [str(width) for width in epochs]
    bars = share.bar(names, [100 * solved(found) / len(found) for found in epochs.values()], color=BLUE)
    share.bar_label(bars, [str(solved(found)) for found in epochs.values()])
    share.set(xlabel="hidden units", ylabel="% of the seeds", ylim=(0, 110), title="solved")

    rng = np.random.default_rng(0)
    for place, found in enumerate(epochs.values()):
        done = [epoch for epoch in found if epoch < math.inf]
        times.scatter(rng.uniform(place - 0.25, place + 0.25, len(done)), done, s=8, alpha=0.5, color=BLUE)
    times.plot([median(found) for found in epochs.values()], "_", ms=26, mew=2.5, color="black", label="median")
    places = range(1, len(epochs))
    times.plot(
        places,
        [law(width) for width in WIDTHS[1:]],
        "--",
        color=VERMILLION,
        label="280 - 33 log2 H (Chauvin, settings of his own)",
    )
    times.set(xticks=range(len(epochs)), xticklabels=names, xlim=(-0.5, len(epochs) - 0.5), xlabel="hidden units")
    times.set(ylabel="epochs until every error is below 0.5", yscale="log", title="each seed that solved it")
    times.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    times.yaxis.set_major_formatter("{x:g}")
    times.yaxis.set_minor_formatter(NullFormatter())
    times.legend()
    return drawing


if __name__ == "__main__":
    main()
