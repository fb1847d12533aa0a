"""The samples of an epoch, batch by batch: their order, and what callbacks make of both."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np

from chainrule.contract.arrays import Array, batches, stream
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
    order: Array, batch_size: int, x: Array, targets: Targets, first: int
) -> Iterator[tuple[int, tuple[Array, Targets]]]:
    """The batches of an epoch with their positions, from the first one on; inputs are valid until the next one."""
    gathered = np.empty((min(batch_size, len(x)), *x.shape[1:]), x.dtype)
    for index, rows in islice(enumerate(batches(len(x), batch_size)), first, None):
        chosen = order[rows]
        # mode="clip" lets NumPy write straight into the kept array; the indices are in range.
        inputs = np.take(x, chosen, axis=0, out=gathered[: len(chosen)], mode="clip")
        yield index, (inputs, targets.rows(chosen))


def changed(batch: tuple[Array, Targets], trainer: Training, listeners: Listeners, seed: int) -> tuple[Array, Targets]:
    """A batch, as callbacks want it; metrics have the targets as they were.

    Raises:
        ContractError: one gives something of another shape or dtype.
    """
    x, targets = batch
    for change, purpose in listeners.changing("on_batch"):
        found = change(trainer, _locked(x), _locked(targets.loss), stream(seed, purpose, trainer.step))
        if found is None:
            continue
        name = f"{purpose.split()[1]}.on_batch"
        if not isinstance(found, tuple) or len(found) != 2:
            raise ContractError(f"{name} gave {type(found).__name__}, expected a pair (x, y), or None")
        x, y = _like(name, "x", found[0], x), found[1]
        classes = targets.loss.dtype.kind == "i" and np.ndim(y) == targets.loss.ndim + 1
        if classes:  # of labels a distribution over classes may be made
            network = trainer.network
            like = np.empty((*targets.loss.shape, np.shape(y)[-1]), network.dtype)
            targets = targets._replace(loss=_like(name, "y", np.asarray(y, network.dtype), like))
        else:
            targets = targets._replace(loss=_like(name, "y", y, targets.loss))
    return x, targets


def _like(name: str, what: str, given: object, own: Array) -> Array:
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
