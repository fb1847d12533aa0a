"""The measuring of large stores: its copies are runs as the first one is, and its table has the form of that shown."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from environments import variables
from mlflow.tracking import MlflowClient

from chainrule import comparison

ROOM = Path(__file__).parents[2] / "experiments"
COPYING = "import pathlib, scale; scale.Copies(pathlib.Path('mlflow.db').absolute()).grow(30)"

pytestmark = pytest.mark.slow


def lines(path: Path) -> list[list[str]]:
    found = [line for line in path.read_text("utf-8").splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in (found[0], *found[2:])]


def test_it_is_one_command(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOM / "scale.py"), "--sizes", "20", "10", "--rounds", "1", "--results", "mine"]
    done = subprocess.run(command, cwd=tmp_path, env=variables(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    mine, shown = (lines(folder / "scale.md") for folder in (tmp_path / "mine", ROOM / "results"))
    assert mine[0] == shown[0]
    assert [row[:2] for row in mine[1:]] == [["10", "1"], ["20", "2"]]
    assert [row[:2] for row in shown[1:]] == [["10", "1"], ["100", "10"], ["1,000", "100"], ["10,000", "1,000"]]
    assert (tmp_path / "mine" / "scale.png").stat().st_size > 10_000
    assert {path.name for path in tmp_path.iterdir()} == {"mine"}


def test_copies_are_runs_as_the_first_one_is(tmp_path: Path) -> None:
    settings = variables(PYTHONPATH=str(ROOM))
    done = subprocess.run([sys.executable, "-c", COPYING], cwd=tmp_path, env=settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    runs = client.search_runs(["1"])
    assert len(runs) == 30 + 10 + 1
    first = next(run for run in runs if run.data.tags["sweep"] not in ("whole", "ten"))
    for run in runs:
        assert run.data.params.keys() == first.data.params.keys()
        assert run.data.tags.keys() == first.data.tags.keys()
        assert run.data.metrics.keys() == first.data.metrics.keys()
        assert len(run.inputs.dataset_inputs) == len(first.inputs.dataset_inputs) == 1
        history = client.get_metric_history(run.info.run_id, "validation/loss")
        assert [point.step for point in history] == [1, 2, 3, 4, 5]
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    whole, latest = comparison.compare("whole", uri=uri), comparison.compare(uri=uri)
    assert (whole.by, [len(group.runs) for group in whole.groups]) == (("optimizer.lr",), [10, 10, 10])
    assert (latest.title, [len(group.runs) for group in latest.groups]) == ("sweep ten", [10])
    assert len({value for group in whole.groups for value in group.values}) == 30
