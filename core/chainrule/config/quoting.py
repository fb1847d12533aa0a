"""Text on the command line: what Hydra's grammar would refuse or take for a number, though it can be but text.

The grammar knows no letter beyond ASCII and few signs, and ``2022`` is a number to it. Where nothing else can be meant
such text is put in quotes; where something could (``=``, brackets), ``as_typed`` says how to write it.
"""

from __future__ import annotations

import re
import shlex
import types
import typing
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException

from chainrule.config.nodes import GROUPS, MANY, TrackingOptions
from chainrule.registry.registry import registry

PART = re.compile(
    r"""(?P<quoted>'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")|(?P<bare>(?:\$\{[^}]*\}|[^,\[\]{}()'"])+)""",
)
"""A value's parts between commas and brackets."""
SHELL = re.compile(r'["$`!]|\\(?!\')')
"""What a shell gives a meaning to within double quotes."""
RANGE = re.compile(r"(\d+) *(?:\.\.+|-|:|…|to) *(\d+)")
UNREADABLE = object()
TEXT_AT_THE_TOP = ("name", "objective")


def with_quotes(override: str) -> str:
    """An override as Hydra reads it, with quotes round what can be but text.

    >>> with_quotes("name=übung"), with_quotes("tracking.run_name=2022"), with_quotes("seed=2022")
    ("name='übung'", "tracking.run_name='2022'", 'seed=2022')
    """
    key, _, value = override.partition("=")
    only_text = holds_text(key.lstrip("+~"))
    quoted = f"{key}={PART.sub(lambda part: _quoted(part, only_text), value)}"
    return quoted if value and _read(quoted, "override") is not UNREADABLE else override


def as_typed(key: str, text: str) -> str:
    """An override whose value is this text, as it is typed in a shell.

    >>> print(as_typed("name", "a=b"), as_typed("name", "a,$b"))
    "name='a=b'" 'name="a,$b"'
    """
    single, double = (f"{key}={QuotedString(text, quote).with_quotes()}" for quote in (Quote.single, Quote.double))
    return in_shell(double if SHELL.search(single) else single)


def as_range(key: str, text: str) -> str:
    """The end of a message about ``0..3``, which was meant for several whole numbers; nothing for other text.

    >>> as_range("seed", "0..3"), as_range("seed", "three")
    ("; to sweep over these -m 'seed=range(0,4)'", '')
    """
    found = RANGE.fullmatch(text)
    return f"; to sweep over these -m '{key}=range({found[1]},{int(found[2]) + 1})'" if found else ""


def in_shell(line: str) -> str:
    """In quotes, double ones where there are single ones in it."""
    if "'" not in line:
        return f"'{line}'"
    return shlex.quote(line) if SHELL.search(line) else f'"{line}"'


def _quoted(part: re.Match[str], only_text: bool) -> str:
    bare = part["bare"]
    text = (bare or "").strip()
    if not text:
        return part[0]
    read = _read(text, "primitive")
    plain = "=" in text if read is UNREADABLE else not (only_text and isinstance(read, (bool, int, float)))
    return part[0] if plain else bare.replace(text, QuotedString(text, Quote.single).with_quotes())


def _read(text: str, rule: str) -> Any:
    """What Hydra's grammar makes of it; ``UNREADABLE`` where it cannot read it."""
    try:
        return OverridesParser.create().parse_rule(text, rule)
    except HydraException:
        return UNREADABLE


def holds_text(key: str) -> bool:
    """Whether the key is of a field that holds text, or a list of texts, and nothing else."""
    group, _, field = key.partition(".")
    if group == "tracking":
        return any(option.name == field and "str" in str(option.type) for option in fields(TrackingOptions))
    annotations = [
        known.annotation
        for entry in registry()
        if GROUPS.get(entry.kind) == group
        for known in entry.fields
        if field == (f"{entry.name}.{known.name}" if group in MANY else known.name)
    ]
    if not all(_holds_text(one) or _names_words(one) for one in annotations):
        return False
    return key in TEXT_AT_THE_TOP or any(map(_holds_text, annotations))


def _names_words(annotation: Any) -> bool:
    """Whether it is a choice among words, which are text as they stand, such as one component's ``target`` of another's
    that may be any text."""
    return typing.get_origin(annotation) is typing.Literal and all(
        isinstance(x, str) for x in typing.get_args(annotation)
    )


def _holds_text(annotation: Any) -> bool:
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return all(_holds_text(one) for one in inner if one is not type(None))
    return annotation is str or (origin in (list, Sequence) and inner == (str,))
