"""What a callback may touch: a training, while it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.contract.parameters import Buffer, Parameter, Parameters, Snapshot


class TrainedNetwork(Protocol):
    """A network, while it is trained. ``Network`` is one, and has more."""

    @property
    def input_shape(self) -> Any:
        """Of one sample; of several inputs by name."""

    @property
    def output_shape(self) -> Any:
        """Of one sample: of classes their number, ``(classes,)``; of several outputs by name."""

    @property
    def parameters(self) -> Parameters:
        """All trained numbers, ``theta``, and their gradients, ``grad``, which both may be written to; iterating gives
        each by name."""

    @property
    def buffers(self) -> Sequence[Buffer]:
        """What is kept and saved, and not trained."""

    @property
    def components(self) -> Sequence[Any]:
        """Its layers, activations, initializers and loss."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32 or float64."""

    @property
    def prediction(self) -> Array:
        """What the output layer gives for the running batch, ``(batch, *output_shape)``, in the targets' units; valid
        until the next one. After an update by an optimizer that looks again it is what was given at its last look."""

    def predict(self, x: Any, batch_size: int = 256, mask: Any = None) -> Array:
        """What the output layer gives, without training, in the targets' units: ``(n, *output_shape)``, a new array."""

    def trace(self, x: Any) -> list[tuple[str, Array]]:
        """What each step gives, without training, by name: a copy each."""

    def snapshot(self) -> Snapshot:
        """A copy of all that it has learned."""

    def restore(self, snapshot: Snapshot) -> None:
        """Take back what ``snapshot`` kept."""

    def save(self, path: str | Path) -> None:
        """Write it to a safetensors file."""


class Training(Protocol):
    """What every event of a ``Callback`` is given. ``Trainer`` is one; of all that it has, this is what it promises.

    What is read here is the training's own: an array is to be copied where it is kept, and written to only where it
    says so. Epochs and steps count over all calls of ``fit``.
    """

    @property
    def network(self) -> TrainedNetwork:
        """The network, trained in place."""

    @property
    def optimizer(self) -> Any:
        """The ``Optimizer``: the rule by which gradients move it."""

    @property
    def trained(self) -> Sequence[Parameter]:
        """The parameters that it moves, in layer order: all of the network's but those that are frozen, by themselves
        or by a group. Whoever changes parameters from outside changes none but these."""

    @property
    def epoch(self) -> int:
        """The number of the running epoch, or of the last one, from 1; 0 before the first."""

    @property
    def epochs(self) -> int:
        """How many epochs there are when this call of ``fit`` ends."""

    @property
    def step(self) -> int:
        """How many updates were made."""

    @property
    def total_steps(self) -> int:
        """How many updates are planned, by this call of ``fit`` or beyond it: what a schedule is given as ``total``."""

    @property
    def steps_per_epoch(self) -> int:
        """How many batches an epoch has."""

    @property
    def batch_size(self) -> int:
        """How many samples a batch has; the last one of an epoch may have less."""

    @property
    def batch_index(self) -> int:
        """The position of the running or last batch in its epoch, from 0."""

    @property
    def batch(self) -> tuple[Array, Any] | None:
        """That batch: ``x``, ``(batch, *input_shape)``, and its targets: ``.loss`` as the loss takes them, ``.metric``
        as metrics do, ``.weight`` what its samples weigh, and ``.mask`` which steps count, or None; None before the
        first batch. It is valid until the next one."""

    @property
    def batch_loss(self) -> float:
        """The loss of that batch; NaN before the first."""

    def running(self) -> dict[str, float]:
        """The loss and metrics of the running epoch, as far as it has come: NaN before its first batch."""

    @property
    def metrics(self) -> Mapping[str, float]:
        """The values of the last epoch that ended, by name: ``"validation/loss"``."""

    @property
    def history(self) -> Mapping[str, list[float]]:
        """The same of all epochs that ended, one value each."""

    @property
    def learning_rate(self) -> float:
        """The rate of the next update: the optimizer's ``lr`` times the schedule's factor. It may be set."""

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None: ...

    def limit_gradient(self, limit: float) -> None:
        """In ``on_gradient``: cut off each number of the gradient that is larger than ``limit``, to ``-limit`` or
        ``limit``. Where nothing listens after it, the optimizer's rule does so, without a further pass over memory."""

    def log(self, name: str, value: float) -> None:
        """Have a value among the epoch's metrics: in ``history`` and MLflow, for early stopping and as an objective.

        Of what is logged several times before the epoch ends, the mean is taken, as of a batch's loss; at its end and
        after it, the last value stands for it.

        Args:
            name: one that the callback declares in ``logs``; none that the training measures itself.
            value: a number; of one that is not finite MLflow is told by a tag.

        Raises:
            ContractError: it is not so; or no epoch has begun.
        """

    def figure(self, name: str, figure: Any) -> None:
        """Have a figure of Matplotlib's among those of the run, ``figures/<name>.png`` in its folder and in MLflow. The
        last one of a name stands.

        Raises:
            ContractError: the name is none of a file.
        """

    def text(self, name: str, text: str) -> None:
        """Have a text among those of the run, ``texts/<name>.txt`` in its folder and in MLflow. The last one of a name
        stands.

        Raises:
            ContractError: the name is none of a file; or it is no text.
        """

    @property
    def token_names(self) -> Sequence[str]:
        """What each whole number of the inputs stands for, as the dataset says it; empty where that is not known."""

    @property
    def stop_reason(self) -> str | None:
        """Why the training ends early, once somebody has said so."""

    def stop(self, reason: str) -> None:
        """End the training after the running batch; the epoch is closed as usual."""
