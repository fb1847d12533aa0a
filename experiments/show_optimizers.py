"""Where each installed optimizer walks on two surfaces: a narrow valley, and one that bends.

Each optimizer's own `update` moves a point of two numbers, from the same start, by the exact gradient: no network, no
batches, no noise. The valley is a quadratic that is 50 times as steep across as along, at 30 degrees to the axes, so
that no optimizer that scales each number by itself has it easy; the bend is the function of Rosenbrock (1960, "An
automatic method for finding the greatest or least value of a function").

The learning rate is chosen by a rule: of a grid, and of those rates with which the point never is higher than at the
start, that with which it is the soonest at the bottom for good; where it never gets there, that with which it ends the
lowest. Everything else has its default. A rate that is the best on one surface says nothing of any other, least
of all of a network with noise: what is to be learned here is how each of them moves.

    python experiments/show_optimizers.py
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from study import BLUE, VERMILLION, figure_arguments, publish

import chainrule as cr

STEPS = 1000
DOTTED = 40  # of them, the first
RATES = [factor * 10.0**power for power in range(-5, 2) for factor in (1, 2, 5)]
BOTTOM = 0.001
"""A share of the value at the start: below it a point is at the bottom."""
COLUMNS = ["optimizer", "valley: rate", "steps to the bottom", "bend: rate", "steps to the bottom "]
NOTE = """\
Contours by factors of 10; circle: the start; cross: the minimum; dots: the first 40 steps, of 1,000. At the bottom:
below a thousandth of the value at the start, for good. Rates tried: 1, 2 and 5 times each power of ten from 1e-5 to 10,
of which each optimizer has the best one for each surface: that which, never higher than the start, is at the bottom the
soonest, or else ends the lowest. {edges}

Gradients are exact. Weight decay, which is for weights, is not applied: without it adamw is adam. lookahead is around
sgd, its default. {apart}Shown is what is installed; by `python experiments/show_optimizers.py`."""
APART = "Not elementwise, and so not here: {names}. "
Walks = dict[str, dict[str, "Walk"]]
"""By the surface and the optimizer, each by its name."""


@dataclass(frozen=True)
class Surface:
    """A function of two numbers with its gradient. ``window``: what is drawn, from left to right and bottom to top."""

    name: str
    value: Callable[[cr.Array], cr.Array]
    gradient: Callable[[cr.Array], cr.Array]
    start: tuple[float, float]
    minimum: tuple[float, float]
    window: tuple[float, float, float, float]


ANGLE = math.pi / 6
AXES = np.array([[math.cos(ANGLE), math.sin(ANGLE)], [-math.sin(ANGLE), math.cos(ANGLE)]])
CURVATURES = np.array([1.0, 50.0])
"""Of the valley, along the rows of ``AXES``: the curvature of the function, and so the eigenvalues of ``HESSIAN``."""
HESSIAN = AXES.T @ np.diag(CURVATURES) @ AXES


def valley(x: cr.Array) -> cr.Array:
    """$f(x) = x^T H x / 2$, for points along the last axis."""
    return np.asarray(np.einsum("...i,ij,...j", x, HESSIAN, x) / 2)


def valley_gradient(x: cr.Array) -> cr.Array:
    """$H x$"""
    return np.asarray(HESSIAN @ x)


def rosenbrock(x: cr.Array) -> cr.Array:
    """$f(x) = (1 - x_1)^2 + 100 (x_2 - x_1^2)^2$"""
    return np.asarray((1 - x[..., 0]) ** 2 + 100 * (x[..., 1] - x[..., 0] ** 2) ** 2)


def rosenbrock_gradient(x: cr.Array) -> cr.Array:
    bend = x[1] - x[0] ** 2
    return np.array([-2 * (1 - x[0]) - 400 * x[0] * bend, 200 * bend])


VALLEY = Surface("valley", valley, valley_gradient, (-2.0, -0.4), (0.0, 0.0), (-2.4, 1.2, -1.8, 1.2))
BEND = Surface("bend", rosenbrock, rosenbrock_gradient, (-1.2, 1.0), (1.0, 1.0), (-1.8, 1.6, -0.6, 2.2))


@dataclass(frozen=True)
class Walk:
    """What came of one rate: ``points``, from the start, ``(STEPS + 1, 2)``, and their ``values``."""

    rate: float
    points: cr.Array
    values: cr.Array

    @property
    def arrived(self) -> float:
        """How many steps it took to the bottom for good; infinity where they were not enough."""
        last_above = int(np.flatnonzero(self.values > BOTTOM * self.values[0])[-1])
        return last_above + 1 if last_above < STEPS else math.inf

    @property
    def rank(self) -> tuple[bool, float, float]:
        """Less is better."""
        return self.values.max() > self.values[0], self.arrived, float(self.values[-1])


def walk(optimizer: cr.Optimizer, surface: Surface, rate: float) -> Walk:
    """As a training does it: slots of zeros, then update after update in place, counted from 1."""
    theta = np.array(surface.start)
    slots = {name: np.zeros_like(theta) for name in optimizer.slots}
    points = [theta.copy()]
    for step in range(1, STEPS + 1):
        optimizer.update(theta, surface.gradient(theta), slots, step, rate)
        points.append(theta.copy())
    values = surface.value(np.array(points))
    return Walk(rate, np.array(points), np.where(np.isfinite(values), values, math.inf))


def best_walk(name: str, surface: Surface) -> Walk:
    with np.errstate(all="ignore"):  # rates that are too high overflow
        return min((walk(cr.make("optimizer", name), surface, rate) for rate in RATES), key=lambda tried: tried.rank)


def main() -> None:
    options = figure_arguments(__doc__)
    names, apart = installed()
    walks = {surface.name: {name: best_walk(name, surface) for name in names} for surface in (VALLEY, BEND)}
    rows = [[name, *cells(walks["valley"][name]), *cells(walks["bend"][name])] for name in names]
    note = NOTE.format(edges=edges(walks), apart=APART.format(names=", ".join(apart)) if apart else "")
    publish(options.results, "show_optimizers", COLUMNS, rows, figure(walks), note)


def installed() -> tuple[list[str], list[str]]:
    """The names of the optimizers that move each number by itself, and of the others; by their defaults."""
    made: dict[str, cr.Optimizer] = {}
    for entry in cr.registry():
        if entry.kind == "optimizer":
            try:
                made[entry.name] = cr.make("optimizer", entry.name)
            except cr.ConfigError as error:
                print(f"{entry.name} is left out: {error}")
    apart = [name for name, one in made.items() if one.whole_parameters or one.whole_vector]
    return [name for name in made if name not in apart], apart


def cells(found: Walk) -> list[str]:
    return [f"{found.rate:g}", steps(found)]


def steps(found: Walk) -> str:
    return f"{found.arrived}" if found.arrived < math.inf else f"not in {STEPS:,}"


def edges(walks: Walks) -> str:
    """Whether a rate that was not tried could be better."""
    at_edge = [
        f"{name} ({surface})"
        for surface, found in walks.items()
        for name, one in found.items()
        if one.rate in (RATES[0], RATES[-1])
    ]
    return f"At an end of the grid: {', '.join(at_edge)}." if at_edge else "No best rate is at an end of the grid."


def figure(walks: Walks) -> Figure:
    """The surfaces one above the other, each with a panel for each optimizer."""
    columns = 7
    rows = math.ceil(len(walks["valley"]) / columns)
    drawing = Figure(figsize=(11.5, 4.0 * rows), layout="constrained")
    parts = drawing.subfigures(2, 1)
    titles = ("A narrow valley: 50 times as steep across as along", "One that bends: the function of Rosenbrock")
    for part, surface, title in zip(parts, (VALLEY, BEND), titles):
        part.suptitle(title)
        panels = part.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
        levels = contours(surface)
        for (name, found), axes in zip(walks[surface.name].items(), panels):
            draw(axes, surface, found, levels)
            axes.set_title(f"{name}, rate {found.rate:g}\n{steps(found)} steps", fontsize=8.5)
        for axes in panels[len(walks[surface.name]) :]:
            axes.set_axis_off()
    return drawing


def contours(surface: Surface) -> tuple[cr.Array, cr.Array, cr.Array]:
    left, right, bottom, top = surface.window
    x, y = np.meshgrid(np.linspace(left, right, 100), np.linspace(bottom, top, 100))
    return x, y, surface.value(np.stack([x, y], axis=-1))


def draw(axes: Axes, surface: Surface, found: Walk, over: Sequence[cr.Array]) -> None:
    left, right, bottom, top = surface.window
    levels = found.values[0] * 10.0 ** np.arange(-3, 3)
    axes.contour(*over, levels=levels, colors="0.75", linewidths=0.6)
    axes.plot(*found.points.T, color=BLUE, linewidth=0.9)
    axes.plot(*found.points[: DOTTED + 1].T, ".", color=BLUE, markersize=3.5)
    axes.plot(*surface.start, "o", color="black", mfc="white", markersize=7)
    axes.plot(*surface.minimum, "x", color=VERMILLION, markersize=8, markeredgewidth=2)
    axes.set(xlim=(left, right), ylim=(bottom, top))
    axes.tick_params(labelsize=8)


if __name__ == "__main__":
    main()
