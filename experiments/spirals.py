"""How many hidden units does it take to separate three spirals?

The experiment `spirals` with hidden layers of different widths, from 5 seeds each. The figure shows the class that the
network of seed 0 gives to each point of the plane, and the test points.

    python experiments/spirals.py
"""

from __future__ import annotations

import statistics

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from study import BLUE, GREEN, ORANGE, arguments, percent, publish, runs

import chainrule as cr

HIDDEN = ("[2]", "[4]", "[8]", "[16]", "[64]", "[64,64]")


def main() -> None:
    options = arguments(__doc__, seeds=5)
    results = {
        hidden: runs("spirals", options.seeds, ["experiment=spirals", f"model.hidden={hidden}", *options.overrides])
        for hidden in HIDDEN
    }
    rows = [
        [hidden, str(found[0].network.parameters.theta.size), percent(r.metrics["test/accuracy"] for r in found)]
        for hidden, found in results.items()
    ]
    columns = ["hidden layers", "parameters", "test accuracy"]
    publish(options.results, "spirals", columns, rows, figure(results), conclusion=conclusion(results))


def conclusion(results: dict[str, list[cr.Result]]) -> str:
    few, many = (
        f"{100 * statistics.mean(result.metrics['test/accuracy'] for result in results[hidden]):.2f} %"
        for hidden in ("[16]", "[64]")
    )
    return f"16 give {few}, 64 give {many} ({len(results['[16]'])} seeds)"


def figure(results: dict[str, list[cr.Result]]) -> Figure:
    drawing = Figure(figsize=(10, 7), layout="constrained")
    test = cr.make("dataset", "spirals").load().test
    side = np.linspace(-1.4, 1.4, 200)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    colours = ListedColormap([BLUE, ORANGE, GREEN])
    for axes, (hidden, found) in zip(drawing.subplots(2, 3).flat, results.items()):
        classes = found[0].network.predict(grid).argmax(axis=1).reshape(len(side), len(side))
        axes.imshow(classes, extent=(-1.4, 1.4, -1.4, 1.4), origin="lower", cmap=colours, alpha=0.35)
        axes.scatter(*test.x.T, c=test.y, cmap=colours, s=6)
        axes.set(title=f"hidden={hidden}: {found[0].metrics['test/accuracy']:.1%}", xticks=[], yticks=[])
    return drawing


if __name__ == "__main__":
    main()
