"""mse, half_squared_error, mae and huber: published formulas, and errors of any size."""

import math

import numpy as np
import pytest

import chainrule as cr


def passes(name, prediction, target, **fields):
    """Loss and gradient."""
    loss = cr.make("loss", name, **fields)
    return loss.forward(np.asarray(prediction), np.asarray(target)), loss.backward()


def test_mse_is_the_mean_over_batch_and_outputs():
    prediction, target = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), np.array([[1.0, 0.0], [0.0, 4.0], [5.0, 5.0]])
    assert cr.make("loss", "mse").forward(prediction, target) == (4 + 9 + 1) / 6


def test_half_squared_error_is_half_the_sum_over_outputs_and_the_mean_over_the_batch():
    prediction, target = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), np.array([[1.0, 0.0], [0.0, 4.0], [5.0, 5.0]])
    loss = cr.make("loss", "half_squared_error")
    assert loss.forward(prediction, target) == pytest.approx((4 + 9 + 1) / 2 / 3, rel=1e-15)


def test_mae_is_the_mean_size_of_the_error_and_pulls_by_its_sign():
    value, gradient = passes("mae", [[1.0, 2.0], [3.0, -4.0]], [[1.0, 0.0], [4.0, 0.0]])
    assert value == (0 + 2 + 1 + 4) / 4
    assert gradient.tolist() == [[0, 0.25], [-0.25, -0.25]]


def test_the_least_mae_is_at_the_median():
    targets = np.array([[1.0], [2.0], [3.0], [1000.0], [-50.0]])
    losses = {guess: passes("mae", np.full_like(targets, guess), targets)[0] for guess in np.linspace(-60, 60, 1201)}
    assert min(losses, key=losses.get) == pytest.approx(2)


@pytest.mark.parametrize("delta", [0.5, 1.0, 3.0])
def test_huber_by_its_two_cases(delta):
    """Huber 1964, as it is usually written."""
    errors = np.linspace(-5, 5, 41)
    expected = [e**2 / 2 if abs(e) <= delta else delta * (abs(e) - delta / 2) for e in errors]
    slopes = [e if abs(e) <= delta else math.copysign(delta, e) for e in errors]
    for error, loss, slope in zip(errors, expected, slopes, strict=True):
        value, gradient = passes("huber", [[error + 1]], [[1.0]], delta=delta)
        assert value == pytest.approx(loss, rel=1e-12)
        assert gradient.item() == pytest.approx(slope, rel=1e-12)
    value, gradient = passes("huber", errors[None], np.zeros((1, 41)), delta=delta)
    assert value == pytest.approx(math.fsum(expected) / 41, rel=1e-12)
    np.testing.assert_allclose(gradient[0], np.array(slopes) / 41, rtol=1e-12)


def test_huber_lies_between_its_two_limits():
    """Half of mse where delta is beyond all errors; delta times mae where delta is tiny."""
    rng = np.random.default_rng(0)
    p, t = rng.normal(size=(2, 5, 3))
    assert passes("huber", p, t, delta=100.0)[0] == pytest.approx(passes("mse", p, t)[0] / 2, rel=1e-12)
    assert passes("huber", p, t, delta=1e-9)[0] == pytest.approx(1e-9 * passes("mae", p, t)[0], rel=1e-6)


@pytest.mark.parametrize("name", ["mse", "half_squared_error"])
def test_errors_whose_squares_leave_float32_have_a_finite_loss(name):
    prediction = np.array([[3e30, 0.0], [0.0, -3e30]], np.float32)
    made = cr.make("loss", name)
    assert made.forward(prediction, np.zeros_like(prediction)) == pytest.approx(4.5e60)
    assert np.isfinite(made.backward()).all()


@pytest.mark.parametrize("delta", [0.0, math.inf])
def test_deltas_that_are_refused(delta):
    with pytest.raises(cr.FieldError) as caught:
        cr.make("loss", "huber", delta=delta)
    assert str(caught.value) == f"delta: got {delta}, must be above 0 and finite (Huber)"
