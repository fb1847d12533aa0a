"""What a loss is checked with: targets, logits and predictions for each task that it says it can be used for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, cast, get_args

import numpy as np

from chainrule.contract.arrays import Array, Task
from chainrule.contract.kinds import Activation, Loss
from chainrule.errors import ConfigError
from chainrule.registry.making import make
from chainrule.testing.arrays import MARGIN
from chainrule.testing.bench import BATCH
from chainrule.testing.subject import Subject

CLASSES = 3
DRAWS = 100


class LossCase(NamedTuple):
    """What a loss is given for one task: logits, the prediction that the output's activation makes of them, targets."""

    task: Task
    activation: Activation
    logits: Array
    prediction: Array
    target: Array  # shaped as the prediction

    def targets(self, loss: Loss) -> Array:
        """In the form that the loss takes."""
        whole = self.task == "multiclass" and loss.integer_targets
        return self.target.argmax(axis=1) if whole else self.target.copy()


def fuses(cls: type) -> bool:
    return cast(type[Loss], cls).fuses_with is not None


def outputs_of(loss: Loss) -> dict[Task, tuple[int, str]]:
    """For each task that the loss takes, how the network ends."""
    found = {}
    for task in cast("tuple[Task, ...]", get_args(Task)):
        try:
            found[task] = loss.output(task, CLASSES if task == "multiclass" else 2)
        except ConfigError:
            continue
    return found


def cases(subject: Subject, index: int = 0, dtype: str = "float64", logits: Array | None = None) -> Iterator[LossCase]:
    """One for each task that the loss takes; the same for the same index. No error lies close to a kink."""
    loss = subject.make()
    for task, (units, name) in outputs_of(loss).items():
        rng = subject.rng(index)
        shape = (BATCH, units) if logits is None else (len(logits), units)
        target = _target(task, rng, shape)
        for _ in range(DRAWS):
            z = rng.normal(size=shape) if logits is None else logits[:, :1] * np.ones(shape) * _signs(shape)
            activation = make("activation", name)
            prediction = activation.forward(z.astype(dtype)).copy()
            error = prediction - target
            if logits is not None or all(np.abs(error - kink).min() > MARGIN for kink in subject.kinks):
                break
        yield LossCase(task, activation, z.astype(dtype), prediction, target.astype(dtype))


def _signs(shape: tuple[int, ...]) -> Array:
    return np.where(np.arange(shape[1]) % 2 == 0, 1, -1)


def _target(task: Task, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    if task == "multiclass":
        return np.eye(shape[1])[np.arange(shape[0]) % shape[1]]
    if task == "binary":
        return (np.arange(shape[0] * shape[1]).reshape(shape) % 2).astype(float)
    return rng.normal(size=shape)
