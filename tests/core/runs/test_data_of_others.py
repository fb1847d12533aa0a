"""Runs on data that the built-in datasets do not have: several inputs and targets by name, streams, class weights,
groups of parameters; from the command line, with a package that is installed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from environments import variables
from mlflow.tracking import MlflowClient

pytestmark = pytest.mark.slow

PLUGIN = '''
from dataclasses import dataclass

import chainrule as cr
import numpy as np


@dataclass
class Pairs(cr.Dataset):
    """Two inputs and two targets."""

    def load(self):
        rng = np.random.default_rng(0)

        def split(n):
            x = {"a": rng.normal(size=(n, 4)), "b": rng.normal(size=(n, 3, 2))}
            return x, {"digit": (x["a"][:, 0] > 0).astype(int), "value": x["b"].sum(axis=(1, 2))}

        tasks = {"digit": "binary", "value": "regression"}
        return cr.Data(split(200), tasks, split(60), split(60), class_names={"digit": ["no", "yes"]})


@dataclass
class Long(cr.Dataset):
    """Samples that are read batch by batch, of which nine in ten are of one class."""

    def load(self):
        def batches(size, rng):
            order = np.arange(400) if rng is None else rng.permutation(400)
            for start in range(0, 400, size):
                rows = order[start : start + size]
                yield np.stack([rows % 7, rows % 10], axis=1).astype(np.uint8), (rows % 10 == 0).astype(int)

        stream = cr.Stream(400, (2,), batches)
        return cr.Data(stream, "binary", stream, stream, class_names=["no", "yes"], source_digest="400 of one kind")


@cr.hookimpl
def register_components(registry):
    registry.add(Pairs)
    registry.add(Long)
'''


@pytest.fixture
def train(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs ``chainrule train`` in an empty folder, with such a package."""
    told = tmp_path / "site" / "data_of_others-1.0.dist-info"
    told.mkdir(parents=True)
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: data-of-others\nVersion: 1.0\n")
    (told / "entry_points.txt").write_text("[chainrule]\ndata_of_others = data_of_others\n")
    (tmp_path / "site" / "data_of_others.py").write_text(PLUGIN)

    def train(*overrides: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "chainrule", "train", *overrides]
        set_up = variables(PYTHONPATH=str(tmp_path / "site"))
        return subprocess.run(command, cwd=tmp_path, env=set_up, capture_output=True, text=True)

    return train


def metrics(folder: Path, experiment: str) -> dict[str, float]:
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    run = client.search_runs([found.experiment_id], order_by=["attributes.start_time DESC"])[0]
    recorded: dict[str, float] = run.data.metrics
    return recorded


def test_several_inputs_and_targets_by_name(train: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path):
    refused = train("dataset=pairs")
    assert refused.returncode == 2
    assert "no installed loss is meant for several tasks; name one with loss=..." in refused.stderr
    losses = "loss.losses={digit: binary_cross_entropy, value: mse}"
    done = train("dataset=pairs", "loss=by_output", losses, "trainer.epochs=30", "optimizer.lr=0.01")
    assert done.returncode == 0, done.stderr
    assert "digit/binary accuracy" in done.stdout
    found = metrics(tmp_path, "pairs")
    assert found["test/digit/binary_accuracy"] > 0.8
    assert found["test/value/r_squared"] > 0.8
    assert {path.name for path in tmp_path.glob("outputs/pairs/*/figures/*")} == {"curves.png"}


def test_a_stream_and_class_weights_where_they_cannot_be(
    train: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
):
    done = train("dataset=long", "trainer.epochs=3")
    assert done.returncode == 0, done.stderr
    assert metrics(tmp_path, "long")["test/binary_accuracy"] >= 0.9
    refused = train("dataset=long", "dataset.class_weight=balanced")
    assert refused.returncode == 2
    assert "dataset.class_weight: it is for samples at hand: let the stream give batches with weights" in refused.stderr


def test_class_weights_and_groups_from_the_command_line(
    train: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
):
    common = ("dataset=moons", "trainer.epochs=2", "tracking.figures=false")
    groups = "trainer.groups=[{parameters:0.*,trainable:false},{parameters:*.b,lr:0.1,weight_decay:0}]"
    done = train(*common, "dataset.class_weight={0: 1, 1: 0}", groups)
    assert done.returncode == 0, done.stderr
    [config] = tmp_path.glob("outputs/moons/*/config.yaml")
    assert "class_weight" in config.read_text()
    refused = train(*common, "trainer.groups=[{parameters:7.*,lr:0.1}]")
    assert refused.returncode == 2
    assert 'trainer.groups.0.parameters: no parameter is called "7.*"' in refused.stderr
    refused = train(*common, "dataset.class_weight={2: 1}")
    assert refused.returncode == 2
    assert "dataset.class_weight: there is no class 2." in refused.stderr
