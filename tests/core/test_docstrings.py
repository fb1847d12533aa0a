"""What the docstring of a module names is there."""

from __future__ import annotations

import ast
import builtins
import re
import typing
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import chainrule as cr

CORE = Path(cr.__file__).parent
FILES = sorted(CORE.rglob("*.py"))
MARKED = re.compile(r"``(?:[a-z_]+(?:\(\))?|(?:[A-Z][a-z]+)+|[\w/]+\.py)``")
"""Names of functions, values, classes and files; not options, values of a config, commands of several words."""
OF_OTHERS = {"chainrule", "_target_", "dx"}
"""The command, a key of Hydra's, and what the contract calls the gradient with respect to ``x``."""
PUBLIC = {name for thing in map(cr.__dict__.get, cr.__all__) for name in dir(thing)} | {*cr.__all__}
ROOMS = {path.name for path in CORE.iterdir() if path.is_dir()}
EVERYWHERE = PUBLIC | ROOMS | OF_OTHERS | {*dir(builtins), *dir(typing)}


def marked(text: str) -> list[str]:
    return [found.strip("`").removesuffix("()") for found in MARKED.findall(text)]


def defined(tree: ast.Module) -> Iterator[str]:
    """Every name that a module gives to something, or imports."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).rpartition(".")[2]


@cache
def of_room(folder: Path) -> set[str]:
    """What its modules define, and what its files and folders are called; of core itself its own modules alone."""
    inside = list(folder.glob("*.py") if folder == CORE else folder.rglob("*"))
    names = {name for path in inside for name in (path.stem, path.name)}
    for path in inside:
        if path.suffix == ".py":
            names.update(defined(ast.parse(path.read_text(encoding="utf-8"))))
    return names


def unknown(text: str, folder: Path) -> list[str]:
    known = of_room(folder) | EVERYWHERE
    return [name for name in marked(text) if name not in known and not ("/" in name and (CORE / name).exists())]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(CORE).as_posix())
def test_what_a_modules_docstring_names_is_in_its_room_or_public(path: Path) -> None:
    parts = path.relative_to(CORE).parts
    folder = CORE / parts[0] if len(parts) > 1 else CORE
    assert unknown(ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "", folder) == []


def test_a_name_of_nothing_is_found() -> None:
    there = "``compare`` and ``Comparison`` in ``groups.py`` and ``contract/kinds.py``, as ``compare --csv`` does"
    assert unknown(there, CORE / "comparison") == []
    missing = "``command`` and ``record()`` make a ``LoudRun`` in ``record.py`` and ``contract/command.py``"
    named = ["command", "record", "LoudRun", "record.py", "contract/command.py"]
    assert unknown(missing, CORE / "comparison") == named
