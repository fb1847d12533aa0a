"""The table of exported components: every one that is installed is in it, and none differs by more than it may."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from environments import variables

import chainrule as cr
from chainrule.testing.exported import says_it

ROOM = Path(__file__).parents[2] / "experiments"


def rows(path: Path) -> list[list[str]]:
    lines = [line for line in path.read_text("utf-8").splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in (lines[0], *lines[2:])]


@pytest.mark.slow
def test_it_is_one_command(tmp_path: Path, data_folder: Path) -> None:
    command = [sys.executable, str(ROOM / "onnx_table.py"), "--results", "mine", "dataset.train_size=300"]
    settings = variables(CHAINRULE_DATA=str(data_folder), OPENBLAS_NUM_THREADS="1")
    done = subprocess.run(command, cwd=tmp_path, env=settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    mine, shown = rows(tmp_path / "mine" / "onnx_table.md"), rows(ROOM / "results" / "onnx_table.md")
    assert [row[:2] for row in mine] == [row[:2] for row in shown]
    assert max(float(number) for row in mine[1:] for number in row[2:]) <= 1e-6
    assert (tmp_path / "mine" / "onnx_table.md").read_text("utf-8").startswith("Yes. The worst differences of ")
    assert "Of 10,000 test images of MNIST onnxruntime gives " in done.stdout
    assert (tmp_path / "mine" / "onnx_table.png").stat().st_size > 10_000


def test_what_is_shown_holds_all_that_can_be_exported() -> None:
    shown = [row[0] for row in rows(ROOM / "results" / "onnx_table.md")[1:]]
    assert sorted(shown) == sorted(f"{e.kind}.{e.name}" for e in cr.registry() if says_it(e.cls))
    text = (ROOM / "results" / "onnx_table.md").read_text("utf-8")
    assert "Of 10,000 test images of MNIST onnxruntime gives 10,000 the class that NumPy does" in text
