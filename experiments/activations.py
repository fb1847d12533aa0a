"""Which activation should hidden layers have, and what can 5 seeds tell of it?

A network of two hidden layers (784-128-128-10) learns from 5,000 images of MNIST for 10 epochs with Adam, once with
each registered activation but softmax, which is for outputs. The initial weights fit the activation: He's for what is
like a ReLU, Glorot's for what is like the identity around zero or has bounds, LeCun's for SELU, as its authors ask. So
does the learning rate: each has the one of 6 with the lowest validation loss (mean over the first 2 seeds), and then
all 5 seeds. The test images are looked at for that rate alone. `linear` shows what a network without any activation
comes to.

    python experiments/activations.py
"""

from __future__ import annotations

from study import Accuracies, arguments, edges, mean, publish, rate, seeds_and_curves, tuned

from chainrule.comparison import Group

SETTINGS = [
    "experiment=mnist_classic",
    "dataset.train_size=5000",
    "model.hidden=[128,128]",
    "trainer.epochs=10",
    "optimizer=adam",
    "callbacks=[]",
]
RATES = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03)
INITIALIZERS = {
    "he_normal": ("relu", "leaky_relu", "elu", "gelu", "swish", "mish", "softplus"),
    "glorot_uniform": ("tanh", "sigmoid", "linear"),
    "lecun_normal": ("selu",),
}
DRAWN = ("relu", "tanh", "sigmoid", "linear")
"""In the figure's learning curves, beside the best one."""
NOTE = (
    "Differences, their 95 % intervals and p (paired t tests by Holm's method) are over seeds: initial values and the "
    "order of the samples. That other images could have been drawn is not in them; it alone leaves an accuracy of 95 % "
    "about 0.4 points to either side. Another network, or more data, may have another order."
)


def main() -> None:
    options = arguments(__doc__, seeds=5)
    tried: dict[str, Group] = {}
    initial = {}
    for initializer, names in INITIALIZERS.items():
        for name in names:
            settings = [*SETTINGS, f"model.activation={name}", f"model.initializer={initializer}", *options.overrides]
            tried[name] = tuned("activations", options.seeds, settings, "optimizer.lr", RATES)
            initial[name] = initializer
    tried = dict(sorted(tried.items(), key=lambda named: mean(named[1])))
    best = next(iter(tried))
    tests = Accuracies.of(tried, best)
    rows = [
        [name, initial[name], f"{rate(group):g}", f"{mean(group):.4f}", *tests.cells(name)]
        for name, group in tried.items()
    ]
    rates = edges({name: rate(group) for name, group in tried.items()}, dict.fromkeys(tried, RATES), "rate")
    drawn = {f"{name}, rate {rate(tried[name]):g}": tried[name] for name in dict.fromkeys([best, *DRAWN])}
    publish(
        options.results,
        "activations",
        ["activation", "initializer", "rate", "validation loss", *Accuracies.columns("the first")],
        rows,
        seeds_and_curves(tests, drawn, "At the best learning rate"),
        note=f"Rates tried: {', '.join(f'{rate:g}' for rate in RATES)}. {rates} {NOTE}",
        conclusion=tests.verdict,
    )


if __name__ == "__main__":
    main()
