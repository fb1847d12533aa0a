"""What a layer's docstring says of its parameters holds: which of them decay, and what they are at first."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.contract.arrays import Array, Shape
from chainrule.contract.fields import fields_of
from chainrule.contract.kinds import Initializer
from chainrule.registry.making import own
from chainrule.testing.bench import Bench
from chainrule.testing.kit import check, expect
from chainrule.testing.subject import Subject
from chainrule.testing.variants import variants

SPARED = ("b", "bias", "shift", "beta")
"""Names of parameters that never decay: a bias of 0 is no simpler than another one."""
STARTS = (0.375, 0.625)
FIRST = r"(\w+) is (-?\d+(?:\.\d+)?) at first"

WHETHER = r"(\w+): whether there is an? (\w+)\b"


@dataclass
class Everywhere(Initializer):
    """One number everywhere."""

    number: float = 0.0

    def __call__(self, shape: Shape, rng: np.random.Generator, dtype: Any) -> Array:
        return np.full(shape, self.number, dtype)


@check("layer", "activation")
def check_decay_as_documented(subject: Subject) -> None:
    """Weight decay spares biases, and just the other parameters of which the docstring says so."""
    told = re.findall(r"[Ww]eight decay spares ([\w, ]+)", _text(subject.cls))
    said = {name for names in told for name in re.findall(r"\w+", names)}
    for _, each in variants(subject, "decay_as_documented"):
        for shape in each.input_shapes:
            bench = Bench(each, shape)
            for parameter in bench.network.parameters:
                name = bench.own_name(parameter)
                if "." in name:  # of a layer within it, whose docstring says it
                    continue
                spared = name in said or name.split("_")[0] in SPARED
                expect(
                    not (spared and parameter.decay),
                    f"weight decay acts on {name}",
                    f'declare it with self.parameter("{name}", ..., decay=False)',
                )
                expect(
                    spared or parameter.decay,
                    f"weight decay spares {name}, and the docstring does not say so",
                    f'declare it without decay=False, or write in the docstring: "Weight decay spares {name}."',
                )


@check("layer", "activation", when=lambda cls: bool(re.search(FIRST, _text(cls)) or _numbers(cls)))
def check_starts_as_documented(subject: Subject) -> None:
    """A parameter is at first what the docstring says: "gamma is 1 at first", "slope: what a holds at first"."""
    fixed = {name: float(number) for name, number in re.findall(FIRST, _text(subject.cls))}
    for _, each in variants(subject, "starts_as_documented"):
        said = {**fixed, **{name: float(getattr(each.make(), field)) for name, field in _numbers(subject.cls).items()}}
        for shape in each.input_shapes:
            bench = Bench(each, shape, moved=0)
            for item in (*bench.network.parameters, *bench.network.buffers):
                name = bench.own_name(item)
                if name in said:
                    expect(
                        bool((item.value == said[name]).all()),
                        f"{name} is {item.value.reshape(-1)[0]:g} at first, and the docstring says {said[name]:g}",
                        "make the two agree",
                    )


@check("layer", "activation", when=lambda cls: bool(re.search(WHETHER, _text(cls))))
def check_there_as_documented(subject: Subject) -> None:
    """A parameter is there where the docstring says so: "bias: whether there is a b"."""
    for fields, each in variants(subject, "there_as_documented"):
        for field, name in re.findall(WHETHER, _text(subject.cls)):
            said = getattr(each.make(), field, None)
            for shape in each.input_shapes if isinstance(said, bool) else ():
                bench = Bench(each, shape)
                there = any(bench.own_name(parameter) == name for parameter in bench.network.parameters)
                expect(
                    there == said,
                    f"{fields}{field} is {said}, and there is {'a' if there else 'no'} parameter {name}",
                    f"declare it in build just where self.{field} is true",
                )


@check("layer", when=lambda cls: any(field.kind == "activation" and not field.nested for field in fields_of(cls)))
def check_activation_applied(subject: Subject) -> None:
    """An activation that a field names is a part of the network: applied, tagged and saved with it."""
    for fields, each in variants(subject, "activation_applied"):
        for field in fields_of(each.cls):
            given = getattr(each.make(), field.name)
            if field.kind != "activation" or field.nested or given is None:
                continue
            wanted = type(own("activation", given))
            for shape in each.input_shapes:
                held = [type(component) for component in Bench(each, shape).network.components]
                expect(
                    wanted in held,
                    f"{fields}{field.name} is {given!r}, and the network has none",
                    f"make it in build: self.child({field.name!r}, self.{field.name})",
                )


@check("layer", "activation", when=lambda cls: any(field.kind == "initializer" for field in fields_of(cls)))
def check_initializers_used(subject: Subject) -> None:
    """What a field for an initializer says is what a parameter starts with, and no other field's says it."""
    fields = [field.name for field in fields_of(subject.cls) if field.kind == "initializer"]
    found: dict[str, set[str]] = {name: set() for name in fields}
    known: set[str] = set()
    for _, each in variants(subject, "initializers_used"):
        for shape in each.input_shapes:
            for field in fields:
                low, high = (_start(each, shape, field, value) for value in STARTS)
                found[field] |= {name for name in low if np.any(low[name] != high[name])}
                known |= {*low}
    for field, parameters in found.items():
        expect(
            bool(parameters),
            f"no parameter starts with what {field} says",
            f"hand it to the parameter that it is for: self.parameter(name, shape, self.{field})",
        )
        said = _said_of(subject.cls, field, known)
        expect(
            said is None or parameters == said,
            f"{field} is said to be what {_listed(said)} holds at first, and it is what {_listed(parameters)} holds",
            "hand each field to its own parameter",
        )


def _said_of(cls: type, field: str, known: set[str]) -> set[str] | None:
    """The parameters of which the docstring says that a field is what they hold at first: "what W holds at first",
    "what each b but b_f holds at first"."""
    described = inspect.getdoc(cls) or ""
    told = re.search(rf"^ *{field}: what (each )?(\w+)(?: but (\w+))? holds at first", described, flags=re.MULTILINE)
    if told is None:
        return None
    each, name, but = told.groups()
    return {other for other in known if other == name or (each and other.split("_")[0] == name)} - {but}


def _listed(names: set[str] | None) -> str:
    return ", ".join(sorted(names or ())) or "none"


def _numbers(cls: type) -> dict[str, str]:
    """The fields that are numbers with which a parameter starts, by its name."""
    found = {}
    for field in fields_of(cls):
        told = re.search(rf"^ *{field.name}: what (\w+) holds at first", inspect.getdoc(cls) or "", flags=re.MULTILINE)
        if told is not None and field.annotation in (int, float):
            found[told[1]] = field.name
    return found


def _text(cls: type) -> str:
    """Its docstring, in one line."""
    return " ".join((inspect.getdoc(cls) or "").split())


def _start(subject: Subject, shape: Shape, field: str, value: float) -> Mapping[str, Array]:
    """What the parameters hold at first, where all numbers that the field's initializer gives are the same."""
    fields = {**subject.fields, field: Everywhere(value)}
    bench = Bench(Subject(subject.cls, fields, subject.example), shape, moved=0)
    return {bench.own_name(p): p.value.copy() for p in bench.network.parameters}
