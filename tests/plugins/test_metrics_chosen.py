"""The metrics that are picked by name alone, against scikit-learn; and all of them with weights and by step."""

import math

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr

CLASSES = 4
OF_CLASSES = ["accuracy", "top_k", "f1", "precision", "recall", "roc_auc", "log_loss", "confusion_matrix"]
OF_ANSWERS = ["binary_accuracy", "f1", "precision", "recall", "roc_auc", "log_loss", "confusion_matrix"]
OF_NUMBERS = ["mean_absolute_error", "mean_squared_error", "r_squared"]
FORMS = [*(("multiclass", name) for name in OF_CLASSES), *(("binary", name) for name in OF_ANSWERS)]
FORMS += [("regression", name) for name in OF_NUMBERS]


def metric_named(name):
    return cr.make("metric", name, **({"k": 2} if name == "top_k" else {}))


def samples(task, shape, seed, tied=False):
    """Predictions and targets of so many rows, or rows and steps; ``tied`` where scores are often equal."""
    rng = np.random.default_rng(seed)
    if task == "multiclass":
        raw = rng.integers(1, 5, (*shape, CLASSES)).astype(float) if tied else rng.random((*shape, CLASSES)) + 0.01
        return raw / raw.sum(axis=-1, keepdims=True), rng.integers(0, CLASSES, shape)
    if task == "binary":
        p = rng.integers(1, 5, (*shape, 1)) / 5 if tied else rng.uniform(0.01, 0.99, (*shape, 1))
        return p, rng.integers(0, 2, (*shape, 1)).astype(float)
    return rng.normal(size=(*shape, 2)), rng.normal(size=(*shape, 2))


def measured(metric, prediction, target, weight=None, cuts=()):
    """The value after one update for each part that has any rows: core gives no others."""
    metric.reset()
    for part in filter(len, np.split(np.arange(len(prediction)), cuts)):
        metric.update(prediction[part], target[part], *([] if weight is None else [weight[part]]))
    return metric.compute()


def by_scikit_learn(task, name, p, y, w):
    """The value over all rows; of several classes or outputs as here."""
    if name == "mean_squared_error":
        return sk.mean_squared_error(y, p, sample_weight=w)
    if name == "top_k":
        return sk.top_k_accuracy_score(y, p, k=2, labels=range(CLASSES), sample_weight=w)
    if name == "log_loss":
        many = task == "multiclass"
        return sk.log_loss(y.ravel(), p if many else p.ravel(), sample_weight=w, labels=range(CLASSES if many else 2))
    if name in ("f1", "precision", "recall"):
        score = {"f1": sk.f1_score, "precision": sk.precision_score, "recall": sk.recall_score}[name]
        if task == "binary":
            return score(y.ravel(), p.ravel() > 0.5, sample_weight=w, zero_division=0)
        return score(y, p.argmax(axis=1), sample_weight=w, average="macro", zero_division=0)
    if task == "binary":
        return sk.roc_auc_score(y.ravel(), p.ravel(), sample_weight=w) if 0 < y.sum() < y.size else math.nan
    one_against_others = [(y == k, p[:, k]) for k in range(CLASSES) if 0 < (y == k).sum() < y.size]
    areas = [sk.roc_auc_score(yes, scores, sample_weight=w) for yes, scores in one_against_others]
    return np.mean(areas) if areas else math.nan


CHOSEN = [(task, name) for task, name in FORMS if not cr.registry().get("metric", name).cls.default]


@pytest.mark.parametrize(("task", "name"), CHOSEN)
def test_any_cut_gives_what_scikit_learn_does(task, name):
    @settings(deadline=None, max_examples=60)
    @given(
        st.integers(1, 30), st.lists(st.integers(0, 30), max_size=6), st.integers(0, 1000), st.booleans(), st.booleans()
    )
    def check(n, cuts, seed, tied, weighed):
        tied = tied and name != "top_k"  # of equal scores, scikit-learn's and ours take another one first
        p, y = samples(task, (n,), seed, tied)
        w = np.random.default_rng(seed + 1).uniform(0.1, 3, n) if weighed else None
        value = measured(metric_named(name), p, y, w, sorted(min(cut, n) for cut in cuts))
        np.testing.assert_allclose(value, by_scikit_learn(task, name, p, y, w), rtol=1e-10, atol=1e-10)

    check()


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize(("task", "name"), FORMS)
def test_the_reference_gives_the_same(task, name, tied):
    for seed in range(20):
        p, y = samples(task, (23,), seed, tied)
        expected = metric_named(name).reference(p, y)
        np.testing.assert_allclose(measured(metric_named(name), p, y, cuts=(5, 6)), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("task", "name"), FORMS)
def test_a_weight_of_two_is_a_row_twice(task, name):
    """And one of zero is a row that is not there."""
    p, y = samples(task, (20,), seed=7, tied=True)
    weight = np.random.default_rng(3).integers(0, 4, 20).astype(float)
    repeated = np.repeat(np.arange(20), weight.astype(int))
    expected = measured(metric_named(name), p[repeated], y[repeated])
    assert not np.array_equal(expected, measured(metric_named(name), p, y))
    np.testing.assert_allclose(measured(metric_named(name), p, y, weight, (7, 9, 9)), expected, rtol=1e-12)


@pytest.mark.parametrize("weighed", [False, True])
@pytest.mark.parametrize(("task", "name"), FORMS)
def test_steps_count_as_rows_do(task, name, weighed):
    """Each step of a sample has the sample's weight."""
    p, y = samples(task, (6, 5), seed=1)
    weight = np.arange(1.0, 7) if weighed else None
    given = p.reshape(30, -1), y.reshape(30) if task == "multiclass" else y.reshape(30, -1)
    if name == "r_squared":  # each step of it is an output of its own, as before
        p, y = given[0].reshape(6, -1), given[1].reshape(6, -1)
        expected = measured(metric_named(name), p, y, weight)
        p, y = p.reshape(6, 5, 2), y.reshape(6, 5, 2)
    else:
        expected = measured(metric_named(name), *given, None if weight is None else np.repeat(weight, 5))
    np.testing.assert_allclose(measured(metric_named(name), p, y, weight, (2, 3)), expected, rtol=1e-12)
    if weight is None:
        np.testing.assert_allclose(metric_named(name).reference(p, y), expected, rtol=1e-10)


@pytest.mark.parametrize(("task", "name"), [form for form in FORMS if form[1] != "confusion_matrix"])
def test_a_value_is_a_python_float_and_nan_where_nothing_was_seen(task, name):
    p, y = samples(task, (10,), seed=1)
    metric = metric_named(name)
    for weight in (None, np.ones(10)):
        assert type(measured(metric, p.astype("float32"), y, weight)) is float
    metric.reset()
    assert math.isnan(metric.compute())


@pytest.mark.parametrize(("name", "value"), [("roc_auc", math.nan), ("f1", 0.0)])
def test_noes_alone(name, value):
    p, y = np.array([[0.1], [0.2]]), np.zeros((2, 1))
    assert measured(cr.make("metric", name), p, y) == pytest.approx(value, nan_ok=True)
    assert measured(cr.make("metric", name), p, 1 - y) == pytest.approx(value, nan_ok=True)


def test_classes_that_never_occur_are_left_out():
    p = np.array([[0.6, 0.4, 0.0], [0.3, 0.7, 0.0], [0.8, 0.2, 0.0], [0.6, 0.4, 0.0]])
    y = np.array([0, 1, 1, 0])
    assert measured(cr.make("metric", "f1"), p, y) == pytest.approx((0.8 + 2 / 3) / 2)
    assert measured(cr.make("metric", "roc_auc"), p, y) == pytest.approx(0.5)


def test_several_answers_are_the_mean_of_each():
    p, y = np.array([[0.9, 0.2], [0.8, 0.6], [0.1, 0.7]]), np.array([[1.0, 1], [0, 0], [0, 1]])
    for name, first, second in (("f1", 2 / 3, 0.5), ("roc_auc", 1.0, 0.5)):
        assert measured(cr.make("metric", name), p, y) == pytest.approx((first + second) / 2)


@pytest.mark.parametrize("name", ["f1", "binary_accuracy"])
def test_thresholds_that_are_refused(name):
    with pytest.raises(cr.FieldError, match=r"threshold: got 1.1, must be at least 0 and at most 1"):
        cr.make("metric", name, threshold=1.1)


def test_no_guess_is_no_metric():
    with pytest.raises(cr.FieldError) as caught:
        cr.make("metric", "top_k", k=0)
    assert str(caught.value) == "k: got 0, must be at least 1 (TopK)"


def test_of_equal_scores_the_first_class_is_the_higher():
    p = np.array([[0.25, 0.25, 0.25, 0.25]])
    for k in range(1, 6):
        right = [measured(cr.make("metric", "top_k", k=k), p, np.array([y])) for y in range(4)]
        assert right == [float(y < k) for y in range(4)]


def test_scores_that_are_not_numbers_are_never_right():
    p, y = np.full((2, 4), math.nan), np.array([0, 1])
    assert measured(cr.make("metric", "top_k", k=2), p, y) == 0
    assert math.isnan(measured(cr.make("metric", "roc_auc"), p, y))


def test_scores_are_kept_though_the_network_computes_in_their_array_again():
    p, y = samples("binary", (10,), seed=4)
    metric, place = cr.make("metric", "roc_auc"), np.empty((5, 1))
    metric.reset()
    for part in (slice(5), slice(5, 10)):
        place[:] = p[part]
        metric.update(place, y[part])
    assert metric.compute() == pytest.approx(metric.reference(p, y))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_was_ruled_out_surprises_no_more_than_the_dtype_can_say(dtype):
    worst = -math.log(np.finfo(dtype).smallest_normal)
    p = np.array([[1, 0]], dtype)
    assert measured(cr.make("metric", "log_loss"), p, np.array([1])) == pytest.approx(worst)
    assert measured(cr.make("metric", "log_loss"), p[:, :1], np.array([[0]], dtype)) == pytest.approx(worst)


@pytest.mark.parametrize(
    ("name", "tasks", "goal"),
    [
        ("top_k", ("multiclass",), "max"),
        ("f1", ("binary", "multiclass"), "max"),
        ("roc_auc", ("binary", "multiclass"), "max"),
        ("log_loss", ("binary", "multiclass"), "min"),
        ("mean_squared_error", ("regression",), "min"),
    ],
)
def test_what_a_metric_says_of_itself(name, tasks, goal):
    metric = cr.make("metric", name)
    assert (metric.tasks, metric.goal, metric.array, metric.default) == (tasks, goal, False, False)


def test_they_are_followed_in_a_training():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 3)), rng.integers(0, 3, 60)
    network = cr.Network([{"name": "dense", "units": 3, "activation": "softmax"}], (3,), "categorical_cross_entropy")
    chosen = [{"name": "top_k", "k": 2}, "f1", "roc_auc", "log_loss"]
    history = cr.Trainer(network, "sgd", batch_size=16, metrics=chosen).fit((x, y), epochs=2, validation=(x, y))
    assert history["validation/log_loss"][-1] == pytest.approx(history["validation/loss"][-1], rel=1e-5)
    p = network.predict(x).astype(float)
    assert history["validation/roc_auc"][-1] == pytest.approx(sk.roc_auc_score(y, p, multi_class="ovr"), rel=1e-9)
