"""The benchmark of pages: its table has the form of the one that is shown."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from browsing import chromium
from environments import variables

ROOM = Path(__file__).parents[2] / "experiments"


@pytest.mark.slow
def test_it_is_one_command(tmp_path: Path) -> None:
    with chromium():  # or the test is skipped
        pass
    command = [sys.executable, str(ROOM / "pages.py"), "xor", "digits", "--rounds", "1", "--results", "mine"]
    done = subprocess.run(
        [*command, "--override", "trainer.epochs=1"], cwd=tmp_path, env=variables(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    mine, shown = ((folder / "pages.md").read_text("utf-8") for folder in (tmp_path / "mine", ROOM / "results"))
    mine_lines, shown_lines = ([line for line in text.splitlines() if line.startswith("|")] for text in (mine, shown))
    assert mine_lines[0].split() == shown_lines[0].split()
    assert [line.split()[1] for line in mine_lines[2:]] == ["xor", "digits"]
    assert mine.startswith("At the worst it takes a page until it is shown ")
    assert (tmp_path / "mine" / "pages.png").stat().st_size > 10_000
