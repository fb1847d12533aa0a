"""From an idea to an installed, checked, swept and recorded component, by the commands that are printed on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from mlflow.tracking import MlflowClient

import chainrule as cr

if TYPE_CHECKING:
    from conftest import Author


@pytest.mark.slow  # six programs that import MLflow, one after the other
def test_the_ten_minute_path(new_author: Callable[[], Author]) -> None:
    author = new_author()
    printed = author.does("chainrule new my-swish --kind activation")
    install, *checks, train, experiment = [line.strip() for line in printed.splitlines() if line.startswith("  ")]
    author.does(install)
    assert "activation my_swish, from my-swish 0.1.0" in author.does("chainrule plugins my_swish")
    assert checks == ["python -m pytest my-swish", "chainrule check my-swish"]
    assert " passed in " in author.does(checks[0])
    assert "activation.my_swish" in author.does(checks[1])
    assert train == "chainrule train model.activation=my_swish"
    for command in (train, experiment):
        assert "binary accuracy" in author.does(command)

    author.does("chainrule train -m model.activation=relu,my_swish seed=0,1,2")
    client = MlflowClient(f"sqlite:///{author.folder}/mlflow.db")
    found = client.get_experiment_by_name("xor")
    assert found is not None
    runs = [run for run in client.search_runs([found.experiment_id]) if "sweep" in run.data.tags]
    assert [run.info.status for run in runs] == ["FINISHED"] * 6
    assert len({run.data.tags["sweep"] for run in runs}) == 1
    assert {run.info.run_name for run in runs} == {
        f"model.activation={name},seed={seed}" for name in ("relu", "my_swish") for seed in (0, 1, 2)
    }
    for run in runs:
        name = run.data.params["model.activation"]
        supplier = {"relu": f"chainrule {cr.__version__}", "my_swish": "my-swish 0.1.0"}
        assert run.data.tags[f"component.activation.{name}"] == supplier[name]
        assert f"component.activation.{'relu' if name == 'my_swish' else 'my_swish'}" not in run.data.tags
