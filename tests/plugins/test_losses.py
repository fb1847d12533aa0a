"""What holds for all built-in losses: gradients by finite differences, fused against unfused, and extremes.

The published formula of each: test_losses_*.py.
"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import chainrule as cr

DISTANCES = ["mse", "half_squared_error", "mae", "huber"]
FUSED = {"binary_cross_entropy": "sigmoid", "categorical_cross_entropy": "softmax", "kl_divergence": "softmax"}
NAMES = [*DISTANCES, *FUSED, "hinge"]
ELSEWHERE = ["focal", "quantile", "triplet", "by_output"]  # their own files
DTYPES = ["float32", "float64"]
LABELS = np.array([2, 0, 1, 1, 2])
ONE_HOT = np.eye(3)[LABELS]


def rng(seed=0):
    return np.random.default_rng(seed)


def probabilities(seed=0):
    """Rows that sum to 1, each number well inside."""
    raw = rng(seed).uniform(0.1, 1, (5, 3))
    return raw / raw.sum(axis=1, keepdims=True)


def targets_of(name):
    """Every form of target that a loss takes, for five samples of three outputs."""
    if name == "categorical_cross_entropy":
        return {"classes": LABELS, "one-hot": ONE_HOT, "distribution": probabilities(seed=3)}
    if name == "kl_divergence":
        return {"one-hot": ONE_HOT, "distribution": probabilities(seed=3)}
    if name == "hinge":
        return {"yes or no": (rng(1).random((5, 3)) < 0.5).astype(float)}
    if name == "binary_cross_entropy":
        return {"yes or no": (rng(1).random((5, 3)) < 0.5).astype(float), "between": rng(1).random((5, 3))}
    return {"numbers": rng(1).normal(size=(5, 3))}


CASES = [(name, form) for name in NAMES for form in targets_of(name)]
FUSED_CASES = [(name, form) for name, form in CASES if name in FUSED]


def numeric(f, x, h=1e-3):
    """The gradient of f at x, by the five-point formula."""
    gradient = np.empty_like(x)
    for i in np.ndindex(x.shape):
        total = 0.0
        for distance, weight in ((-2, 1), (-1, -8), (1, 8), (2, -1)):
            moved = x.copy()
            moved[i] += distance * h
            total += weight * f(moved)
        gradient[i] = total / (12 * h)
    return gradient


def unfused(name, logits, target):
    """Loss, gradient and prediction through the activation and the form that works from predictions."""
    activation, loss = cr.make("activation", FUSED[name]), cr.make("loss", name)
    prediction = activation.forward(logits)
    value = loss.forward(prediction, target)
    return value, activation.backward(loss.backward()), prediction


def fused(name, logits, target):
    loss = cr.make("loss", name)
    value = loss.forward_logits(logits, target)
    return value, loss.backward_logits(), loss.activated()


def test_these_are_all():
    assert [e.name for e in cr.registry() if e.plugin.id == "chainrule:losses"] == sorted(NAMES + ELSEWHERE)


@pytest.mark.parametrize(("name", "form"), CASES)
def test_a_loss_is_a_python_float(name, form):
    """A NumPy float64 would promote float32 arrays."""
    target = targets_of(name)[form]
    target = target if form == "classes" else target.astype("float32")
    loss = cr.make("loss", name)
    assert type(loss.forward(probabilities().astype("float32"), target)) is float
    assert loss.backward().dtype == "float32"
    if name in FUSED:
        assert type(loss.forward_logits(rng().normal(size=(5, 3)).astype("float32"), target)) is float
        assert loss.backward_logits().dtype == loss.activated().dtype == "float32"


# gradients


@pytest.mark.parametrize(("name", "form"), CASES)
def test_backward_is_the_gradient_of_forward(name, form):
    p, target = probabilities(), targets_of(name)[form]
    loss, twin = cr.make("loss", name), cr.make("loss", name)
    loss.forward(p, target)
    expected = numeric(lambda moved: twin.forward(moved, target), p, h=2e-4)
    np.testing.assert_allclose(loss.backward(), expected, rtol=1e-6, atol=1e-10)


@pytest.mark.parametrize(("name", "form"), FUSED_CASES)
def test_backward_logits_is_the_gradient_of_forward_logits(name, form):
    z, target = rng().normal(size=(5, 3)) * 3, targets_of(name)[form]
    twin = cr.make("loss", name)
    expected = numeric(lambda moved: twin.forward_logits(moved, target), z)
    np.testing.assert_allclose(fused(name, z, target)[1], expected, rtol=1e-6, atol=1e-11)


@pytest.mark.parametrize("name", DISTANCES)
def test_distances_of_any_output_shape(name):
    prediction, target = rng().normal(size=(2, 3, 4)), rng(1).normal(size=(2, 3, 4))
    loss, twin = cr.make("loss", name), cr.make("loss", name)
    loss.forward(prediction, target)
    expected = numeric(lambda moved: twin.forward(moved, target), prediction)
    np.testing.assert_allclose(loss.backward(), expected, rtol=1e-6, atol=1e-11)


def test_a_distribution_whose_sum_is_rounded_has_an_exact_gradient_too():
    """Targets may sum to 1 but for rounding; the gradient is that of the loss all the same."""
    name, z, target = "categorical_cross_entropy", rng().normal(size=(5, 3)), probabilities(seed=3) * 1.0005
    twin = cr.make("loss", name)
    expected = numeric(lambda moved: twin.forward_logits(moved, target), z)
    np.testing.assert_allclose(fused(name, z, target)[1], expected, rtol=1e-6, atol=1e-11)


# fused against unfused


@pytest.mark.parametrize(("name", "form"), FUSED_CASES)
def test_fused_equals_unfused(name, form):
    """To 1e-12, where no log is clipped. Up to 8 in size, since beyond that 1 - p has lost too many digits to rounding
    for any form that works from p: a sigmoid of 11 is 1 - 1.7e-5, with an error of 1e-16."""

    @settings(deadline=None, max_examples=50)
    @given(arrays("float64", (5, 3), elements=st.floats(-8, 8)))
    def check(z):
        target = targets_of(name)[form]
        for one, other in zip(fused(name, z, target), unfused(name, z, target)):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)

    check()


@pytest.mark.parametrize("form", ["classes", "one-hot", "distribution"])
def test_fused_equals_unfused_as_far_as_a_softmax_goes(form):
    """A small p keeps its digits: only the clip at the smallest normal number, near e^-708, ends the agreement."""
    z = np.array([[-300.0, 0, 300], [650, 0, 1], [0, 20, 40], [-5, 0, -650], [1, 2, 3]])
    target = targets_of("categorical_cross_entropy")[form]
    for one, other in zip(
        fused("categorical_cross_entropy", z, target), unfused("categorical_cross_entropy", z, target)
    ):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


def test_classes_are_the_same_as_one_hot():
    z = rng().normal(size=(5, 3)) * 5
    for passes in (fused, unfused):
        for one, other in zip(
            passes("categorical_cross_entropy", z, LABELS), passes("categorical_cross_entropy", z, ONE_HOT)
        ):
            np.testing.assert_allclose(one, other, rtol=1e-14, atol=1e-16)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FUSED)
def test_the_prediction_is_what_the_activation_would_have_given(name, dtype):
    z = (rng().normal(size=(5, 3)) * 20).astype(dtype)
    target = LABELS if name == "categorical_cross_entropy" else np.zeros((5, 3), dtype)
    expected = cr.make("activation", FUSED[name]).forward(z)
    np.testing.assert_allclose(fused(name, z, target)[2], expected, rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize(("name", "form"), FUSED_CASES)
def test_the_prediction_outlives_backward(name, form):
    """A metric may be read after the gradient was computed."""
    loss = cr.make("loss", name)
    loss.forward_logits(rng().normal(size=(5, 3)), targets_of(name)[form])
    kept = loss.activated().copy()
    loss.backward_logits()
    np.testing.assert_array_equal(loss.activated(), kept)


# extremes: warnings are errors here


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "expected"), [("mae", 5e3), ("huber", 4999.75), ("hinge", 5001)])
def test_extreme_predictions(name, expected, dtype):
    loss = cr.make("loss", name)
    value = loss.forward(np.array([[1e4, 0]], dtype), np.zeros((1, 2), dtype))
    gradient = loss.backward()
    assert value == pytest.approx(expected, rel=1e-6)
    assert np.isfinite(gradient).all()
    assert gradient.dtype == dtype


@pytest.mark.parametrize("dtype", DTYPES)
def test_extreme_logits_of_binary_cross_entropy(dtype):
    z, t = np.array([[1e4], [1e4], [-1e4], [-1e4]], dtype), np.array([[1], [0], [1], [0]], dtype)
    value, dz, prediction = fused("binary_cross_entropy", z, t)
    assert value == (0 + 1e4 + 1e4 + 0) / 4
    assert dz.tolist() == [[0], [0.25], [-0.25], [0]]
    assert prediction.tolist() == [[1], [1], [0], [0]]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", ["classes", "one-hot"])
def test_extreme_logits_of_categorical_cross_entropy(form, dtype):
    z, labels = np.array([[1e4, 0, -1e4], [1e4, 0, -1e4]], dtype), np.array([0, 2])
    target = labels if form == "classes" else np.eye(3, dtype=dtype)[labels]
    value, dz, prediction = fused("categorical_cross_entropy", z, target)
    assert value == (0 + 2e4) / 2
    assert dz.tolist() == [[0, 0, 0], [0.5, 0, -0.5]]
    assert prediction.tolist() == [[1, 0, 0], [1, 0, 0]]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", ["classes", "one-hot"])
def test_logits_further_apart_than_the_dtype_reaches(form, dtype):
    """Their loss does not fit into the dtype either: it is the dtype's largest number, and neither infinite nor nan."""
    largest = np.finfo(dtype).max
    z, labels = np.array([[largest, -largest], [largest, -largest]], dtype), np.array([1, 1])
    target = labels if form == "classes" else np.eye(2, dtype=dtype)[labels]
    value, dz, prediction = fused("categorical_cross_entropy", z, target)
    assert value == pytest.approx(float(largest))
    assert dz.tolist() == [[0.5, -0.5]] * 2
    assert prediction.tolist() == [[1, 0]] * 2


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FUSED)
def test_predictions_of_exactly_0_and_1_are_clipped_at_the_smallest_normal_number(name, dtype):
    """The loss is that of the clip, and both it and the gradient are finite, right or wrong."""
    worst = -math.log(np.finfo(dtype).smallest_normal)
    p, right, wrong = np.array([[1, 0]], dtype), np.array([[1, 0]], dtype), np.array([[0, 1]], dtype)
    loss = cr.make("loss", name)
    assert loss.forward(p, right) == 0
    assert np.isfinite(loss.backward()).all()
    assert loss.forward(p, wrong) == pytest.approx(worst, rel=1e-6)
    assert np.isfinite(loss.backward()).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "form"), FUSED_CASES)
def test_any_finite_logits_give_a_finite_loss_and_gradient(name, form, dtype):
    @settings(deadline=None, max_examples=50)
    @given(arrays(dtype, (5, 3), elements=st.floats(allow_nan=False, allow_infinity=False, width=int(dtype[-2:]))))
    def check(z):
        target = targets_of(name)[form]
        target = target if form == "classes" else target.astype(dtype)
        for passes in (fused, unfused):
            value, dz, prediction = passes(name, z, target)
            assert math.isfinite(value)
            assert np.isfinite(dz).all()
            assert np.isfinite(prediction).all()

    check()


# how a network should end


@pytest.mark.parametrize(
    ("name", "task", "expected"),
    [
        ("mse", "regression", (3, "linear")),
        ("mse", "binary", (1, "sigmoid")),
        ("mse", "multiclass", (3, "softmax")),
        ("half_squared_error", "regression", (3, "linear")),
        ("half_squared_error", "binary", (1, "sigmoid")),
        ("half_squared_error", "multiclass", (3, "sigmoid")),
        ("binary_cross_entropy", "binary", (1, "sigmoid")),
        ("binary_cross_entropy", "multiclass", (3, "sigmoid")),
        ("categorical_cross_entropy", "multiclass", (3, "softmax")),
        ("kl_divergence", "multiclass", (3, "softmax")),
        ("hinge", "binary", (1, "linear")),
        ("hinge", "multiclass", (3, "linear")),
        *[(name, "regression", (3, "linear")) for name in ("mae", "huber")],
        *[(name, "binary", (1, "sigmoid")) for name in ("mae", "huber")],
        *[(name, "multiclass", (3, "softmax")) for name in ("mae", "huber")],
    ],
)
def test_output(name, task, expected):
    assert cr.make("loss", name).output(task, 2 if task == "binary" else 3) == expected


@pytest.mark.parametrize(
    ("name", "task", "message"),
    [
        (
            "binary_cross_entropy",
            "regression",
            "binary_cross_entropy is for binary and multiclass tasks, and the data is regression: take mse or "
            "half_squared_error",
        ),
        (
            "categorical_cross_entropy",
            "binary",
            "categorical_cross_entropy is for multiclass tasks, and the data is binary: take binary_cross_entropy, mse "
            "or half_squared_error",
        ),
        (
            "categorical_cross_entropy",
            "regression",
            "categorical_cross_entropy is for multiclass tasks, and the data is regression: take mse or "
            "half_squared_error",
        ),
        (
            "kl_divergence",
            "binary",
            "kl_divergence is for multiclass tasks, and the data is binary: take binary_cross_entropy",
        ),
        (
            "kl_divergence",
            "regression",
            "kl_divergence is for multiclass tasks, and the data is regression: take mse, mae or huber",
        ),
        (
            "hinge",
            "regression",
            "hinge is for binary and multiclass tasks, and the data is regression: take mse, mae or huber",
        ),
    ],
)
def test_a_task_that_is_refused(name, task, message):
    with pytest.raises(cr.ConfigError) as caught:
        cr.make("loss", name).output(task, 2)
    assert str(caught.value) == message


def test_each_task_has_one_loss_that_is_picked_for_it():
    picked = {task: name for name in NAMES for task in type(cr.make("loss", name)).default_for}
    assert picked == {
        "regression": "mse",
        "binary": "binary_cross_entropy",
        "multiclass": "categorical_cross_entropy",
    }


# as a network uses them


@pytest.mark.parametrize("name", NAMES)
def test_a_smaller_batch_after_a_larger_one(name):
    """The last batch of an epoch uses the same kept arrays, and gets the same values as on its own."""
    target = next(iter(targets_of(name).values()))
    used, new = cr.make("loss", name), cr.make("loss", name)
    used.forward(probabilities(), target)
    used.backward()
    assert used.forward(probabilities()[:2], target[:2]) == new.forward(probabilities()[:2], target[:2])
    np.testing.assert_array_equal(used.backward(), new.backward())
    if name in FUSED:
        z = rng().normal(size=(5, 3))
        used.forward_logits(z, target)
        used.backward_logits()
        assert used.forward_logits(z[:2], target[:2]) == new.forward_logits(z[:2], target[:2])
        np.testing.assert_array_equal(used.backward_logits(), new.backward_logits())


@pytest.mark.parametrize(("name", "form"), CASES)
def test_inputs_are_left_alone(name, form):
    p, target = probabilities(), targets_of(name)[form].copy()
    kept = p.copy(), target.copy()
    loss = cr.make("loss", name)
    loss.forward(p, target)
    loss.backward()
    if name in FUSED:
        loss.forward_logits(p, target)
        loss.backward_logits()
    np.testing.assert_array_equal(p, kept[0])
    np.testing.assert_array_equal(target, kept[1])


@pytest.mark.parametrize("name", [*DISTANCES, "hinge"])
def test_a_column_never_broadcasts_against_a_vector(name):
    with pytest.raises(ValueError, match="broadcast"):
        cr.make("loss", name).forward(np.zeros((4, 1)), np.zeros(4))


@pytest.mark.parametrize(
    ("name", "task", "y"),
    [
        ("mse", "regression", rng(1).normal(size=(5, 3))),
        ("mse", "multiclass", LABELS),
        ("half_squared_error", "multiclass", LABELS),
        ("binary_cross_entropy", "multiclass", LABELS),
        ("binary_cross_entropy", "binary", LABELS % 2),
        ("categorical_cross_entropy", "multiclass", LABELS),
        ("categorical_cross_entropy", "multiclass", ONE_HOT),
        ("kl_divergence", "multiclass", probabilities(seed=3)),
        ("hinge", "multiclass", LABELS),
        ("hinge", "binary", LABELS % 2),
        ("mae", "regression", rng(1).normal(size=(5, 3))),
        ("huber", "regression", rng(1).normal(size=(5, 3))),
    ],
)
def test_a_network_that_ends_as_the_loss_asks_has_the_right_gradient(name, task, y):
    units, activation = cr.make("loss", name).output(task, 3)
    layers = [
        {"name": "dense", "units": 4, "activation": "tanh"},
        {"name": "dense", "units": units, "activation": activation},
    ]
    network = cr.Network(layers, (2,), name, dtype="float64", task=task)
    assert max(cr.gradient_check(network, rng().normal(size=(5, 2)), y).values()) < 1e-6
