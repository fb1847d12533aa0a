"""What is picked where nothing is named."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

import chainrule as cr
from chainrule.registry.defaults import usual, usual_loss, usual_stopping
from chainrule.registry.registry import Registrar, Registry
from chainrule_plugins.optimizers import Adam

CONFIG = Path(__file__).parents[3] / "conf" / "config.yaml"


def test_it_is_what_the_command_line_takes() -> None:
    entries = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["defaults"]
    chosen = {group: name for entry in entries if isinstance(entry, dict) for group, name in entry.items()}
    assert (usual(cr.Model), usual(cr.Optimizer)) == (chosen["model"], chosen["optimizer"])


def test_one_of_each_kind_says_that_it_is_the_one() -> None:
    for kind in (cr.Model, cr.Optimizer):
        assert sum(bool(vars(entry.cls).get("default")) for entry in cr.registry() if issubclass(entry.cls, kind)) == 1


@dataclass
class Aadam(Adam):
    """What inherits from the usual one is not that, wherever it stands in the alphabet."""


@pytest.fixture
def other(monkeypatch: pytest.MonkeyPatch) -> Registry:
    """A registry with nothing but what a test admits."""
    registry = Registry()
    monkeypatch.setattr(importlib.import_module("chainrule.registry.defaults"), "registry", lambda: registry)
    return registry


def test_what_inherits_from_it_is_not_it(other: Registry) -> None:
    registrar = Registrar(cr.registry().get("optimizer", "adam").plugin)
    registrar.add(Aadam)
    other.admit(registrar)
    with pytest.raises(cr.ConfigError, match=r"^optimizer: no installed optimizer is picked by itself: name one$"):
        usual(cr.Optimizer)
    registrar = Registrar(registrar._plugin)
    registrar.add(Adam)
    other.admit(registrar)
    assert usual(cr.Optimizer) == "adam"


def test_where_nothing_is_installed_it_says_so(other: Registry) -> None:
    with pytest.raises(cr.ConfigError, match=r"^no installed loss is meant for a binary task; name one with loss=...$"):
        usual_loss("binary")
    assert usual_stopping() is None
