"""Does one hidden layer read 97 % of handwritten digits, from 1,078 examples?

The experiment `digits` from 5 seeds, each tested on the same held-out third. The figure shows which digits are taken
for which, all seeds together, and the images that seed 0 got wrong.

    python experiments/digits.py
"""

from __future__ import annotations

import statistics

import numpy as np
from matplotlib.figure import Figure
from study import arguments, percent, publish, runs

import chainrule as cr


def main() -> None:
    options = arguments(__doc__, seeds=5)
    results = runs("digits", options.seeds, ["experiment=digits", *options.overrides])
    accuracies = [result.metrics["test/accuracy"] for result in results]
    data = cr.make("dataset", "digits").load()
    sizes = " / ".join(str(len(split.y)) for split in (data.train, data.validation, data.test))
    rows = [["digits", sizes, percent(accuracies), f"{100 * min(accuracies):.2f} to {100 * max(accuracies):.2f} %"]]
    columns = ["experiment", "train / validation / test", "test accuracy", "over the seeds"]
    publish(options.results, "digits", columns, rows, figure(results, data), conclusion=conclusion(accuracies))


def conclusion(accuracies: list[float]) -> str:
    mean, worst = 100 * statistics.mean(accuracies), 100 * min(accuracies)
    verdict = "Yes" if mean >= 97 else "No"
    return f"{verdict}: {mean:.2f} % of a held-out third, and {worst:.2f} % at the worst of {len(accuracies)} seeds"


def figure(results: list[cr.Result], data: cr.Data) -> Figure:
    x, y = data.test
    counts = np.zeros((10, 10), int)
    for result in results:
        np.add.at(counts, (y, result.network.predict(x).argmax(axis=1)), 1)
    predicted = results[0].network.predict(x).argmax(axis=1)
    mistakes = np.flatnonzero(predicted != y)[:20]

    drawing = Figure(figsize=(11, 5), layout="constrained")
    left, right = drawing.subfigures(1, 2, width_ratios=[1, 1.1])
    matrix = left.subplots()
    matrix.imshow(np.where(np.eye(10, dtype=bool), 0, counts), cmap="Oranges")
    for (true, guess), count in np.ndenumerate(counts):
        if count:
            matrix.text(guess, true, str(count), ha="center", va="center", fontsize=8)
    matrix.set(xticks=range(10), yticks=range(10), xlabel="predicted", ylabel="true", title=f"{len(results)} seeds")
    right.suptitle(f"Seed 0: {np.sum(predicted != y)} of {len(y)} wrong (predicted, true)", fontsize=11)
    for axes, i in zip(right.subplots(4, 5).flat, mistakes):
        axes.imshow(x[i], cmap="gray_r")
        axes.set_title(f"{predicted[i]}, {y[i]}", fontsize=9)
    for axes in right.axes:
        axes.axis("off")
    return drawing


if __name__ == "__main__":
    main()
