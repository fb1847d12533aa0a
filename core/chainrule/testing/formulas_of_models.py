"""A model builds what its reference lists: the same layers with the same fields, for each input and way to end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from chainrule.contract.fields import fields_of
from chainrule.contract.kinds import Component
from chainrule.errors import ChainruleError
from chainrule.network.blueprint import Blueprint
from chainrule.network.stack import Stack
from chainrule.registry.making import spec_of
from chainrule.testing.kit import CheckFailed
from chainrule.testing.models import endings, sample_shapes
from chainrule.testing.subject import Subject

MEND = (
    "see in the docstring which of the two is right: reference lists the layers once more, as a config writes them, "
    "each with the fields in which it differs from its defaults"
)


def of_model(subject: Subject, fields: str) -> None:
    """For one output of each task, and for all of these by name."""
    compared, refused = False, ""
    for shape in sample_shapes(subject):
        for units, activation in _asked():
            where = f"{fields}for input of shape {shape}, {units} units and {activation}, "
            try:
                expected = _described(_as_config(list(subject.make().reference(shape, units, activation))), shape)
            except Exception as error:  # it is not for such an input, or not for such outputs
                refused = refused or f"{where}it raises {type(error).__name__}: {error}"
                continue
            try:
                given = _described(subject.make().build(shape, units, activation), shape)
            except ChainruleError as error:
                raise CheckFailed(f"{where}its layers make no network, and its reference's do: {error}", MEND) from None
            compared = True
            _require_same(where, given, expected)
    if not compared:
        raise CheckFailed(f"its reference lists no layers that make a network: {refused}", MEND)


def _asked() -> Iterator[tuple[Any, Any]]:
    """Units and activations, of several outputs a mapping each."""
    units, activations = {}, {}
    for task, _, units[task], activations[task] in endings():
        yield units[task], activations[task]
    yield units, activations


def _described(layers: Any, shape: Any) -> list[tuple[str, Any]]:
    """Every component of the network, with those of its fields that are not components themselves; every parameter, and
    the output; in order, each as what it is called and what it is.

    Raises:
        ChainruleError: they make none.
    """
    blueprint = Blueprint(0, np.dtype("float64"))
    output = Stack(layers, blueprint).build(shape)
    parts: list[tuple[str, Any]] = [
        (f"component {number}", _own(part)) for number, part in enumerate(blueprint.components)
    ]
    parts += [(f"parameter {number}", (p.name, p.shape)) for number, p in enumerate(blueprint.parameters)]
    return [*parts, ("the shape of the output", output)]


def _own(component: Component) -> dict[str, Any]:
    within = {field.name for field in fields_of(type(component)) if field.kind is not None}
    return {name: value for name, value in spec_of(component).items() if name not in within}


def _as_config(given: Any) -> Any:
    """Components in it as what they are in a config: one of a field may then stand in several layers."""
    if isinstance(given, Component):
        return spec_of(given)
    if isinstance(given, Mapping):
        return {name: _as_config(value) for name, value in given.items()}
    return [_as_config(one) for one in given] if isinstance(given, (list, tuple)) else given


def _require_same(where: str, given: list[tuple[str, Any]], expected: list[tuple[str, Any]]) -> None:
    if given == expected:
        return
    (what, one), (other_what, other) = next((a, b) for a, b in zip(given, expected) if a != b)
    by_reference = str(other) if what == other_what else f"{other_what}, {other}"
    raise CheckFailed(f"{where}{what} of the network is {one}, and by its reference {by_reference}", MEND)
