"""Can a layer that reads an image row by row tell which digit it was?

`experiment=mnist_rows`: 28 rows of 28 pixels come one after another, and the last state alone goes to the output. A
plain recurrent layer, a GRU and an LSTM of 128 units learn it from 55,000 images for 10 epochs, from 3 seeds each; each
has the best of 3 learning rates, by the validation loss over the first 2 seeds. The test images are looked at for that
rate alone.

    python experiments/rows.py
"""

from __future__ import annotations

from study import Accuracies, arguments, edges, mean, publish, rate, seeds_and_curves, tuned

CELLS = ("simple_rnn", "gru", "lstm")
RATES = (0.0005, 0.002, 0.008)
NOTE = (
    "Differences, their 95 % intervals and p (paired t tests by Holm's method) are over seeds: initial values and the "
    "order of the samples. What networks come to that see all rows at once is in [mnist.md](mnist.md)."
)
ENOUGH = 98.5
"""Percent of the test images."""


def main() -> None:
    options = arguments(__doc__, seeds=3)
    settings = ["experiment=mnist_rows", *options.overrides]
    tried = {
        cell: tuned("rows", options.seeds, [*settings, f"model.cell={cell}"], "optimizer.lr", RATES) for cell in CELLS
    }
    tried = dict(sorted(tried.items(), key=lambda named: mean(named[1])))
    tests = Accuracies.of(tried, next(iter(tried)))
    rows = [[cell, f"{rate(group):g}", f"{mean(group):.4f}", *tests.cells(cell)] for cell, group in tried.items()]
    best = tests.right[tests.base]
    verdict = "Yes" if sum(best) / len(best) >= ENOUGH else "No"
    rates = edges({cell: rate(group) for cell, group in tried.items()}, dict.fromkeys(tried, RATES), "rate")
    drawn = {f"{cell}, rate {rate(group):g}": group for cell, group in tried.items()}
    publish(
        options.results,
        "rows",
        ["layer", "rate", "validation loss", *Accuracies.columns("the first")],
        rows,
        seeds_and_curves(tests, drawn, "At the best learning rate"),
        note=f"Rates tried: {', '.join(f'{rate:g}' for rate in RATES)}. {rates} {NOTE}",
        conclusion=f"{verdict}: {tests.verdict}",
    )


if __name__ == "__main__":
    main()
