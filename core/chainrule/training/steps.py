"""One step of learning: forward, backward, update."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.contract.kinds import Optimizer, Regularizer
from chainrule.contract.parameters import Parameter
from chainrule.network.network import Network
from chainrule.network.penalty import add_its_gradient, penalty_of
from chainrule.network.step_trace import StepTrace
from chainrule.network.targets import Targets
from chainrule.network.updates import Updates
from chainrule.training.again import Again
from chainrule.training.epoch import RunningEpoch
from chainrule.training.learning_rate import LearningRate
from chainrule.training.listeners import Listeners
from chainrule.training.rest import Rest


class Steps:
    """The part of a trainer that makes the steps."""

    network: Network
    optimizer: Optimizer
    groups: list[dict[str, Any]]
    regularizer: Regularizer | None
    batch: tuple[Any, Targets] | None
    batch_loss: float
    step: int
    total_steps: int
    rest: Rest
    _limit: float  # of each number of the gradient, which the running update has yet to see to
    _heard_by: Any  # who of those that listen to the gradient hears of it now
    _again: Again | None
    _listeners: Listeners
    _rate: LearningRate
    _running: RunningEpoch
    _updates: Updates

    def _run_step(self, x: Any, targets: Targets) -> None:
        """One batch: forward, backward, update."""
        self.rest.ends()
        network = self.network
        if self._again is not None:
            self._again.begin()
        self.batch_loss = network.compute_loss(x, targets, training=True)
        self._running.add(self.batch_loss, network.prediction, targets)
        self._compute_gradient()
        training: Any = self
        of, self._limit = self._listeners.of, math.inf
        for listen in of["on_gradient"]:
            self._heard_by = listen
            listen(training)
        self._heard_by = None
        self._updates.apply(self.step + 1, self.learning_rate, self._limit)
        self.step += 1
        for listen in of["on_batch_end"]:
            listen(training)

    def limit_gradient(self, limit: float) -> None:
        """Cut off what is larger: see ``Training.limit_gradient``."""
        if self._updates.by_rule and self._heard_by and self._heard_by is self._listeners.of["on_gradient"][-1]:
            self._limit = min(self._limit, limit)
        else:
            grad = self.network.parameters.grad
            np.clip(grad, -limit, limit, out=grad)

    def _compute_gradient(self) -> None:
        """The gradient of the last forward pass, and of the penalty; that of frozen parameters is 0."""
        self.network.compute_gradient()
        if self.regularizer is not None:
            add_its_gradient(self.regularizer, self.network.parameters)
        for frozen in self._updates.frozen:
            frozen[...] = 0

    def _loss_and_gradient(self) -> float:
        """Both of the running batch, at the present parameters, with the penalty in both; for an optimizer that looks
        again."""
        assert self.batch is not None, "there is no batch before the first step"
        loss = self.network.compute_loss(*self.batch, training=True)
        self._compute_gradient()
        return loss + penalty_of(self.regularizer, self.network.parameters)

    def trace_step(self, x: Any, y: Any, weight: Any = None, mask: Any = None) -> StepTrace:
        """The step that this training would make now, were this its next batch, with every number of it; see
        ``Network.trace_step``. Nothing moves, and callbacks hear nothing of it."""
        return self.network.trace_step(
            x,
            y,
            self.optimizer,
            lr=self.learning_rate,
            step=self.step + 1,
            slots=self._updates.slots,
            regularizer=self.regularizer,
            groups=self.groups,
            weight=weight,
            mask=mask,
        )

    @property
    def slots(self) -> Mapping[str, Array]:
        """What the optimizer has gathered, as flat vectors by name: the training's own."""
        return self._updates.slots

    @property
    def trained(self) -> Sequence[Parameter]:
        """The parameters that are not frozen, in layer order: see ``Training.trained``."""
        return self._updates.trained

    @property
    def learning_rate(self) -> float:
        """The rate of the next update: the optimizer's ``lr`` times the schedule's factor; see ``LearningRate.set``."""
        return self._rate.at(self.step, self.total_steps)

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        self._rate.set(rate, self.step, self.total_steps)
