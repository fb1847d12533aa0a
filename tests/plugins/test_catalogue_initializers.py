"""orthogonal and truncated_normal: what their papers promise, and their distributions as a whole."""

import math
from statistics import NormalDist

import numpy as np
import pytest

import chainrule as cr

SHAPES = [(50, 20), (20, 50), (30, 30), (3, 5, 4, 16), (1, 1, 8, 40), (10,), (1, 1)]


def draw(name, shape, seed=0, dtype="float64", **fields):
    return cr.make("initializer", name, **fields)(shape, np.random.default_rng(seed), np.dtype(dtype))


def check_distribution(sample, cumulative):
    """Kolmogorov's test: by chance, the largest distance is above c / sqrt(n) with probability 2 exp(-2 c^2)."""
    ordered, steps = np.sort(sample.ravel()), np.arange(sample.size + 1) / sample.size
    expected = np.array([cumulative(x) for x in ordered])
    assert max((steps[1:] - expected).max(), (expected - steps[:-1]).max()) < 2.7 / math.sqrt(sample.size)


# orthogonal


@pytest.mark.parametrize(("dtype", "atol"), [("float64", 1e-14), ("float32", 1e-6)])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("gain", [1.0, math.sqrt(2)])
def test_rows_or_columns_are_orthogonal_and_of_length_gain(shape, gain, dtype, atol):
    w = draw("orthogonal", shape, gain=gain, dtype=dtype).astype("float64").reshape(-1, shape[-1])
    product = w.T @ w if w.shape[0] >= w.shape[1] else w @ w.T
    np.testing.assert_allclose(product, gain**2 * np.eye(len(product)), atol=4 * atol)


def test_every_singular_value_is_the_gain_through_any_depth():
    """Saxe et al. 2014: the product of orthogonal matrices neither stretches nor shrinks any direction."""
    product = np.linalg.multi_dot([draw("orthogonal", (40, 40), seed=seed) for seed in range(50)])
    np.testing.assert_allclose(np.linalg.svd(product, compute_uv=False), 1, atol=1e-12)


def test_every_rotation_and_reflection_is_as_likely_as_any_other():
    """In two dimensions: the angle of the first column is uniform, and half are reflections. Without the correction of
    signs, LAPACK's first column would have a negative first number always."""
    matrices = np.array([draw("orthogonal", (2, 2), seed=seed) for seed in range(4000)])
    angle = np.arctan2(matrices[:, 1, 0], matrices[:, 0, 0])
    check_distribution(angle, lambda x: (x + math.pi) / (2 * math.pi))
    assert abs(np.linalg.det(matrices).mean()) < 5 / math.sqrt(4000)


def test_the_trace_of_random_rotations_is_that_of_haar_measure():
    """Mezzadri 2007: for the orthogonal group, the trace has mean 0 and mean square 1."""
    traces = np.array([np.trace(draw("orthogonal", (5, 5), seed=seed)) for seed in range(4000)])
    assert abs(traces.mean()) < 5 / math.sqrt(4000)
    assert abs(np.square(traces).mean() - 1) < 5 * math.sqrt(2 / 4000)


@pytest.mark.parametrize("activation", ["linear", "relu"])
def test_a_signal_keeps_its_size_through_many_layers(activation):
    gain = {"linear": 1.0, "relu": math.sqrt(2)}[activation]
    initializer = {"name": "orthogonal", "gain": gain}
    layer = {"name": "dense", "units": 256, "activation": activation, "initializer": initializer}
    network = cr.Network([layer] * 20, (256,), "mse", dtype="float64")
    y = network.predict(np.random.default_rng(1).normal(size=(64, 256)))
    assert 0.25 < np.square(y).mean() < 4


# truncated_normal


def test_values_follow_the_middle_of_the_bell_curve():
    w, bell = draw("truncated_normal", (200, 100), std=0.3), NormalDist(0, 0.3)
    assert np.abs(w).max() <= 0.6
    check_distribution(w, lambda x: (bell.cdf(x) - bell.cdf(-0.6)) / (bell.cdf(0.6) - bell.cdf(-0.6)))


def test_the_variance_is_the_stated_one():
    """By its formula, by summing x^2 over the density, and of a draw within five standard errors."""
    bell = NormalDist()
    variance = 1 - 4 * bell.pdf(2) / (2 * bell.cdf(2) - 1)
    assert variance == pytest.approx(0.774, abs=5e-4)
    assert math.sqrt(variance) == pytest.approx(0.88, abs=5e-3)
    x = np.linspace(-2, 2, 100_001)
    density = np.exp(-(x**2) / 2) / np.trapezoid(np.exp(-(x**2) / 2), x)
    assert variance == pytest.approx(np.trapezoid(x**2 * density, x), rel=1e-8)
    kurtosis = np.trapezoid(x**4 * density, x) / variance**2
    w = draw("truncated_normal", (400, 100), std=2.0)
    assert abs(w.var() / 4 - variance) < 5 * variance * math.sqrt((kurtosis - 1) / w.size)


def test_without_width_there_is_nothing_but_zero():
    assert draw("truncated_normal", (3, 2), std=0.0).tolist() == [[0, 0]] * 3


def test_float32_reaches_no_further_than_two_standard_deviations_but_for_rounding():
    assert np.abs(draw("truncated_normal", (1000, 100), std=0.1, dtype="float32")).max() <= np.float32(0.2)


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("orthogonal", {"gain": 0.0}, "gain: got 0.0, must be above 0 and finite (Orthogonal)"),
        ("orthogonal", {"gain": math.inf}, "gain: got inf, must be above 0 and finite (Orthogonal)"),
        ("truncated_normal", {"std": -0.1}, "std: got -0.1, must be at least 0 and finite (TruncatedNormal)"),
        ("truncated_normal", {"std": math.nan}, "std: got nan, must be at least 0 and finite (TruncatedNormal)"),
    ],
)
def test_fields_that_are_refused(name, fields, message):
    with pytest.raises(cr.FieldError) as caught:
        cr.make("initializer", name, **fields)
    assert str(caught.value) == message
