"""An optimizer's rule at work: written for single numbers, run over whole vectors.

Optimizers are called Any here: their base class, which says what they have, is built on this.
"""

from __future__ import annotations

import dataclasses
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.contract.signatures import signature_of
from chainrule.engine.rule import Rule
from chainrule.errors import ContractError

# A sum stops growing once what is added is less than an eighth of eps of it: so no sum of squares leaves the dtype, of
# however many. In float32 2.2e15, in float64 7.1e145.
LARGEST = {
    np.dtype(dtype): math.sqrt(float(np.finfo(dtype).max) * float(np.finfo(dtype).eps) / 8)
    for dtype in (np.float32, np.float64)
}
SCALARS = ("step", "lr")
"""What a rule may ask for beside."""


class Recorded(NamedTuple):
    """A rule as it was recorded with these ``values`` of the optimizer's fields, which ``look`` finds."""

    rule: Rule
    look: Callable[[Any], Any]
    values: Any
    slots: tuple[str, ...]
    scalars: tuple[str, ...]
    limited: bool


def update_by_rule(
    optimizer: Any,
    theta: Array,
    grad: Array,
    slots: Mapping[str, Array],
    step: int,
    lr: float,
    keep: float = 1.0,
    tiny: float = 0.0,
) -> None:
    """Move ``theta`` and the slots in place by ``optimizer.rule``. ``grad`` is overwritten.

    Args:
        keep: by which theta is multiplied before.
        tiny: entries of slots that are smaller become 0.
    """
    recorded = _recorded(optimizer)
    given = {"step": step, "lr": lr}
    limit = LARGEST[theta.dtype] if recorded.limited else math.inf
    scalars = [given[name] for name in recorded.scalars]
    recorded.rule.run([theta, grad, *(slots[name] for name in recorded.slots)], scalars, keep, limit, tiny)


def rule_of(optimizer: Any) -> Rule:
    """Its rule, which says by what passes and loops it is computed.

    Raises:
        ContractError: it has none, or one that is no function of single numbers.
    """
    return _recorded(optimizer).rule


def _recorded(optimizer: Any) -> Recorded:
    recorded: Recorded | None = vars(optimizer).get("_rule")
    if recorded is None or recorded.look(optimizer) != recorded.values:
        recorded = optimizer._rule = _record(optimizer)
    return recorded


def _record(optimizer: Any) -> Recorded:
    function, slots = optimizer.rule, tuple(optimizer.slots)
    if function is None:
        raise ContractError(f"{type(optimizer).__name__} writes neither rule nor update")
    asked = tuple(name for name in SCALARS if name in signature_of(function).parameters)
    guarded = {"theta": "keep", "grad": "limit", **dict.fromkeys(slots, "tiny")}
    try:
        rule = Rule(function, ("theta", "grad", *slots), asked, ("theta", *slots), guarded)
    except ContractError as error:
        raise ContractError(f"rule of {type(optimizer).__name__}: {error}") from error
    look = operator.attrgetter("slots", *(field.name for field in dataclasses.fields(optimizer)))
    return Recorded(rule, look, look(optimizer), slots, asked, optimizer.squares_gradient)
