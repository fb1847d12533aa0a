"""The built-in initializers: their distributions, by moments and as a whole, and what they refuse."""

import math
from statistics import NormalDist

import numpy as np
import pytest

import chainrule as cr

# The variance that each paper asks for, of weights between n inputs and m outputs.
NORMAL = {
    "glorot_normal": lambda n, m: 2 / (n + m),
    "he_normal": lambda n, m: 2 / n,
    "lecun_normal": lambda n, m: 1 / n,
}
UNIFORM = {
    "glorot_uniform": lambda n, m: 2 / (n + m),
    "he_uniform": lambda n, m: 2 / n,
}
NAMES = [*NORMAL, *UNIFORM, "zeros", "constant", "normal", "uniform", "truncated_normal", "orthogonal"]
# Shape, fan_in, fan_out: a dense layer, a convolution of 3 x 5 from 20 to 40 channels, a vector.
SHAPES = [((400, 100), 400, 100), ((3, 5, 20, 40), 300, 600), ((20_000,), 20_000, 20_000)]

# For orthogonal: tall, wide, square, convolutions, a vector, a number.
MATRICES = [(50, 20), (20, 50), (30, 30), (3, 5, 4, 16), (1, 1, 8, 40), (10,), (1, 1)]

# How many standard errors a moment may be off. By chance alone, 1 seed in 1.7 million would fail; ours is fixed.
ERRORS = 5


def make(name, **fields):
    return cr.make("initializer", name, **fields)


def draw(initializer, shape, seed=0, dtype="float64"):
    return initializer(shape, np.random.default_rng(seed), np.dtype(dtype))


def check_moments(w, mean, variance, kurtosis):
    """Mean and variance within what their standard errors allow."""
    n = w.size
    assert abs(w.mean() - mean) < ERRORS * math.sqrt(variance / n)
    assert abs(w.var() - variance) < ERRORS * variance * math.sqrt((kurtosis - 1) / n)


def check_distribution(w, cumulative):
    """Kolmogorov's test: by chance, the largest distance is above c / sqrt(n) with probability 2 exp(-2 c^2)."""
    ordered = np.sort(w.ravel())
    expected = np.array([cumulative(x) for x in ordered])
    steps = np.arange(w.size + 1) / w.size
    distance = max((steps[1:] - expected).max(), (expected - steps[:-1]).max())
    assert distance < 2.7 / math.sqrt(w.size)


def normal(mean, std):
    return lambda x: (1 + math.erf((x - mean) / (std * math.sqrt(2)))) / 2


def uniform(low, high):
    return lambda x: (x - low) / (high - low)


def test_these_are_all():
    assert [e.name for e in cr.registry() if e.plugin.id == "chainrule:initializers"] == sorted([*NAMES, "per_slice"])


@pytest.mark.parametrize(("shape", "fan_in", "fan_out"), SHAPES)
@pytest.mark.parametrize("name", NORMAL)
def test_normal_weights_have_the_variance_of_their_paper(name, shape, fan_in, fan_out):
    w, variance = draw(make(name), shape), NORMAL[name](fan_in, fan_out)
    check_moments(w, 0, variance, kurtosis=3)
    check_distribution(w, normal(0, math.sqrt(variance)))


@pytest.mark.parametrize(("shape", "fan_in", "fan_out"), SHAPES)
@pytest.mark.parametrize("name", UNIFORM)
def test_uniform_weights_have_the_variance_of_their_paper(name, shape, fan_in, fan_out):
    """A uniform distribution from -limit to limit has the variance limit^2 / 3."""
    w, variance = draw(make(name), shape), UNIFORM[name](fan_in, fan_out)
    limit = math.sqrt(3 * variance)
    assert np.abs(w).max() <= limit
    check_moments(w, 0, variance, kurtosis=1.8)
    check_distribution(w, uniform(-limit, limit))


def test_normal():
    w = draw(make("normal", mean=3.0, std=0.5), (200, 100))
    check_moments(w, 3, 0.25, kurtosis=3)
    check_distribution(w, normal(3, 0.5))


def test_uniform():
    w = draw(make("uniform", low=-1.0, high=3.0), (200, 100))
    check_moments(w, 1, 16 / 12, kurtosis=1.8)
    check_distribution(w, uniform(-1, 3))


def test_zeros_and_constant():
    assert draw(make("zeros"), (2, 3)).tolist() == [[0, 0, 0]] * 2
    assert draw(make("constant", value=1.5), (2, 3)).tolist() == [[1.5, 1.5, 1.5]] * 2


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 2, 3, 4)])
@pytest.mark.parametrize("name", NAMES)
def test_shape_and_dtype_are_those_asked_for(name, shape, dtype):
    w = draw(make(name), shape, dtype=dtype)
    assert isinstance(w, np.ndarray)
    assert (w.shape, w.dtype) == (shape, dtype)


@pytest.mark.parametrize("name", NAMES)
def test_float32_and_float64_start_alike(name):
    initializer = make(name)
    fine, coarse = draw(initializer, (7, 5)), draw(initializer, (7, 5), dtype="float32")
    np.testing.assert_array_equal(fine.astype("float32"), coarse)


@pytest.mark.parametrize("name", [*NORMAL, *UNIFORM, "normal", "uniform", "truncated_normal", "orthogonal"])
def test_the_generator_decides(name):
    initializer = make(name)
    np.testing.assert_array_equal(draw(initializer, (7, 5), seed=1), draw(initializer, (7, 5), seed=1))
    assert not np.isin(draw(initializer, (7, 5), seed=1), draw(initializer, (7, 5), seed=2)).any()


# orthogonal


@pytest.mark.parametrize(("dtype", "atol"), [("float64", 1e-14), ("float32", 1e-6)])
@pytest.mark.parametrize("shape", MATRICES)
@pytest.mark.parametrize("gain", [1.0, math.sqrt(2)])
def test_rows_or_columns_are_orthogonal_and_of_length_gain(shape, gain, dtype, atol):
    w = draw(make("orthogonal", gain=gain), shape, dtype=dtype).astype("float64").reshape(-1, shape[-1])
    product = w.T @ w if w.shape[0] >= w.shape[1] else w @ w.T
    np.testing.assert_allclose(product, gain**2 * np.eye(len(product)), atol=4 * atol)


def test_every_singular_value_is_the_gain_through_any_depth():
    """Saxe et al. 2014: the product of orthogonal matrices neither stretches nor shrinks any direction."""
    product = np.linalg.multi_dot([draw(make("orthogonal"), (40, 40), seed=seed) for seed in range(50)])
    np.testing.assert_allclose(np.linalg.svd(product, compute_uv=False), 1, atol=1e-12)


def test_every_rotation_and_reflection_is_as_likely_as_any_other():
    """In two dimensions: the angle of the first column is uniform, and half are reflections. Without the correction of
    signs, LAPACK's first column would have a negative first number always."""
    matrices = np.array([draw(make("orthogonal"), (2, 2), seed=seed) for seed in range(4000)])
    angle = np.arctan2(matrices[:, 1, 0], matrices[:, 0, 0])
    check_distribution(angle, lambda x: (x + math.pi) / (2 * math.pi))
    assert abs(np.linalg.det(matrices).mean()) < 5 / math.sqrt(4000)


def test_the_trace_of_random_rotations_is_that_of_haar_measure():
    """Mezzadri 2007: for the orthogonal group, the trace has mean 0 and mean square 1."""
    traces = np.array([np.trace(draw(make("orthogonal"), (5, 5), seed=seed)) for seed in range(4000)])
    assert abs(traces.mean()) < 5 / math.sqrt(4000)
    assert abs(np.square(traces).mean() - 1) < 5 * math.sqrt(2 / 4000)


# truncated_normal


def test_values_follow_the_middle_of_the_bell_curve():
    w, bell = draw(make("truncated_normal", std=0.3), (200, 100)), NormalDist(0, 0.3)
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
    w = draw(make("truncated_normal", std=2.0), (400, 100))
    assert abs(w.var() / 4 - variance) < 5 * variance * math.sqrt((kurtosis - 1) / w.size)


def test_without_width_there_is_nothing_but_zero():
    assert draw(make("truncated_normal", std=0.0), (3, 2)).tolist() == [[0, 0]] * 3


def test_float32_reaches_no_further_than_two_standard_deviations_but_for_rounding():
    assert np.abs(draw(make("truncated_normal", std=0.1), (1000, 100), dtype="float32")).max() <= np.float32(0.2)


# networks that start with them


@pytest.mark.parametrize(
    ("name", "activation", "fields"),
    [
        ("he_normal", "relu", {}),
        ("he_uniform", "relu", {}),
        ("lecun_normal", "linear", {}),
        ("orthogonal", "linear", {}),
        ("orthogonal", "relu", {"gain": math.sqrt(2)}),
    ],
)
def test_a_signal_keeps_its_size_through_many_layers(name, activation, fields):
    """What these variances are for: after many layers of 256 units, the mean square is still of order 1."""
    layer = {"name": "dense", "units": 256, "activation": activation, "initializer": {"name": name, **fields}}
    depth = 20 if name == "orthogonal" else 10
    network = cr.Network([layer] * depth, (256,), "mse", dtype="float64")
    y = network.predict(np.random.default_rng(1).normal(size=(64, 256)))
    assert 0.25 < np.square(y).mean() < 4


# what is refused


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("constant", {"value": math.inf}, "value: got inf, must be a finite number (Constant)"),
        ("normal", {"mean": math.nan}, "mean: got nan, must be a finite number (Normal)"),
        ("normal", {"std": -1.0}, "std: got -1.0, must be at least 0 and finite (Normal)"),
        ("normal", {"std": math.nan}, "std: got nan, must be at least 0 and finite (Normal)"),
        ("uniform", {"low": -math.inf}, "low: got -inf, must be a finite number (Uniform)"),
        ("uniform", {"low": 1.0}, "high: got 0.05, must be at least low, which is 1.0, and finite (Uniform)"),
        ("uniform", {"high": math.inf}, "high: got inf, must be at least low, which is -0.05, and finite (Uniform)"),
        ("orthogonal", {"gain": 0.0}, "gain: got 0.0, must be above 0 and finite (Orthogonal)"),
        ("orthogonal", {"gain": math.inf}, "gain: got inf, must be above 0 and finite (Orthogonal)"),
        ("truncated_normal", {"std": -0.1}, "std: got -0.1, must be at least 0 and finite (TruncatedNormal)"),
        ("truncated_normal", {"std": math.nan}, "std: got nan, must be at least 0 and finite (TruncatedNormal)"),
    ],
)
def test_fields_that_are_refused(name, fields, message):
    with pytest.raises(cr.FieldError) as caught:
        make(name, **fields)
    assert str(caught.value) == message
