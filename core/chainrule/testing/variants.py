"""The same component with other fields: what an author's examples leave at its default is checked as well."""

from __future__ import annotations

import math
import typing
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from chainrule.contract.fields import Field, fields_of
from chainrule.testing.bench import Bench
from chainrule.testing.subject import Subject

LEFT_OUT = ("lr", "weight_decay")
"""What others apply: the scheduled rate is an argument, and the trainer decays."""


def variants(subject: Subject, check: str) -> Iterator[tuple[str, Subject]]:
    """The example itself, and for each field the same example with another value there, in words; without those to
    which a check does not apply, as they say themselves."""
    for named, other in _all_variants(subject):
        if check not in other.not_applicable:
            yield named, other


def _all_variants(subject: Subject) -> Sequence[tuple[str, Subject]]:
    if "variants" not in subject.memory:
        found = [("", subject)]
        for field in fields_of(subject.cls):
            for value in other_values(field, getattr(subject.make(), field.name)):
                other = Subject(subject.cls, {**subject.fields, field.name: value}, subject.example)
                if _works(other):
                    found.append((f"with {field.name}={value!r}, ", other))
                    break
        subject.memory["variants"] = found
    known: Sequence[tuple[str, Subject]] = subject.memory["variants"]
    return known


def _works(subject: Subject) -> bool:
    """Whether the fields go together, and with the input that it is checked with."""
    try:
        subject.make()
        if subject.kind in ("layer", "activation"):
            for shape in subject.input_shapes:
                Bench(subject, shape)
    except Exception:  # it is the author's to say which values it takes; how it says so is a check of its own
        return False
    return True


def other_values(field: Field, value: Any) -> Iterator[Any]:
    """Values to try, one after another."""
    if field.name in LEFT_OUT or field.kind is not None:
        return
    types = {field.annotation, *typing.get_args(field.annotation)}
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, str):
        choices = next((typing.get_args(t) for t in types if typing.get_origin(t) is Literal), ())
        yield from (choice for choice in choices if choice != value)
    elif isinstance(value, int):
        yield from (value + 1, value + 2, 2 * value, value - 1)
    elif isinstance(value, float) and math.isfinite(value):
        yield from (value / 2 + 0.4, 1.5 * value, value / 2, value + 0.25)
    elif isinstance(value, (tuple, list)) and value and all(type(n) in (int, float) for n in value):
        yield from (type(value)(n + 1 for n in value), type(value)(n / 2 for n in value))
    elif value is None:
        yield from (2, 1, 0.5)
