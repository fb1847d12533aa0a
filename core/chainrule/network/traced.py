"""How a network computes, shown: what each step gives, and one step of learning with every number of it.

A step is made on a copy that records what its layers are given and give: the network itself, its buffers and its random
numbers stay as they are.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from chainrule.contract.arguments import real_numbers, require_count, require_rate
from chainrule.contract.arrays import Array
from chainrule.contract.kinds import Loss, Optimizer, Regularizer
from chainrule.contract.named import each
from chainrule.contract.parameters import Buffer, Parameter, Parameters
from chainrule.errors import ConfigError, FieldError, within
from chainrule.network.differences import derivative
from chainrule.network.ending import Ending, FusedEnding
from chainrule.network.penalty import add_its_gradient, penalty_of
from chainrule.network.recorder import Recorder
from chainrule.network.stack import Stack, Step
from chainrule.network.step_trace import SILENT, Moved, StepTrace
from chainrule.network.targets import Targets
from chainrule.network.updates import Updates
from chainrule.registry.making import own
from chainrule.words import quoted


class Traced:
    """The part of a network that shows how it computes."""

    parameters: Parameters
    buffers: Sequence[Buffer]
    loss: Loss
    shared: Sequence[tuple[Parameter, Parameter]]
    _stack: Stack
    _ending: Ending | FusedEnding

    def trace(self, x: Any) -> list[tuple[str, Any]]:
        """What each step gives for ``x`` (a copy each), by name, without training."""
        return [(step.name, each(np.copy, y)) for step, y in self.walk(self.inputs(x))]

    def walk(self, x: Any, mask: Array | None = None) -> Iterator[tuple[Step, Any]]:
        """Each step with what it gives, one after another, without training; ``x`` as ``inputs`` gives it."""
        for step in self._stack.steps:
            x = step.pass_on(x, False, mask)
            yield step, x

    @SILENT
    def trace_step(
        self,
        x: Any,
        y: Any,
        optimizer: Any = None,
        lr: float | None = None,
        step: int = 1,
        slots: Mapping[str, Array] | None = None,
        regularizer: Any = None,
        groups: Sequence[Mapping[str, Any]] = (),
        weight: Any = None,
        mask: Any = None,
    ) -> StepTrace:
        """One step of learning with every number of it, made on a copy: the network stays as it is.

        Args:
            x, y: a batch, as for ``loss_and_gradient``; ``weight`` and ``mask`` as ``Split`` has them.
            optimizer: an ``Optimizer``, its name, or ``{name: ..., ...}``; so for the regularizer. None: nothing is
                moved, and the step ends with the gradients.
            lr: the learning rate of this step; by default the optimizer's.
            step: the number of the update, from 1.
            slots: what the optimizer has gathered, as flat vectors by name, such as those of a trainer; zeros at first.
            groups: of parameters that are trained in their own way, as ``Trainer`` takes them.

        Raises:
            ConfigError, DataError: what was given does not fit the network.

        Example:
            >>> import numpy as np, chainrule as cr
            >>> network = cr.Network([{"name": "dense", "units": 1}], (2,), "mse")
            >>> step = network.trace_step(np.eye(2), np.array([[1.0], [0.0]]), "sgd", lr=0.1)
            >>> bool(step.loss_after < step.loss), bool(step.promised < step.change < 0)
            (True, True)
        """
        twin: Any = self.copy()
        with within("optimizer"):
            made: Optimizer | None = None if optimizer is None else own("optimizer", optimizer)
        with within("regularizer"):
            penalizes: Regularizer | None = None if regularizer is None else own("regularizer", regularizer)
        number = require_count("step", step)
        rate = 0.0 if made is None else require_rate("lr", made.lr if lr is None else lr)
        inputs, targets = twin.pair(x, y, weight=weight, mask=mask)
        parameters = twin.parameters
        loss_of = functools.partial(_loss_again, twin, self.random_state(), twin.snapshot().buffers, inputs, targets)

        def evaluate() -> float:
            loss = loss_of()
            twin.compute_gradient()
            if penalizes is not None:
                add_its_gradient(penalizes, parameters)
            for frozen in updates.frozen if updates is not None else ():
                frozen[...] = 0
            return loss + penalty_of(penalizes, parameters)

        updates = None if made is None else Updates(made, parameters, groups, evaluate)
        if updates is not None and slots is not None:
            _take_up(slots, updates)
        recorder = Recorder(twin._stack)
        loss = loss_of()
        rows = _rows_of(twin.loss)
        prediction = each(np.copy, twin.prediction)
        d_prediction = each(np.copy, twin._ending.backward())
        twin._stack.backward(each(np.copy, d_prediction))
        for shared, first in twin.shared:
            first.grad += shared.grad
        recorder.stop()
        if penalizes is not None:
            add_its_gradient(penalizes, parameters)
        theta = parameters.theta.copy()
        before = {parameter.name: _numbers(parameter, updates) for parameter in parameters}
        penalty = penalty_of(penalizes, parameters)
        if updates is not None:
            for frozen in updates.frozen:
                frozen[...] = 0
            updates.apply(number, rate)
        after = {parameter.name: _numbers(parameter, updates) for parameter in parameters}
        loss_after, penalty_after = loss_of(), penalty_of(penalizes, parameters)
        parameters.theta[:] = theta  # so that the layers that are handed out are those that made the numbers
        return StepTrace(
            x=inputs,
            target=targets.loss,
            operations=recorder.operations(prediction, d_prediction),
            prediction=prediction,
            loss_of=twin.loss,
            loss=loss,
            loss_rows=rows,
            penalty=penalty,
            d_prediction=d_prediction,
            optimizer=made,
            regularizer=penalizes,
            parameters={name: _moved(name, before[name], after[name]) for name in before},
            learning_rate=rate,
            step=number,
            loss_after=loss_after,
            penalty_after=penalty_after,
            task=twin.task,
            weighed=weight is not None or mask is not None,
            _estimate=functools.partial(
                _differences, self.copy("float64"), self.random_state(), (x, y, weight, mask), penalizes
            ),
        )

    if TYPE_CHECKING:

        def inputs(self, x: Any) -> Any: ...
        def copy(self, dtype: str | None = None) -> Self: ...
        def random_state(self) -> dict[str, Any]: ...


def _take_up(slots: Any, updates: Updates) -> None:
    """Go on with what an optimizer has gathered.

    Raises:
        FieldError: these are not its slots.
    """
    own = {name: slot.shape for name, slot in updates.slots.items()}
    given = {name: np.shape(slot) for name, slot in slots.items()} if isinstance(slots, Mapping) else None
    if given != own:
        expected = f"flat vectors of {quoted(own)}" if own else "none, as the optimizer has none"
        raise FieldError(f"got {quoted(given if given is not None else slots)}, expected {expected}", key="slots")
    for name, slot in slots.items():
        updates.slots[name][...] = real_numbers("slots", slot)


def _loss_again(
    network: Any, random_state: Mapping[str, Any], buffers: Sequence[Array], inputs: Any, targets: Targets
) -> float:
    """The loss of a batch in training, with the same random numbers and buffers each time."""
    network.set_random_state(random_state)
    for buffer, value in zip(network.buffers, buffers):
        buffer.value = value
    loss: float = network.compute_loss(inputs, targets, training=True)
    return loss


def _rows_of(loss: Loss) -> Array | None:
    """The losses of which it gave the mean; None of one that does not say them, or is no mean of such."""
    if type(loss).rows is Loss.rows:
        return None
    try:
        return loss.rows().copy()
    except ConfigError:
        return None


def _moved(name: str, before: Numbers, after: Numbers) -> Moved:
    slots = {slot: (value, after.slots[slot]) for slot, value in before.slots.items()}
    return Moved(name, before.value, before.grad, after.value, slots)


class Numbers(NamedTuple):
    """What there is of a parameter: copies."""

    value: Array
    grad: Array
    slots: dict[str, Array]


def _numbers(parameter: Parameter, updates: Updates | None) -> Numbers:
    where = slice(parameter.offset, parameter.offset + parameter.size)
    gathered = {} if updates is None else updates.slots
    slots = {name: slot[where].reshape(parameter.shape).copy() for name, slot in gathered.items()}
    return Numbers(parameter.value.copy(), parameter.grad.copy(), slots)


def _differences(
    twin: Any,
    random_state: Mapping[str, Any],
    batch: tuple[Any, Any, Any, Any],
    penalizes: Regularizer | None,
    name: str,
    entries: Sequence[int],
    step: float,
) -> Array:
    x, y, weight, mask = batch
    inputs, targets = twin.pair(x, y, weight=weight, mask=mask)
    buffers = twin.snapshot().buffers

    def loss() -> float:
        return _loss_again(twin, random_state, buffers, inputs, targets) + penalty_of(penalizes, twin.parameters)

    parameter = twin.parameters[name]
    found = np.array([derivative(loss, twin.parameters.theta, parameter.offset + i, step) for i in entries])
    for buffer, value in zip(twin.buffers, buffers):
        buffer.value = value
    return found
