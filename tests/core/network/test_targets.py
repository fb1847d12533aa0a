"""Every form of target that people give becomes the one that losses and metrics work with, or is refused by name."""

from __future__ import annotations

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
