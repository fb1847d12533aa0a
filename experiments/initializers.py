"""How does the initializer decide what reaches the ends of a deep network, and whether it learns?

First, before any training, in 30 hidden layers of 100 units: how large the activations are that a batch of MNIST images
makes in each layer, and the gradients that the loss makes, beside what theory says (`initializers_signals`). Then the
depth experiment of He et al. (2015, section 2.2) in small: ReLU networks of 22 and of 30 layers learn MNIST from He's
and from Glorot's initializer, 3 seeds each. The figure shows the training loss, epoch by epoch.

    python experiments/initializers.py
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from signals import signals, theory
from study import BLUE, GREEN, ORANGE, PURPLE, VERMILLION, arguments, percent, publish, runs, shown

import chainrule as cr
from chainrule.comparison import GREY

WIDTH = 100
HIDDEN = 30  # layers that signals go through
INITIALIZERS: dict[str, Any] = {
    "he_normal": "he_normal",
    "he_uniform": "he_uniform",
    "glorot_normal": "glorot_normal",
    "glorot_uniform": "glorot_uniform",
    "lecun_normal": "lecun_normal",
    "orthogonal": "orthogonal",
    "normal, std 0.01": {"name": "normal", "std": 0.01},
    "normal, std 0.2": {"name": "normal", "std": 0.2},
}
STYLES = {
    "he_normal": {"color": BLUE},
    "glorot_normal": {"color": VERMILLION},
    "lecun_normal": {"color": ORANGE, "linestyle": "--"},  # much the same as the one before, and as the next one
    "orthogonal": {"color": GREEN, "linestyle": ":"},
    "normal, std 0.01": {"color": GREY},
    "normal, std 0.2": {"color": PURPLE},
}
ACTIVATIONS = ("relu", "tanh")
NETWORKS = 10  # before training, of each kind
SIGNAL_COLUMNS = [
    "activation",
    "initializer",
    "activations: last / first",
    "theory",
    "gradients: first / last",
    "theory ",
]
SIGNAL_NOTE = """\
Standard deviations over 256 images and 100 units; ratios from hidden layer 1 to 30, geometric means of 10 networks.
Theory is that of infinitely wide layers. Those of 100 units fluctuate, and a product of 29 factors that do lies mostly
below the product of their means."""
DEPTHS = (22, 30)
NAMES = {"he_normal": "He", "glorot_normal": "Glorot"}
DECAY = 0.0005
CASES = [(depth, name, DECAY) for depth in DEPTHS for name in NAMES] + [(30, "glorot_normal", 0.0)]
"""How many layers have weights, the initializer, and the strength of L2."""
Results = dict[tuple[int, str, float], list[cr.Result]]
TRAINING = [
    "experiment=mnist_classic",
    "dataset.train_size=20000",
    "optimizer=momentum",
    "optimizer.lr=0.01",
    "regularizer=l2",
    "trainer.batch_size=128",
    "trainer.epochs=15",
]
CHANCE, LEARNED = 2.2, 1.0
"""Training losses: above the first a network is still at chance, below the second it has learned."""
COLUMNS = ["network", "epochs at chance", "learned", "epochs until then", "training loss at the end", "test accuracy"]
NOTE = """\
20,000 images, hidden layers of 100 ReLU units, 15 epochs; rate 0.01, momentum 0.9, batches of 128 and, but for the last
row, L2 0.0005, as in the paper. A network is at chance while its training loss, a mean over an epoch, is above 2.2 (to
know nothing is ln 10 = 2.303), and has learned once it is below 1; epochs from the first to the last of the seeds.

Published, of convolutional networks on ImageNet: with 22 layers both converge, He's earlier; with 30 layers He's
converges and Glorot's stalls. Here a stall of 30 layers is long, but need not last: the gradient is small, not zero. L2
makes the weights smaller in the meantime; whether that matters, a few seeds cannot tell. What each initializer lets
through before any training: [initializers_signals.md](initializers_signals.md)."""


def main() -> None:
    options = arguments(__doc__, seeds=3)
    images, labels = (part[:256] for part in cr.make("dataset", "mnist").load().train)
    publish_signals(options.results, images, labels)
    results = {case: runs("initializers", options.seeds, [*training(*case), *options.overrides]) for case in CASES}
    rows = [row(case, found) for case, found in results.items()]
    publish(options.results, "initializers", COLUMNS, rows, figure(results), NOTE, conclusion(results))


# ---- before training


def publish_signals(folder: Path, images: cr.Array, labels: cr.Array) -> None:
    """What each initializer lets through, as a table and a figure of their own."""
    measured, rows = {}, []
    mean_square = float(np.mean(images**2))
    for activation, (name, initializer) in itertools.product(ACTIVATIONS, INITIALIZERS.items()):
        networks = [signals(deep(initializer, activation, seed), images, labels) for seed in range(NETWORKS)]
        sizes, gradients = np.exp(np.log(networks).mean(axis=0))  # geometric means
        measured[activation, name] = sizes, gradients
        expected, factors = theory(initializer, activation, images[0].size, WIDTH, HIDDEN, mean_square)
        ratios = [sizes[-1] / sizes[0], expected[-1] / expected[0]]
        ratios += [gradients[0] / gradients[-1], math.sqrt(math.prod(factors[:-1]))]
        rows.append([activation, name, *(f"{ratio:.2g}" for ratio in ratios)])
    publish(folder, "initializers_signals", SIGNAL_COLUMNS, rows, signal_figure(measured), SIGNAL_NOTE)


def deep(initializer: Any, activation: str, seed: int) -> cr.Network:
    hidden = {"name": "dense", "units": WIDTH, "activation": activation, "initializer": initializer}
    output = {"name": "dense", "units": 10, "activation": "softmax"}
    loss = "categorical_cross_entropy"
    return cr.Network(["flatten", *[hidden] * HIDDEN, output], (28, 28), loss, seed, "float64")


def signal_figure(measured: dict[tuple[str, str], tuple[cr.Array, cr.Array]]) -> Figure:
    drawing = Figure(figsize=(10, 7), layout="constrained")
    panels = drawing.subplots(2, len(ACTIVATIONS), sharex=True, sharey="row")
    for column, activation in zip(panels.T, ACTIVATIONS):
        for axes, values, what in zip(column, range(2), ("activations", "gradients")):
            for name, style in STYLES.items():
                axes.plot(range(1, HIDDEN + 1), measured[activation, name][values], label=name, **style)
            axes.set(title=f"{activation}: {what}", yscale="log")
        column[0].set(ylim=(1e-7, 1e5))
        column[1].set(ylim=(1e-9, 1e3), xlabel="hidden layer")
    for axes in panels[:, 0]:
        axes.set(ylabel="standard deviation")
    panels[0, 1].legend(loc="upper right", ncols=2)
    return drawing


# ---- training


def training(depth: int, initializer: str, decay: float) -> list[str]:
    hidden = ",".join([str(WIDTH)] * (depth - 1))  # the output layer is the last one
    return [
        *TRAINING,
        f"model.hidden=[{hidden}]",
        f"model.initializer={initializer}",
        f"regularizer.strength={decay}",
    ]


def name_of(case: tuple[int, str, float]) -> str:
    _, initializer, decay = case
    return NAMES[initializer] if decay else f"{NAMES[initializer]}, no L2"


def row(case: tuple[int, str, float], results: list[cr.Result]) -> list[str]:
    losses = [result.history["train/loss"][-1] for result in results]
    accuracies = [result.metrics["test/accuracy"] for result in results]
    return [
        f"{case[0]} layers, {name_of(case)}",
        between([at_chance(result) for result in results]),
        f"{learned(results)} of {len(results)}",
        between([learned_at(result) for result in results]),
        f"{statistics.mean(losses):.3f}",
        percent(accuracies),
    ]


def at_chance(result: cr.Result) -> int:
    """How many epochs it has to wait before it gets anywhere."""
    losses = result.history["train/loss"]
    return next((epoch for epoch, loss in enumerate(losses) if loss < CHANCE), len(losses))


def learned_at(result: cr.Result) -> float:
    """The first epoch with a training loss below ``LEARNED``."""
    losses = result.history["train/loss"]
    return next((epoch for epoch, loss in enumerate(losses, start=1) if loss < LEARNED), math.inf)


def learned(results: list[cr.Result]) -> int:
    return sum(learned_at(result) < math.inf for result in results)


def between(epochs: Sequence[float]) -> str:
    first, last = map(shown, (min(epochs), max(epochs)))
    return first if first == last else f"{first} to {last}"


def conclusion(results: Results) -> str:
    def told(depth: int, initializer: str, decay: float = DECAY) -> str:
        found = results[depth, initializer, decay]
        return f"{learned(found)} of {len(found)} ({between([at_chance(result) for result in found])})"

    return (
        "By the variance of the weights. With He's, 2/n, signals and gradients keep their size through ReLU layers of "
        "n units; with Glorot's, 1/n, each layer halves their variance. So many networks learn MNIST (after so many "
        f"epochs at chance): with 22 layers {told(22, 'he_normal')} from He's and {told(22, 'glorot_normal')} from "
        f"Glorot's; with 30 layers {told(30, 'he_normal')} and {told(30, 'glorot_normal')}, or, without L2, "
        f"{told(30, 'glorot_normal', 0.0)}"
    )


def figure(results: Results) -> Figure:
    drawing = Figure(figsize=(10, 4.5), layout="constrained")
    panels = dict(zip(DEPTHS, drawing.subplots(1, len(DEPTHS), sharey=True)))
    for case, found in results.items():
        depth, initializer, decay = case
        style = STYLES[initializer] | {"linestyle": "-" if decay else ":"}
        for seed, result in enumerate(found):
            losses = result.history["train/loss"]
            label = "" if seed else name_of(case)
            panels[depth].plot(range(1, len(losses) + 1), losses, alpha=0.8, label=label, **style)
    for depth, axes in panels.items():
        axes.set(title=f"{depth} layers", xlabel="epoch", ylim=(0, 3))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(loc="upper right", ncols=3)
    panels[DEPTHS[0]].set(ylabel="training loss")
    return drawing


if __name__ == "__main__":
    main()
