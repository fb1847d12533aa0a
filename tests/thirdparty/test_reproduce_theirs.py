"""A run with other people's components is reproduced to the last bit, if they are installed."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking import MlflowClient
from test_plugins import BROKEN

Run = Callable[..., subprocess.CompletedProcess[str]]

ACME = "acme-components"
THEIRS = [
    *("dataset=stripes", "model=acme/xor", "optimizer=heavy_ball", "loss=brier_score", "schedule=triangle"),
    *("regularizer=quartic", "metrics=[binary_accuracy,worst_error]", "callbacks=[gradient_noise]"),
    *("trainer.epochs=3", "tracking.figures=false"),
]


def trained(run: Run, folder: Path, *overrides: str, without: str) -> tuple[MlflowClient, Any]:
    """The store, and the one run that is in it."""
    assert run("-m", "chainrule", "train", *overrides, CHAINRULE_DISABLE_PLUGINS=without).returncode == 0
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    [first] = client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])
    return client, first


@pytest.mark.slow
def test_with_components_of_others(run: Run, tmp_path: Path) -> None:
    client, first = trained(run, tmp_path, *THEIRS, without=BROKEN)
    command = ("-m", "chainrule", "reproduce", first.info.run_id)
    assert first.data.tags["component.optimizer.heavy_ball"] == "acme-components 1.2"

    done = run(*command, CHAINRULE_DISABLE_PLUGINS=BROKEN)
    assert (done.returncode, done.stderr) == (0, "")
    assert "worst_error" in done.stdout
    count = len(first.data.metrics) - 2  # less those of time
    assert done.stdout.endswith(f"verdict  equal to the last bit: {count} metrics and the weights\n")

    for tag in [tag for tag, supplied in first.data.tags.items() if supplied == "acme-components 1.2"]:
        client.set_tag(first.info.run_id, tag, "acme-components 1.1")
    done = run(*command, CHAINRULE_DISABLE_PLUGINS=BROKEN)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("metrics and the weights, although this differs: acme-components\n")
    assert "│ acme-components │ 1.1      │ 1.2  │" in done.stdout

    done = run(*command, CHAINRULE_DISABLE_PLUGINS=f"{BROKEN},{ACME}")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("chainrule: ")
    assert "came from acme-components 1.1, whose plugin acme-components:" in done.stderr
    assert done.stderr.endswith("is left out here: see CHAINRULE_DISABLE_PLUGINS\n")


def test_where_a_package_came_since_whose_metric_is_measured_too(run: Run, tmp_path: Path) -> None:
    """Without metrics in its config, a run takes all that are meant for its task."""
    _, first = trained(run, tmp_path, "trainer.epochs=3", "tracking.figures=false", without=f"{BROKEN},{ACME}")
    assert "test/worst_error" not in first.data.metrics
    done = run("-m", "chainrule", "reproduce", first.info.run_id, CHAINRULE_DISABLE_PLUGINS=BROKEN)
    assert done.returncode == 0, done.stderr
    assert "worst error" in done.stderr, "the progress shows it"
    assert "worst_error" not in done.stdout
