"""``chainrule new`` for every kind: it is installed, passes its own tests, and trains by the printed commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from mlflow.tracking import MlflowClient

import chainrule as cr

if TYPE_CHECKING:
    from conftest import Author

pytestmark = pytest.mark.slow  # eleven packages

ALL = """
import shlex, sys
from chainrule.commands.main import main
for command in sys.stdin.read().splitlines():
    program, *arguments = shlex.split(command)
    status = main([*arguments, "tracking.figures=false", "trainer.epochs=2"])
    if status:
        sys.exit(f"{command}: {status}")
"""


@pytest.fixture(scope="module")
def author(new_author: Callable[[], Author]) -> Author:
    return new_author()


@pytest.fixture(scope="module")
def steps(author: Author) -> list[str]:
    """The commands that are printed for all of them, the first of which are done."""
    printed = "".join(author.does(f"chainrule new my-{kind} --kind {kind}") for kind in cr.KINDS)
    steps = [line.strip() for line in printed.splitlines() if line.startswith("  ")]
    installs = [step.partition("install ")[2] for step in steps if " pip install " in step]
    author.does(f"python -m pip install -q {' '.join(installs)}")
    return steps


def test_the_tests_of_each_pass(author: Author, steps: list[str]) -> None:
    paths = " ".join(step.removeprefix("python -m pytest ") for step in steps if step.startswith("python -m pytest "))
    assert len(paths.split()) == len(cr.KINDS)
    last = author.does(f"python -m pytest -q --doctest-modules {paths}").splitlines()[-1]
    assert "passed" in last
    assert "skipped" not in last


def test_each_trains_by_the_printed_commands_and_is_recorded(author: Author, steps: list[str]) -> None:
    commands = [step for step in steps if step.startswith("chainrule train ")]
    assert len(commands) == 2 * len(cr.KINDS)
    (author.folder / "all.py").write_text(ALL, encoding="utf-8")
    (author.folder / "commands.txt").write_text("\n".join(commands), encoding="utf-8")
    author.does("python all.py < commands.txt")
    client = MlflowClient(f"sqlite:///{author.folder}/mlflow.db")
    runs = client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])
    assert [run.info.status for run in runs] == ["FINISHED"] * len(commands)
    for command, run in zip(reversed(commands), runs):  # the latest first
        [kind] = [kind for kind in cr.KINDS if f"my_{kind}" in command]
        assert run.data.tags[f"component.{kind}.my_{kind}"] == f"my-{kind} 0.1.0"
