"""How far does plain gradient descent go on MNIST, and what do dropout, Adam, a falling rate and convolutions add?

Three experiments, 3 seeds each, on the full 60,000 / 10,000 split; the test images are looked at once, at the end:
`mnist_classic` (784-128-10, ReLU, softmax, mini-batch gradient descent), `mnist` (784-512-512-10 with dropout, Adam,
cosine schedule) and `mnist_cnn` (two convolutional layers with pooling before a dense one). The figure shows the
accuracy on the 5,000 validation images, epoch by epoch; the page of predictions is that of `mnist`, seed 0.

    python experiments/mnist.py
"""

from __future__ import annotations

import shutil
import statistics

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from study import BLUE, GREEN, VERMILLION, arguments, percent, publish, runs

import chainrule as cr

EXPERIMENTS = {
    "mnist_classic": "784-128-10, gradient descent",
    "mnist": "784-512-512-10, dropout, Adam, cosine",
    "mnist_cnn": "conv 32 5x5, pool, conv 64 5x5, pool, 128-10, dropout, Adam, cosine",
}
COLOURS = {"mnist_classic": BLUE, "mnist": VERMILLION, "mnist_cnn": GREEN}


def main() -> None:
    options = arguments(__doc__, seeds=3)
    results = {name: runs("mnist", options.seeds, [f"experiment={name}", *options.overrides]) for name in EXPERIMENTS}
    rows = [
        [
            name,
            EXPERIMENTS[name],
            f"{found[0].history.epochs}",
            percent(result.metrics["best/validation/accuracy"] for result in found),
            percent(result.metrics["test/accuracy"] for result in found),
            f"{sum(result.seconds for result in found) / len(found):.0f} s",
        ]
        for name, found in results.items()
    ]
    columns = ["experiment", "network", "epochs", "best validation accuracy", "test accuracy", "time a run"]
    publish(options.results, "mnist", columns, rows, figure(results), conclusion=conclusion(results))
    shutil.copy(results["mnist"][0].folder / "figures" / "predictions.png", options.results / "mnist_predictions.png")


def conclusion(results: dict[str, list[cr.Result]]) -> str:
    classic, dense, cnn = (
        f"{100 * statistics.mean(result.metrics['test/accuracy'] for result in results[name]):.2f} %"
        for name in EXPERIMENTS
    )
    return (
        f"{classic} of the test images (784-128-10), {dense} (784-512-512-10) and {cnn} (convolutions); "
        f"{len(results['mnist'])} seeds each"
    )


def figure(results: dict[str, list[cr.Result]]) -> Figure:
    drawing = Figure(figsize=(8, 4.5), layout="constrained")
    axes = drawing.subplots()
    for name, found in results.items():
        for seed, result in enumerate(found):
            accuracy = [100 * value for value in result.history["validation/accuracy"]]
            epochs = range(1, len(accuracy) + 1)
            axes.plot(epochs, accuracy, color=COLOURS[name], alpha=0.7, label=EXPERIMENTS[name] if seed == 0 else None)
    axes.set(xlabel="epoch", ylabel="validation accuracy (%)", title="MNIST")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    return drawing


if __name__ == "__main__":
    main()
