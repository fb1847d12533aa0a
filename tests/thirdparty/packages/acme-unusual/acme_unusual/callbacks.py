"""Callbacks: that choose the order of samples, blend them, and tell of gradients."""

import math
from dataclasses import dataclass

import numpy as np

from chainrule import Callback


@dataclass
class EasyFirst(Callback):
    """Goes through each epoch from the samples that were easy when last they were met to the hard ones.

    Args:
        epochs: after how many it leaves the order alone, at least 1; default 5.
    """

    epochs: int = 5

    def __post_init__(self):
        self.require("epochs", self.epochs >= 1, "at least 1")
        self.off, self.place = np.zeros(0), np.zeros(0, int)

    def on_train_start(self, trainer):
        if trainer.epoch == 0:
            self.off = np.zeros(0)

    def on_order(self, trainer, order, rng):
        self.off = np.zeros(len(order)) if len(self.off) != len(order) else self.off
        easy = order[np.argsort(self.off[order], kind="stable")]
        self.place = easy if trainer.epoch <= self.epochs else order.copy()
        return self.place

    def on_batch_end(self, trainer):
        start = trainer.batch_index * trainer.batch_size
        rows = self.place[start : start + trainer.batch_size]
        given, target = trainer.network.prediction, trainer.batch[1].metric
        if target.ndim < given.ndim:
            target = np.eye(given.shape[-1])[target]
        self.off[rows] = np.abs(given - target).reshape(len(rows), -1).mean(axis=1)


@dataclass
class MixUp(Callback):
    r"""Blends each sample with another one, and their targets likewise.

    $x = s x_i + (1 - s) x_j$, $y = s y_i + (1 - s) y_j$ with $s \sim Beta(\alpha, \alpha)$

    Zhang, Cisse, Dauphin, Lopez-Paz (2018).

    Args:
        alpha: above 0 and finite; default 0.2.
    """

    alpha: float = 0.2

    def __post_init__(self):
        self.require("alpha", 0 < self.alpha < math.inf, "above 0 and finite")

    def on_batch(self, trainer, x, y, rng):
        share, other = rng.beta(self.alpha, self.alpha), rng.permutation(len(x))
        if y.dtype.kind == "i":
            y = np.eye(trainer.network.output_shape[-1], dtype=trainer.network.dtype)[y]
        return share * x + (1 - share) * x[other], share * y + (1 - share) * y[other]


@dataclass
class GradientLog(Callback):
    """Records how long gradients are, of each parameter and of all, and draws it when the training ends."""

    logs = ("gradient/norm", "gradient/*")

    def __post_init__(self):
        self.norms = []

    def on_train_start(self, trainer):
        if trainer.epoch == 0:
            self.norms = []

    def on_gradient(self, trainer):
        for parameter in trainer.trained:
            trainer.log(f"gradient/{parameter.name}", float(np.linalg.norm(parameter.grad)))
        self.norms.append(float(np.linalg.norm(trainer.network.parameters.grad)))
        trainer.log("gradient/norm", self.norms[-1])

    def on_train_end(self, trainer):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(5, 3))
        axes = figure.add_subplot(xlabel="step", ylabel="length of the gradient", yscale="log")
        axes.plot(range(1, len(self.norms) + 1), self.norms)
        trainer.figure("gradients", figure)


COMPONENTS = (EasyFirst, MixUp, GradientLog)
