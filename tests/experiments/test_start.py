"""The benchmark of starting: its table has the form of the one that is shown."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from environments import variables

ROOM = Path(__file__).parents[2] / "experiments"


@pytest.mark.slow
def test_it_is_one_command(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOM / "start.py"), "--rounds", "1", "--results", "mine"]
    command += ["--override", "trainer.epochs=1"]
    done = subprocess.run(command, cwd=tmp_path, env=variables(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    mine, shown = ((folder / "start.md").read_text("utf-8") for folder in (tmp_path / "mine", ROOM / "results"))
    tables = [[line.split("|") for line in text.splitlines() if line.startswith("|")] for text in (mine, shown)]
    names = [[row[1].strip() for row in table] for table in tables]
    assert names[0] == names[1]
    assert mine.startswith("The import ")
    assert {path.name for path in (tmp_path / "mine").iterdir()} == {"start.md", "start.png"}


def test_a_round_is_at_least_one(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOM / "start.py"), "--rounds", "0"]
    done = subprocess.run(command, cwd=tmp_path, env=variables(), capture_output=True, text=True)
    assert done.returncode == 2
    assert "--rounds must be at least 1" in done.stderr
