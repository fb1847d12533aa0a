"""What is installed works away from the repository, holds what it should and no more, and declares what it needs."""

from __future__ import annotations

import ast
import configparser
import email
import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from environments import OFFLINE, environment, variables

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[1]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OWN = ("chainrule", "chainrule_plugins", "peers")


def pip(python: Path, *arguments: str, folder: Path) -> None:
    command = [str(python), "-m", "pip", *arguments]
    done = subprocess.run(command, cwd=folder, env=variables(python, **OFFLINE), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip(Path(sys.executable), "wheel", "--no-deps", "-w", ".", str(REPOSITORY), folder=folder)
    [path] = folder.iterdir()
    return path


# ---- the wheel


def test_the_wheel_holds_the_packages_and_the_configs_and_nothing_else(wheel: Path) -> None:
    expected = {
        (target / path.relative_to(source)).as_posix()
        for source, target in (
            (REPOSITORY / "core" / "chainrule", Path("chainrule")),
            (REPOSITORY / "plugins" / "chainrule_plugins", Path("chainrule_plugins")),
            (REPOSITORY / "conf", Path("chainrule", "conf")),
        )
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    } | {"chainrule_start.py"}
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name for name in names if ".dist-info/" not in name} == expected
    assert {"chainrule/py.typed", "chainrule_plugins/py.typed", "chainrule/conf/config.yaml"} <= expected


def test_the_wheel_has_the_metadata_of_the_project(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        info = f"chainrule-{PROJECT['version']}.dist-info"
        metadata = email.message_from_string(archive.read(f"{info}/METADATA").decode())
        points = configparser.ConfigParser()
        points.read_string(archive.read(f"{info}/entry_points.txt").decode())
        licence = archive.read(f"{info}/licenses/LICENSE").decode()
    assert dict(points["console_scripts"]) == PROJECT["scripts"]
    assert dict(points["chainrule"]) == PROJECT["entry-points"]["chainrule"]
    needed = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert {distribution(line) for line in needed} == {distribution(line) for line in PROJECT["dependencies"]}
    assert metadata["Requires-Python"].replace(" ", "") in ("<3.15,>=3.11", ">=3.11,<3.15")
    assert licence == (REPOSITORY / "LICENSE").read_text(encoding="utf-8")
    assert str(metadata.get_payload()).strip() == (REPOSITORY / "README.md").read_text(encoding="utf-8").strip()


# ---- installed


@pytest.fixture(scope="module", params=["wheel", "editable"])
def installed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that has chainrule from nowhere else."""
    folder = tmp_path_factory.mktemp(request.param)
    python = environment(folder / "environment", hidden=("chainrule",))
    source = [str(request.getfixturevalue("wheel"))] if request.param == "wheel" else ["-e", str(REPOSITORY)]
    pip(python, "install", *source, folder=folder)
    done = subprocess.run(
        [str(python), "-c", "import chainrule; print(chainrule.__file__)"],
        cwd=folder,
        env=variables(python),
        capture_output=True,
        text=True,
        check=True,
    )
    home = {"wheel": folder, "editable": REPOSITORY / "core"}[request.param]
    assert Path(done.stdout.strip()).is_relative_to(home)
    return python


@pytest.mark.parametrize("place", ["empty", "with spaces and Üñí", "a repository"])
def test_it_trains_from_any_working_directory(installed: Path, tmp_path: Path, place: str) -> None:
    folder = tmp_path / place
    folder.mkdir()
    if place == "a repository":  # somebody else's, with folders of the same names
        for path in ("conf/config.yaml", "core/chainrule.txt", "chainrule/README.md", "plugins/README.md"):
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text("epochs: many\n", encoding="utf-8")
    done = subprocess.run(
        [str(installed.parent / "chainrule"), "train", "tracking=none", "trainer.epochs=2"],
        cwd=folder,
        env=variables(installed),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "epoch 2/2" in done.stderr
    assert len(list(folder.glob("outputs/xor/*/config.yaml"))) == 1


def test_every_built_in_plugin_loads(installed: Path, tmp_path: Path) -> None:
    code = "import chainrule as cr; print(*(p.name for p in cr.registry().plugins if p.distribution == 'chainrule'))"
    done = subprocess.run(
        [str(installed), "-W", "error", "-c", code],
        cwd=tmp_path,
        env=variables(installed, CHAINRULE_STRICT_PLUGINS="1"),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == sorted(PROJECT["entry-points"]["chainrule"])


def test_the_templates_of_new_packages_are_there(installed: Path, tmp_path: Path) -> None:
    command = [str(installed.parent / "chainrule"), "new", "my-swish", "--kind", "activation"]
    subprocess.run(command, cwd=tmp_path, env=variables(installed), capture_output=True, check=True)
    assert {path.name for path in (tmp_path / "my-swish").iterdir()} >= {"pyproject.toml", "README.md", ".gitignore"}
    assert (tmp_path / "my-swish" / "src" / "my_swish" / "__init__.py").is_file()


# ---- what it needs


def distribution(requirement: str) -> str:
    """``Hydra_core>=1.3`` -> ``hydra-core``"""
    found = re.match(r"[\w.-]+", requirement)
    assert found
    return normal(found[0])


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imports(*rooms: str) -> dict[str, str]:
    """Each module of a third party that the Python files of a room import, and one file that does."""
    files = [path for room in rooms for path in sorted((REPOSITORY / room).rglob("*.py"))]
    own = {*OWN, *(path.stem for path in files), *(path.name for path in (REPOSITORY / "tests").rglob("acme_*"))}
    found = {}
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            for name in {name.partition(".")[0] for name in names} - {"", *own} - STDLIB:
                found[name] = str(path.relative_to(REPOSITORY))
    return found


def distributions(modules: dict[str, str]) -> dict[str, str]:
    """The distribution that each module comes from."""
    providers = importlib.metadata.packages_distributions()
    declared = {distribution(line) for line in [*PROJECT["dependencies"], *TEST]}
    found = {}
    for module, file in modules.items():
        names = {normal(name) for name in providers.get(module, [module])}
        # mlflow, mlflow-skinny and mlflow-tracing hold one package together.
        found[min(names & declared or names)] = file
    return found


STDLIB = sys.stdlib_module_names | {"annotationlib"}  # which is there from Python 3.14 on
TEST = PROJECT["optional-dependencies"]["test"]
NEEDED = {distribution(line) for line in PROJECT["dependencies"]}


def test_every_third_party_that_is_imported_is_declared() -> None:
    found = distributions(imports("core", "plugins"))
    # Authors who ask chainrule.testing for pytest's parametrization have it; the others are extras, asked for by name.
    assert {name: file for name, file in found.items() if name not in NEEDED | {"pytest", "onnx", "numba"}} == {}


def test_what_the_experiments_import_is_declared_or_an_extra() -> None:
    extra = {distribution(line) for name in ("bench", "onnx") for line in PROJECT["optional-dependencies"][name]}
    found = distributions(imports("experiments"))
    browser = {"playwright"}  # of the extra test, for those that look at pages; their docstrings say so
    assert {name: file for name, file in found.items() if name not in NEEDED | extra | browser} == {}
    assert extra <= {*found}


def test_no_third_party_is_declared_that_is_not_imported() -> None:
    assert NEEDED - set(distributions(imports("core", "plugins", "experiments"))) == set()


def test_every_third_party_that_the_tests_import_is_declared() -> None:
    brought = {"sqlalchemy"}  # by mlflow, whose own reading of an address a test asks for
    declared = NEEDED | {distribution(line) for line in TEST} | brought | {"acme-forgotten-dependency"}
    found = distributions(imports("tests"))
    assert {name: file for name, file in found.items() if name not in declared} == {}


def test_the_tests_can_build_packages_without_a_download() -> None:
    """They install with --no-build-isolation: what builds, each project's own and pip's default, is declared."""
    assert {"hatchling", "editables", "setuptools"} <= {distribution(line) for line in TEST}


EXTRAS = {line for lines in PROJECT["optional-dependencies"].values() for line in lines}


@pytest.mark.parametrize("line", [*PROJECT["dependencies"], *sorted(EXTRAS)])
def test_each_requirement_has_both_bounds(line: str) -> None:
    assert re.fullmatch(r"[\w.-]+(>=[\d.]+,<[\d.]+|==[\d.]+(dev\d+)?)", line.replace(" ", ""))


def test_the_version_is_the_same_everywhere() -> None:
    assert importlib.metadata.version("chainrule") == PROJECT["version"]
    assert f"## {PROJECT['version']}" in (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")


def test_ci_is_a_script_that_bash_reads_and_that_may_run() -> None:
    script = REPOSITORY / ".ci" / "run"
    done = subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert os.access(script, os.X_OK)
