"""Imports point one way, core names no component, and nothing heavy loads before it is needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import chainrule as cr

CORE = Path(cr.__file__).parent
PLUGINS = CORE.parents[1] / "plugins" / "chainrule_plugins"
FILES = {  # of each module; a package is one module
    **{path.stem: [path] for path in CORE.glob("*.py") if path.stem not in ("__init__", "__main__")},
    **{path.parent.name: sorted(path.parent.glob("*.py")) for path in CORE.glob("*/__init__.py")},
}
MODULES = sorted(FILES)

# cli -> experiment -> {config, trainer, tracking, figures} -> network -> {parameters, registry}
# -> {plugins, components} -> errors. A module imports from its own level or from lower ones, and never in a circle.
LEVELS = (
    {"errors", "arrays", "arguments", "signals", "garbage"},
    {"components", "plugins", "signature", "weights"},
    {"parameters", "registry", "data", "provenance", "contract", "differences"},
    {"targets", "stack", "summary", "network"},
    {"updates", "trainer", "gradients", "drawing", "figures"}
    | {"store", "environment", "delivery", "tracking", "records"}
    | {"config", "safety", "keys", "messages", "exchange", "loading", "composition"},
    {"experiment", "testing", "comparison", "reproduction"},
    {"report", "sweeping", "scaffold", "listing", "checking", "cli"},
)
LEVEL = {module: level for level, modules in enumerate(LEVELS) for module in modules}


def imported(path: Path) -> Iterator[tuple[str, ast.stmt]]:
    """Every module that a file imports when it runs, in functions too; what only type checkers read is left out."""

    def walk(node: ast.AST) -> Iterator[tuple[str, ast.stmt]]:
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "", node
        for inner in ast.iter_child_nodes(node):
            yield from walk(inner)

    return walk(ast.parse(path.read_text(encoding="utf-8")))


def all_imported(module: str) -> set[str]:
    return {name for path in FILES[module] for name, _ in imported(path)}


def core_imports(module: str) -> set[str]:
    """The other modules of core that it imports."""
    return {name.split(".")[1] for name in all_imported(module) if name.startswith("chainrule.")} - {module}


def test_every_module_has_its_level() -> None:
    assert sorted(LEVEL) == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module: str) -> None:
    up = {other for other in core_imports(module) if LEVEL[other] > LEVEL[module]}
    assert not up


def test_there_is_no_circle() -> None:
    left = {module: core_imports(module) for module in MODULES}
    while left:
        free = {module for module, needed in left.items() if not needed & set(left)}
        assert free, f"a circle among {sorted(left)}"
        left = {module: needed for module, needed in left.items() if module not in free}


def test_nothing_in_core_imports_a_component() -> None:
    for module in MODULES:
        assert not [name for name in all_imported(module) if name.startswith("chainrule_plugins")]


# Words of the contracts that are names of components too: the argument "step".
WORDS = {word for base in cr.KINDS.values() for arguments in base.required.values() for word in arguments}


def literals(path: Path) -> Iterator[str]:
    """The strings of a file, less its docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    statements = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in statements:
            yield node.value


@pytest.mark.parametrize("module", MODULES)
def test_core_names_no_component(module: str) -> None:
    components = {entry.name for entry in cr.registry()}
    named = {literal for path in FILES[module] for literal in literals(path)} & components - WORDS
    assert not named


LAZY = (
    "mlflow",
    "hydra",
    "omegaconf",
    "matplotlib",
    "pandas",
    "sklearn",
    "rich",
    "safetensors",
    "scipy",
    "tqdm",
    "pooch",
)


@pytest.mark.parametrize("code", ["import chainrule", "import chainrule; chainrule.registry()"])
def test_importing_loads_nothing_heavy(code: str) -> None:
    shown = f"{code}; import sys; print(*(name for name in {LAZY} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys, chainrule.cli\n"
        "try: chainrule.cli.main(['--help'])\n"
        f"except SystemExit: print('loaded:', *(name for name in {LAZY} if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded:"


# ---- plugins

PLUGIN_FILES = sorted(PLUGINS.rglob("*.py"))


@pytest.mark.parametrize("path", PLUGIN_FILES, ids=lambda path: str(path.relative_to(PLUGINS)))
def test_plugins_import_third_parties_only_where_they_are_needed(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    top = {name.split(".")[0] for node in tree.body for name in names_of(node)}
    assert top - sys.stdlib_module_names <= {"chainrule", "chainrule_plugins", "numpy"}


def names_of(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []
