"""Fields of components as parameters of an estimator, by names with two underscores between them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator

from chainrule.contract.fields import fields_of
from chainrule.contract.kinds import Component, Model, Optimizer
from chainrule.errors import FieldError, UnknownName, did_you_mean, within
from chainrule.registry.defaults import usual, usual_stopping
from chainrule.registry.registry import registry
from chainrule.words import quoted

BETWEEN = "__"
KINDS_OF = {
    "model": "model",
    "activation": "activation",
    "loss": "loss",
    "optimizer": "optimizer",
    "schedule": "schedule",
    "regularizer": "regularizer",
    "early_stopping": "callback",
}
"""The parameters that hold one component each, with its kind."""


def with_field(kind: str, given: Any, path: str, value: Any) -> Any:
    """What stands for the same component with another value of a field, or of a field of a component in one.

    >>> with_field("optimizer", "adam", "lr", 0.1)
    {'name': 'adam', 'lr': 0.1}
    >>> with_field("model", {"name": "mlp", "activation": "elu"}, "activation__alpha", 0.5)
    {'name': 'mlp', 'activation': {'name': 'elu', 'alpha': 0.5}}

    Args:
        given: an instance, of which a new one is made; a name, or ``{name: ..., ...}``.
        path: names of fields, with ``__`` between them.

    Raises:
        UnknownName: no such component or field. FieldError: there is no one component whose field it could be; or, of
            an instance, the field cannot take the value.
    """
    field, _, deeper = path.partition(BETWEEN)
    spec = {"name": given} if isinstance(given, str) else given
    if isinstance(spec, Component):
        cls: type[Component] = type(spec)
    elif isinstance(spec, Mapping) and "name" in spec:
        cls = registry().get(kind, spec["name"]).cls
    else:
        raise FieldError(f"got {quoted(given)}: name a component of kind {kind}, whose {path} is to be set")
    fields = {one.name: one for one in fields_of(cls)}
    if field not in fields:
        known = did_you_mean(field, fields) if fields else "It has no fields."
        raise UnknownName(f'{kind} {registry().name_of(cls)} has no field "{field}". {known}', key=field)
    if deeper:
        inner = fields[field].kind
        held = getattr(spec, field) if isinstance(spec, Component) else spec.get(field, fields[field].default)
        if inner is None:
            raise FieldError(f"{kind} {registry().name_of(cls)} holds no component in {field}", key=field)
        value = with_field(inner, held, deeper, value)
    if isinstance(spec, Component):
        return dataclasses.replace(spec, **{field: value})  # type: ignore[type-var]
    return {**spec, field: value}


def with_fields(kind: str, given: Any, **values: Any) -> Any:
    """``with_field`` for each of the values that is not None."""
    for field, value in values.items():
        if value is not None:
            given = with_field(kind, given, field, value)
    return given


class Nested(BaseEstimator):  # type: ignore[misc]
    """An estimator with parameters that hold components, whose fields are parameters too."""

    def set_params(self, **params: Any) -> Self:
        """Set parameters, and fields of components, as ``optimizer__lr=0.1``: the parameter then holds the component
        with that value.

        Raises:
            UnknownName, FieldError: as ``with_field``. ValueError: there is no such parameter.
        """
        split = {key: key.partition(BETWEEN) for key in params}
        fields = {key: parts for key, parts in split.items() if parts[0] in KINDS_OF and parts[1]}
        super().set_params(**{key: value for key, value in params.items() if key not in fields})
        for key, (parameter, _, path) in fields.items():
            with within(parameter):
                setattr(self, parameter, with_field(KINDS_OF[parameter], self.named(parameter), path, params[key]))
        return self

    def named(self, parameter: str) -> Any:
        """What a parameter holds; or the name of the component that is taken where it holds none, or only says that
        there is to be one."""
        given = getattr(self, parameter)
        kinds: dict[str, type[Model] | type[Optimizer]] = {"model": Model, "optimizer": Optimizer}
        if given is None and parameter in kinds:
            return usual(kinds[parameter])
        return usual_stopping() if isinstance(given, (bool, np.bool_)) and given else given
