"""Weights, masks and classes for each step in whole runs, from configs: measured, remarked upon and identified."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.runs.remarks import remarks_on, standing_of
from chainrule.runs.result import WEIGHTS

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(1)
STILL = "trainer.groups=[{parameters: '*', trainable: false}]"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Two classes, of which one is rare."""
    path = tmp_path / "rare.csv"
    rows = [f"{a:.3f},{b:.3f},{'ill' if i % 5 == 0 else 'well'}" for i, (a, b) in enumerate(RNG.normal(size=(100, 2)))]
    path.write_text("\n".join(["a,b,state", *rows]) + "\n", encoding="utf-8")
    return path


def trained(program: Callable[..., Any], folder: Path, *told: str) -> tuple[dict[str, Any], cr.Network]:
    done = program("train", "tracking.enabled=false", f"hydra.run.dir={folder}", "seed=3", "trainer.epochs=1", *told)
    assert done.status == 0, done.err
    return {"out": done.out, "err": done.err}, cr.load_network(folder / WEIGHTS)


@pytest.mark.parametrize("weights", ["balanced", {"ill": 4.0, "well": 0.5}])
def test_class_weights_of_a_config_weigh_the_training_and_nothing_else(program, table, tmp_path, weights):
    given = weights if isinstance(weights, str) else json.dumps(weights).replace('"', "")
    dataset = ["dataset=csv", f"dataset.path={table}", "dataset.target=state", f"dataset.class_weight={given}"]
    _, network = trained(program, tmp_path / "weighed", *dataset, "trainer.batch_size=7")
    fields = {"path": str(table), "target": "state"}
    data = cr.make("dataset", "csv", **fields).load().with_class_weights(weights)
    assert data.train.weight is not None
    assert len({*data.train.weight.tolist()}) == 2

    # The same, by hand: the data weighed in Python, and the network that the config describes, from its seed.
    fresh = cr.Network(**network.architecture())
    trainer = cr.Trainer(fresh, "adam", 7, seed=3)
    trainer.fit(data.train, 1, data.validation)
    np.testing.assert_allclose(fresh.parameters.theta, network.parameters.theta, rtol=1e-5)
    plain = cr.Network(**network.architecture())
    cr.Trainer(plain, "adam", 7, seed=3).fit((data.train.x, data.train.y), 1)
    assert not np.allclose(plain.parameters.theta, network.parameters.theta, rtol=1e-5)


def test_what_is_no_class_weight_is_refused_with_its_place(program, table):
    dataset = ["dataset=csv", f"dataset.path={table}", "dataset.target=state"]
    for given, message in (
        ("{sick: 2}", 'dataset.class_weight: there is no class "sick". '),
        ("{ill: -2}", "dataset.class_weight.ill: got -2, expected a number, 0 or more, and finite"),
        ("balance", 'dataset.class_weight: got "balance", expected "balanced", or a weight for each class'),
        ("2", 'dataset.class_weight: got 2, expected "balanced", or a weight for each class'),
    ):
        done = program("train", "tracking.enabled=false", *dataset, f"dataset.class_weight={given}")
        assert done.status == 2
        assert message in done.err


def test_class_weights_are_part_of_what_identifies_a_run(program, table, tmp_path):
    dataset = [
        "dataset=csv",
        f"dataset.path={table}",
        "dataset.target=state",
        "trainer.epochs=1",
        "tracking.reuse=true",
    ]
    told = [program("train", *dataset, *more).out for more in ([], ["dataset.class_weight=balanced"], [])]
    assert ["of an equal run" in out for out in told] == [False, False, True], told[2]


# ---- remarks


def of_steps(y: Any, mask: Any, **what: Any) -> cr.Data:
    x = np.zeros((*np.shape(y), 2))
    split = cr.Split(x, np.array(y), mask=np.array(mask))
    return cr.Data(split, "multiclass", validation=split, class_names=("a", "b", "c"), **what)


def test_the_trivial_answer_is_of_the_steps_that_count():
    data = of_steps([[1, 1, 0, 0], [1, 2, 0, 0]], [[1, 1, 0, 0], [1, 1, 0, 0]])  # padded with the first class
    trainer: Any = SimpleNamespace(all_metrics=lambda: [cr.make("metric", "accuracy")])
    standing = standing_of(trainer, data, {"validation/accuracy": 0.5})
    assert standing is not None
    assert (standing.trivial, standing.perfect) == (0.75, 1.0)


def test_of_weighed_samples_it_is_weighed():
    x, y = np.zeros((4, 1)), np.array([[0.0], [0.0], [6.0], [9.0]])
    weight = np.array([1.0, 1.0, 2.0, 0.0])
    data = cr.Data(cr.Split(x, y, weight), "regression", validation=cr.Split(x, y, weight))
    trainer: Any = SimpleNamespace(all_metrics=lambda: [cr.make("metric", "mean_absolute_error")])
    standing = standing_of(trainer, data, {"validation/mean_absolute_error": 1.0})
    assert standing is not None
    assert (standing.trivial, standing.perfect) == (3.0, 0.0)  # the mean is 3


def test_a_run_with_steps_says_what_it_is_worth():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 4, 3)), rng.integers(0, 3, (30, 4))
    mask = np.arange(4) < rng.integers(1, 5, (30, 1))
    split = cr.Split(x, y, mask=mask)
    data = cr.Data(split, "multiclass", validation=split, test=split, class_names=("a", "b", "c"))
    from stepwise import EachStep

    network = cr.Network([EachStep(3), "softmax"], (4, 3), "categorical_cross_entropy", task="multiclass")
    trainer = cr.Trainer(network, "sgd")
    trainer.fit(split, 3, split)
    metrics = {**trainer.metrics, **{f"test/{k}": v for k, v in trainer.evaluate_split(split).items()}}
    counts = np.bincount(y[mask])
    told = remarks_on(trainer, data, metrics)
    standing = standing_of(trainer, data, metrics)
    assert standing is not None
    assert standing.trivial == pytest.approx(counts.max() / counts.sum())
    assert all(isinstance(remark, str) for remark in told)


def test_what_only_the_loss_understands_is_not_remarked_upon_beyond_its_loss():
    from dataclasses import dataclass

    @dataclass
    class Pairs(cr.Loss):
        def output(self, task: cr.Task, classes: int) -> tuple[int, str]:
            return 3, "linear"

        def target_shape(self, output_shape: cr.Shape) -> cr.Shape:
            return (output_shape[0] - 1,)  # of no other shape than that of an output

        def forward(self, prediction: cr.Array, target: cr.Array) -> float:
            self.error = np.diff(prediction, axis=1) - target
            return float(np.square(self.error).mean())

        def backward(self) -> cr.Array:
            slope = 2 * self.error / self.error.size
            return np.pad(slope, ((0, 0), (1, 0))) - np.pad(slope, ((0, 0), (0, 1)))

    x, y = RNG.normal(size=(30, 4)), RNG.normal(size=(30, 2))
    data = cr.Data((x, y), "regression", validation=(x, y))
    trainer = cr.Trainer(cr.Network([{"name": "dense", "units": 3}], (4,), Pairs(), task="regression"), "sgd")
    trainer.fit(data.train, 2, data.validation)
    assert all("always saying" not in remark for remark in remarks_on(trainer, data, trainer.metrics))
