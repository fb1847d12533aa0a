"""Is Adam as fast on MNIST, beside other optimizers, as the paper that introduced it shows?

Figures 1 and 2 of Kingma, Ba (2015), "Adam: A Method for Stochastic Optimization", in small: the training loss by
epoch, 10 of them, in batches of 128. First logistic regression on all 60,000 images, the rate falling as 1 / sqrt(t);
then two hidden layers of 1,000 ReLUs with dropout, on 5,000 images. Each optimizer has the learning rate that leads to
the lowest training loss from seed 0; five seeds are shown. Initial values, order of the images and dropout are the
same for all optimizers. A run that has finished is not run again; all of it takes about 8 minutes on one core.

    python experiments/adam.py
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure
from study import (
    arguments,
    differences,
    draw_curve,
    edges,
    finish_curves,
    interval,
    mean,
    publish,
    rate,
    sweep,
)

from chainrule.comparison import PALETTE, Group, Paired, learning_curves

LOSS = "train/loss"
COMMON = [
    "dataset=mnist/whole",
    "model=mlp",
    "loss=categorical_cross_entropy",
    "metrics=[accuracy]",
    "callbacks=[]",
    "trainer.batch_size=128",
    "trainer.epochs=10",
]
COLOURS = dict(zip(("adam", "nesterov", "adagrad", "rmsprop", "adadelta"), PALETTE))


@dataclass(frozen=True)
class Part:
    """One of the two: its network, what it sets beside COMMON, and the rates of each optimizer."""

    network: str
    settings: Sequence[str]
    rates: Mapping[str, Sequence[float]]


PARTS = (
    Part(
        "784-10, rate / sqrt(t)",
        ["model.hidden=[]", "schedule=inverse_sqrt"],
        {
            "adam": (0.01, 0.03, 0.1, 0.3, 1.0),
            "nesterov": (0.3, 1.0, 3.0, 10.0, 30.0),
            "adagrad": (0.03, 0.1, 0.3, 1.0, 3.0),
        },
    ),
    Part(
        "784-1000-1000-10, dropout",
        ["model.hidden=[1000,1000]", "model.dropout=0.5", "dataset.train_size=5000"],
        {
            "adam": (0.0003, 0.001, 0.003),
            "nesterov": (0.03, 0.1, 0.3),
            "adagrad": (0.003, 0.01, 0.03),
            "rmsprop": (0.0003, 0.001, 0.003),
            "adadelta": (0.3, 1.0, 3.0),
        },
    ),
)
COLUMNS = ["network", "optimizer", "rates", "best", "loss in the first epoch", "loss in the last epoch", "less adam's"]
NOTE = """\
The loss is the mean over an epoch as its batches were met, with dropout on; less is faster. In brackets: 95 % intervals
of means over seeds; "less adam's" is the mean of the differences seed by seed.

In the paper Adam is as fast as Nesterov momentum in figure 1, both faster than AdaGrad, and the fastest in figure 2.
Smaller here: 10 epochs, and for the second network 5,000 of the 60,000 images; of each optimizer's fields only the rate
is searched for (momentum is 0.9). Dropout, of half of each hidden layer, is ours; there is no L2 penalty."""

Best = dict[str, Group]


def main() -> None:
    options = arguments(__doc__, seeds=5)
    found = [fastest(part, options.seeds, options.overrides) for part in PARTS]
    rows = [row for part, best in zip(PARTS, found, strict=True) for row in cells(part, best)]
    chosen = {f"{name} ({part.network})": rate(best[name]) for part, best in zip(PARTS, found) for name in best}
    grids = {f"{name} ({part.network})": rates for part in PARTS for name, rates in part.rates.items()}
    note = f"{edges(chosen, grids, 'rate')}\n\n{NOTE}"
    publish(options.results, "adam", COLUMNS, rows, figure(found), note, conclusion(found))


def fastest(part: Part, seeds: int, overrides: Sequence[str]) -> Best:
    """Of each optimizer the runs at its best rate; the optimizer with the lowest loss first."""
    best = {}
    for name, rates in part.rates.items():
        settings = [*COMMON, *part.settings, f"optimizer={name}"]
        tried = sweep("adam", 1, [*settings, f"optimizer.lr={','.join(map(str, rates))}", *overrides], LOSS)
        [best[name]] = sweep("adam", seeds, [*settings, f"optimizer.lr={rate(tried[0])}", *overrides], LOSS)
    return dict(sorted(best.items(), key=lambda item: mean(item[1])))


def losses(group: Group, epoch: int) -> list[float]:
    """Of each seed, in the first epoch (0) or the last one (-1)."""
    return [list(curve.values())[epoch] for curve in learning_curves(group, LOSS)]


def cells(part: Part, best: Best) -> list[list[str]]:
    behind = beside_adam(best)
    return [
        [
            part.network,
            name,
            ", ".join(f"{tried:g}" for tried in part.rates[name]),
            f"{rate(group):g}",
            interval(losses(group, 0), 3),
            interval(losses(group, -1), 4),
            f"{behind[name].difference:+.4f}" if name in behind else "",
        ]
        for name, group in best.items()
    ]


def beside_adam(best: Best) -> dict[str, Paired]:
    """How much higher the others' last losses are than Adam's, seed by seed."""
    others = {name: losses(group, -1) for name, group in best.items() if name != "adam"}
    return differences(losses(best["adam"], -1), others)


def conclusion(found: Sequence[Best]) -> str:
    return "; ".join(f"{part.network}: {told(best)}" for part, best in zip(PARTS, found, strict=True))


def told(best: Best) -> str:
    """How Adam does, and what the seeds can tell of the others."""
    kinds: dict[str, list[str]] = {"faster": [], "too close for the seeds to tell": [], "slower": []}
    for name, other in beside_adam(best).items():
        slower = "slower" if other.difference > 0 else "faster"
        kind = slower if other.told_apart else "too close for the seeds to tell"
        kinds[kind].append(f"{name} ({mean(best[name]):.4f})")
    rest = [f"{kind}: {' and '.join(names)}" for kind, names in kinds.items() if names]
    place = "is the fastest" if next(iter(best)) == "adam" else "is not the fastest"
    return ", ".join([f"adam {place} ({mean(best['adam']):.4f})", *rest])


def figure(found: Sequence[Best]) -> Figure:
    drawing = Figure(figsize=(11, 4.5), layout="constrained")
    for axes, part, best in zip(drawing.subplots(1, 2), PARTS, found, strict=True):
        for name, group in best.items():
            draw_curve(axes, group, LOSS, COLOURS[name], f"{name}, {rate(group):g}")
        finish_curves(axes, part.network, "training loss")
    return drawing


if __name__ == "__main__":
    main()
