"""Data refuses what would otherwise train on nonsense, and is known by a digest."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler

import chainrule as cr
from chainrule.contract.target_scale import TargetScale

X = np.arange(12, dtype=np.float64).reshape(4, 3)
Y = np.array([0, 1, 2, 1])
NAMES = ("a", "b", "c")


def data(x: Any = X, y: Any = Y, task: Any = "multiclass", class_names: Any = NAMES, **rest: Any) -> cr.Data:
    return cr.Data(cr.Split(x, y), task, class_names=class_names, **rest)


def test_shapes_and_classes_are_read_off() -> None:
    whole = data(validation=(X[:2], Y[:2]))
    assert whole.input_shape == (3,)
    assert whole.classes == 3
    assert list(whole.splits) == ["train", "validation"]
    assert whole.validation is not None
    assert whole.validation.x.shape == (2, 3)
    assert whole.test is None


def test_images_keep_their_shape() -> None:
    images = np.zeros((4, 8, 8, 3), np.float32)
    assert data(images).input_shape == (8, 8, 3)


@pytest.mark.parametrize(("y", "columns"), [(np.zeros(4), 1), (np.zeros((4, 1)), 1), (np.zeros((4, 2)), 2)])
def test_regression_counts_target_columns(y: cr.Array, columns: int) -> None:
    assert data(y=y, task="regression", class_names=()).classes == columns


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y": Y[:3]}, "the train data has 4 inputs and 3 targets; they must be as many, and at least one"),
        ({"x": X[:0], "y": Y[:0]}, "the train data has 0 inputs and 0 targets; they must be as many, and at least one"),
        ({"test": (X[:, :2], Y)}, "the test data has inputs of shape (2,), not (3,)"),
        ({"x": np.where(X == 5, np.nan, X)}, "the train data holds values that are infinite or not a number"),
        (
            {"y": np.array([0, 1, np.inf, 0]), "task": "regression"},
            "the train data holds values that are infinite or not a number",
        ),
        ({"y": Y.astype(float)}, "the train labels must be integers of shape (n,), got float64 of shape (4,)"),
        ({"y": np.eye(3, dtype=int)[Y]}, "the train labels must be integers of shape (n,), got int64 of shape (4, 3)"),
        (
            {"y": np.array([0, 1, 3, 1])},
            "label 3 of train sample 2 is out of range: there are 3 classes, for labels 0 to 2",
        ),
        (
            {"validation": (X, np.array([0, -1, 2, 1]))},
            "label -1 of validation sample 1 is out of range: there are 3 classes, for labels 0 to 2",
        ),
        ({"task": "binary"}, "a binary task has two classes, got 3 class names"),
        ({"class_names": ()}, "a multiclass task needs class names, at least two, got 0"),
        ({"task": "clustering"}, 'there is no task "clustering": take binary, multiclass or regression'),
        ({"y": np.array(["a", "b", "c", "b"])}, "the train data must be arrays of real numbers, got <U1"),
        ({"y": [0, 1, 2, 1]}, "the train data must be arrays of real numbers, got list"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(cr.DataError) as caught:
        data(**changes)
    assert str(caught.value) == message


def test_the_digest_is_of_names_types_shapes_and_bytes() -> None:
    sha = hashlib.sha256()
    sha.update(b"train <f8 (4, 3)" + X.tobytes() + b"train <i8 (4,)" + Y.tobytes())
    assert data().digest == sha.hexdigest()


@pytest.mark.parametrize(
    "other",
    [
        {"x": X + np.eye(4, 3) * 1e-12},
        {"x": X.astype(np.float32)},
        {"y": np.array([0, 1, 2, 2])},
        {"x": X.reshape(4, 3, 1)},
        {"validation": (X, Y)},
    ],
)
def test_other_data_has_another_digest(other: dict[str, Any]) -> None:
    assert data(**other).digest != data().digest


def test_the_digest_does_not_depend_on_memory_order() -> None:
    assert data(np.asfortranarray(X)).digest == data().digest


def test_a_known_digest_of_the_source_stands_for_the_data() -> None:
    assert data(source_digest="abc").digest == "abc"


@given(
    n=st.integers(1, 200),
    fractions=st.lists(st.floats(0, 0.3), min_size=0, max_size=3),
    seed=st.integers(0, 5),
)
def test_a_split_is_a_partition_in_order_by_the_seed(n: int, fractions: list[float], seed: int) -> None:
    parts = cr.split_indices(n, fractions, seed)
    assert len(parts) == len(fractions) + 1
    assert sorted(np.concatenate(parts)) == list(range(n))
    for part in parts:
        assert list(part) == sorted(part)
    again = cr.split_indices(n, fractions, seed)
    assert all(np.array_equal(a, b) for a, b in zip(parts, again, strict=True))
    left = n
    for part, fraction in zip(parts, fractions):
        wanted = min(left, n * fraction)  # of two samples three parts of 0.28 cannot have one each
        assert abs(len(part) - wanted) <= 0.5 + 1e-9
        left -= len(part)


def test_another_seed_splits_otherwise() -> None:
    first, second = (cr.split_indices(100, [0.5], seed)[0] for seed in (0, 1))
    assert not np.array_equal(first, second)


def test_fractions_beyond_the_whole_are_refused() -> None:
    with pytest.raises(cr.DataError, match=r"fractions \[0\.7, 0\.6\] make up more than the whole"):
        cr.split_indices(10, [0.7, 0.6], seed=0)


@pytest.mark.parametrize(
    "y",
    [
        [[1990.0, 3.0], [2001.0, -5.0], [2020.0, 0.5], [2003.0, 1.0]],
        [1e9, 1e9 + 1, 1e9 + 2, 1e9 + 7],
        [1e18, 2e18, -3e18],
        [1e-6, 3e-6, 2e-6],
        [3, 5, 8],
    ],
)
def test_targets_are_standardized_as_scikit_learn_does_and_back(y: Any) -> None:
    columns = np.array(y).reshape(len(y), -1)
    scaler = StandardScaler().fit(columns.astype(float))
    scale = TargetScale.of(np.array(y))
    np.testing.assert_allclose(scale.mean, scaler.mean_, rtol=1e-12)
    np.testing.assert_allclose(scale.std, scaler.scale_, rtol=1e-6)  # scikit-learn's own rounds at 1e9
    np.testing.assert_allclose(scale.standardized(columns).std(axis=0), 1, rtol=1e-7)
    np.testing.assert_allclose(scale.in_units(scale.standardized(columns)), columns, rtol=1e-15)


def test_a_constant_target_becomes_0_and_the_smallest_do_not_vanish() -> None:
    constant = TargetScale.of(np.full(10, 0.1))
    assert constant.std == (1.0,)
    assert np.abs(constant.standardized(np.full((10, 1), 0.1))).max() < 1e-15
    small = np.array([[1e-200], [3e-200]])  # the squares are 0 in float64
    np.testing.assert_allclose(TargetScale.of(small).standardized(small), [[-1], [1]])


def test_the_scale_of_weighed_targets_is_that_of_targets_repeated() -> None:
    rng = np.random.default_rng(0)
    y, weight = rng.normal(5, 3, size=(20, 2)), rng.integers(0, 4, 20)
    weighed, repeated = TargetScale.of(y, weight), TargetScale.of(y.repeat(weight, axis=0))
    np.testing.assert_allclose(weighed, repeated, rtol=1e-12)
    np.testing.assert_allclose(TargetScale.of(y), (y.mean(axis=0), y.std(axis=0)), rtol=1e-12)


def test_the_scale_is_that_of_the_training_targets_of_a_regression_that_wants_one() -> None:
    train, test = cr.Split(X, np.array([10.0, 20.0, 30.0, 20.0])), cr.Split(X, np.array([0.0, 0.0, 1e6, 0.0]))
    whole = cr.Data(train, "regression", test=test, standardize_targets=True)
    assert whole.target_scale == TargetScale.of(train.y)
    assert cr.Data(train, "regression").target_scale is None
    assert whole.train.y.tolist() == [10, 20, 30, 20]
    assert data(standardize_targets=True).target_scale is None


@pytest.mark.parametrize(
    ("train", "task", "says"),
    [
        ((np.zeros((2, 1)), {"a": np.zeros(2)}), "regression", "targets have other names than the tasks"),
        ((np.zeros((2, 1)), np.zeros(2)), {"a": "regression"}, "targets must be a mapping with an array for each of a"),
        ({1: 2}, "binary", "train"),
        (None, "binary", "train"),
        ("", "regression", "train"),
    ],
)
def test_what_is_no_pair_of_arrays_for_the_tasks_is_refused(train: Any, task: Any, says: str) -> None:
    with pytest.raises(cr.ChainruleError, match=says):
        cr.Data(train=train, task=task, class_names=("a", "b") if task == "binary" else ())
