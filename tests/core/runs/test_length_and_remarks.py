"""A run of which nobody says how long it shall train ends when it should, and says where its result misleads."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml
from sklearn.datasets import load_diabetes

import chainrule as cr
from chainrule.runs.building import build_network
from chainrule.runs.length import open_end
from chainrule.runs.remarks import late_gain, standing_of
from chainrule_plugins.callbacks.stopping import EarlyStopping, NanGuard

NOISE = 3
QUIET = ["tracking=none", "callbacks=[nan_guard]"]


@pytest.fixture
def diabetes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    load_diabetes(as_frame=True, scaled=False).frame.to_csv("diabetes.csv", index=False)
    return ["dataset=csv", "dataset.path=diabetes.csv", "dataset.target=target", *QUIET]


def test_the_defaults_learn_a_regression(diabetes: list[str]) -> None:
    """Published: linear regression explains about half of the variance (Efron, Hastie, Johnstone, Tibshirani 2004)."""
    result = cr.train(diabetes)
    test = cr.make("dataset", "csv", path="diabetes.csv", target="target").load().test
    error = np.abs(result.network.predict(test.x)[:, 0] - test.y)
    assert error.mean() == pytest.approx(result.metrics["test/mean_absolute_error"], rel=1e-6)
    assert error.mean() < 0.8 * np.abs(test.y - np.mean(test.y)).mean()
    assert result.stopped is not None
    assert result.metrics["validation/loss"] == result.metrics["best/validation/loss"]
    (remark,) = result.remarks
    kept, last = result.metrics["validation/loss"], result.history["validation/loss"][-1]
    assert kept != last
    assert remark == (
        f"after the last epoch a callback took other weights (validation/loss is {kept:.4g} with them, and was "
        f"{last:.4g}): validation and test are of these, train is the mean over the last epoch, before that"
    )
    again = cr.load_network(result.folder / "model" / "weights.safetensors")
    assert again.predict(test.x).tolist() == result.network.predict(test.x).tolist()


def test_what_a_result_is_worth_is_said_with_both_numbers(diabetes: list[str]) -> None:
    result = cr.train([*diabetes, "dataset.standardize_targets=false", "trainer.epochs=20"])
    data = cr.make("dataset", "csv", path="diabetes.csv", target="target").load()
    told = [
        f"{part}/mean_absolute_error is {result.metrics[f'{part}/mean_absolute_error']:.4g}, "
        f"no better than {np.abs(data.splits[part].y - data.train.y.mean()).mean():.4g},"
        for part in ("validation", "test")
    ]
    loss = result.history["validation/loss"]
    assert result.history.epochs == 20
    assert result.remarks == (
        f"{' and '.join(told)} which one gets by always saying the mean of the training targets",
        f"validation/loss was still improving when the training ended ({min(loss[:-2]):.4g} before the last tenth of "
        f"the epochs, {min(loss[-2:]):.4g} in it): give more than trainer.epochs=20",
    )


def test_weights_that_stay_are_not_remarked_on(diabetes: list[str]) -> None:
    callbacks = ["callbacks=[early_stopping]", "callbacks.early_stopping.restore_best=false"]
    assert cr.train([*diabetes, *callbacks]).remarks == ()


def test_noise_of_which_the_best_epoch_was_picked_is_told_by_the_test_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(NOISE).normal(size=(60, 3))
    np.savetxt("noise.csv", noise, delimiter=",", header="a,b,y", comments="")
    table = ["dataset=csv", "dataset.path=noise.csv", "dataset.target=y", "dataset.test_fraction=0.4"]
    result = cr.train([*table, *QUIET])
    told = " ".join(result.remarks)
    assert "validation has 7 rows: figures of so few say little" in told
    assert "validation/mean_absolute_error" not in told
    assert re.search(r"test/mean_absolute_error is [\d.]+, no better than [\d.]+, which one gets by always", told)
    assert result.metrics["validation/r_squared"] > 0 > result.metrics["test/r_squared"]


@pytest.mark.parametrize("experiment", ["xor", "xor_classic"])
def test_a_problem_that_is_solved_has_no_remarks(
    experiment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cr.train([f"experiment={experiment}", *QUIET]).remarks == ()


# ---- how long


def data_of(rows: int, validated: bool = True, **fields: Any) -> cr.Data:
    x = np.arange(rows, dtype=float)[:, None]
    part = cr.Split(x, x[:, 0] ** 2)
    return cr.Data(part, "regression", validation=part if validated else None, **fields)


def test_what_ends_an_open_training_is_added_once_and_needs_validation_data() -> None:
    (added,) = open_end(data_of(9), [NanGuard()])
    assert isinstance(added, EarlyStopping)
    assert open_end(data_of(9), [EarlyStopping(patience=3)]) == []
    assert open_end(data_of(9, validated=False), []) == []


def test_a_number_that_is_named_wins(diabetes: list[str]) -> None:
    result = cr.train([*diabetes, "trainer.epochs=12"])
    assert (result.history.epochs, result.stopped) == (12, None)
    config = yaml.safe_load((result.folder / "config.yaml").read_text("utf-8"))
    assert config["trainer"]["epochs"] == 12


def test_a_schedule_spreads_over_the_epochs_that_are_planned(diabetes: list[str]) -> None:
    """290 training rows are 9 updates an epoch: 1,000 epochs."""
    rate = cr.train([*diabetes, "schedule=cosine"]).history["learning_rate"]
    assert rate[:200] == pytest.approx(0.0005 * (1 + np.cos(np.pi * np.arange(9, 1809, 9) / 9000)), rel=1e-3)


# ---- what is standardized


@dataclass
class Poisson(cr.Loss):
    """Of counts."""

    def output(self, task: cr.Task, classes: int) -> tuple[int, str]:
        return classes, "softplus"

    def forward(self, prediction: cr.Array, target: cr.Array) -> float:
        self.slope = (1 - target / prediction) / prediction.size
        return float((prediction - target * np.log(prediction)).mean())

    def backward(self) -> cr.Array:
        return self.slope


@pytest.mark.parametrize("loss", [None, *({"name": name} for name in ("mse", "half_squared_error", "mae", "huber"))])
def test_losses_of_differences_are_given_standardized_targets(loss: Any) -> None:
    config = {"loss": loss, "model": {"name": "mlp"}, "seed": 0, "dtype": "float32"}
    _, network = build_network(config, data_of(9, standardize_targets=True))
    assert network.target_scale == data_of(9, standardize_targets=True).target_scale
    assert build_network(config, data_of(9))[1].target_scale is None


def test_a_loss_of_counts_is_given_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chainrule.runs.building.choose_loss", lambda *_: Poisson())
    config = {"model": {"name": "mlp"}, "seed": 0, "dtype": "float32"}
    data = data_of(9, standardize_targets=True)
    _, network = build_network(config, data)
    assert network.target_scale is None
    assert network.targets(data.train.y).loss.ravel().tolist() == data.train.y.tolist()


# ---- what is said


def trained(values: list[float], stopped: str | None = None) -> Any:
    return SimpleNamespace(history={"validation/loss": values}, stop_reason=stopped)


@pytest.mark.parametrize(
    ("values", "gain"),
    [
        ([1.0, 0.9, 0.8], (0.9, 0.8)),
        ([1.0, 0.5, 0.499], None),  # by less than a hundredth
        ([1.0, 0.5, 0.7], None),
        ([*np.linspace(2, 1, 20)], (float(np.linspace(2, 1, 20)[17]), 1.0)),
        ([np.nan, 1.0], None),
        ([1.0, np.nan], None),
        ([1.0], None),
        ([], None),
    ],
)
def test_improving_is_told_by_the_last_tenth(values: list[float], gain: Any) -> None:
    assert late_gain(trained(values)) == gain
    assert late_gain(trained(values, "validation/loss has not improved for 10 epochs")) is None


def binary(train: list[int], validation: list[int]) -> cr.Data:
    parts = [cr.Split(np.zeros((len(y), 1)), np.array(y)) for y in (train, validation)]
    return cr.Data(parts[0], "binary", parts[1], class_names=("no", "yes"))


def classes(train: list[int], validation: list[int]) -> cr.Data:
    parts = [cr.Split(np.zeros((len(y), 1)), np.array(y)) for y in (train, validation)]
    return cr.Data(parts[0], "multiclass", parts[1], class_names=("a", "b", "c"))


@pytest.mark.parametrize(
    ("data", "metric", "trivial", "perfect"),
    [
        (binary([0, 1, 1], [1, 0, 0, 0]), "binary_accuracy", 0.25, 1.0),
        (binary([0, 1, 0], [1, 0, 0, 0]), "binary_accuracy", 0.75, 1.0),
        (binary([0, 1, 0], [1, 0, 0, 0]), {"name": "binary_accuracy", "threshold": 0.0}, 0.75, 1.0),
        (classes([2, 1, 2, 0], [0, 2, 2, 1, 1]), "accuracy", 0.4, 1.0),
        (data_of(3), "mean_absolute_error", (5 / 3 + 2 / 3 + 7 / 3) / 3, 0.0),
    ],
)
def test_the_trivial_answer_is_of_the_training_data(data: cr.Data, metric: Any, trivial: float, perfect: float) -> None:
    network = cr.Network([{"name": "dense", "units": 1}], (1,), "mse")
    trainer = SimpleNamespace(network=network, all_metrics=lambda: [cr.make("metric", metric)])
    name = metric if isinstance(metric, str) else metric["name"]
    standing = standing_of(trainer, data, {f"validation/{name}": 0.5})  # type: ignore[arg-type]
    assert standing is not None
    assert (standing.trivial, standing.perfect) == (pytest.approx(trivial), perfect)
    assert standing.left == pytest.approx(abs(perfect - 0.5) / abs(perfect - trivial))


def test_what_cannot_be_beaten_is_no_reproach() -> None:
    trainer = SimpleNamespace(all_metrics=lambda: [cr.make("metric", "binary_accuracy")])
    standing = standing_of(trainer, binary([0, 0, 1], [0, 0]), {"validation/binary_accuracy": 1.0})  # type: ignore[arg-type]
    assert standing is not None
    assert standing.left == 0
