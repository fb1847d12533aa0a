"""What the tests of other people's packages share: environments with such packages, and programs run there."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from environments import OFFLINE, environment, variables

PACKAGES = Path(__file__).parent / "packages"
REPOSITORY = Path(__file__).parents[2]

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that holds the packages, and sees chainrule where this one has it."""
    python = environment(tmp_path_factory.mktemp("environment"))
    sources = sorted(str(package) for package in PACKAGES.iterdir())
    subprocess.run([str(python), "-m", "pip", "install", "-q", *sources], env=variables(**OFFLINE), check=True)
    return python


@pytest.fixture
def run(python: Path, tmp_path: Path) -> Run:
    """Runs that interpreter in an empty folder: ``run("-c", code, CHAINRULE_STRICT_PLUGINS="1")``."""

    def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        command = [str(python), *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=variables(**settings), capture_output=True, text=True, timeout=300
        )

    return run


class Author:
    """Somebody who has activated a new environment with chainrule in it, and works in an empty folder."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "work"
        self.folder.mkdir()
        self.python = environment(home / "environment", hidden=("chainrule",))
        self.variables = variables(self.python, OPENBLAS_NUM_THREADS="1", **OFFLINE)
        self.does(f"python -m pip install -q -e '{REPOSITORY}'")

    def does(self, script: str, status: int = 0) -> str:
        """Runs what stands in a block of bash; returns what it prints."""
        command = ["bash", "-e", "-c", script]
        done = subprocess.run(command, cwd=self.folder, env=self.variables, capture_output=True, text=True, timeout=300)
        assert done.returncode == status, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="session")
def new_author(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Author]:
    """Makes one, in an environment of their own."""
    return lambda: Author(tmp_path_factory.mktemp("author"))
