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
    """A rule as it was recorded with these ``values`` of the optimizer's fields, which ``look`` finds.

    It is run on theta, grad, and each of the slots, in order, with step and lr. ``limited``: whether numbers of the
    gradient beyond ``LARGEST`` are cut off.
    """

    rule: Rule
    look: Callable[[Any], Any]
    values: Any
    slots: tuple[str, ...]
    limited: bool

    def __reduce__(self) -> Any:  # nothing: an optimizer that is kept has it anew, by the chainrule that is there then
        return type(None), ()


def recorded(optimizer: Any) -> Recorded:
    """Its rule, as its fields are now.

    Raises:
        ContractError: it has none, or one that is no function of single numbers.
    """
    known: Recorded | None = optimizer._rule
    if known is None or known.look(optimizer) != known.values:
        known = vars(optimizer)["_rule"] = _record(optimizer)  # even of one whose fields are frozen
    return known


def update_by_rule(optimizer: Any, theta: Array, grad: Array, slots: Mapping[str, Array], step: int, lr: float) -> None:
    """Move ``theta`` and the slots in place by ``optimizer.rule``. ``grad`` is overwritten."""
    known = recorded(optimizer)
    limit = LARGEST[theta.dtype] if known.limited else math.inf
    known.rule.run([theta, grad, *(slots[name] for name in known.slots)], (step, lr), limit=limit)


def _record(optimizer: Any) -> Recorded:
    function, slots = optimizer.rule, tuple(optimizer.slots)
    if function is None:
        raise ContractError(f"{type(optimizer).__name__} writes neither rule nor update")
    asked = signature_of(function).parameters

    def of_all(**numbers: Any) -> Any:
        return function(**{name: number for name, number in numbers.items() if name in asked})

    guarded = {"theta": "keep", "grad": "limit", **dict.fromkeys(slots, "tiny")}
    try:
        rule = Rule(of_all, ("theta", "grad", *slots), SCALARS, ("theta", *slots), guarded)
    except ContractError as error:
        raise ContractError(f"rule of {type(optimizer).__name__}: {error}") from error
    look = operator.attrgetter("slots", *(field.name for field in dataclasses.fields(optimizer)))
    return Recorded(rule, look, copied(look(optimizer)), slots, optimizer.squares_gradient)


def copied(value: Any) -> Any:
    """``value``, with its own copies of lists and mappings: what changes in place is found to differ from it."""
    if isinstance(value, (list, tuple)):
        return (list if isinstance(value, list) else tuple)(map(copied, value))
    return {key: copied(item) for key, item in value.items()} if isinstance(value, dict) else value
