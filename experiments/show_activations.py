"""Each installed activation beside its derivative, which is what backpropagation multiplies a gradient by.

Whatever is registered is drawn, of whatever package. The derivative is what the activation's own `backward` gives for a
gradient of 1; the dots on it are central finite differences of its `forward`, in float64: where a dot lies off the
line, one of the two is wrong. What is no function of one number, as softmax, is drawn for its first input, the other
inputs being 0.

    python experiments/show_activations.py
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from study import BLUE, VERMILLION, figure_arguments, publish

import chainrule as cr
from chainrule.comparison import GREY

Z = np.linspace(-4, 4, 400)
"""An even number: 0, where some have a kink and so no derivative, is not among them."""
DOTS = slice(7, None, 24)
STEP = 1e-5
"""Of the differences, whose error is its square, and what float64 rounds off divided by it: 1e-10 at the best."""
INPUTS = 3
COLUMNS = ["activation", "f(-4)", "f(0)", "f(4)", "f'(-4)", "f'(4)", "largest f'", "farthest from the differences"]
NOTE = """\
Solid: f(z). Dashed: f'(z), as the activation's `backward` gives it. Circles: central finite differences of `forward`,
with a step of 1e-5; the last column says how far the two are apart at most, over 400 points from -4 to 4. The
hyperparameters are the defaults. {apart}Shown is
what is installed; by `python experiments/show_activations.py`."""
APART = "Of {names} the first output is drawn, by its own input, where the other two are 0. "


class Drawn:
    """An activation over ``Z``: its values ``a``, its derivative ``slope``, and by differences ``estimate``."""

    def __init__(self, name: str) -> None:
        network = cr.Network([name], (INPUTS,), "mse", dtype="float64")  # one that learns has its parameters from it
        self.name = name
        self.f: cr.Activation = network.layers[0]
        self.elementwise = np.array_equal(self.at(Z, other=0.0), self.at(Z, other=1.0))
        self.a = self.at(Z)
        da = np.zeros((len(Z), INPUTS))
        da[:, 0] = 1
        self.slope = self.f.backward(da)[:, 0].copy()
        self.estimate = (self.at(Z + STEP) - self.at(Z - STEP)) / (2 * STEP)

    def at(self, z: cr.Array, other: float = 0.0) -> cr.Array:
        """What the first output is, where the first input is ``z`` and the others are all ``other``."""
        row = np.full((len(z), INPUTS), other)
        row[:, 0] = z
        a: cr.Array = self.f.forward(row)[:, 0].copy()
        return a

    @property
    def error(self) -> float:
        """By how much derivative and differences are apart at most."""
        return float(np.abs(self.slope - self.estimate).max())

    def row(self) -> list[str]:
        ends = [self.a[0], self.at(np.zeros(1))[0], self.a[-1], self.slope[0], self.slope[-1], self.slope.max()]
        return [self.name, *(f"{value + 0.0:.4f}" for value in ends), f"{self.error:.0e}"]

    def draw(self, axes: Axes) -> None:
        axes.axhline(0, color=GREY, linewidth=0.6)
        axes.axvline(0, color=GREY, linewidth=0.6)
        axes.plot(Z, self.a, color=BLUE, linewidth=2, label="f(z)")
        axes.plot(Z, self.slope, "--", color=VERMILLION, linewidth=1.6, label="f'(z), by backward")
        axes.plot(Z[DOTS], self.estimate[DOTS], "o", color="black", mfc="none", ms=5, label="f'(z), by differences")
        axes.set(
            title=self.name if self.elementwise else f"{self.name} of (z, 0, 0)",
            ylim=(-1.9, 4.3),
            xticks=range(-4, 5, 2),
        )
        axes.grid(alpha=0.3)


def main() -> None:
    options = figure_arguments(__doc__)
    drawn = sorted(installed(), key=lambda one: (not one.elementwise, one.name))
    apart = [one.name for one in drawn if not one.elementwise]
    note = NOTE.format(apart=APART.format(names=", ".join(apart)) if apart else "")
    publish(options.results, "show_activations", COLUMNS, [one.row() for one in drawn], figure(drawn), note)


def installed() -> Iterator[Drawn]:
    """Each one that needs no more than its defaults."""
    for entry in cr.registry():
        if entry.kind == "activation":
            try:
                yield Drawn(entry.name)
            except cr.ConfigError as error:
                print(f"{entry.name} is left out: {error}")


def figure(drawn: list[Drawn]) -> Figure:
    columns = 7
    rows = math.ceil((len(drawn) + 1) / columns)  # one place is for the legend
    drawing = Figure(figsize=(14, 2.6 * rows), layout="constrained")
    panels = drawing.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for one, axes in zip(drawn, panels):
        one.draw(axes)
    for axes in panels[len(drawn) :]:
        axes.set_axis_off()
    panels[-1].legend(*panels[0].get_legend_handles_labels(), loc="center", frameon=False)
    drawing.supxlabel("z")
    return drawing


if __name__ == "__main__":
    main()
