"""The loss around the weights that a run found, and on the straight line to them from those it began with.

A network of thousands of weights has a landscape of as many dimensions, of which a figure shows two. Left: a plane
through the trained weights, along two random directions that are normalised filter by filter, so that a step of 1 is as
long as the weights of each unit are (Li, Xu, Taylor, Studer, Goldstein 2018, "Visualizing the Loss Landscape of Neural
Nets", section 4). Right: $theta = (1 - alpha) theta_0 + alpha theta_1$, from the initial weights to the trained ones
and beyond (Goodfellow, Vinyals, Saxe 2015, "Qualitatively characterizing neural network optimization problems").

The run is `experiment=spirals`, or what is given as for `chainrule train`:

    python experiments/show_landscape.py experiment=digits optimizer=sgd

    python experiments/show_landscape.py
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from study import BLUE, VERMILLION, figure_arguments, publish

import chainrule as cr
from chainrule.runs.building import load_data
from chainrule.runs.folder import recorded_config

DEFAULT = "experiment=spirals"
MOST = 1000
"""Samples of each split at which the loss is measured, the first ones: enough for a picture."""
PLANE = np.linspace(-1, 1, 31)
LINE = np.linspace(-0.5, 1.5, 81)
BEGIN, END = 0.0, 1.0
"""Of the line: the initial weights and the trained ones."""
COLUMNS = ["where", "training loss", "validation loss"]
NOTE = """\
The loss alone, without a penalty on weights, without dropout, over {samples};
what layers gather beside their weights, such as running means, is the trained network's everywhere.

Left: from the trained weights, the cross in the middle, along two random directions of {weights:,} weights, normalised
filter by filter; biases and scales stay. Another two directions give another plane, and most of what there is lies in
none: that a valley is smooth here says that it is so in these two. Right: from the initial weights, at 0, to the
trained ones, at 1; training did not go that way. By `{command}`."""


def main() -> None:
    options = figure_arguments(__doc__, takes_overrides=True)
    result = run(options.overrides)
    _, data = load_data(recorded_config(result.folder / "config.yaml"))
    splits = {name: data.splits[name].first(MOST) for name in ("train", "validation") if name in data.splits}
    plane = around(result.network, splits["train"])
    line = between(initial(result.network), result.network, splits)
    note = NOTE.format(
        samples=" and ".join(f"{split.rows:,} {name} samples" for name, split in splits.items()),
        weights=sum(parameter.size for parameter in result.network.parameters if parameter.decay),
        command=shlex.join(["python", "experiments/show_landscape.py", *options.overrides]),
    )
    publish(options.results, "show_landscape", COLUMNS, rows(plane, line), figure(plane, line), note)


def run(overrides: Sequence[str]) -> cr.Result:
    """A run as it is asked for; one that has finished before is not run again."""
    named = any(override.startswith(("experiment=", "dataset=")) for override in overrides)
    common = ["tracking.experiment=study_show_landscape", "tracking.reuse=true", "tracking.figures=false"]
    return cr.train([*common, *([] if named else [DEFAULT]), *overrides])


def initial(network: cr.Network) -> cr.Network:
    """The network as it was before its first step: built again, from the same seed."""
    return cr.Network(**network.architecture())


def random_direction(network: cr.Network, rng: np.random.Generator) -> cr.Array:
    r"""As long as the weights are, filter by filter: $d_{i,j} = g_{i,j} \|theta_{i,j}\| / \|g_{i,j}\|$ for filter j of
    layer i, where g is normal. A filter is what one unit, or channel, sums up with: the last axis of a weight is that
    of the units (of a depthwise convolution, that of its multiplier). Biases and scales, on which no decay acts, stay:
    their direction is 0."""
    direction = np.zeros_like(network.parameters.theta)
    for parameter in network.parameters:
        if parameter.decay:
            g = rng.standard_normal(parameter.shape)
            d = g * length(parameter.value) / length(g)
            direction[parameter.offset : parameter.offset + parameter.size] = d.ravel()
    return direction


def length(weights: cr.Array) -> cr.Array:
    """Of each filter."""
    return np.asarray(np.sqrt(np.sum(np.square(weights), axis=tuple(range(weights.ndim - 1)), keepdims=True)))


def loss_at(network: cr.Network, theta: cr.Array, split: cr.Split) -> float:
    network.parameters.theta[...] = theta
    return float(network.evaluate(*split, metrics=[], batch_size=MOST, **split.weighing)["loss"])


def around(network: cr.Network, split: cr.Split, seed: int = 0) -> cr.Array:
    """The loss in the plane: ``(len(PLANE), len(PLANE))``, the second direction along axis 0."""
    twin, center = network.copy(), network.parameters.theta
    rng = np.random.default_rng(seed)
    a, b = random_direction(network, rng), random_direction(network, rng)
    return np.array([[loss_at(twin, center + x * a + y * b, split) for x in PLANE] for y in PLANE])


def between(begin: cr.Network, end: cr.Network, splits: Mapping[str, cr.Split]) -> dict[str, cr.Array]:
    """The losses of each split along the line."""
    twin, theta_0, theta_1 = end.copy(), begin.parameters.theta, end.parameters.theta
    return {
        name: np.array([loss_at(twin, (1 - alpha) * theta_0 + alpha * theta_1, split) for alpha in LINE])
        for name, split in splits.items()
    }


def rows(plane: cr.Array, line: Mapping[str, cr.Array]) -> list[list[str]]:
    inside = (LINE >= BEGIN) & (LINE <= END)
    at = {"initial weights": BEGIN, "half way": (BEGIN + END) / 2, "trained weights": END}
    found = [[where, *(f"{losses[place(alpha)]:.4g}" for losses in line.values())] for where, alpha in at.items()]
    found.append(["highest between them", *(f"{losses[inside].max():.4g}" for losses in line.values())])
    found.append(["lowest in the plane", f"{np.nanmin(plane):.4g}"])
    found.append(["highest in the plane", f"{np.nanmax(plane):.4g}"])
    return [[*row, *[""] * (len(COLUMNS) - len(row))] for row in found]


def place(alpha: float) -> int:
    """Where on the line."""
    return int(np.abs(LINE - alpha).argmin())


def figure(plane: cr.Array, line: Mapping[str, cr.Array]) -> Figure:
    drawing = Figure(figsize=(11, 4.8), layout="constrained")
    left, right = drawing.subplots(1, 2)
    draw_plane(left, plane)
    for (name, losses), (color, style) in zip(line.items(), ((BLUE, "-"), (VERMILLION, "--"))):
        right.plot(LINE, losses, style, color=color, linewidth=2, label=name)
    for alpha, what in ((BEGIN, "initial"), (END, "trained")):
        right.axvline(alpha, color="black", linewidth=0.8)
        right.annotate(
            what, (alpha, 1), (4, -4), xycoords=("data", "axes fraction"), textcoords="offset points", va="top"
        )
    right.set(title="On the line from the initial weights", xlabel="alpha", ylabel="loss")
    right.grid(alpha=0.3)
    right.legend()
    return drawing


def draw_plane(axes: Axes, plane: cr.Array) -> None:
    finite = plane[np.isfinite(plane)]
    low, high = finite.min(), finite.max()
    log = 0 < 30 * low < high
    decades = [factor * 10.0**power for power in range(-30, 31) for factor in (1, 3)]
    levels = [level for level in decades if low < level < high] if log else np.linspace(low, high, 14)
    axes.contourf(
        PLANE, PLANE, plane, levels=levels, cmap="Blues", alpha=0.6, norm="log" if log else "linear", extend="both"
    )
    lines = axes.contour(PLANE, PLANE, plane, levels=levels, colors="0.3", linewidths=0.7)
    axes.clabel(lines, fmt=lambda level: f"{level:.2g}", fontsize=8, colors="black")
    axes.plot(0, 0, "x", color=VERMILLION, markersize=9, markeredgewidth=2)
    axes.set(title="Around the trained weights: training loss", xlabel="first direction", ylabel="second direction")
    axes.set_aspect("equal")


if __name__ == "__main__":
    main()
