"""gaussian_noise: how much it adds, and when."""

import numpy as np
import pytest

import chainrule as cr
from chainrule_plugins.layers import GaussianNoise


def built(layer, dtype="float64", seed=0):
    return cr.Network([layer], (10_000,), "mse", dtype=dtype, seed=seed).layers[0]


@pytest.mark.parametrize("deviation", [0.01, 3.0])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_noise_has_the_deviation_and_no_bias(deviation, dtype):
    layer = built(GaussianNoise(deviation), dtype)
    x = np.linspace(-1, 1, 50_000, dtype=dtype).reshape(5, -1)
    noise = layer.forward(x, True).astype("float64") - x
    n = noise.size
    assert abs(noise.mean()) < 4 * deviation / np.sqrt(n)
    assert noise.std() == pytest.approx(deviation, rel=4 / np.sqrt(2 * n))
    fourth = (noise**4).mean() / noise.var() ** 2
    assert fourth == pytest.approx(3, abs=4 * np.sqrt(24 / n))  # a bell curve: the kurtosis of others is another
    again = layer.forward(x, True) - x
    assert abs(np.corrcoef(noise.ravel(), again.ravel())[0, 1]) < 4 / np.sqrt(n)


def test_both_dtypes_get_the_same_noise_of_the_seed():
    x = np.zeros((2, 10_000))
    single = built(GaussianNoise(0.5), "float32", seed=3).forward(x.astype("float32"), True)
    double = built(GaussianNoise(0.5), "float64", seed=3).forward(x, True)
    np.testing.assert_allclose(single, double, rtol=1e-6)
    assert (built(GaussianNoise(0.5), seed=4).forward(x, True) != double).all()


@pytest.mark.parametrize("training", [True, False])
def test_the_gradient_passes_as_it_is(training):
    layer, dy = built(GaussianNoise()), np.random.default_rng(0).normal(size=(3, 10_000))
    layer.forward(np.zeros((3, 10_000)), training)
    np.testing.assert_array_equal(layer.backward(dy), dy)


def test_at_inference_and_without_a_deviation_nothing_is_added():
    x = np.random.default_rng(0).normal(size=(3, 10_000))
    np.testing.assert_array_equal(built(GaussianNoise(5.0)).forward(x, False), x)
    np.testing.assert_array_equal(built(GaussianNoise(0.0)).forward(x, True), x)


@pytest.mark.parametrize("deviation", [-0.1, float("inf"), float("nan")])
def test_a_deviation_out_of_range_is_refused(deviation):
    with pytest.raises(cr.FieldError) as caught:
        GaussianNoise(deviation)
    assert str(caught.value) == f"deviation: got {deviation}, must be at least 0 and finite (GaussianNoise)"
