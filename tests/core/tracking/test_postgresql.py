"""Runs in a real PostgreSQL, which keeps limits that SQLite does not: lengths of columns, and what is text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from databases import postgresql
from mlflow.tracking import MlflowClient

import chainrule as cr
from chainrule import comparison
from chainrule.tracking.tracking import Tracking

pytestmark = [
    pytest.mark.slow,
    # MLflow's own models use a loader strategy that SQLAlchemy 2.1 deprecates.
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"),
]
QUICK = ("experiment=xor", "trainer.epochs=3", "tracking.figures=false", "callbacks=[nan_guard]")


@pytest.fixture(scope="module")
def uri() -> Iterator[str]:
    """A server of this module's own."""
    with postgresql() as address:
        yield address


def test_a_run_a_sweep_their_comparison_and_a_reproduction(program: Any, uri: str, tmp_path: Path) -> None:
    def there(*arguments: str) -> str:
        ran = program(*arguments, MLFLOW_TRACKING_URI=uri)
        assert ran.status == 0, ran.err
        return str(ran.out)

    assert "binary accuracy" in there("train", *QUICK)
    assert "jobs     4" in there("train", "-m", *QUICK, "optimizer.lr=0.1,0.2", "seed=0,1")
    assert "jobs     4, 4 reused" in there(
        "train", "-m", *QUICK, "optimizer.lr=0.1,0.2", "seed=0,1", "tracking.reuse=true"
    )
    compared = comparison.compare(uri=uri)
    assert compared.by == ("optimizer.lr",)
    assert [len(group.runs) for group in compared.groups] == [2, 2]
    assert "of 4 runs" in there("compare", compared.title.removeprefix("sweep "))
    run = compared.groups[0].runs[0]
    assert "equal to the last bit" in there("reproduce", run.run_id)
    assert cr.load_run(run.run_id, uri).metrics["test/loss"] == run.metrics["test/loss"]


def test_names_of_any_length_and_text_that_it_does_not_take(program: Any, uri: str) -> None:
    for end in "xy":
        name = "n" * 300 + end
        ran = program(
            "train", *QUICK, f"tracking.experiment={name}", f"tracking.run_name={name}", MLFLOW_TRACKING_URI=uri
        )
        assert ran.status == 0, ran.err
        [group] = comparison.compare(name, uri=uri).groups
        [run] = group.runs
        assert len(MlflowClient(uri).get_run(run.run_id).info.run_name) == 250


def test_every_column_that_a_run_fills_holds_what_it_is_given(uri: str, tmp_path: Path, caplog: Any) -> None:
    """Names, keys and values that are too long, and text that is none, among them the longest that MLflow takes."""
    wide = ["a" * 250, "b" * 251, "c" * 9000, "\0", "\udcff", "𝄞" * 7000]
    described = {
        "name": "".join(wide),
        "params": {name: name for name in wide},
        "tags": {name: name for name in wide},
        "dataset": ("d" * 500, "".join(wide)),
        "folder": tmp_path,
    }
    with Tracking(uri, "".join(wide)).run(**described) as run:
        run.log({name: number for name in wide for number in (1.7e308, 5e-324)}, step=2**40)
        run.log({"loss": -0.0, "other": float("nan")}, step=0)
        run.text("".join(wide), "notes.txt")
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == []
    stored = MlflowClient(uri).get_run(run.run_id)
    assert stored.info.status == "FINISHED"
    assert len(stored.data.params) == len({name for name in stored.data.tags if name in stored.data.params}) >= 4
