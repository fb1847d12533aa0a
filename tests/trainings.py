"""Small trainings, and callbacks that keep what they hear."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import chainrule as cr

RNG = np.random.default_rng(0)
X = RNG.normal(size=(22, 4))
LABELS = RNG.integers(0, 3, 22)
NUMBERS = np.stack([np.sin(X[:, 0]), X[:, 1] * X[:, 2]], axis=1)
BITS = (X[:, 0] > 0).astype(int)


def dense(units: int, activation: str = "linear") -> dict[str, Any]:
    return {"name": "dense", "units": units, "activation": activation}


def classifier(dtype: str = "float64", seed: int = 0, *extra: Any) -> cr.Network:
    layers = [dense(8, "tanh"), *extra, dense(3, "softmax")]
    return cr.Network(layers, (4,), "categorical_cross_entropy", seed, dtype)


def regressor(dtype: str = "float64", seed: int = 0) -> cr.Network:
    return cr.Network([dense(8, "tanh"), dense(2)], (4,), "mse", seed, dtype)


def trainer(net: cr.Network | None = None, optimizer: Any = "adam", batch_size: int = 8, **rest: Any) -> cr.Trainer:
    return cr.Trainer(net or classifier(), optimizer, batch_size, **rest)


def numbers_of(history: cr.History) -> dict[str, list[float]]:
    """Without what depends on the clock."""
    return {name: values for name, values in history.items() if name not in ("seconds", "examples_per_second")}


@dataclass
class Recording(cr.Callback):
    """Keeps every event, and does what it is told at one of them."""

    at: tuple[Any, ...] = ()
    do: Callable[[cr.Trainer], Any] = field(default=lambda trainer: None)

    def __post_init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []

    def note(self, *event: Any) -> None:
        self.events.append(event)

    def on_train_start(self, trainer: cr.Training) -> None:
        self.hear(trainer, "train_start")

    def on_epoch_start(self, trainer: cr.Training) -> None:
        self.hear(trainer, "epoch_start", trainer.epoch)

    def on_gradient(self, trainer: cr.Training) -> None:
        self.hear(trainer, "gradient", trainer.epoch, trainer.step)

    def on_batch_end(self, trainer: cr.Training) -> None:
        self.hear(trainer, "batch_end", trainer.epoch, trainer.step)

    def on_epoch_end(self, trainer: cr.Training) -> None:
        self.hear(trainer, "epoch_end", trainer.epoch)

    def on_train_end(self, trainer: cr.Training) -> None:
        self.hear(trainer, "train_end")

    def on_exception(self, trainer: cr.Training, error: BaseException) -> None:
        self.events.append(("exception", type(error).__name__))

    def hear(self, trainer: cr.Trainer, *event: Any) -> None:
        self.events.append(event)
        if event == self.at:
            self.do(trainer)


@dataclass
class Each(cr.Callback):
    """Gathers something after each batch."""

    what: Callable[[cr.Trainer], Any] = field(default=lambda trainer: None)

    def __post_init__(self) -> None:
        self.seen: list[Any] = []

    def on_batch_end(self, trainer: cr.Training) -> None:
        self.seen.append(self.what(trainer))
