"""Imports point one way, core names no component, and nothing heavy loads before it is needed."""

from __future__ import annotations

import ast
import contextlib
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import chainrule as cr

CORE = Path(cr.__file__).parent
PLUGINS = CORE.parents[1] / "plugins" / "chainrule_plugins"
FILES = sorted(path for path in CORE.rglob("*.py") if path.parent != CORE or not path.stem.startswith("__"))

# What each room may import, beside the ground on which all stand. Where the same room stands on both sides of the
# arrow, its own modules import one another. It is drawn in core/README.md.
GROUND = {"errors", "markup", "redaction", "words"}
ARROWS: dict[str, set[str]] = {
    "commands": {
        "runs",
        "bridges",
        "prediction",
        "testing",
        "comparison",
        "config",
        "tracking",
        "registry",
        "process",
        "contract",
    },
    "runs": {
        "bridges",
        "explanation",
        "diagnosis",
        "film",
        "prediction",
        "config",
        "training",
        "tracking",
        "pictures",
        "network",
        "registry",
        "engine",
        "process",
        "contract",
    },
    "explanation": {"diagnosis", "film", "network", "registry", "contract"},
    "diagnosis": {"film", "registry", "contract"},
    "film": {"training", "network", "contract"},
    "bridges": {"prediction", "tracking", "network", "registry", "process", "contract"},
    "prediction": {"network", "registry", "contract"},
    "sklearn": {"training", "network", "registry", "contract"},
    "testing": {"config", "training", "network", "registry", "engine", "process", "contract"},
    "comparison": {"tracking", "pictures", "registry", "process", "contract"},
    "config": {"registry", "process", "contract"},
    "training": {"network", "registry", "engine", "process", "contract"},
    "tracking": {"process"},
    "pictures": {"process", "contract"},
    "network": {"registry", "engine", "process", "contract"},
    "registry": {"contract"},
    "process": set(),
    "contract": {"engine"},
    "engine": {"process"},
}
ROOMS = list(ARROWS)


def imported(path: Path) -> Iterator[tuple[str, ast.stmt]]:
    """Every module that a file imports: in functions too, and what only type checkers read."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "", node


def room_of(path: Path) -> str:
    """The first part of its place: a room, or a module of the ground."""
    return path.relative_to(CORE).with_suffix("").parts[0]


def own_imports(path: Path) -> set[str]:
    """The modules of core that a file imports, by their whole names."""
    known = {module_name(other) for other in FILES}
    return {name for name, _ in imported(path) if name in known and name != module_name(path)}


def module_name(path: Path) -> str:
    parts = path.relative_to(CORE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_every_folder_is_a_room_and_says_what_lives_there_and_what_may_not() -> None:
    there = {path.name for path in Path(__file__).parent.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert there == set(ROOMS), "tests mirror the rooms"
    folders = {path.name for path in CORE.iterdir() if path.is_dir() and path.name not in ("__pycache__", "conf")}
    assert folders == set(ROOMS)
    assert {path.stem for path in CORE.glob("*.py")} == GROUND | {"__init__", "__main__"}
    for room in ROOMS:
        docstring = ast.get_docstring(ast.parse((CORE / room / "__init__.py").read_text(encoding="utf-8")))
        assert docstring
        assert "What may not live here: " in docstring, room


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_what_it_may_and_all_of_it(room: str) -> None:
    """An arrow that nothing uses would permit what nobody has thought of."""
    files = [path for path in FILES if room_of(path) == room]
    used = {name.split(".")[1] for path in files for name in own_imports(path)} - {room} - GROUND
    assert used == ARROWS[room]


README = (CORE.parent / "README.md").read_text(encoding="utf-8")


def test_the_map_of_rooms_is_the_code() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.*?) ?\|$", README, flags=re.MULTILINE)
    assert [room for room, _, _ in rows] == ROOMS
    assert {room: {*filter(None, arrows.split(", "))} for room, _, arrows in rows} == ARROWS


WALKS = README.partition("## Two walks")[2]
NAMED = re.findall(r"`((?:chainrule_plugins|\w+)(?:\.\w+)+)`", WALKS)


def test_the_walks_are_twenty_turns_at_most() -> None:
    assert len(re.findall(r"^\d+\. ", WALKS, flags=re.MULTILINE)) <= 20
    assert len(NAMED) > 20


@pytest.mark.parametrize("name", [name for name in NAMED if not re.fullmatch(r"\w+\.\w+=.*|optimizer\.lr", name)])
def test_each_turn_of_a_walk_is_there(name: str) -> None:
    path = name if name.startswith("chainrule_plugins.") else f"chainrule.{name}"
    parts = path.split(".")
    for end in range(len(parts), 0, -1):
        with contextlib.suppress(ModuleNotFoundError):
            thing = importlib.import_module(".".join(parts[:end]))
            break
    for part in parts[end:]:
        thing = getattr(thing, part)


def test_the_ground_stands_on_nothing() -> None:
    for path in FILES:
        if room_of(path) in GROUND:
            assert {name.split(".")[1] for name in own_imports(path)} <= GROUND


def test_there_is_no_circle_among_rooms_or_modules() -> None:
    require_no_circle(ARROWS)
    require_no_circle({module_name(path): own_imports(path) for path in FILES})


def require_no_circle(arrows: dict[str, set[str]]) -> None:
    left = dict(arrows)
    while left:
        free = {name for name, needed in left.items() if not needed & set(left)}
        assert free, f"a circle among {sorted(left)}"
        left = {name: needed for name, needed in left.items() if name not in free}


def test_no_file_of_core_is_long_but_the_one_that_authors_read() -> None:
    long = {module_name(path) for path in FILES if len(path.read_text(encoding="utf-8").splitlines()) > 300}
    assert long <= {"chainrule.contract.kinds"}


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_nothing_in_core_imports_a_component(path: Path) -> None:
    assert not [name for name, _ in imported(path) if name.startswith("chainrule_plugins")]


# Words of the contracts that are names of components too, the argument "step", and words that anybody uses.
WORDS = {word for base in cr.KINDS.values() for arguments in base.required.values() for word in arguments}
WORDS |= {"text", "copy", "join", "heads"}
WORDS |= {"early_stopping", "dropout"}  # parameters of the estimators


def literals(path: Path) -> Iterator[str]:
    """The strings of a file, less its docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    statements = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in statements:
            yield node.value


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_core_names_no_component(path: Path) -> None:
    components = {entry.name for entry in cr.registry()}
    assert not {*literals(path)} & components - WORDS


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
    "onnx",
)


@pytest.mark.parametrize("code", ["import chainrule", "import chainrule; chainrule.registry()"])
def test_importing_loads_nothing_heavy(code: str) -> None:
    shown = f"{code}; import sys; print(*(name for name in {LAZY} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys, chainrule.commands.main\n"
        "try: chainrule.commands.main.main(['--help'])\n"
        f"except SystemExit: print('loaded:', *(name for name in {LAZY} if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded:"


def test_a_run_loads_what_makes_pages_only_where_one_is_asked_for() -> None:
    code = "import sys, chainrule.runs.report; print(*(name for name in sys.modules if name.startswith('chainrule.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[1] for name in done.stdout.split()}
    assert loaded & {"explanation", "film", "diagnosis"} == set()


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
