"""The samples of an epoch, batch by batch: their order, and what callbacks make of both."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np

from chainrule.contract.arrays import Array, batches, stream
from chainrule.contract.named import each
from chainrule.contract.training import Training
from chainrule.errors import ContractError
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


def batches_in(
    order: Array, batch_size: int, x: Any, targets: Targets, first: int
) -> Iterator[tuple[int, tuple[Any, Targets]]]:
    """The batches of an epoch with their positions, from the first one on; inputs are valid until the next one."""
    n = len(order)
    kept = each(lambda array: np.empty((min(batch_size, n), *array.shape[1:]), array.dtype), x)

    def gathered(array: Array, out: Array) -> Array:
        # mode="clip" lets NumPy write straight into the kept array; the indices are in range.
        return np.take(array, chosen, axis=0, out=out[: len(chosen)], mode="clip")

    for index, rows in islice(enumerate(batches(n, batch_size)), first, None):
        chosen = order[rows]
        yield index, (each(gathered, x, kept), targets.rows(chosen))


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
