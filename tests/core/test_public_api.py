"""What chainrule offers is named, sorted and documented, and every example in it runs."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re
from typing import Any

import numpy as np
import pytest

import chainrule as cr
import chainrule_plugins

ENTRIES = [pytest.param(entry, id=f"{entry.kind}.{entry.name}") for entry in cr.registry()]

ORDER = (
    "Forward",
    "Backward",
    "Update",
    "Values",
    "Penalty",
    "Gradient",
    "Factor",
    "Value",
    "Shapes",
    "Args",
    "Raises",
    "Reference",
    "Example",
)
# What the docstring of each kind cannot be without.
NEEDED = {
    "layer": {"Forward", "Backward", "Shapes", "Example"},
    "activation": {"Forward", "Backward", "Shapes", "Reference", "Example"},
    "loss": {"Forward", "Backward", "Shapes", "Reference", "Example"},
    "optimizer": {"Update", "Args", "Reference", "Example"},
    "initializer": {"Values", "Example"},
    "regularizer": {"Penalty", "Gradient", "Args", "Example"},
    "schedule": {"Factor", "Args", "Example"},
    "metric": {"Value", "Shapes", "Example"},
    "callback": {"Example"},
    "dataset": {"Example"},
    "model": {"Example"},
}
FORMULAS = {"Forward", "Backward", "Update", "Values", "Penalty", "Gradient", "Factor", "Value"}


def sections_of(entry: cr.Entry) -> dict[str, str]:
    """The docstring's parts by header, in their order."""
    found = re.split(r"^([A-Z][a-z]+):$\n", inspect.getdoc(entry.cls) or "", flags=re.MULTILINE)
    return dict(zip(found[1::2], found[2::2], strict=True))


def test_all_is_sorted_and_without_doubles() -> None:
    assert cr.__all__ == sorted(set(cr.__all__), key=lambda name: (not name.isupper(), name.islower(), name))


@pytest.mark.parametrize("name", cr.__all__)
def test_each_name_can_be_imported_and_is_documented(name: str) -> None:
    thing = getattr(cr, name)
    if inspect.isclass(thing) or inspect.isfunction(thing):
        assert thing.__doc__
        assert not thing.__doc__.startswith(f"{name}(")  # what dataclass writes where nobody did


def test_what_is_public_of_the_package_is_in_all() -> None:
    public = {name for name, thing in vars(cr).items() if not name.startswith("_") and not inspect.ismodule(thing)}
    assert public | {*cr._LATER} == set(cr.__all__)


@pytest.mark.parametrize("name", [name for name in cr.__all__ if inspect.isclass(getattr(cr, name))])
def test_public_methods_are_documented(name: str) -> None:
    cls = getattr(cr, name)
    for method, thing in vars(cls).items():
        if not method.startswith("_") and (inspect.isfunction(thing) or isinstance(thing, property)):
            assert inspect.getdoc(getattr(cls, method)), f"{name}.{method}"


# ---- the docstrings of components


@pytest.mark.parametrize("entry", ENTRIES)
def test_the_sections_that_a_kind_needs_are_there_in_their_order(entry: cr.Entry) -> None:
    headers = list(sections_of(entry))
    assert headers == sorted(headers, key=ORDER.index)
    assert NEEDED[entry.kind] <= set(headers)


@pytest.mark.parametrize("entry", ENTRIES)
def test_the_first_line_is_a_sentence_of_its_own(entry: cr.Entry) -> None:
    first, _, rest = (inspect.getdoc(entry.cls) or "").partition("\n")
    assert first.endswith(".")
    assert rest.startswith("\n") or not rest


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_hyperparameter_is_explained_once(entry: cr.Entry) -> None:
    explained = re.findall(r"^    ([\w, ]+):", sections_of(entry).get("Args", ""), flags=re.MULTILINE)
    names = [name.strip() for names in explained for name in names.split(",")]
    assert sorted(names) == sorted(field.name for field in entry.fields)


@pytest.mark.parametrize("entry", ENTRIES)
def test_formulas_stand_between_dollars(entry: cr.Entry) -> None:
    for header, text in sections_of(entry).items():
        if header in FORMULAS:
            assert text.count("$") >= 2
            assert text.count("$") % 2 == 0
    assert "\t" not in (entry.cls.__doc__ or "")  # \tanh and \theta in a docstring that is not raw
    assert "\x0c" not in (entry.cls.__doc__ or "")


@pytest.mark.parametrize("entry", ENTRIES)
def test_what_refuses_values_says_so(entry: cr.Entry) -> None:
    if "__post_init__" in vars(entry.cls):
        assert "Error: " in sections_of(entry)["Raises"]


# ---- examples


def modules() -> list[str]:
    found = []
    for package in (cr, chainrule_plugins):
        found += [package.__name__]
        found += [module.name for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
    return [name for name in found if not name.endswith("__main__")]


def examples(module: str) -> list[doctest.DocTest]:
    names: dict[str, Any] = {"np": np, "cr": cr}
    found = doctest.DocTestFinder().find(importlib.import_module(module), extraglobs=names)
    return [test for test in found if test.examples]


@pytest.mark.parametrize("module", modules())
def test_examples_run(module: str) -> None:
    output: list[str] = []
    for test in examples(module):
        doctest.DocTestRunner().run(test, out=output.append)
    assert not output, "".join(output)


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_component_has_an_example_that_runs(entry: cr.Entry) -> None:
    assert [test for test in examples(entry.cls.__module__) if test.name.endswith(f".{entry.cls.__name__}")]
