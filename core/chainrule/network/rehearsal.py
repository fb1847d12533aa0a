"""A look at what each component of a network gives for one batch, before anything is trained with it."""

from __future__ import annotations

import numbers

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.errors import ContractError
from chainrule.network.network import Network
from chainrule.network.targets import Targets
from chainrule.registry.provenance import supplier
from chainrule.registry.registry import registry
from chainrule.words import quoted, sizes


def rehearse(network: Network, x: Array, targets: Targets) -> None:
    """One forward pass without training, of a batch as ``Network.pair`` gives it.

    Raises:
        ContractError: a step gives another shape or dtype than it should; it is named, with its distribution.
    """
    for step, y in network.walk(x, targets.mask):
        expected = f"{network.dtype} of shape ({sizes((len(x), *step.shape))})"
        found = f"{y.dtype} of shape ({sizes(y.shape)})" if isinstance(y, np.ndarray) else repr(y)
        if found != expected:
            raise ContractError(f"forward of {step.name} ({supplier(step.layer)}) gave {found}, not {expected}")
    loss = network.loss_of(x, targets, training=False)
    if not isinstance(loss, numbers.Real):
        who = f"{registry().name_of(network.loss)} ({supplier(network.loss)})"
        raise ContractError(f"the loss {who} gave {quoted(loss)}, not a number")
