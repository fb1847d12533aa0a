"""What stands behind the last step of a network: its loss, by itself or fused with the last activation."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any, cast, get_args

from chainrule.contract.arrays import Array, Shape, Task
from chainrule.contract.kinds import Activation, Loss
from chainrule.contract.named import items
from chainrule.errors import ConfigError
from chainrule.network.stack import Step
from chainrule.network.weighing import Weighing
from chainrule.registry.registry import registry

ROUNDING = 1e-3  # by which probabilities may miss 0 and 1
TASKS: tuple[Task, ...] = get_args(Task)


class Ending:
    """A loss that is given the network's output."""

    prediction: Any
    """The network's output for the batch of the last ``forward``; valid until the next one."""

    def __init__(self, loss: Loss, output_shape: Any) -> None:
        self._loss = loss
        self._weighing = Weighing(loss)
        self._weighs = False
        # What fuses with an activation and is not for regression is a cross-entropy: it takes a logarithm of
        # probabilities, which it cannot make itself where another activation, or none, stands before it.
        parts = loss.parts or {"": loss}
        self._needs_probabilities = {
            name: part
            for name, part in parts.items()
            if part.fuses_with is not None and "regression" not in tasks_of(part, dict(items(output_shape))[name])
        }

    def forward(self, y: Any, target: Any, weight: Array | None = None) -> float:
        """The mean loss, from what the steps of the stack give."""
        self.prediction = y
        for name, part in self._needs_probabilities.items():
            _require_probabilities(part, y[name] if name else y)
        self._weighs = weight is not None
        if weight is None:
            return self._loss.forward(y, target)
        return self._weighing.value(self._loss.forward, y, target, weight)

    def backward(self) -> Any:
        """The gradient with respect to what ``forward`` was given."""
        gradient = self._loss.backward()
        return self._weighing.gradient(gradient) if self._weighs else gradient

    def output(self, y: Any) -> Any:
        """The network's output, from what the steps of the stack give."""
        return y


def _require_probabilities(loss: Loss, y: Array) -> None:
    least, most = float(y.min()), float(y.max())
    if least < -ROUNDING or most > 1 + ROUNDING:
        raise ConfigError(
            f"{registry().name_of(loss)} takes probabilities, and the network's output lies outside 0 to 1 "
            f"({least:.3g} to {most:.3g}): end it in {loss.fuses_with}"
        )


class FusedEnding:
    """The same of a loss that takes the last activation over, and works from its input, the logits."""

    def __init__(self, loss: Loss, activation: Activation) -> None:
        self._loss = loss
        self._weighing = Weighing(loss)
        self._weighs = False
        self._activation = activation
        self._logits: Array | None = None
        self._prediction: Array | None = None

    def forward(self, logits: Array, target: Array, weight: Array | None = None) -> float:
        self._logits, self._prediction = logits, None
        self._weighs = weight is not None
        if weight is None:
            return self._loss.forward_logits(logits, target)
        return self._weighing.value(self._loss.forward_logits, logits, target, weight)

    def backward(self) -> Any:
        gradient = self._loss.backward_logits()
        return self._weighing.gradient(gradient) if self._weighs else gradient

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


def require_parts(loss: Loss, output_shape: Any) -> None:
    """Refuse a loss of several outputs for a network of one, the other way round, and of outputs of other names.

    Raises:
        ConfigError: names both.
    """
    outputs = list(output_shape) if isinstance(output_shape, Mapping) else None
    losses = None if loss.parts is None else list(loss.parts)
    if (losses is None) != (outputs is None) or {*(losses or ())} != {*(outputs or ())}:
        has = "one output" if outputs is None else f"the outputs {', '.join(outputs)}"
        takes = "one output" if losses is None else f"the outputs {', '.join(losses)}"
        raise ConfigError(f"the network has {has}, and {registry().name_of(loss)} is for {takes}", key="loss")


def tasks_of(loss: Loss, output_shape: Shape) -> list[Task]:
    """What a loss can be used for, with an output of that shape."""
    suited = []
    for task in TASKS:
        with contextlib.suppress(ConfigError):
            loss.output(task, output_shape[-1] if output_shape else 1)
            suited.append(task)
    return suited


def usual_task(task: Any, loss: Loss, output_shape: Any) -> Any:
    """The task, where targets have the usual form, as metrics are told them: not those whose shape the loss says. Of
    several outputs that of each that has them."""
    if isinstance(output_shape, Mapping):
        parts = loss.parts or {}
        return {name: task[name] for name in parts if parts[name].target_shape(output_shape[name]) is None}
    return task if loss.target_shape(output_shape) is None else None
