"""A third party's components of every kind are swept next to built-in ones, and their runs say where each came from."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking import MlflowClient
from sources import lines_of_code
from test_plugins import BROKEN, WARNED

import chainrule as cr

PACKAGES = Path(__file__).parent / "packages"
Run = Callable[..., subprocess.CompletedProcess[str]]

FIXED = [
    *(
        "dataset=stripes",
        "loss=brier_score",
        "schedule=triangle",
        "regularizer=quartic",
        "metrics=[binary_accuracy,worst_error]",
    ),
    *("callbacks=[gradient_noise]", "trainer.epochs=3", "tracking.figures=false"),
]
SWEPT = ["model=acme/xor,wide,mlp", "optimizer=heavy_ball,adam"]
LAUNCHERS = {"basic": [], "joblib": ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]}
ALWAYS = {"metric.worst_error", "callback.gradient_noise", "schedule.triangle", "regularizer.quartic"}


def recorded(folder: Path) -> dict[str, Any]:
    """The runs of a sweep, by name."""
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    runs = client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])
    return {run.info.run_name: run for run in runs}


def components(run: Any) -> dict[str, str]:
    tags = run.data.tags
    return {key.removeprefix("component."): tag for key, tag in tags.items() if key.startswith("component.")}


@pytest.mark.slow  # two sweeps, each with a new store, and workers that import MLflow
def test_every_kind_is_swept_in_this_process_and_in_workers(run: Run, tmp_path: Path) -> None:
    found = {}
    for launcher, options in LAUNCHERS.items():
        done = run(
            *("-m", "chainrule", "train", "-m", *options, *FIXED, *SWEPT, f"hydra.sweep.dir={launcher}"),
            CHAINRULE_DISABLE_PLUGINS=BROKEN,
            MLFLOW_TRACKING_URI=f"sqlite:///{tmp_path}/{launcher}/mlflow.db",
            OPENBLAS_NUM_THREADS="1",
        )
        assert (done.returncode, done.stderr) == (0, "")
        found[launcher] = recorded(tmp_path / launcher)
    for runs in found.values():
        assert len(runs) == 6
        assert {run.info.status for run in runs.values()} == {"FINISHED"}
        assert len({run.data.tags["sweep"] for run in runs.values()}) == 1
        used = [components(run) for run in runs.values()]
        kinds = {component.partition(".")[0] for one in used for component in one if one[component] == ACME}
        assert kinds == set(cr.KINDS)
        for name, run in runs.items():
            expected = {*ALWAYS, *(f"optimizer.{o}" for o in ("heavy_ball", "adam") if f"optimizer={o}" in name)}
            assert expected <= set(components(run))
            assert components(run).get("optimizer.adam", OWN) == OWN
            assert components(run).get("optimizer.heavy_ball", ACME) == ACME
    losses = [{name: run.data.metrics["test/loss"] for name, run in runs.items()} for runs in found.values()]
    assert losses[0] == losses[1], "where a job runs changes nothing"


ACME = "acme-components 1.2"
OWN = f"chainrule {cr.__version__}"


@pytest.mark.parametrize("options", LAUNCHERS.values(), ids=LAUNCHERS)
def test_a_broken_plugin_gives_one_warning_and_the_others_are_swept(run: Run, options: list[str]) -> None:
    left_out = ",".join(plugin for plugin in BROKEN.split(",") if plugin != "acme-broken-import:parts")
    done = run(
        *("-m", "chainrule", "train", "-m", *options, "seed=0,1", "model=wide", "trainer.epochs=1", "tracking=none"),
        CHAINRULE_DISABLE_PLUGINS=left_out,
    )
    assert done.returncode == 0, done.stderr
    warned = [line for line in done.stderr.splitlines() if "is left out" in line]
    assert len(warned) == 1
    assert warned[0].startswith(f"chainrule: warning: {WARNED['acme-broken-import:parts']}")


def test_each_of_its_components_takes_at_most_20_lines_of_code() -> None:
    source = (PACKAGES / "acme-components" / "acme_components" / "__init__.py").read_text(encoding="utf-8")
    lines = lines_of_code(source)
    # Two activations, of which one says itself to pages; two optimizers, of which one writes a rule.
    assert len(lines) == len(cr.KINDS) + 2
    assert {name: count for name, count in lines.items() if count > 20} == {}


def test_all_of_a_package_passes_the_kit(run: Run) -> None:
    code = (
        "import json, chainrule as cr; from chainrule.testing import check_component\n"
        "own = [entry for entry in cr.registry() if entry.distribution == 'acme-components']\n"
        "found = {f'{e.kind}.{e.name}': [o.status for o in check_component(e.cls, on_fail='return')] for e in own}\n"
        "print(json.dumps(found))"
    )
    done = run("-c", code, CHAINRULE_DISABLE_PLUGINS=BROKEN)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {name.partition(".")[0] for name in found} == set(cr.KINDS)
    assert {status for statuses in found.values() for status in statuses} == {"passed"}
