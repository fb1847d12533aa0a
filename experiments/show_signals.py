"""What the initializer does to signals with depth: activations on the way up, gradients on the way down.

Networks of 30 hidden layers of 200 units, before any training. A batch of standard normal numbers goes in; the gradient
of the loss comes back. A layer of n units multiplies the variance of its activations by $n Var(w)$ and by what the
activation leaves of it; a gradient, on its way down, in the same manner. What each layer multiplies by 0.7 has lost
a factor of 40,000 after 30 layers; so Glorot and Bengio (2010) chose $Var(w) = 1/n$ for layers of n units, and He et
al. (2015), for ReLU, which leaves half of it, $2/n$. The study `initializers.py` measures the same with images, and
then lets such networks learn.

    python experiments/show_signals.py
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from signals import signals, theory
from study import BLUE, VERMILLION, figure_arguments, publish

import chainrule as cr

WIDTH, HIDDEN = 200, 30
BATCH = 200
NETWORKS = 5
ACTIVATIONS = ("relu", "tanh")
INITIALIZERS: dict[str, Any] = {
    "he_normal": "he_normal",
    "glorot_normal": "glorot_normal",
    "orthogonal": "orthogonal",
    "uniform, to 0.05": "uniform",
    "normal, std 0.2": {"name": "normal", "std": 0.2},
}
LAYERS = np.arange(1, HIDDEN + 1)
COLUMNS = [
    "activation",
    "initializer",
    "activations: a layer",
    "theory",
    "gradients: a layer",
    "theory ",
    "gradients: all",
]
NOTE = """\
By what a hidden layer multiplies the standard deviation of the activations that go up through it, and of the gradients
(of the loss, with respect to what the activation is given) that come down: geometric means over hidden layers 2 to 30
and 5 networks of 200 units, for 200 inputs of standard normal numbers. Last column: by what these 29 together multiply
a gradient. Theory is that of infinitely wide layers; in those of 200 units a product of factors that fluctuate lies
mostly below it. Layers being as wide as their input, lecun_normal would be as glorot_normal.

Solid: activations, as multiples of those in layer 1. Dashed: gradients, as multiples of those in layer 30. Dotted:
theory. By `python experiments/show_signals.py`."""


@dataclass(frozen=True)
class Signals:
    """By layer, as multiples: of the activations in the first layer, and of the gradients in the last; ``(HIDDEN,)``
    each, as measured and in theory."""

    up: cr.Array
    down: cr.Array
    up_expected: cr.Array
    down_expected: cr.Array

    @property
    def factors(self) -> list[float]:
        """By what a layer multiplies both, each with the theory."""
        ends = [self.up[-1], self.up_expected[-1], self.down[0], self.down_expected[0]]
        return [float(end) ** (1 / (HIDDEN - 1)) for end in ends]


def main() -> None:
    options = figure_arguments(__doc__)
    measured = {
        (activation, name): measure(activation, initializer)
        for activation, (name, initializer) in itertools.product(ACTIVATIONS, INITIALIZERS.items())
    }
    rows = [
        [*of, *(f"{factor:.2f}" for factor in found.factors), f"{found.down[0]:.1e}"] for of, found in measured.items()
    ]
    publish(options.results, "show_signals", COLUMNS, rows, figure(measured), NOTE)


def measure(activation: str, initializer: Any, networks: int = NETWORKS) -> Signals:
    found = np.array([signals(deep(activation, initializer, seed), *batch(seed)) for seed in range(networks)])
    up, down = np.exp(np.log(found).mean(axis=0))  # geometric means
    sizes, factors = theory(initializer, activation, WIDTH, WIDTH, HIDDEN, mean_square=1.0)
    below_each = [math.sqrt(math.prod(factors[layer:-1])) for layer in range(HIDDEN)]
    return Signals(up / up[0], down / down[-1], np.array(sizes) / sizes[0], np.array(below_each))


def deep(activation: str, initializer: Any, seed: int) -> cr.Network:
    hidden = {"name": "dense", "units": WIDTH, "activation": activation, "initializer": initializer}
    output = {"name": "dense", "units": 10, "activation": "softmax"}
    return cr.Network([*[hidden] * HIDDEN, output], (WIDTH,), "categorical_cross_entropy", seed, "float64")


def batch(seed: int) -> tuple[cr.Array, cr.Array]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((BATCH, WIDTH)), rng.integers(0, 10, BATCH)


def figure(measured: dict[tuple[str, str], Signals]) -> Figure:
    drawing = Figure(figsize=(12, 5.6), layout="constrained")
    panels = drawing.subplots(len(ACTIVATIONS), len(INITIALIZERS), sharex=True, sharey=True)
    for (activation, name), axes in zip(measured, panels.ravel()):
        found = measured[activation, name]
        draw(axes, found)
        up, _, down, _ = found.factors
        axes.set_title(f"{activation}, {name}\na layer: {up:.2f} up, {down:.2f} down", fontsize=9.5)
    panels[0, 0].set(yscale="log", ylim=(1e-12, 1e4), xlim=(0, HIDDEN + 1))
    drawing.supxlabel("hidden layer")
    drawing.supylabel("standard deviation, as a multiple")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    drawing.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False)
    return drawing


def draw(axes: Axes, found: Signals) -> None:
    axes.plot(LAYERS, found.up, color=BLUE, linewidth=2, label="activations (layer 1: 1)")
    axes.plot(LAYERS, found.down, "--", color=VERMILLION, linewidth=2, label="gradients (layer 30: 1)")
    axes.plot(LAYERS, found.up_expected, ":", color="black", linewidth=1.2, label="theory")
    axes.plot(LAYERS, found.down_expected, ":", color="black", linewidth=1.2)
    axes.grid(alpha=0.3)


if __name__ == "__main__":
    main()
