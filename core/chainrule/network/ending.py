"""What stands behind the last step of a network: its loss, by itself or fused with the last activation."""

from __future__ import annotations

import contextlib
from typing import cast, get_args

from chainrule.contract.arrays import Array, Shape, Task
from chainrule.contract.kinds import Activation, Loss
from chainrule.errors import ConfigError
from chainrule.network.stack import Step
from chainrule.network.weighing import Weighing
from chainrule.registry.registry import registry

ROUNDING = 1e-3  # by which probabilities may miss 0 and 1
TASKS: tuple[Task, ...] = get_args(Task)


class Ending:
    """A loss that is given the network's output."""

    prediction: Array
    """The network's output for the batch of the last ``forward``; valid until the next one."""

    def __init__(self, loss: Loss, output_shape: Shape) -> None:
        self._loss = loss
        self._weighing = Weighing(loss)
        # What fuses with an activation and is not for regression is a cross-entropy: it takes a logarithm of
        # probabilities, which it cannot make itself where another activation, or none, stands before it.
        self._needs_probabilities = loss.fuses_with is not None and "regression" not in tasks_of(loss, output_shape)

    def forward(self, y: Array, target: Array, weight: Array | None = None) -> float:
        """The mean loss, from what the steps of the stack give."""
        self.prediction = y
        if self._needs_probabilities:
            self._require_probabilities(y)
        return self._weighing.value(self._loss.forward, y, target, weight)

    def backward(self) -> Array:
        """The gradient with respect to what ``forward`` was given."""
        return self._weighing.gradient(self._loss.backward())

    def output(self, y: Array) -> Array:
        """The network's output, from what the steps of the stack give."""
        return y

    def _require_probabilities(self, y: Array) -> None:
        least, most = float(y.min()), float(y.max())
        if least < -ROUNDING or most > 1 + ROUNDING:
            raise ConfigError(
                f"{registry().name_of(self._loss)} takes probabilities, and the network's output lies outside 0 to 1 "
                f"({least:.3g} to {most:.3g}): end it in {self._loss.fuses_with}"
            )


class FusedEnding:
    """The same of a loss that takes the last activation over, and works from its input, the logits."""

    def __init__(self, loss: Loss, activation: Activation) -> None:
        self._loss = loss
        self._weighing = Weighing(loss)
        self._activation = activation
        self._logits: Array | None = None
        self._prediction: Array | None = None

    def forward(self, logits: Array, target: Array, weight: Array | None = None) -> float:
        self._logits, self._prediction = logits, None
        return self._weighing.value(self._loss.forward_logits, logits, target, weight)

    def backward(self) -> Array:
        return self._weighing.gradient(self._loss.backward_logits())

    @property
    def prediction(self) -> Array:
        if self._prediction is None:
            self._prediction = self._loss.activated()
        if self._prediction is None:
            assert self._logits is not None, "there is no prediction before the first forward"
            self._prediction = self._activation.forward(self._logits)
        return self._prediction

    def output(self, logits: Array) -> Array:
        return self._activation.forward(logits)


def ending_of(loss: Loss, last: Step) -> Ending | FusedEnding:
    """The one that the last step of a network says."""
    return FusedEnding(loss, cast(Activation, last.layer)) if last.fused else Ending(loss, last.shape)


def tasks_of(loss: Loss, output_shape: Shape) -> list[Task]:
    """What a loss can be used for, with an output of that shape."""
    suited = []
    for task in TASKS:
        with contextlib.suppress(ConfigError):
            loss.output(task, output_shape[-1] if output_shape else 1)
            suited.append(task)
    return suited
