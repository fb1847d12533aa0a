"""The built-in components keep the public contract: they use public names alone, and work under another's name too.

And their files keep one rule: a file for a family of components, a folder where a kind's file passes 300 lines, helpers
with an underscore.
"""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from environments import OFFLINE, environment, variables

import chainrule as cr

REPOSITORY = Path(__file__).parents[2]
PLUGINS = REPOSITORY / "plugins" / "chainrule_plugins"
FILES = sorted(PLUGINS.rglob("*.py"))


def names_used(source: str) -> Iterator[str]:
    """What a module uses of chainrule: imported names, and attributes of chainrule under whatever name it has there."""
    tree = ast.parse(source)
    called = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.partition(".")[0] == "chainrule":
                    called.add(alias.asname or alias.name)
                    yield from alias.name.split(".")[1:]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "chainrule":
            yield from (node.module or "").split(".")[1:]
            yield from (alias.name for alias in node.names)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in called:
            yield node.attr


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PLUGINS)))
def test_a_built_in_uses_nothing_of_chainrule_that_is_not_public(path: Path) -> None:
    assert set(names_used(path.read_text(encoding="utf-8"))) - set(cr.__all__) == set()


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("from chainrule.registry.making import fresh", "registry.making.fresh"),
        ("from chainrule.registry.making import make", "registry.making.make"),
        ("import chainrule as cr\ncr.network", "network"),
        ("import chainrule.network.stack", "network.stack"),
        ("def f():\n    from chainrule import plugins", "plugins"),
    ],
)
def test_the_look_at_names_sees_what_is_not_public(source: str, name: str) -> None:
    beyond = set(names_used(source)) - set(cr.__all__)
    assert beyond == {part for part in name.split(".") if part and part not in cr.__all__}


MOST_LINES = 300  # of a file


def lines_of(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PLUGINS)))
def test_a_file_is_short(path: Path) -> None:
    assert lines_of(path) <= MOST_LINES


@pytest.mark.parametrize("folder", sorted({path.parent for path in FILES} - {PLUGINS}), ids=lambda folder: folder.name)
def test_a_folder_holds_more_than_a_file_could(folder: Path) -> None:
    assert sum(lines_of(path) for path in folder.glob("*.py")) > MOST_LINES


def test_what_begins_with_an_underscore_is_what_holds_no_component() -> None:
    holding = {entry.cls.__module__ for entry in cr.registry() if entry.distribution == "chainrule"}
    modules = {
        ".".join(["chainrule_plugins", *path.relative_to(PLUGINS).with_suffix("").parts])
        for path in FILES
        if path.name != "__init__.py"
    }
    assert {module for module in modules if not module.rpartition(".")[2].startswith("_")} == holding


PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "{version}"
{more}

[tool.hatch.build.targets.wheel]
packages = {packages}
"""

TRAINED = """
import hashlib, json
import chainrule as cr

result = cr.train(["experiment=xor", "tracking=none", "tracking.figures=false", "trainer.epochs=50"])
print(json.dumps({
    "weights": hashlib.sha256(result.network.parameters.theta.tobytes()).hexdigest(),
    "metrics": result.metrics,
    "suppliers": sorted({f"{entry.distribution} {entry.version}" for entry in cr.registry()}),
    "components": sorted(f"{entry.kind}.{entry.name}" for entry in cr.registry()),
    "used": result.network.provenance(),
}))
"""


def write_core_and_built_ins_apart(folder: Path) -> list[str]:
    """Two distributions: chainrule without entry points, and its built-in components under another name."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    points = project["entry-points"]["chainrule"]
    entries = "\n".join(["[project.entry-points.chainrule]", *(f'{name} = "{at}"' for name, at in points.items())])
    parts = {
        "chainrule": (project["version"], "", {"core/chainrule": "chainrule", "conf": "chainrule/conf"}),
        "acme-standard": ("9.9", entries, {"plugins/chainrule_plugins": "chainrule_plugins"}),
    }
    for name, (version, more, sources) in parts.items():
        (folder / name).mkdir(parents=True)
        for source, target in sources.items():
            hidden = shutil.ignore_patterns("__pycache__", ".mypy_cache")
            shutil.copytree(REPOSITORY / source, folder / name / target, ignore=hidden)
        packages = json.dumps([next(iter(sources.values()))])
        text = PYPROJECT.format(name=name, version=version, more=more, packages=packages)
        (folder / name / "pyproject.toml").write_text(text, encoding="utf-8")
    return [str(folder / name) for name in parts]


def trained(python: Path, folder: Path) -> dict[str, Any]:
    folder.mkdir()
    done = subprocess.run(
        [str(python), "-c", TRAINED], cwd=folder, env=variables(python), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_the_built_in_components_work_as_those_of_another_distribution(tmp_path: Path) -> None:
    python = environment(tmp_path / "environment", hidden=("chainrule",))
    install = [str(python), "-m", "pip", "install", "-q", *write_core_and_built_ins_apart(tmp_path / "sources")]
    subprocess.run(install, cwd=tmp_path, env=variables(python, **OFFLINE), check=True)
    theirs, ours = trained(python, tmp_path / "theirs"), trained(Path(sys.executable), tmp_path / "ours")
    assert theirs["suppliers"] == ["acme-standard 9.9"]
    assert ours["suppliers"] == [f"chainrule {cr.__version__}"]
    assert set(theirs["used"].values()) == {"acme-standard 9.9"}
    for same in ("components", "weights"):
        assert theirs[same] == ours[same]
    timed = {"seconds", "examples_per_second"}
    assert {name: value for name, value in theirs["metrics"].items() if name not in timed} == {
        name: value for name, value in ours["metrics"].items() if name not in timed
    }
