"""``chainrule new``: what it writes, how it names, what it refuses. Installed: tests/thirdparty/test_new.py."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from environments import variables
from sources import lines_of_code

import chainrule as cr
from chainrule.commands.new import TEMPLATES, Package, compatible, new_package
from chainrule.registry.discovery import Plugin
from chainrule.registry.registry import Registrar, Registry, snake_case
from chainrule.testing import check_component

STAND_INS = ("my_component", "my-component", "MyComponent", "A_KIND", "VERSIONS", "TRY_IT")


def test_there_is_a_template_for_each_kind_and_no_other() -> None:
    assert {path.name for path in TEMPLATES.iterdir()} == {"package", *cr.KINDS}


@pytest.fixture(params=cr.KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def test_a_package_has_its_own_names_and_sound_files(kind: str, tmp_path: Path) -> None:
    new_package("tall-thing", kind, tmp_path)
    files = {path.relative_to(tmp_path): path for path in tmp_path.rglob("*") if path.is_file()}
    assert {Path("tall-thing", *place) for place in PLACES} <= set(files)
    for place, path in files.items():
        text = path.read_text(encoding="utf-8")
        assert not [word for word in STAND_INS if word in f"{place}\n{text}"]
        assert text.endswith("\n")
        if path.suffix == ".yaml":
            assert yaml.safe_load(text)["defaults"]
    project = tomllib.loads((tmp_path / "tall-thing" / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] == "tall-thing"
    assert project["entry-points"]["chainrule"] == {"tall-thing": "tall_thing"}
    assert project["dependencies"] == [f"chainrule>={compatible(cr.__version__)}"]
    assert kind in project["description"]


PLACES = (
    ("pyproject.toml",),
    ("README.md",),
    (".gitignore",),
    ("src", "tall_thing", "__init__.py"),
    ("src", "tall_thing", "conf", "experiment", "tall_thing.yaml"),
    ("tests", "test_tall_thing.py"),
)


def test_presets_stand_in_a_folder_of_the_packages_name_and_the_experiment_selects_them(kind: str) -> None:
    files = {path.as_posix(): text for path, text in Package("tall-thing", kind).files().items()}
    conf = "src/tall_thing/conf"
    selected = yaml.safe_load(files[f"{conf}/experiment/tall_thing.yaml"])["defaults"]
    presets = {path for path in files if path.startswith(conf) and not path.startswith(f"{conf}/experiment/")}
    assert bool(presets) == (kind in ("activation", "initializer", "layer", "optimizer"))
    for path in presets:
        group = path.removeprefix(f"{conf}/").partition("/")[0]
        assert path == f"{conf}/{group}/tall_thing/xor.yaml"
        assert {f"override /{group}": "tall_thing/xor"} in selected
        included, this = yaml.safe_load(files[path])["defaults"]
        assert included.startswith(f"/{group}/")
        assert (included.partition("@")[2], this) == ("_here_", "_self_")


def test_what_is_written_is_formatted_and_without_lint(tmp_path: Path) -> None:
    for kind in cr.KINDS:
        new_package(f"my-{kind}", kind, tmp_path)
    for command in (["check", "--select", "E,F,W,B,UP,RUF"], ["format", "--check"]):
        ruff = ["ruff", command[0], "--isolated", "--line-length", "120", *command[1:], "."]
        done = subprocess.run(ruff, cwd=tmp_path, env=variables(), capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_a_component_of_each_kind_has_at_most_20_lines_of_code(kind: str) -> None:
    package = Package("tall-thing", kind)
    [(name, lines)] = lines_of_code(package.component).items()
    assert name == "TallThing"
    assert lines <= 20


def test_the_example_on_the_page_of_a_kind_registers_and_passes_the_kit(
    program: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    page = program("plugins", kind).out
    example = page.partition("A minimal example (")[2].partition(":\n\n")[2].partition("\nInstalled:\n")[0]
    path = tmp_path / "shown.py"
    path.write_text(example, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("shown", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "shown", module)
    spec.loader.exec_module(module)

    there = Registry()
    registrar = Registrar(Plugin("shown", "shown", "1"))
    module.register_components(registrar)
    there.admit(registrar)
    [entry] = there
    assert (entry.kind, entry.name) == (kind, f"my_{kind}")
    outcomes = check_component(entry.cls)
    assert {outcome.status for outcome in outcomes} == {"passed"}


# ---- names


@pytest.mark.parametrize(
    ("name", "distribution", "module", "cls"),
    [
        ("my-swish", "my-swish", "my_swish", "MySwish"),
        ("my_swish", "my-swish", "my_swish", "MySwish"),
        ("swish2", "swish2", "swish2", "Swish2"),
        ("conv-2d", "conv-2d", "conv_2d", "Conv_2d"),
        ("a-b-c", "a-b-c", "a_b_c", "A_B_C"),
    ],
)
def test_names_follow_from_one(name: str, distribution: str, module: str, cls: str) -> None:
    package = Package(name, "layer")
    assert (package.distribution, package.module, package.cls) == (distribution, module, cls)
    assert snake_case(package.cls) == module, "so that the component is registered under it"


REFUSED = {
    "My Swish": 'got "My Swish", expected small letters, digits, and - or _ between them, a letter first, such as '
    "my-swish",
    "MySwish": 'got "MySwish", expected small letters, digits, and - or _ between them, a letter first, such as '
    "my-swish",
    "2fast": 'got "2fast", expected small letters, digits, and - or _ between them, a letter first, such as fast',
    "../up": 'got "../up", expected small letters, digits, and - or _ between them, a letter first, such as up',
    "a--b": 'got "a--b", expected small letters, digits, and - or _ between them, a letter first, such as a-b',
    "é": 'got "é", expected small letters, digits, and - or _ between them, a letter first, such as my-swish',
    "lambda": '"lambda" has a meaning of its own in Python or in a config: try my-lambda',
    "null": '"null" has a meaning of its own in Python or in a config: try my-null',
    "relu": f'activation "relu" is there already, from chainrule {cr.__version__}: try my-relu',
    "json": 'a module or package "json" is installed already: try my-json',
    "numpy": 'a module or package "numpy" is installed already: try my-numpy',
    "hydra-core": 'a module or package "hydra_core" is installed already: try my-hydra-core',
    "spirals": "chainrule has a config experiment/spirals.yaml of its own, which would be read in place of this one's: "
    "try my-spirals",
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_name_that_cannot_be_is_refused_with_what_to_do(
    program: Callable[..., Any], tmp_path: Path, name: str
) -> None:
    ran = program("new", name, "--kind", "activation")
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == f"chainrule: NAME: {REFUSED[name]}\n"
    assert not list(tmp_path.iterdir())


def test_a_name_of_another_kind_is_free(program: Callable[..., Any]) -> None:
    assert program("new", "relu", "--kind", "optimizer").status == 0


def test_nothing_is_overwritten(program: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "my-swish").mkdir()
    (tmp_path / "my-tanh").symlink_to("nowhere")
    (tmp_path / "my-relu").write_text("mine", encoding="utf-8")
    for name in ("my-swish", "my-tanh", "my-relu"):
        ran = program("new", name)
        assert ran.status == 2
        assert ran.err == (
            f"chainrule: NAME: there is {tmp_path}/{name} already, and nothing is overwritten: take another name\n"
        )
    assert not list((tmp_path / "my-swish").iterdir())
    assert (tmp_path / "my-relu").read_text(encoding="utf-8") == "mine"


def test_an_unknown_kind_is_told_with_all(program: Callable[..., Any]) -> None:
    ran = program("new", "my-swish", "--kind", "activations")
    assert ran.status == 2
    assert f"invalid choice: 'activations' (choose from {', '.join(map(repr, cr.KINDS))})" in ran.err


def test_the_next_commands_are_printed(program: Callable[..., Any]) -> None:
    ran = program("new", "my-swish", "--kind", "activation")
    assert ran.out == (
        'my-swish: a package with the activation "my_swish". What comes next:\n\n'
        "  python -m pip install -e './my-swish[test]'\n"
        "  python -m pytest my-swish\n"
        "  chainrule check my-swish\n"
        "  chainrule train model.activation=my_swish\n"
        "  chainrule train experiment=my_swish\n"
    )
    assert ran.err == ""


def test_without_a_kind_it_is_a_layer(program: Callable[..., Any], tmp_path: Path) -> None:
    assert program("new", "my-scale").status == 0
    assert "class MyScale(chainrule.Layer):" in (tmp_path / "my-scale/src/my_scale/__init__.py").read_text("utf-8")
