"""The built-in regularizers: their penalties, and their gradients by finite differences."""

import math

import numpy as np
import pytest

import chainrule as cr

NAMES = ["l1", "l2"]


def weights(dtype="float64"):
    """Of both signs, and away from the kink of l1 at 0."""
    rng = np.random.default_rng(0)
    return (rng.uniform(0.1, 2, 50) * rng.choice([-1, 1], 50)).astype(dtype)


def test_these_are_all():
    assert [e.name for e in cr.registry() if e.plugin.id == "chainrule:regularizers"] == NAMES


def test_penalties():
    theta = np.array([3.0, -4.0, 0.0])
    assert cr.make("regularizer", "l1", strength=0.1).penalty(theta) == pytest.approx(0.1 * 7)
    assert cr.make("regularizer", "l2", strength=0.1).penalty(theta) == pytest.approx(0.1 / 2 * 25)


def test_penalties_of_weights_whose_sum_float32_cannot_hold():
    theta = np.full(4, 2e38, "float32")
    assert cr.make("regularizer", "l1", strength=0.1).penalty(theta) == pytest.approx(8e37)
    assert cr.make("regularizer", "l2", strength=0.1).penalty(theta) == pytest.approx(8e75)


@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_is_that_of_the_penalty_and_is_added(name):
    regularizer, theta, h = cr.make("regularizer", name, strength=0.3), weights(), 1e-3
    before = np.random.default_rng(1).normal(size=theta.size)
    grad = before.copy()
    regularizer.add_gradient(theta, grad)
    for i in range(theta.size):
        moved = np.tile(theta, (4, 1))
        moved[:, i] += [-2 * h, -h, h, 2 * h]
        slope = np.dot([1, -8, 8, -1], [regularizer.penalty(row) for row in moved]) / (12 * h)
        assert grad[i] - before[i] == pytest.approx(slope, rel=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_float32_stays_float32_and_the_penalty_is_a_python_float(name):
    regularizer, theta = cr.make("regularizer", name, strength=0.5), weights("float32")
    grad = np.zeros_like(theta)
    regularizer.add_gradient(theta, grad)
    assert grad.dtype == "float32"
    np.testing.assert_array_equal(grad, 0.5 * (theta if name == "l2" else np.sign(theta)))
    assert type(regularizer.penalty(theta)) is float


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_left_alone(name):
    theta, kept = weights(), weights()
    cr.make("regularizer", name).add_gradient(theta, np.zeros_like(theta))
    np.testing.assert_array_equal(theta, kept)


@pytest.mark.parametrize("name", NAMES)
def test_a_weight_of_zero_is_left_there(name):
    grad = np.zeros(1)
    cr.make("regularizer", name, strength=1.0).add_gradient(np.zeros(1), grad)
    assert grad[0] == 0


def test_l1_brings_weights_to_zero_that_l2_only_shrinks():
    """Gradient descent on (theta - target)^2 / 2 plus a penalty; the minimum is known in closed form."""
    target, lr = np.array([0.05, -0.05, 2.0]), 0.01
    found = {}
    for name in NAMES:
        theta = np.ones(3)
        for _ in range(2000):
            grad = theta - target
            cr.make("regularizer", name, strength=0.1).add_gradient(theta, grad)
            theta -= lr * grad
        found[name] = theta
    soft_threshold = np.sign(target) * np.maximum(np.abs(target) - 0.1, 0)
    np.testing.assert_allclose(found["l1"], soft_threshold, atol=lr * 0.2)  # a subgradient step overshoots the kink
    np.testing.assert_allclose(found["l2"], target / 1.1, rtol=1e-6)


@pytest.mark.parametrize("strength", [-0.1, math.inf, math.nan])
@pytest.mark.parametrize("name", NAMES)
def test_strengths_that_are_refused(name, strength):
    with pytest.raises(cr.FieldError) as caught:
        cr.make("regularizer", name, strength=strength)
    assert str(caught.value) == f"strength: got {strength!r}, must be at least 0 and finite ({name.upper()})"
