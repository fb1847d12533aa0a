"""The samples of an epoch, batch by batch: their order, and what callbacks make of both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule.contract.arrays import Array, batches, stream
from chainrule.contract.named import each, one_of, rows_of
from chainrule.contract.split import Split, Stream
from chainrule.contract.training import Training
from chainrule.errors import ContractError
from chainrule.network.measuring import in_batches
from chainrule.network.network import Network
from chainrule.network.targets import Targets
from chainrule.training.listeners import Listeners


def order_of(order: Array, trainer: Training, listeners: Listeners, seed: int) -> Array:
    """The order of an epoch, as callbacks want it.

    Raises:
        ContractError: one gives something else than as many positions.
    """
    for choose, purpose in listeners.changing("on_order"):
        chosen = choose(trainer, _locked(order), stream(seed, purpose, trainer.epoch))
        if chosen is None:
            continue
        given = np.asarray(chosen)
        whole = given.dtype.kind in "iu" and given.shape == order.shape
        if not whole or given.min() < 0 or given.max() >= len(order):
            raise ContractError(
                f"{purpose.split()[1]}.on_order gave {given.dtype} of shape {given.shape}, expected {len(order)} "
                f"positions from 0 to {len(order) - 1}"
            )
        order = given
    return order


class Held:
    """Samples that are at hand, as the network takes them."""

    def __init__(self, x: Any, targets: Targets) -> None:
        self.x, self.targets = x, targets
        self.rows = len(one_of(x))

    def first(self, size: int) -> tuple[Any, Targets]:
        """The first batch."""
        return rows_of(self.x, slice(size)), self.targets.rows(slice(size))

    def measured_by(self) -> Iterator[tuple[Any, Targets]]:
        """All of them in order, for measuring."""
        return in_batches(self.x, self.targets)

    def batches(self, order: Array, batch_size: int) -> Iterator[tuple[Any, Targets]]:
        """The batches of an epoch; inputs are valid until the next one."""
        kept = each(lambda array: np.empty((min(batch_size, self.rows), *array.shape[1:]), array.dtype), self.x)

        def gathered(array: Array, out: Array) -> Array:
            # mode="clip" lets NumPy write straight into the kept array; the indices are in range.
            return np.take(array, chosen, axis=0, out=out[: len(chosen)], mode="clip")

        for rows in batches(self.rows, batch_size):
            chosen = order[rows]
            yield each(gathered, self.x, kept), self.targets.rows(chosen)


class Streamed:
    """Samples of a stream, each batch as the network takes it."""

    def __init__(self, network: Network, stream: Stream, which: str) -> None:
        self._network, self._stream, self._which = network, stream, which
        self.rows = stream.rows
        self.targets = self.first(1)[1]

    def first(self, size: int) -> tuple[Any, Targets]:
        """The first batch, as it lies."""
        return self._network.pair_of(self._stream.first(size), self._which)

    def measured_by(self) -> Iterator[tuple[Any, Targets]]:
        """All of them in order, for measuring."""
        return self.read(256, None)

    def read(self, batch_size: int, rng: np.random.Generator | None) -> Iterator[tuple[Any, Targets]]:
        """The batches of an epoch."""
        for batch in self._stream.epoch(batch_size, rng):
            yield self._network.pair_of(batch, self._which)


def feed_of(network: Network, given: Any, which: str) -> Held | Streamed:
    """What a training is given, as the network takes it.

    Raises:
        ConfigError, DataError: it does not fit the network.
    """
    if isinstance(given, Stream):
        return Streamed(network, given, which)
    return Held(*network.pair_of(Split.of(which, given), which))


def changed(batch: tuple[Any, Targets], trainer: Training, listeners: Listeners, seed: int) -> tuple[Any, Targets]:
    """A batch, as callbacks want it; metrics have the targets as they were.

    Raises:
        ContractError: one gives something of another shape or dtype.
    """
    x, targets = batch
    for change, purpose in listeners.changing("on_batch"):
        rng = stream(seed, purpose, trainer.step)
        found = change(trainer, each(_locked, x), each(_locked, targets.loss), rng)
        if found is None:
            continue
        name = f"{purpose.split()[1]}.on_batch"
        if not isinstance(found, tuple) or len(found) != 2:
            raise ContractError(f"{name} gave {type(found).__name__}, expected a pair (x, y), or None")
        x = each(lambda own, given: _like(name, "x", given, own), x, found[0])  # noqa: B023
        y = each(lambda own, given: _targets_like(name, given, own, trainer.network.dtype), targets.loss, found[1])  # noqa: B023
        targets = targets._replace(loss=y)
    return x, targets


def _targets_like(name: str, given: Any, own: Array, dtype: np.dtype[Any]) -> Array:
    """As ``_like``; of labels a distribution over classes may be made."""
    if own.dtype.kind == "i" and np.ndim(given) == own.ndim + 1:
        return _like(name, "y", np.asarray(given, dtype), np.empty((*own.shape, np.shape(given)[-1]), dtype))
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
