"""Which package a component came from, and each of those in its fields."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.registry.discovery import Plugin
from chainrule.registry.provenance import provenance, supplier
from chainrule.registry.registry import Registrar, Registry


@dataclass
class Around(cr.Optimizer):
    """Does what another one does."""

    lr: float = 0.1
    inner: str | Mapping[str, Any] | cr.Optimizer = "theirs"

    slots = ()

    def update(self, theta: cr.Array, grad: cr.Array, slots: Mapping[str, cr.Array], step: int, lr: float) -> None:
        theta -= lr * grad


@dataclass
class Theirs(Around):
    """Another one."""

    inner: str | Mapping[str, Any] | cr.Optimizer | None = None  # type: ignore[assignment]


class Plain(cr.Callback):
    """Written in a notebook, and no dataclass."""


@dataclass
class Mixed(cr.Dataset):
    """Several datasets, one after the other."""

    parts: Sequence[str | Mapping[str, Any] | cr.Dataset] = ("xor", "spirals")

    def load(self) -> cr.Data:
        return cr.Data(cr.Split(np.zeros((4, 2)), np.arange(4) % 2), "binary", class_names=("0", "1"))


@dataclass
class Sides(cr.Layer):
    """Several lists of layers."""

    sides: Sequence[Sequence[str | Mapping[str, Any] | cr.Layer | cr.Activation]] = ()

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        return input_shape

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        return x

    def backward(self, dy: cr.Array) -> cr.Array:
        return dy


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = Registry().load()
    for distribution, classes in {"acme": [Around, Mixed, Sides], "beta": [Theirs]}.items():
        registrar = Registrar(Plugin("components", distribution, "2.0"))
        for cls in classes:
            registrar.add(cls)
        registry.admit(registrar)
    for module in [module for name, module in sys.modules.items() if name.startswith("chainrule.")]:
        if getattr(module, "registry", None) is cr.registry:
            monkeypatch.setattr(module, "registry", lambda: registry)


OWN = f"chainrule {cr.__version__}"


@pytest.mark.parametrize(
    ("component", "found"),
    [
        (Around(), {"optimizer.around": "acme 2.0", "optimizer.theirs": "beta 2.0"}),
        (
            Around(inner={"name": "around", "inner": Theirs()}),
            {"optimizer.around": "acme 2.0", "optimizer.theirs": "beta 2.0"},
        ),
        (Around(inner="adam"), {"optimizer.adam": OWN, "optimizer.around": "acme 2.0"}),
        (Mixed(), {"dataset.mixed": "acme 2.0", "dataset.spirals": OWN, "dataset.xor": OWN}),
        (Mixed([{"name": "mixed", "parts": ["digits"]}]), {"dataset.digits": OWN, "dataset.mixed": "acme 2.0"}),
        (
            Sides([["flatten", "tanh"], [], [Sides([[{"name": "dropout", "rate": 0.1}]])]]),
            {"activation.tanh": OWN, "layer.dropout": OWN, "layer.flatten": OWN, "layer.sides": "acme 2.0"},
        ),
    ],
)
def test_those_in_its_fields_are_named_too(component: cr.Component, found: dict[str, str]) -> None:
    """Or a run would be taken for equal to one with another version of the inner one."""
    assert provenance([component, Plain()]) == found
    assert supplier(component) == "acme 2.0"
