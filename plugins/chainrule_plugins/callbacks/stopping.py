"""What ends a training early: because it no longer improves, or because its numbers are none any more."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from chainrule import (
    Array,
    Callback,
    ConfigError,
    Goal,
    NonFiniteError,
    TrainedNetwork,
    Training,
    did_you_mean,
    goal_of,
)

log = logging.getLogger(__name__)

NOTHING_YET = {"best": None, "epoch": 0, "waited": 0, "snapshot": None}


@dataclass
class EarlyStopping(Callback):
    """Ends a training that no longer improves, and goes back to the best weights.

    Args:
        monitor: what is watched after each epoch, such as "validation/accuracy"; default "validation/loss".
        patience: how many epochs in a row may bring no improvement, at least 1; null (the default): a tenth of those
            that are planned, and at least 10.
        min_delta: by how much a value must be better than the best to count as one, at least 0; default 0.
        mode: "min" or "max" says which way is better; "auto" asks the metric, and takes "min" for all else. Default
            "auto".
        restore_best: whether the weights of the best epoch are taken back at the end, early or not; default true.

    Raises:
        FieldError: a value is out of range.
        ConfigError: nothing of that name is measured in this training.

    Reference:
        Prechelt (1998), "Early Stopping - But When?", in Neural Networks: Tricks of the Trade.

    Example:
        >>> import chainrule as cr
        >>> network = cr.Network([{"name": "dense", "units": 1}], input_shape=(1,), loss="mse")
        >>> trainer = cr.Trainer(network, {"name": "sgd", "lr": 1e-12})
        >>> stopping = cr.make("callback", "early_stopping", monitor="train/loss", patience=2, min_delta=0.1)
        >>> _ = trainer.fit(([[1.0]], [2.0]), epochs=100, callbacks=[stopping])
        >>> trainer.epoch, trainer.stop_reason
        (3, 'train/loss has not improved for 2 epochs')
    """

    monitor: str = "validation/loss"
    patience: int | None = None
    min_delta: float = 0.0
    mode: Literal["auto", "min", "max"] = "auto"
    restore_best: bool = True

    ends_open_training = True
    check_examples = ({}, {"patience": 1, "min_delta": 0.1, "restore_best": False})

    def __post_init__(self) -> None:
        self.require("patience", self.patience is None or self.patience >= 1, "at least 1")
        self.require("min_delta", 0 <= self.min_delta < math.inf, "at least 0 and finite")
        self.load_state(NOTHING_YET)

    def state(self) -> dict[str, Any]:
        return {"best": self._best, "epoch": self._epoch, "waited": self._waited, "snapshot": self._snapshot}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self._best: float | None = state["best"]
        self._epoch: int = state["epoch"]
        self._waited: int = state["waited"]
        self._snapshot: Any = state["snapshot"]

    def on_train_start(self, trainer: Training) -> None:
        if trainer.epoch == 0:
            self.load_state(NOTHING_YET)  # of an earlier training, whose network was another

    def on_epoch_end(self, trainer: Training) -> None:
        value, goal = self._monitored(trainer), self._goal()
        if goal.gain(value, goal.worst if self._best is None else self._best) > self.min_delta:
            self._best, self._epoch, self._waited = value, trainer.epoch, 0
            self._snapshot = trainer.network.snapshot() if self.restore_best else None
            return
        self._waited += 1
        patience = max(10, trainer.epochs // 10) if self.patience is None else self.patience
        if self._waited >= patience:
            trainer.stop(f"{self.monitor} has not improved for {patience} epoch{'s' * (patience > 1)}")

    def on_train_end(self, trainer: Training) -> None:
        self._waited = 0  # should the training be taken up again
        if self._snapshot is not None and self._epoch != trainer.epoch:
            trainer.network.restore(self._snapshot)
            log.info(
                "the weights are those of epoch %d again, where %s was %.4g", self._epoch, self.monitor, self._best
            )

    def _monitored(self, trainer: Training) -> float:
        if self.monitor not in trainer.metrics:
            known = did_you_mean(self.monitor, trainer.metrics)
            message = f'"{self.monitor}" is not measured in this training. {known}'
            raise ConfigError(message, key="early_stopping.monitor")
        return trainer.metrics[self.monitor]

    def _goal(self) -> Goal:
        return goal_of(self.monitor) if self.mode == "auto" else Goal(self.mode)


@dataclass
class NanGuard(Callback):
    """Stops a training whose numbers have become infinite or not a number, and says where they first did.

    It looks at the loss of each batch, before the update that would spread it to all parameters, and at all parameters
    at the end of each epoch.

    Raises:
        NonFiniteError: naming the epoch, the step and the first layer.

    Example:
        >>> import chainrule as cr
        >>> network = cr.Network([{"name": "dense", "units": 1}], input_shape=(1,), loss="mse")
        >>> network.parameters["0.dense.b"].value = float("inf")
        >>> try:
        ...     cr.Trainer(network, "sgd").fit(([[1.0]], [2.0]), epochs=1, callbacks=["nan_guard"])
        ... except cr.NonFiniteError as error:
        ...     print(str(error).partition(". ")[0])
        the loss is inf in epoch 1, step 1 (batch 1 of 1): layer 0.dense is the first that is not finite, in its b
    """

    def on_gradient(self, trainer: Training) -> None:
        if math.isfinite(trainer.batch_loss):
            return
        assert trainer.batch is not None  # its loss is there
        what, step = f"the loss is {trainer.batch_loss}", trainer.step + 1
        x, _ = trainer.batch
        if not np.isfinite(x).all():
            raise _error(trainer, what, step, "the batch's inputs are not finite. Correct or leave out such samples")
        raise _error(trainer, what, step, f"{_first_non_finite(trainer.network, x)}. {_advice(trainer)}")

    def on_epoch_end(self, trainer: Training) -> None:
        parameters = trainer.network.parameters
        theta = parameters.theta
        # Their sum of squares is had in half the time, and is finite where they are, unless it overflows.
        if math.isfinite(np.dot(theta, theta)) or np.isfinite(theta).all():
            return
        layer, _, name = next(p.name for p in parameters if not np.isfinite(p.value).all()).rpartition(".")
        raise _error(trainer, "parameters are not finite", trainer.step, f"{_first(layer, name)}. {_advice(trainer)}")


def _error(trainer: Training, what: str, step: int, why: str) -> NonFiniteError:
    batch = f"batch {trainer.batch_index + 1} of {trainer.steps_per_epoch}"
    return NonFiniteError(f"{what} in epoch {trainer.epoch}, step {step} ({batch}): {why}")


def _advice(trainer: Training) -> str:
    return f"Try a smaller learning rate (it is {trainer.learning_rate:g}), or scale the data"


def _first_non_finite(network: TrainedNetwork, x: Array) -> str:
    """The first step of a forward pass in which something is not finite, in words."""
    with np.errstate(all="ignore"):  # what it would warn of is what is looked for
        outputs = network.trace(x)
    for layer, y in outputs:
        for parameter in network.parameters:
            if parameter.name.startswith(f"{layer}.") and not np.isfinite(parameter.value).all():
                return _first(layer, parameter.name.removeprefix(f"{layer}."))
        if not np.isfinite(y).all():
            return _first(layer, "output")
    return "every layer is finite, the loss itself is not"


def _first(layer: str, part: str) -> str:
    return f"layer {layer} is the first that is not finite, in its {part}"
