"""Where an extra is not installed, one line says how to install it."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from environments import OFFLINE, environment, variables

REPOSITORY = Path(__file__).parents[2]
EXTRAS = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
# Each choice that needs one, what Hydra misses then, and the extra.
NEEDS = {
    "launcher=parallel": ("hydra/launcher", "joblib", "parallel"),
    "launcher=slurm": ("hydra/launcher", "submitit_slurm", "slurm"),
    "launcher=ray": ("hydra/launcher", "ray", "ray"),
    "hparams_search=optuna_mlp": ("hydra/sweeper", "optuna", "optuna"),
    "hydra/launcher=joblib": ("hydra/launcher", "joblib", "parallel"),
    "hydra/launcher=submitit_slurm": ("hydra/launcher", "submitit_slurm", "slurm"),
    "hydra/launcher=submitit_local": ("hydra/launcher", "submitit_local", "slurm"),
    "hydra/sweeper=optuna": ("hydra/sweeper", "optuna", "optuna"),
}
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs ``chainrule`` in an environment that has it without any extra."""
    folder = tmp_path_factory.mktemp("bare")
    python = environment(folder / "environment", hidden=("chainrule", "hydra_plugins", "onnx"))
    settings = variables(python, **OFFLINE)
    install = [str(python), "-m", "pip", "install", "-q", "--no-deps", "-e", str(REPOSITORY)]
    subprocess.run(install, env=settings, check=True, capture_output=True)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(python), "-m", "chainrule", *arguments]
        return subprocess.run(command, cwd=folder, env=settings, capture_output=True, text=True, timeout=300)

    return run


@pytest.mark.parametrize(("choice", "missing"), NEEDS.items(), ids=NEEDS)
def test_a_missing_extra_is_named_with_the_command_that_installs_it(
    bare: Run, choice: str, missing: tuple[str, str, str]
) -> None:
    group, option, extra = missing
    done = bare("train", "-m", choice, "seed=0,1")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"chainrule: {group}: {option} is not installed: pip install 'chainrule[{extra}]'\n"
    assert extra in EXTRAS


def test_without_onnx_a_run_is_not_exported_and_it_is_said_how_to_have_it(bare: Run, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    trained = bare("train", "tracking=none", "tracking.figures=false", "trainer.epochs=1", f"hydra.run.dir={folder}")
    assert trained.returncode == 0, trained.stderr
    done = bare("export", str(folder), str(tmp_path / "model.onnx"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "chainrule: onnx is not installed: pip install 'chainrule[onnx]'\n"
    checked = bare("check", "tanh")
    assert checked.returncode == 0
    assert "activation.tanh: onnx_agrees not applicable\n  onnx is not installed: pip install " in checked.stdout
    assert "onnx" in EXTRAS


def test_every_launcher_and_search_that_is_shipped_is_among_them() -> None:
    shipped = {f"{g}={path.stem}" for g in ("launcher", "hparams_search") for path in REPOSITORY.glob(f"conf/{g}/*")}
    assert {choice for choice in NEEDS if not choice.startswith("hydra/")} == shipped


def test_what_no_extra_brings_is_an_unknown_option(bare: Run) -> None:
    done = bare("train", "-m", "hydra/launcher=rq")
    assert done.returncode == 2
    assert done.stderr == 'chainrule: hydra/launcher: there is no hydra/launcher "rq". Known: basic.\n'


def test_the_tests_have_what_the_extras_that_they_run_bring() -> None:
    names = [re.split("[><]", line)[0] for line in EXTRAS["test"]]
    for extra in ("onnx", "parallel", "slurm", "optuna"):
        assert {*EXTRAS[extra]} <= {*EXTRAS["test"]}, extra
    assert names == sorted(names)
