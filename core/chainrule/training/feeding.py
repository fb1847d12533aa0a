"""The samples of an epoch, batch by batch: their order, and what callbacks make of both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.contract.arguments import require_finite
from chainrule.contract.arrays import Array, Shape, stream
from chainrule.contract.named import each, items, one_of, rows_of
from chainrule.contract.split import Split, Stream
from chainrule.contract.training import Training
from chainrule.errors import ContractError, DataError
from chainrule.network.measuring import in_batches
from chainrule.network.network import Network
from chainrule.network.targets import Targets, require_targets
from chainrule.training.listeners import Changing, Listeners

MEASURED = 256
"""Rows of a batch where nothing is learned from it."""


def order_of(order: Array, trainer: Training, listeners: Listeners, seed: int) -> Array:
    """The order of an epoch, as callbacks want it: a copy of what one gives, or else ``order`` itself.

    Raises:
        ContractError: one gives something else than as many positions.
    """
    for choose, name, purpose in listeners.changing["on_order"]:
        chosen = choose(trainer, _locked(order), stream(seed, purpose, trainer.epoch))
        if chosen is None:
            continue
        given = np.array(chosen)
        whole = given.dtype.kind in "iu" and given.shape == order.shape
        if not whole or given.min() < 0 or given.max() >= len(order):
            reach = f" from {given.min()} to {given.max()}" if whole else ""
            raise ContractError(
                f"{name}.on_order gave {given.dtype} of shape {given.shape}{reach}, expected {len(order)} positions "
                f"from 0 to {len(order) - 1}"
            )
        order = given.astype(np.int64)
    return order


class Held:
    """Samples that are at hand, as the network takes them, in batches of at most ``batch_size``."""

    def __init__(self, x: Any, targets: Targets, batch_size: int) -> None:
        self.x, self.targets = x, targets
        self.rows = len(one_of(x))
        self._size = min(batch_size, self.rows)
        self._kept = each(lambda array: np.empty((self._size, *array.shape[1:]), array.dtype), x)

    def first(self) -> tuple[Any, Targets]:
        """The first batch."""
        return rows_of(self.x, slice(self._size)), self.targets.rows(slice(self._size))

    def measured_by(self) -> Iterator[tuple[Any, Targets]]:
        """All of them in order, for measuring."""
        return in_batches(self.x, self.targets)

    def batches(self, order: Array) -> Iterator[tuple[Any, Targets]]:
        """The batches of an epoch; inputs are valid until the next one."""
        for start in range(0, self.rows, self._size):
            chosen = order[start : start + self._size]
            x: Any
            if isinstance(self.x, dict):
                x = {name: _gathered(array, chosen, self._kept[name]) for name, array in self.x.items()}
            else:
                x = _gathered(self.x, chosen, self._kept)
            yield x, self.targets.rows(chosen)


def _gathered(array: Array, chosen: Array, kept: Array) -> Array:
    """Its rows at these positions; "clip" lets NumPy write straight into the kept array: they are in range."""
    return array.take(chosen, 0, kept[: len(chosen)], "clip")


class Streamed:
    """Samples of a stream, each batch as the network takes it."""

    def __init__(self, network: Network, stream: Stream, which: str, batch_size: int) -> None:
        self._network, self._stream, self._which, self._size = network, stream, which, batch_size
        self.rows = stream.rows
        targets = self.first()[1]
        # What later batches weigh is not known: metrics are told as if it were anything.
        known = None if targets.weight is None else np.full_like(targets.weight, 0.5)
        self.targets = targets._replace(weight=known)

    def first(self) -> tuple[Any, Targets]:
        """The first batch, as it lies."""
        return self._network.pair_of(self._stream.first(self._size), self._which, part=True)

    def measured_by(self) -> Iterator[tuple[Any, Targets]]:
        """All of them in order, for measuring."""
        return self.batches(None)

    def batches(self, rng: np.random.Generator | None) -> Iterator[tuple[Any, Targets]]:
        """The batches of an epoch, in an order drawn from that stream of random numbers."""
        for batch in self._stream.epoch(self._size, rng):
            x, targets = self._network.pair_of(batch, self._which, part=True)
            if (targets.weight is None) != (self.targets.weight is None):
                raise DataError(f"the {self._which} data has weights, or masks of targets, with some batches alone")
            yield x, targets


def feed_of(network: Network, given: Any, which: str, batch_size: int) -> Held | Streamed:
    """What a training is given, as the network takes it.

    Raises:
        ConfigError, DataError: it does not fit the network.
    """
    if isinstance(given, Stream):
        return Streamed(network, given, which, batch_size)
    return Held(*network.held(Split.of(which, given), which), batch_size)


def changed(
    batch: tuple[Any, Targets], trainer: Training, network: Network, changing: Sequence[Changing], seed: int
) -> tuple[Any, Targets]:
    """A batch, as the callbacks that change it want it; metrics have the targets as they were.

    Raises:
        ContractError: one gives something of another shape or dtype. DataError: numbers that the network or the loss
            does not take.
    """
    x, targets = batch
    for change, callback, purpose in changing:
        rng = stream(seed, purpose, trainer.step)
        found = change(trainer, each(_locked, x), each(_locked, targets.loss), rng)
        if found is None:
            continue
        name = f"{callback}.on_batch"
        if not isinstance(found, tuple) or len(found) != 2:
            gave = f"a tuple of {len(found)}" if isinstance(found, tuple) else type(found).__name__
            raise ContractError(f"{name} gave {gave}, expected a pair (x, y), or None")
        x = each(lambda own, given: _like(name, "x", given, own), x, found[0])  # noqa: B023
        network.inputs(x)  # whole numbers out of range would be taken from anywhere in memory
        y = each(
            lambda own, shape, given: _targets_like(name, given, own, shape, network.dtype),  # noqa: B023
            targets.loss,
            network.output_shape,
            found[1],
        )
        require_finite(f"changed ({name})", [array for given in (x, y) for _, array in items(given)])
        _require_targets(network, y)
        targets = targets._replace(loss=y)
    return x, targets


def _require_targets(network: Network, given: Any) -> None:
    """Refuse targets, in the form that the loss takes, that are none for their task.

    Raises:
        DataError: a class out of range; no distribution; for a binary task, not from 0 to 1.
    """
    parts = network.loss.parts or {"": network.loss}
    shapes, tasks = dict(items(network.output_shape)), dict(items(network.task))
    for name, y in items(given):
        if parts[name].target_shape(shapes[name]) is None:
            require_targets(y, tasks[name], shapes[name])


def _targets_like(name: str, given: Any, own: Array, output_shape: Shape, dtype: np.dtype[Any]) -> Array:
    """As ``_like``; of labels a distribution over classes may be made."""
    if own.dtype.kind == "i" and np.ndim(given) == own.ndim + 1:
        return _like(name, "y", np.asarray(given, dtype), np.empty((len(own), *output_shape), dtype))
    return _like(name, "y", given, own)


def _like(name: str, what: str, given: Any, own: Array) -> Array:
    array = np.asarray(given)
    if array.shape != own.shape or array.dtype != own.dtype:
        raise ContractError(
            f"{name} gave {what} as {array.dtype} of shape {array.shape}, expected {own.dtype} of shape {own.shape}"
        )
    return array


def _locked(array: Array) -> Array:
    """The same numbers, which cannot be written to."""
    view = array.view()
    view.flags.writeable = False
    return view
