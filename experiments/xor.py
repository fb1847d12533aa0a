"""Does gradient descent find XOR from every start?

Two small networks of 8 hidden units, each from 20 seeds: `xor_classic`, as it was learned first (sigmoid units, binary
cross-entropy, plain gradient descent), and `xor` (tanh units, Adam). The figure shows the loss of every seed, and the
decision boundary that seed 0 came to.

    python experiments/xor.py
"""

from __future__ import annotations

import math

import numpy as np
from matplotlib.figure import Figure
from study import BLUE, arguments, percent, publish, runs, shown

import chainrule as cr

EXPERIMENTS = {"xor_classic": "sigmoid, gradient descent", "xor": "tanh, Adam"}


def main() -> None:
    options = arguments(__doc__, seeds=20)
    results = {name: runs("xor", options.seeds, [f"experiment={name}", *options.overrides]) for name in EXPERIMENTS}
    rows = [row(name, found) for name, found in results.items()]
    columns = ["experiment", "network", "solved", "test accuracy", "epochs until solved: median (worst)"]
    publish(options.results, "xor", columns, rows, figure(results), conclusion=conclusion(results))


def conclusion(results: dict[str, list[cr.Result]]) -> str:
    solved = {name: [solved_at(result) for result in found] for name, found in results.items()}
    counts = [sum(epoch < math.inf for epoch in epochs) for epochs in solved.values()]
    seeds = len(results["xor"])
    median = {name: shown(np.median(epochs)) for name, epochs in solved.items()}
    return (
        f"{'Yes' if min(counts) == seeds else 'No'}, from {min(counts)} of {seeds} seeds: with sigmoids and plain "
        f"gradient descent after {median['xor_classic']} epochs (median), with tanh and Adam after {median['xor']}"
    )


def row(name: str, results: list[cr.Result]) -> list[str]:
    accuracies = [result.metrics["test/binary_accuracy"] for result in results]
    solved = sum(accuracy == 1 for accuracy in accuracies)
    epochs = [solved_at(result) for result in results]
    counts = f"{shown(np.median(epochs))} ({shown(max(epochs))})"
    return [name, EXPERIMENTS[name], f"{solved} of {len(results)}", percent(accuracies), counts]


def solved_at(result: cr.Result) -> float:
    """The epoch from which on all four patterns are right."""
    wrong = [epoch for epoch, value in enumerate(result.history["validation/binary_accuracy"], start=1) if value < 1]
    last_wrong = max(wrong, default=0)
    return last_wrong + 1 if last_wrong < result.history.epochs else math.inf


def figure(results: dict[str, list[cr.Result]]) -> Figure:
    drawing = Figure(figsize=(10, 7), layout="constrained")
    axes = drawing.subplots(len(results), 2, width_ratios=[2, 1])
    side = np.linspace(-0.4, 1.4, 120)
    grid = np.stack(np.meshgrid(side, side), axis=-1)
    for (losses, plane), (name, found) in zip(axes, results.items()):
        for result in found:
            losses.plot(result.history["train/loss"], color=BLUE, alpha=0.4, linewidth=1)
        losses.set(title=f"{name}: {len(found)} seeds", xlabel="epoch", ylabel="training loss", yscale="log")
        probability = found[0].network.predict(grid.reshape(-1, 2)).reshape(len(side), len(side))
        plane.contourf(side, side, probability, levels=np.linspace(0, 1, 21), cmap="RdBu_r")
        plane.scatter([0, 1], [0, 1], marker="o", s=90, color="white", edgecolor="black")
        plane.scatter([0, 1], [1, 0], marker="s", s=90, color="black", edgecolor="white")
        plane.set(title="seed 0: P(1)    ○ 0   ■ 1", xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
    return drawing


if __name__ == "__main__":
    main()
