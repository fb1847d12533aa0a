"""A look at what each component of a network gives for a few samples, before anything is trained with it."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.contract.named import items, one_of, rows_of
from chainrule.errors import ContractError
from chainrule.network.network import Network
from chainrule.network.targets import Targets
from chainrule.registry.provenance import supplier
from chainrule.registry.registry import registry
from chainrule.words import counted, quoted, sizes

SAMPLES = 3
"""One would not show what is mistaken for a number; a whole batch would cost more than half a step."""


def rehearse(network: Network, x: Any, targets: Targets) -> None:
    """One forward pass without training, of the first samples of a batch as ``Network.pair`` gives it.

    Raises:
        ContractError: a step gives another shape or dtype than it should; it is named, with its distribution.
    """
    few = slice(SAMPLES)
    x, targets = rows_of(x, few), targets.rows(few)
    when = f"given {counted(len(one_of(x)), 'sample')}"
    for step, y in network.walk(x, targets.mask):
        several = isinstance(step.shape, Mapping)
        if several and (not isinstance(y, Mapping) or {*y} != {*step.shape}):
            raise ContractError(
                f"{when}, forward of {step.name} ({supplier(step.layer)}) gave {quoted(y)}, not an array for "
                f"each of {', '.join(step.shape)}"
            )
        for name, shape in items(step.shape):
            given = y[name] if several else y
            expected = f"{network.dtype} of shape ({sizes((len(one_of(x)), *shape))})"
            found = f"{given.dtype} of shape ({sizes(given.shape)})" if isinstance(given, np.ndarray) else repr(given)
            if found != expected:
                which = f" {name}" if name else ""
                raise ContractError(
                    f"{when}, forward of {step.name} ({supplier(step.layer)}) gave{which} {found}, not {expected}"
                )
    loss = network.compute_loss(x, targets, training=False)
    if not isinstance(loss, numbers.Real):
        who = f"{registry().name_of(network.loss)} ({supplier(network.loss)})"
        raise ContractError(f"the loss {who} gave {quoted(loss)}, not a number")
