"""The contract of a kind of component, as a page to read. All of it stands in ``contract/kinds.py``."""

from __future__ import annotations

import ast
import inspect
import itertools
import re
import textwrap
from collections.abc import Iterator
from typing import NamedTuple

from chainrule.contract.kinds import KINDS, Component

INDENT = "    "


class Member(NamedTuple):
    """A method or attribute: ``heading`` is the comment that it stands under."""

    name: str
    signature: str
    doc: str
    heading: str


def contract(kind: str) -> str:
    """What its author writes, may write and may call, with signatures."""
    base = KINDS[kind]
    members = list(members_of(base))
    parts = [f"{kind}: {inspect.getdoc(base)}"]
    required = [member for member in members if member.name in base.required]
    if required:
        parts += ["To write:", *map(_shown, required)]
    others = [member for member in members if member.name not in base.required]
    for heading, group in itertools.groupby(others, key=lambda member: member.heading):
        parts += [heading or "May be written or set:", *map(_shown, group)]
    shared = "\n".join(f"{INDENT}{member.signature}" for member in members_of(Component))
    return "\n\n".join([*parts, f"Every component has (see {inspect.getsourcefile(base)}):", shared])


def members_of(cls: type) -> Iterator[Member]:
    """The public methods and attributes that a class defines, in their order."""
    lines = inspect.getsource(cls).splitlines()
    [tree] = ast.parse("\n".join(lines)).body
    assert isinstance(tree, ast.ClassDef)
    heading, end = "", tree.lineno
    for node, following in itertools.pairwise([*tree.body, ast.Pass()]):
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        comments = [line.strip("# ") for line in lines[end : first - 1] if line.strip().startswith("#")]
        heading, end = comments[-1] if comments else heading, node.end_lineno or node.lineno
        if isinstance(node, ast.FunctionDef) and (not node.name.startswith("_") or node.name == "__call__"):
            yield Member(node.name, _signature(node), ast.get_docstring(node) or "", heading)
        elif isinstance(node, ast.AnnAssign) and ast.unparse(node.target) not in ("kind", "required"):
            doc = following.value.value if _is_text(following) else ""  # type: ignore[attr-defined]
            yield Member(ast.unparse(node.target), _attribute(node), inspect.cleandoc(doc), heading)


def _signature(node: ast.FunctionDef) -> str:
    returns = ast.unparse(node.returns) if node.returns else "None"
    if any(isinstance(decorator, ast.Name) and decorator.id == "property" for decorator in node.decorator_list):
        return f"{node.name}: {returns}"
    return f"{node.name}({ast.unparse(node.args)}) -> {returns}"


def _attribute(node: ast.AnnAssign) -> str:
    annotation = re.sub(r"ClassVar\[(.*)\]", r"\1", ast.unparse(node.annotation))
    default = f" = {ast.unparse(node.value)}" if node.value else ""
    return f"{ast.unparse(node.target)}: {annotation}{default}"


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _shown(member: Member) -> str:
    doc = textwrap.indent(member.doc, INDENT * 2)
    return f"{INDENT}{member.signature}\n{doc}" if doc else f"{INDENT}{member.signature}"
