"""Which of sgd, momentum, rmsprop and adam gets farthest on MNIST in 5 epochs, each at its best learning rate?

The network of `mnist_classic` (784-128-10, ReLU, batches of 64) from 5 seeds. Every optimizer gets the same number of
learning rates, a factor of about 3 apart, with its other fields as they are by default. Its rate is the one with the
lowest validation loss (mean over seeds); the test images are looked at for that rate alone. The figure shows how much
the rate matters, and the learning curves at the best one.

    python experiments/optimizers.py
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from study import (
    Accuracies,
    arguments,
    draw_curve,
    edges,
    finish_curves,
    log_scale,
    mean,
    publish,
    rate,
    sweep,
    values,
)

from chainrule.comparison import PALETTE, Group, band

SETTINGS = ["experiment=mnist_classic", "trainer.epochs=5", "callbacks=[]"]
RATES = {
    "sgd": (0.03, 0.1, 0.3, 1.0, 3.0),
    "momentum": (0.003, 0.01, 0.03, 0.1, 0.3),
    "rmsprop": (0.0001, 0.0003, 0.001, 0.003, 0.01),
    "adam": (0.0001, 0.0003, 0.001, 0.003, 0.01),
}
NOTE = (
    "Differences, their 95 % intervals and p (paired t tests by Holm's method) are over seeds: initial values and the "
    "order of the samples. That other images could have been drawn is not in them; it alone leaves an accuracy of "
    "97.5 % about 0.3 points to either side."
)


def main() -> None:
    options = arguments(__doc__, seeds=5)
    grids = {}
    for name, rates in RATES.items():
        settings = [*SETTINGS, f"optimizer={name}", f"optimizer.lr={','.join(map(str, rates))}"]
        grids[name] = sweep("optimizers", options.seeds, [*settings, *options.overrides])
    grids = dict(sorted(grids.items(), key=lambda grid: mean(grid[1][0])))
    best = {name: grid[0] for name, grid in grids.items()}
    tests = Accuracies.of(best, base=next(iter(best)))
    rows = [
        [
            name,
            ", ".join(f"{tried:g}" for tried in RATES[name]),
            f"{rate(group):g}",
            f"{mean(group):.4f}",
            *tests.cells(name),
        ]
        for name, group in best.items()
    ]
    publish(
        options.results,
        "optimizers",
        ["optimizer", "rates", "best", "validation loss", *Accuracies.columns("the first")],
        rows,
        figure(grids),
        note=f"{edges({name: rate(group) for name, group in best.items()}, RATES, 'rate')} {NOTE}",
        conclusion=tests.verdict,
    )


def figure(grids: Mapping[str, Sequence[Group]]) -> Figure:
    drawing = Figure(figsize=(11, 4.5), layout="constrained")
    sensitivity, curves = drawing.subplots(1, 2)
    for color, name in zip(PALETTE, RATES):
        grid = sorted(grids[name], key=rate)
        losses = zip(*(values(group, "validation/loss") for group in grid))
        band(sensitivity, [rate(group) for group in grid], list(losses), color, name, marker="o", markersize=4)
        draw_curve(curves, grids[name][0], "validation/loss", color, f"{name}, {rate(grids[name][0]):g}")
    sensitivity.set(xlabel="learning rate", ylabel="validation loss", title="After the last epoch, by learning rate")
    sensitivity.set_xscale("log")
    log_scale(sensitivity)
    sensitivity.legend()
    finish_curves(curves, "At the best learning rate")
    return drawing


if __name__ == "__main__":
    main()
