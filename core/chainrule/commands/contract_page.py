"""The contract of a kind of component, as a page to read: what stands in ``contract.kinds``."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator

from chainrule.contract.kinds import KINDS, Callback, Component
from chainrule.contract.training import TrainedNetwork, Training

INDENT = "    "
GIVEN: dict[type[Component], tuple[type, ...]] = {Callback: (Training, TrainedNetwork)}
"""What the methods of a kind are given that is to be read too."""
CLASS_VARIABLE, INNER = re.compile(r"ClassVar\[(.*)\]"), r"\1"


def contract(kind: str) -> str:
    """What its author writes, and what may be written, set or called, with signatures."""
    base = KINDS[kind]
    own = base.__mro__[: base.__mro__.index(Component)]  # with what several kinds share
    found = [dict(members_of(cls)) for cls in own]
    shown = {name: found[0].get(name, text) for members in found for name, text in members.items()}
    written = [text for name, text in shown.items() if name in base.required]
    others = [text for name, text in shown.items() if name not in base.required]
    parts = [f"{kind}: {inspect.getdoc(base)}"]
    parts += ["To write:", *written] if written else []
    parts += ["May be written, set or called:", *others] if others else []
    for given in GIVEN.get(base, ()):
        parts += [f"{given.__name__}: {inspect.getdoc(given)}", *dict(members_of(given)).values()]
    shared = [textwrap.indent(inspect.getdoc(Component) or "", INDENT), *dict(members_of(Component)).values()]
    return "\n\n".join([*parts, "Every component:", *shared])


def members_of(cls: type) -> Iterator[tuple[str, str]]:
    """The public attributes, properties and methods that a class defines: the name of each, and how it is shown."""
    for name, annotation in inspect.get_annotations(cls).items():
        if name not in ("kind", "required"):
            default = f" = {vars(cls)[name]!r}" if name in vars(cls) else ""
            yield name, f"{INDENT}{name}: {CLASS_VARIABLE.sub(INNER, annotation)}{default}"
    for name, member in vars(cls).items():
        function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
        if inspect.isfunction(function) and (not name.startswith("_") or name == "__call__"):
            signature = str(inspect.signature(function)).replace("'", "")  # which stand around annotations
            head = f"{name}: {signature.partition(' -> ')[2]}" if isinstance(member, property) else f"{name}{signature}"
            doc = textwrap.indent(inspect.getdoc(function) or "", INDENT * 2)
            yield name, f"{INDENT}{head}\n{doc}"
