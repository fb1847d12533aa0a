"""Applying an optimizer to a network's flat vectors: its state, decoupled weight decay, blocks that stay in cache.

A ``rule`` is given all that is trained alike, with its decay. An ``update`` that is elementwise runs over one block of
the vectors after another.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.contract.kinds import Optimizer
from chainrule.contract.parameters import Parameter, Parameters
from chainrule.contract.rules import LARGEST, recorded
from chainrule.engine.rule import BLOCK
from chainrule.errors import ConfigError
from chainrule.network.groups import Setting, checked_groups, settings_of

FLUSH_EVERY = 64
TINY = 1e-30


class Block(NamedTuple):
    """An ``update`` that has what it asks for beside, the views of the flat vectors that it works on, and the factor of
    its rate."""

    update: Callable[..., None]
    theta: Array
    grad: Array
    slots: dict[str, Array]
    rate: float


class Alike(NamedTuple):
    """What a rule works on: views of theta, grad and the slots; the factor of its rate, and the strength of its
    decay."""

    arrays: list[Array]
    rate: float
    decay: float


class Updates:
    """The state of one optimizer on one network's parameters. ``slots``: name to ``(n,)``, zeros at first.

    Args:
        groups: of parameters that are trained in their own way, as ``Trainer`` takes them.
        evaluate: computes loss and gradient of the running batch once more; for an optimizer that asks for it.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        parameters: Parameters,
        groups: Sequence[Mapping[str, Any]] = (),
        evaluate: Callable[[], float] | None = None,
    ) -> None:
        self.optimizer = optimizer
        self.groups = checked_groups(groups, optimizer, parameters)
        self.slots = {name: np.zeros_like(parameters.theta) for name in optimizer.slots}
        self._parameters = parameters
        self._evaluate = evaluate
        self._flushes = parameters.theta.dtype == np.float32
        self.by_rule = optimizer.rule is not None and type(optimizer).update is Optimizer.update
        self.arrange()

    def arrange(self) -> None:
        """Lay out what each update does, for which parameters are trained now.

        Raises:
            ConfigError: groups have rates of their own, and the optimizer moves all parameters as one vector.
        """
        settings = settings_of(self.groups, self.optimizer, self._parameters)
        self.trained = [parameter for parameter, setting in self._in_order(settings) if setting.trained]
        self.frozen = [parameter.grad for parameter, setting in settings if not setting.trained]
        self._decays = [] if self.by_rule else list(self._decaying(settings))
        if self.by_rule:
            self._alike = list(self._trained_alike(settings))
        elif self.optimizer.whole_vector:
            self._blocks = [self._vector(settings)]
        elif self.optimizer.whole_parameters:
            self._blocks = [self._parameter(p, setting) for p, setting in self._in_order(settings) if setting.trained]
        else:
            self._blocks = list(self._cut(settings))

    def apply(self, step: int, lr: float, limit: float = math.inf) -> None:
        """Make update number ``step`` (from 1) from the gradient that stands in ``parameters.grad``; by a rule, with
        its numbers cut off at ``limit``."""
        flushes = self._flushes and step % FLUSH_EVERY == 0
        if self.by_rule:
            known, tiny = self.optimizer._rule, TINY if flushes else 0.0
            if known is None or known.look(self.optimizer) != known.values:
                known = recorded(self.optimizer)
            move = known.rule.form(self._parameters.theta.dtype)
            if known.limited:
                limit = min(limit, LARGEST[self._parameters.theta.dtype])
            for arrays, rate, decay in self._alike:
                move(arrays, (step, lr * rate), 1 - lr * (rate * decay), limit, tiny)
            return
        for weights, strength in self._decays:
            weights *= 1 - lr * strength
        for update, theta, grad, slots, rate in self._blocks:
            update(theta, grad, slots, step, lr * rate)
        if flushes:
            self._flush_subnormals()

    def _decaying(self, settings: Sequence[tuple[Parameter, Setting]]) -> Iterator[tuple[Array, float]]:
        for (rate, decay, trained), where in _runs(settings):
            if decay and trained:
                yield self._parameters.theta[where], rate * decay

    def _trained_alike(self, settings: Sequence[tuple[Parameter, Setting]]) -> Iterator[Alike]:
        vectors = [self._parameters.theta, self._parameters.grad, *self.slots.values()]
        for (rate, decay, trained), where in _runs(settings):
            if trained:
                yield Alike([vector[where] for vector in vectors], rate, decay)

    def _cut(self, settings: Sequence[tuple[Parameter, Setting]]) -> Iterator[Block]:
        alike = [(parameter, setting._replace(decay=0.0)) for parameter, setting in settings]
        for (rate, _, trained), where in _runs(alike):
            for start in range(where.start, where.stop, BLOCK) if trained else ():
                cut = slice(start, min(start + BLOCK, where.stop))
                slots = {name: slot[cut] for name, slot in self.slots.items()}
                yield Block(self.optimizer.update, self._parameters.theta[cut], self._parameters.grad[cut], slots, rate)

    def _in_order(self, settings: Sequence[tuple[Parameter, Setting]]) -> Iterator[tuple[Parameter, Setting]]:
        by_name = {parameter.name: setting for parameter, setting in settings}
        return ((parameter, by_name[parameter.name]) for parameter in self._parameters)

    def _parameter(self, p: Parameter, setting: Setting) -> Block:
        slots = {name: slot[p.offset : p.offset + p.size].reshape(p.shape) for name, slot in self.slots.items()}
        told = {"name": p.name, "shape": p.shape, "decay": p.decay}
        return Block(self._asking(told), p.value, p.grad, slots, setting.rate)

    def _vector(self, settings: Sequence[tuple[Parameter, Setting]]) -> Block:
        if any(setting.rate != 1 for _, setting in settings):
            raise ConfigError(
                f"{type(self.optimizer).__name__} moves all parameters as one vector, at one rate: give groups no lr",
                key="groups",
            )
        update = self._asking({"evaluate": self._evaluate})
        frozen = [parameter.value for parameter, setting in settings if not setting.trained]
        if frozen:
            update = _sparing(update, frozen)
        return Block(update, self._parameters.theta, self._parameters.grad, self.slots, 1.0)

    def _asking(self, known: Mapping[str, Any]) -> Callable[..., None]:
        """The optimizer's ``update``, with what it asks for of all that is known."""
        return partial(self.optimizer.update, **self.optimizer.asks_for(known))

    def _flush_subnormals(self) -> None:
        """Set what has all but vanished to zero.

        Where gradients are zero for long (pixels that are always black), running averages decay into subnormal
        numbers, on which many processors compute several times slower.
        """
        for slot in self.slots.values():
            for start in range(0, slot.size, BLOCK):
                block = slot[start : start + BLOCK]
                block[np.abs(block) < TINY] = 0


def _sparing(update: Callable[..., None], spared: Sequence[Array]) -> Callable[..., None]:
    """The same, after which these parts of the vector are as they were."""

    def update_the_rest(*given: Any) -> None:
        before = [value.copy() for value in spared]
        update(*given)
        for value, kept in zip(spared, before):
            value[...] = kept

    return update_the_rest


def _runs(settings: Sequence[tuple[Parameter, Setting]]) -> Iterator[tuple[Setting, slice]]:
    """Parameters that lie side by side and are trained alike, as parts of the flat vector."""
    for setting, alike in groupby(settings, key=lambda pair: pair[1]):
        members = [parameter for parameter, _ in alike]
        yield setting, slice(members[0].offset, members[-1].offset + members[-1].size)
