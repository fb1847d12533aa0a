"""What every component owes, whatever its kind: it can be made, written down, explained, and made again."""

from __future__ import annotations

import ast
import inspect
import json
import math
import re
import textwrap
import typing
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chainrule.config.nodes import node_of
from chainrule.contract.fields import Field, fields_of, fit
from chainrule.contract.kinds import Component
from chainrule.contract.named import items
from chainrule.errors import ChainruleError, FieldError, PluginError
from chainrule.registry.admission import check_class
from chainrule.registry.discovery import Plugin
from chainrule.registry.making import spec_of
from chainrule.registry.registry import Entry, registry
from chainrule.testing.kit import CHECKS, CheckFailed, check, expect
from chainrule.testing.subject import Subject

WITHOUT_FORMULA = ("callback", "dataset", "model")


@check(first=True)
def check_registration(subject: Subject) -> None:
    """Its class can be registered: a dataclass of a kind, with every method that the kind needs."""
    try:
        check_class(subject.cls)
    except PluginError as error:
        raise CheckFailed(str(error), "registry.add refuses such a class; do as it says") from None


@check(first=True)
def check_constructible(subject: Subject) -> None:
    """It can be made from its defaults, or from the examples that it declares."""
    missing = [field.name for field in fields_of(subject.cls) if field.required and field.name not in subject.fields]
    expect(
        not missing,
        f"{subject.cls.__name__} has no default for {', '.join(missing)}, and no example that gives a value",
        f"give defaults, or declare check_examples = ({{{', '.join(f'{name!r}: ...' for name in missing)}}},)",
    )
    try:
        subject.make()
    except ChainruleError as error:
        raise CheckFailed(
            f"it cannot be made from the fields {dict(subject.fields)}: {error}",
            "declare examples in check_examples whose values its __post_init__ accepts",
        ) from None


@check(first=True)
def check_declarations(subject: Subject) -> None:
    """What it tells the kit makes sense: shapes and kinks are such, and no check is left out without a reason."""
    component = subject.make()
    shapes = component.check_input_shapes
    expect(
        isinstance(shapes, Sequence) and all(_is_shape(one) for shape in shapes for _, one in items(shape)),
        f"check_input_shapes is {shapes!r}",
        "declare a sequence of shapes, each without the batch: check_input_shapes = ((8, 8, 3),)",
    )
    kinks = component.check_kinks
    expect(
        isinstance(kinks, Sequence) and all(isinstance(kink, (int, float)) for kink in kinks),
        f"check_kinks is {kinks!r}",
        "declare a sequence of numbers: check_kinks = (0.0,)",
    )
    known = [check.name for check in CHECKS if subject.kind in check.kinds]
    reasons = component.checks_not_applicable
    expect(
        isinstance(reasons, Mapping),
        f"checks_not_applicable is {reasons!r}",
        'declare a mapping from the name of a check to the reason: {"keeps_dtype": "why it cannot apply"}',
    )
    for name, reason in reasons.items():
        expect(
            name in known,
            f"checks_not_applicable names {name!r}, and there is no such check",
            f"take one of {', '.join(known)}",
        )
        expect(
            isinstance(reason, str) and bool(reason.strip()),
            f"checks_not_applicable[{name!r}] gives no reason, but {reason!r}",
            "say why the check cannot apply to this component: people see it wherever the kit runs",
        )


def _is_shape(given: Any) -> bool:
    return isinstance(given, Sequence) and all(isinstance(n, int) and n > 0 for n in given)


@check()
def check_docstring(subject: Subject) -> None:
    """Its docstring starts with a sentence, and explains every field."""
    own = vars(subject.cls).get("__doc__") or ""
    text = inspect.cleandoc(own)
    written = bool(text) and not text.startswith(f"{subject.cls.__name__}(")  # what dataclass writes where nobody did
    expect(written, "it has no docstring", "write one: its first line is the description that people see in listings")
    first, _, rest = text.partition("\n")
    expect(
        first.rstrip().endswith((".", ":", "$")) and (not rest or rest.startswith("\n")),
        f"the docstring's first line is {first!r}, which is no sentence of its own",
        "end it with a full stop, and leave the line below it blank",
    )
    unexplained = [f.name for f in fields_of(subject.cls) if not re.search(rf"\b{re.escape(f.name)}\b", text)]
    expect(
        not unexplained,
        f"the docstring does not explain the field{'s' * (len(unexplained) > 1)} {', '.join(unexplained)}",
        f'write what it means, its range and its default, below "Args:": "{(unexplained or [""])[0]}: ..."',
    )


@check(when=lambda cls: cls.kind not in WITHOUT_FORMULA)
def check_formula(subject: Subject) -> None:
    """Its docstring states the formula, as LaTeX between dollar signs."""
    text = subject.cls.__doc__ or ""
    count = text.count("$")
    expect(
        count >= 2 and count % 2 == 0,
        f"the docstring has {count or 'no'} dollar sign{'s' * (count != 1)}, where its formula would stand between two",
        "write what it computes, and its derivative where it has one, such as $y = x W + b$",
    )
    expect(
        not re.search(r"[\a\b\t\v\f\r]", _written(subject.cls)),
        "a backslash of a formula has become a control character (\\t of \\theta, \\f of \\frac)",
        'put an r before the docstring: r"""..."""',
    )


def _written(cls: type) -> str:
    """Its docstring, as its source has it where that is at hand: from 3.13 on Python turns tabs of it into spaces."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of other backslashes, which Python told when it imported it
            [definition] = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    except (OSError, SyntaxError, TypeError, ValueError):
        return cls.__doc__ or ""
    return ast.get_docstring(definition, clean=False) or "" if isinstance(definition, ast.ClassDef) else ""


@check()
def check_refuses_bad_values(subject: Subject) -> None:
    """A value that is out of every range is refused with a FieldError that names the field and the value."""
    subject.make()
    for field in fields_of(subject.cls):
        for bad, must in _bad_values(field):
            try:
                subject.make(**{field.name: bad})
            except FieldError as error:
                expect(
                    field.name in str(error),
                    f"the error for {field.name}={bad!r} does not name the field: {error}",
                    f'refuse it in __post_init__ with self.require("{field.name}", condition, "what would be right")',
                )
            except ChainruleError:
                pass  # says what is wrong in its own way, such as a component that is not installed
            except Exception as error:
                raise CheckFailed(
                    f"{field.name}={bad!r} is refused with {type(error).__name__}: {error}",
                    f'look at the value before it is used: self.require("{field.name}", condition, "what is right") in '
                    "__post_init__",
                ) from None
            else:
                expect(
                    not must,
                    f"{field.name}={bad!r} is accepted",
                    f'refuse it in __post_init__: self.require("{field.name}", condition, "what would be right")',
                )


def _bad_values(field: Field) -> Iterator[tuple[Any, bool]]:
    """Values to try, and whether each must be refused: NaN and a text where numbers stand always, and so a hugely
    negative whole number; the others may be right for some components, but not end in an error of another kind."""
    types = {field.annotation, *typing.get_args(field.annotation)}
    in_lists = {inner for t in types for inner in typing.get_args(t) if field.kind is None}
    if float in types:
        yield from [(math.nan, True), (math.inf, False), (-math.inf, False), (-1e9, False), (0.0, False)]
    if int in types and float not in types:
        yield from [(-(10**9), True), (0, False), (-1, False)]
    if int in in_lists:
        yield from [((-(10**9),), True), ((), False)]
    if types & {int, float} and str not in types:
        yield "no number", True


@check()
def check_fields_kept(subject: Subject) -> None:
    """Its fields keep what was given: what is derived from them is no field."""
    component = subject.make()
    types = {field.name: field.annotation for field in fields_of(subject.cls)}
    for name, value in subject.fields.items():
        given, kept = fit(types[name], value), getattr(component, name)
        expect(
            type(kept) is type(given) and kept == given,
            f"{name} was given as {given!r}, and is {kept!r} after __post_init__",
            f"leave the field as it was given, and keep what follows from it under another name: self._{name} = ...",
        )


@check()
def check_config_round_trip(subject: Subject) -> None:
    """Written as a config and made again from it, it is equal."""
    from omegaconf import OmegaConf

    component = subject.make()
    spec = spec_of(component)
    try:
        text = json.dumps(spec)
    except TypeError as error:
        raise CheckFailed(
            f"its fields cannot be written as JSON: {error}",
            "let fields hold numbers, text, lists and mappings of them, or components",
        ) from None
    entry = subject.entry or Entry(subject.kind, registry().name_of(subject.cls), subject.cls, Plugin("", "", ""))
    node = OmegaConf.merge(OmegaConf.structured(node_of(entry)), json.loads(text))
    config: Any = OmegaConf.to_container(node, resolve=True)
    fields = {key: value for key, value in config.items() if key in spec and key != "name"}
    again: Component = subject.cls(**fields)
    lost = {key: (spec[key], value) for key, value in spec_of(again).items() if value != spec[key]}
    changed = "; ".join(f"{key}: {before!r} became {after!r}" for key, (before, after) in lost.items())
    expect(
        not lost,
        f"made again from its own config it differs: {changed}",
        "let __post_init__ leave the fields alone: a config is written from them",
    )
