"""Every form of target that people give becomes the one that losses and metrics work with, or is refused by name."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.network.targets import prepared, task_of

LABELS = np.array([2, 0, 1])
ONE_HOT = np.eye(3)[LABELS]
F32 = np.dtype("float32")


def test_classes_become_one_hot_for_the_loss_and_stay_whole_numbers_for_the_metrics() -> None:
    for given in (LABELS, LABELS.astype(np.uint8), LABELS.astype(float)):
        targets = prepared(given, "multiclass", (3,), F32, integer_targets=False)
        assert targets.loss.tolist() == ONE_HOT.tolist()
        assert targets.loss.dtype == F32
        assert targets.metric.tolist() == [2, 0, 1]
        assert np.issubdtype(targets.metric.dtype, np.integer)


def test_a_loss_that_takes_classes_is_given_them() -> None:
    targets = prepared(LABELS, "multiclass", (3,), F32, integer_targets=True)
    assert targets.loss.tolist() == targets.metric.tolist() == [2, 0, 1]
    assert np.issubdtype(targets.loss.dtype, np.integer)


def test_one_hot_is_the_same_as_classes() -> None:
    one_hot = prepared(ONE_HOT, "multiclass", (3,), F32, integer_targets=False)
    classes = prepared(LABELS, "multiclass", (3,), F32, integer_targets=False)
    assert one_hot.loss.tolist() == classes.loss.tolist()
    assert one_hot.loss.dtype == classes.loss.dtype
    assert one_hot.metric.tolist() == classes.metric.tolist()


def test_probabilities_are_kept_for_the_loss() -> None:
    soft = np.array([[0.2, 0.3, 0.5], [0.6, 0.4, 0.0]])
    targets = prepared(soft, "multiclass", (3,), F32, integer_targets=False)
    assert np.allclose(targets.loss, soft)
    assert targets.metric.tolist() == [2, 0]


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_one_column_never_broadcasts(task: cr.Task) -> None:
    targets = prepared(np.array([0, 1, 1]), task, (1,), F32, integer_targets=False)
    assert targets.loss.tolist() == targets.metric.tolist() == [[0], [1], [1]]
    assert targets.loss.dtype == F32


def test_regression_of_any_shape_is_kept() -> None:
    y = np.arange(24.0).reshape(2, 3, 4)
    assert prepared(y, "regression", (3, 4), F32, integer_targets=False).loss.tolist() == y.tolist()


def test_rows_cuts_both() -> None:
    cut = prepared(LABELS, "multiclass", (3,), F32, integer_targets=False).rows(slice(1, 3))
    assert cut.metric.tolist() == [0, 1]
    assert cut.loss.shape == (2, 3)


@pytest.mark.parametrize(
    ("y", "task", "output", "error", "message"),
    [
        (
            np.zeros((4, 2)),
            "regression",
            (1,),
            cr.ShapeError,
            "targets of shape (4, 2) do not fit a regression output of shape (n, 1)",
        ),
        (
            np.zeros(4),
            "regression",
            (3,),
            cr.ShapeError,
            "targets of shape (4,) do not fit a regression output of shape (n, 3)",
        ),
        (np.array(1), "regression", (1,), cr.ShapeError, "targets of shape () do not fit a regression output of"),
        (np.array([0, 2]), "binary", (1,), cr.DataError, "targets of a binary task must be 0 or 1, got 2"),
        (np.array([-1, 1]), "binary", (1,), cr.DataError, "targets of a binary task must be 0 or 1, got -1"),
        (np.array([1, np.nan]), "binary", (1,), cr.DataError, "targets of a binary task must be 0 or 1, got nan"),
        (
            LABELS,
            "multiclass",
            (1,),
            cr.ShapeError,
            "a multiclass task needs one output unit per class, and the output has shape (n, 1); for two classes in "
            "one column use a sigmoid output and a binary loss",
        ),
        (LABELS, "multiclass", (2, 3), cr.ShapeError, "a multiclass task needs one output unit per class, and the out"),
        (
            np.array([0, 3]),
            "multiclass",
            (3,),
            cr.DataError,
            "label 3 of sample 1 is out of range: the network has 3 outputs, for labels 0 to 2",
        ),
        (np.array([-1]), "multiclass", (3,), cr.DataError, "label -1 of sample 0 is out of range: the network has 3"),
        (np.array([0, 0.5]), "multiclass", (3,), cr.DataError, "classes must be whole numbers, got 0.5"),
        (np.array([0, np.nan]), "multiclass", (3,), cr.DataError, "classes must be whole numbers, got nan"),
        (np.array([0, np.inf]), "multiclass", (3,), cr.DataError, "classes must be whole numbers, got inf"),
        (
            ONE_HOT[:, :2],
            "multiclass",
            (3,),
            cr.ShapeError,
            "targets of shape (3, 2) do not fit 3 output units: give classes as integers of shape (n,), or one-hot of "
            "shape (n, 3)",
        ),
        (np.array(1), "multiclass", (3,), cr.ShapeError, "targets of shape () do not fit 3 output units: give"),
        (
            np.array([[1.0, 2.0, 3.0]]),
            "multiclass",
            (3,),
            cr.DataError,
            "target 0 is no distribution over the 3 classes: its numbers must be 0 or more, and sum to 1",
        ),
        (
            np.array([[0, 1.0, 0], [-1.0, 1.0, 1.0]]),
            "multiclass",
            (3,),
            cr.DataError,
            "target 1 is no distribution over the 3 classes: its numbers must be 0 or more, and sum to 1",
        ),
    ],
)
def test_what_is_refused(y: Any, task: cr.Task, output: cr.Shape, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        prepared(y, task, output, F32, integer_targets=False)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("y", "output", "task"),
    [
        (LABELS, (3,), "multiclass"),
        (ONE_HOT, (3,), "multiclass"),
        (np.array([[0.3, 0.7]]), (2,), "multiclass"),
        (np.array([0, 1]), (2,), "multiclass"),
        (np.array([0, 1]), (1,), "binary"),
        (np.array([[0.0], [1.0]]), (1,), "binary"),
        (np.array([True, False]), (1,), "binary"),
        (np.array([[1, 1, 0]]), (3,), "binary"),
        (np.array([0.5, 1]), (1,), "regression"),
        (np.array([0, 1, 2]), (1,), "regression"),
        (np.array([[0.3, 0.3]]), (2,), "regression"),
    ],
)
def test_the_task_that_targets_look_like(y: Any, output: cr.Shape, task: str) -> None:
    assert task_of(y, output, ()) == task


# ---- targets that are standardized

YEARS = np.array([1990.0, 2003.0, 2020.0, 2007.0])
INPUTS = np.array([[0.0, 1.0], [1.0, 0.5], [2.0, -1.0], [1.0, 2.0]])


def scaled_network(scale: object = ([2000.0], [10.0]), **changes: Any) -> cr.Network:
    parts = {"layers": [{"name": "dense", "units": 1}], "loss": "mse", "task": "regression", "seed": 3}
    return cr.Network(input_shape=(2,), target_scale=scale, **{**parts, **changes})


def test_the_loss_is_given_standardized_targets_and_all_else_is_in_units() -> None:
    network = scaled_network()
    targets = network.targets(YEARS)
    assert targets.loss.ravel().tolist() == [-1, np.float32(0.3), 2, np.float32(0.7)]
    assert targets.loss.dtype == F32
    assert targets.metric.ravel().tolist() == YEARS.tolist()

    plain = cr.Network([{"name": "dense", "units": 1}], (2,), "mse", seed=3, task="regression")
    output = plain.predict(INPUTS).astype(float)  # the same weights
    np.testing.assert_array_equal(network.predict(INPUTS), 2000 + 10 * output)
    measured = network.evaluate(INPUTS, YEARS, ["mean_absolute_error"])
    assert measured["mean_absolute_error"] == pytest.approx(np.abs(2000 + 10 * output[:, 0] - YEARS).mean(), rel=1e-12)
    assert measured["loss"] == pytest.approx(np.mean((output[:, 0] - (YEARS - 2000) / 10) ** 2), rel=1e-6)
    assert network.trace(INPUTS)[-1][1].tolist() == plain.predict(INPUTS).tolist()


def test_a_number_of_a_billion_keeps_its_last_digit() -> None:
    y = 1e9 + np.array([0.0, 1.0, 2.0, 3.0])
    network = scaled_network(([1e9 + 1.5], [1.118]))
    network.parameters["0.dense.W"].value = np.zeros((2, 1))
    assert network.evaluate(INPUTS, y, ["mean_absolute_error"])["mean_absolute_error"] == 1.0
    assert network.predict(INPUTS).ravel().tolist() == [1e9 + 1.5] * 4


def test_the_gradient_is_that_of_the_standardized_loss() -> None:
    network = scaled_network(
        layers=[{"name": "dense", "units": 3, "activation": "tanh"}, {"name": "dense", "units": 1}]
    )
    assert max(cr.gradient_check(network, INPUTS, YEARS).values()) < 1e-6
    plain = network.copy()
    plain.target_scale = None
    loss, gradient = network.loss_and_gradient(INPUTS, YEARS)
    same, expected = plain.loss_and_gradient(INPUTS, (YEARS - 2000) / 10)
    assert loss == pytest.approx(same, rel=1e-6)
    np.testing.assert_allclose(gradient, expected, rtol=1e-5)


def test_the_scale_goes_with_the_network(tmp_path: Path) -> None:
    network = scaled_network()
    network.save(tmp_path / "years.safetensors")
    for again in (
        cr.load_network(tmp_path / "years.safetensors"),
        network.copy(),
        network.copy("float64"),
        pickle.loads(pickle.dumps(network)),
        cr.Network(**network.architecture()),
    ):
        assert again.target_scale == ((2000.0,), (10.0,))
    assert cr.load_network(tmp_path / "years.safetensors").predict(INPUTS).tolist() == network.predict(INPUTS).tolist()
    assert network.summary().endswith("targets standardized by mean 2000, standard deviation 10")
    assert "standardized" not in scaled_network(None).summary()


def test_several_targets_have_a_scale_each() -> None:
    layers = [{"name": "dense", "units": 2}]
    network = scaled_network(([0.0, 100.0], [1.0, 50.0]), layers=layers)
    assert network.targets(np.array([[2.0, 200.0]])).loss.tolist() == [[2, 2]]


@pytest.mark.parametrize(
    ("scale", "changes"),
    [
        (([0.0, 1.0], [1.0, 1.0]), {}),
        (([0.0], [0.0]), {}),
        (([0.0], [-1.0]), {}),
        (([np.nan], [1.0]), {}),
        ([1.0, 2.0], {}),
        (([0.0], [1.0], [2.0]), {}),
        (([0.0], [1.0]), {"task": None}),
        (([0.0], [1.0]), {"task": "binary"}),
    ],
)
def test_a_scale_that_does_not_fit_is_refused(scale: Any, changes: dict[str, Any]) -> None:
    with pytest.raises(cr.FieldError, match="target_scale"):
        scaled_network(scale, **changes)
