"""Groups of parameters that are trained each in its own way."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from chainrule.contract.kinds import Optimizer
from chainrule.contract.parameters import Parameter, Parameters
from chainrule.errors import FieldError, UnknownName, did_you_mean, within
from chainrule.words import quoted

FIELDS = ("parameters", "lr", "weight_decay", "trainable")


class Setting(NamedTuple):
    """How a parameter is trained.

    ``rate``: by which the learning rate is multiplied; ``decay``: the strength of decoupled decay; ``trained``: whether
    it is at all.
    """

    rate: float
    decay: float
    trained: bool


def settings_of(
    groups: Sequence[Mapping[str, Any]], optimizer: Optimizer, parameters: Parameters
) -> list[tuple[Parameter, Setting]]:
    """Each parameter with its setting, in the order of the flat vector. Of what groups say of one, the last counts; one
    that is not trainable stays so."""
    decay: float = getattr(optimizer, "weight_decay", 0.0)
    found = []
    for parameter in sorted(parameters, key=lambda p: p.offset):
        setting = Setting(1.0, decay, True)
        for group in groups:
            if fnmatchcase(parameter.name, group["parameters"]):
                setting = _changed(setting, group, optimizer)
        if not parameter.decay:
            setting = setting._replace(decay=0.0)
        found.append((parameter, setting._replace(trained=setting.trained and parameter.trainable)))
    return found


def _changed(setting: Setting, group: Mapping[str, Any], optimizer: Optimizer) -> Setting:
    if "lr" in group:
        setting = setting._replace(rate=float(group["lr"]) / optimizer.lr)
    if "weight_decay" in group:
        setting = setting._replace(decay=float(group["weight_decay"]))
    return setting._replace(trained=group.get("trainable", setting.trained))


def checked_groups(given: Any, optimizer: Optimizer, parameters: Parameters) -> list[dict[str, Any]]:
    """Groups as plain values.

    Raises:
        FieldError, UnknownName: one is no group, or no parameter is in it; names its position.
    """
    if isinstance(given, (str, Mapping)) or not isinstance(given, Sequence):
        raise FieldError(f"got {quoted(given)}, expected a list of mappings {{parameters: ..., lr: ...}}", key="groups")
    names = [parameter.name for parameter in parameters]
    groups = []
    for position, group in enumerate(given):
        with within(f"groups.{position}"):
            if not isinstance(group, Mapping) or not isinstance(group.get("parameters"), str):
                raise FieldError(f"got {quoted(group)}, expected a mapping with parameters, a pattern of their names")
            for key in map(str, group):
                if key not in FIELDS:
                    raise UnknownName(
                        f"a group has no field {quoted(key)}. {did_you_mean(str(key), FIELDS)}", key=str(key)
                    )
            pattern = group["parameters"]
            if not any(fnmatchcase(name, pattern) for name in names):
                raise UnknownName(
                    f'no parameter is called "{pattern}". {did_you_mean(pattern, names)}', key="parameters"
                )
            if all(group.get(field) is None for field in FIELDS[1:]):
                raise FieldError(f"this group says nothing: give it any of {', '.join(FIELDS[1:])}")
            _require_values(group, optimizer)
        groups.append({key: value for key, value in group.items() if value is not None})
    return groups


def _require_values(group: Mapping[str, Any], optimizer: Optimizer) -> None:
    for key in ("lr", "weight_decay"):
        value = group.get(key)
        number = isinstance(value, numbers.Real) and not isinstance(value, bool)
        if value is not None and not (number and 0 <= value < math.inf):
            raise FieldError(f"got {quoted(value)}, expected a number, 0 or more, and finite", key=key)
    if group.get("lr") is not None and not optimizer.lr:
        raise FieldError("a group has a rate of its own, and the optimizer's lr is 0: give that one above 0", key="lr")
    if not isinstance(group.get("trainable"), bool | None):
        raise FieldError(f"got {quoted(group['trainable'])}, expected true or false", key="trainable")
