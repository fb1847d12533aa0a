"""The built-in metrics against counts in plain Python, over any cut of the data into batches."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import r2_score

import chainrule as cr

NAMES = ["accuracy", "binary_accuracy", "mean_absolute_error", "r_squared", "confusion_matrix"]
CHOSEN = [
    "f1",
    "log_loss",
    "mean_squared_error",
    "precision",
    "recall",
    "roc_auc",
    "top_k",
]
"""By name alone: test_metrics_chosen.py."""


def plainly(name, prediction, target):
    """The value over all samples, in Python alone."""
    prediction, target = prediction.tolist(), target.tolist()
    pairs = [(p, t) for row, truth in zip(prediction, target) for p, t in zip(row, np.atleast_1d(truth))]
    if name == "binary_accuracy":
        return sum((p > 0.5) == (t == 1) for p, t in pairs) / len(pairs)
    if name == "mean_absolute_error":
        return math.fsum(abs(p - t) for p, t in pairs) / len(pairs)
    if name == "r_squared":
        explained = []
        for p, t in zip(zip(*prediction), zip(*target)):  # by column
            error = math.fsum((a - b) ** 2 for a, b in zip(p, t))
            variation = math.fsum((b - math.fsum(t) / len(t)) ** 2 for b in t)
            explained.append(1 - error / variation if variation else float(error == 0))
        return math.fsum(explained) / len(explained)
    predicted = [row.index(max(row)) for row in prediction]
    if name == "accuracy":
        return sum(p == t for p, t in zip(predicted, target)) / len(target)
    classes = range(len(prediction[0]))
    return [[sum(p == k and t == j for p, t in zip(predicted, target)) for k in classes] for j in classes]


def samples(name, n, seed, dtype="float64"):
    rng = np.random.default_rng(seed)
    if name in ("accuracy", "confusion_matrix"):
        return rng.random((n, 3)).astype(dtype), rng.integers(0, 3, n)
    if name == "binary_accuracy":
        return rng.random((n, 2)).astype(dtype), rng.integers(0, 2, (n, 2)).astype(dtype)
    return rng.normal(size=(n, 2)).astype(dtype), rng.normal(size=(n, 2)).astype(dtype)


def measured(metric, prediction, target, cuts=()):
    """The value after one update for each part that has any rows: core gives no others."""
    metric.reset()
    for part in filter(len, np.split(np.arange(len(prediction)), cuts)):
        metric.update(prediction[part], target[part])
    return metric.compute()


def test_these_are_all():
    assert [e.name for e in cr.registry() if e.plugin.id == "chainrule:metrics"] == sorted(NAMES + CHOSEN)
    assert [e.name for e in cr.registry() if e.kind == "metric" and not e.cls.default] == CHOSEN


@pytest.mark.parametrize("name", NAMES)
def test_any_cut_gives_the_value_over_the_whole(name):
    @settings(deadline=None, max_examples=50)
    @given(st.integers(1, 30), st.lists(st.integers(0, 30), max_size=6), st.integers(0, 1000))
    def check(n, cuts, seed):
        prediction, target = samples(name, n, seed)
        value = measured(cr.make("metric", name), prediction, target, sorted(min(cut, n) for cut in cuts))
        np.testing.assert_allclose(value, plainly(name, prediction, target), rtol=1e-9, atol=1e-9)

    check()


@pytest.mark.parametrize("name", NAMES)
def test_reset_forgets(name):
    metric = cr.make("metric", name)
    measured(metric, *samples(name, 10, seed=1))
    prediction, target = samples(name, 10, seed=2)
    np.testing.assert_allclose(measured(metric, prediction, target), plainly(name, prediction, target))


@pytest.mark.parametrize(
    ("name", "tasks", "goal", "array"),
    [
        ("accuracy", ("multiclass",), "max", False),
        ("binary_accuracy", ("binary",), "max", False),
        ("mean_absolute_error", ("regression",), "min", False),
        ("r_squared", ("regression",), "max", False),
        ("confusion_matrix", ("binary", "multiclass"), "max", True),
    ],
)
def test_what_a_metric_says_of_itself(name, tasks, goal, array):
    metric = cr.make("metric", name)
    assert (metric.tasks, metric.goal, metric.array) == (tasks, goal, array)


@pytest.mark.parametrize("name", NAMES[:4])
def test_a_value_is_a_python_float_and_nan_where_nothing_was_seen(name):
    metric = cr.make("metric", name)
    assert type(measured(metric, *samples(name, 10, seed=1, dtype="float32"))) is float
    metric.reset()
    assert math.isnan(metric.compute())


@pytest.mark.parametrize("cuts", [(), (1, 2), (3,)])
def test_r_squared_is_as_scikit_learn_has_it(cuts):
    """Of several outputs, of targets that are all equal, and far from 0, where no digits are lost."""
    target = np.array([[0.5, 1], [-1, 1], [7, -6], [8, -6]])
    prediction = np.array([[0, 2], [-1, 2], [8, -5], [9, -6]])
    metric = cr.make("metric", "r_squared")
    assert measured(metric, prediction, target, cuts) == pytest.approx(r2_score(target, prediction), rel=1e-12)
    assert measured(metric, prediction[:, :1], target[:, :1], cuts) == pytest.approx(1 - 2.25 / 61.6875, rel=1e-12)
    far = measured(metric, prediction + 2e6, target + 2e6, cuts)
    assert far == pytest.approx(measured(metric, prediction, target), rel=1e-12)
    for guess in (target, prediction):
        alike, guessed = target * [1, 0] + [0, 3], guess * [1, 0] + [0, 3] + (guess - target)
        assert measured(metric, guessed, alike, cuts) == pytest.approx(r2_score(alike, guessed), rel=1e-12)


def test_a_tie_goes_to_the_first_class():
    tied = np.array([[0.4, 0.4, 0.2]])
    assert measured(cr.make("metric", "accuracy"), tied, np.array([0])) == 1
    assert measured(cr.make("metric", "accuracy"), tied, np.array([1])) == 0


def test_threshold_of_binary_accuracy():
    prediction, target = np.array([[0.2], [0.6], [0.8]]), np.array([[0.0], [0.0], [1.0]])
    assert measured(cr.make("metric", "binary_accuracy"), prediction, target) == pytest.approx(2 / 3)
    assert measured(cr.make("metric", "binary_accuracy", threshold=0.7), prediction, target) == 1
    assert measured(cr.make("metric", "binary_accuracy", threshold=0.9), prediction, target) == pytest.approx(2 / 3)


def test_a_prediction_at_the_threshold_means_0():
    half = np.array([[0.5]])
    assert measured(cr.make("metric", "binary_accuracy"), half, np.array([[0.0]])) == 1


def test_smoothed_labels_stand_for_the_nearer_one():
    prediction, target = np.array([[0.2], [0.8]]), np.array([[0.05], [0.95]])
    assert measured(cr.make("metric", "binary_accuracy"), prediction, target) == 1


@pytest.mark.parametrize("threshold", [-0.1, 1.1, math.nan])
def test_thresholds_that_are_refused(threshold):
    with pytest.raises(cr.FieldError) as caught:
        cr.make("metric", "binary_accuracy", threshold=threshold)
    assert str(caught.value) == f"threshold: got {threshold!r}, must be at least 0 and at most 1 (BinaryAccuracy)"


def test_rows_of_the_confusion_matrix_are_true_classes():
    """Two samples of class 1 taken for class 0, one of class 0 for class 2; class 2 never was true."""
    prediction = np.eye(3)[[0, 0, 2]]
    matrix = measured(cr.make("metric", "confusion_matrix"), prediction, np.array([1, 1, 0]))
    assert matrix.tolist() == [[0, 0, 1], [2, 0, 0], [0, 0, 0]]
    assert np.issubdtype(matrix.dtype, np.integer)


def test_the_confusion_matrix_of_many_classes_takes_labels_of_few_bits():
    """Labels of MNIST and the like come as uint8, in which 20 * 20 does not fit."""
    labels = np.arange(20, dtype=np.uint8)
    matrix = measured(cr.make("metric", "confusion_matrix"), np.eye(20), labels)
    assert matrix.tolist() == np.eye(20).tolist()


def test_the_confusion_matrix_that_was_given_out_does_not_change():
    metric = cr.make("metric", "confusion_matrix")
    given_out = measured(metric, np.eye(2), np.array([0, 1]))
    metric.update(np.eye(2), np.array([0, 1]))
    assert given_out.tolist() == [[1, 0], [0, 1]]
    assert metric.compute().tolist() == [[2, 0], [0, 2]]


def test_the_confusion_matrix_of_nothing_is_empty():
    metric = cr.make("metric", "confusion_matrix")
    metric.reset()
    assert metric.compute().shape == (0, 0)
