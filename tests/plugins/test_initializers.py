"""The built-in initializers: their distributions, by moments and as a whole, and what they refuse."""

import math

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

# How many standard errors a moment may be off. By chance alone, 1 seed in 1.7 million would fail; ours is fixed.
ERRORS = 5


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
    assert [e.name for e in cr.registry() if e.plugin.id == "chainrule:initializers"] == sorted(NAMES)


@pytest.mark.parametrize(("shape", "fan_in", "fan_out"), SHAPES)
@pytest.mark.parametrize("name", NORMAL)
def test_normal_weights_have_the_variance_of_their_paper(name, shape, fan_in, fan_out):
    w, variance = draw(cr.make("initializer", name), shape), NORMAL[name](fan_in, fan_out)
    check_moments(w, 0, variance, kurtosis=3)
    check_distribution(w, normal(0, math.sqrt(variance)))


@pytest.mark.parametrize(("shape", "fan_in", "fan_out"), SHAPES)
@pytest.mark.parametrize("name", UNIFORM)
def test_uniform_weights_have_the_variance_of_their_paper(name, shape, fan_in, fan_out):
    """A uniform distribution from -limit to limit has the variance limit^2 / 3."""
    w, variance = draw(cr.make("initializer", name), shape), UNIFORM[name](fan_in, fan_out)
    limit = math.sqrt(3 * variance)
    assert np.abs(w).max() <= limit
    check_moments(w, 0, variance, kurtosis=1.8)
    check_distribution(w, uniform(-limit, limit))


def test_normal():
    w = draw(cr.make("initializer", "normal", mean=3.0, std=0.5), (200, 100))
    check_moments(w, 3, 0.25, kurtosis=3)
    check_distribution(w, normal(3, 0.5))


def test_uniform():
    w = draw(cr.make("initializer", "uniform", low=-1.0, high=3.0), (200, 100))
    check_moments(w, 1, 16 / 12, kurtosis=1.8)
    check_distribution(w, uniform(-1, 3))


def test_zeros_and_constant():
    assert draw(cr.make("initializer", "zeros"), (2, 3)).tolist() == [[0, 0, 0]] * 2
    assert draw(cr.make("initializer", "constant", value=1.5), (2, 3)).tolist() == [[1.5, 1.5, 1.5]] * 2


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 2, 3, 4)])
@pytest.mark.parametrize("name", NAMES)
def test_shape_and_dtype_are_those_asked_for(name, shape, dtype):
    w = draw(cr.make("initializer", name), shape, dtype=dtype)
    assert isinstance(w, np.ndarray)
    assert (w.shape, w.dtype) == (shape, dtype)


@pytest.mark.parametrize("name", NAMES)
def test_float32_and_float64_start_alike(name):
    initializer = cr.make("initializer", name)
    fine, coarse = draw(initializer, (7, 5)), draw(initializer, (7, 5), dtype="float32")
    np.testing.assert_array_equal(fine.astype("float32"), coarse)


@pytest.mark.parametrize("name", [*NORMAL, *UNIFORM, "normal", "uniform", "truncated_normal", "orthogonal"])
def test_the_generator_decides(name):
    initializer = cr.make("initializer", name)
    np.testing.assert_array_equal(draw(initializer, (7, 5), seed=1), draw(initializer, (7, 5), seed=1))
    assert not np.isin(draw(initializer, (7, 5), seed=1), draw(initializer, (7, 5), seed=2)).any()


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
    ],
)
def test_fields_that_are_refused(name, fields, message):
    with pytest.raises(cr.FieldError) as caught:
        cr.make("initializer", name, **fields)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("name", "activation"), [("he_normal", "relu"), ("he_uniform", "relu"), ("lecun_normal", "linear")]
)
def test_a_signal_keeps_its_size_through_many_layers(name, activation):
    """What these variances are for: after ten layers of 256 units, the mean square is still of order 1."""
    layer = {"name": "dense", "units": 256, "activation": activation, "initializer": name}
    network = cr.Network([layer] * 10, (256,), "mse", dtype="float64")
    y = network.predict(np.random.default_rng(1).normal(size=(64, 256)))
    assert 0.25 < np.square(y).mean() < 4
