"""elu, selu, swish, gelu and mish: published constants and properties, and derivatives in closed form."""

import math

import numpy as np
import pytest

import chainrule as cr
from chainrule_plugins.activations.smooth import SELU_ALPHA, SELU_LAMBDA

DTYPES = ["float32", "float64"]
Z = np.concatenate([-np.logspace(2, -8, 60), [0.0], np.logspace(-8, 2, 60)])


def sigmoid(z):
    return 1 / (1 + math.exp(-z)) if z > -700 else 0.0


def mish_slope(z):
    """Misra 2020: sech^2(softplus(z)) z sigmoid(z) + mish(z) / z."""
    softplus = max(z, 0) + math.log1p(math.exp(-abs(z)))
    return z * sigmoid(z) / math.cosh(softplus) ** 2 + math.tanh(softplus)


SLOPES = {
    "elu": lambda z: 1 if z > 0 else math.exp(z),
    "selu": lambda z: SELU_LAMBDA * (1 if z > 0 else SELU_ALPHA * math.exp(z)),
    "swish": lambda z: sigmoid(z) * (1 + z * (1 - sigmoid(z))),
    "gelu": lambda z: math.erfc(-z / math.sqrt(2)) / 2 + z * math.exp(-z * z / 2) / math.sqrt(2 * math.pi),
    "mish": mish_slope,
}


@pytest.mark.parametrize(("dtype", "error"), [("float64", 1e-14), ("float32", 1e-5)])
@pytest.mark.parametrize("name", SLOPES)
def test_derivatives_in_closed_form(name, dtype, error):
    """From 1e-8 to 100, on both sides: to 1e-14 of the largest slope."""
    activation = cr.make("activation", name)
    z = Z.astype(dtype)
    activation.forward(z)
    dz = activation.backward(np.ones_like(z))
    expected = [SLOPES[name](float(number)) for number in z]
    np.testing.assert_allclose(dz, expected, rtol=error, atol=error)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("name", "ends"), [("elu", (0, 1)), ("selu", (0, SELU_LAMBDA)), *((n, (0, 1)) for n in ("swish", "gelu", "mish"))]
)
def test_slopes_at_the_extremes(name, ends, dtype):
    """Without a warning: those are errors here."""
    activation = cr.make("activation", name)
    z = np.array([-1e30, -1e4, 1e4, 1e30], dtype)
    assert activation.forward(z).dtype == dtype
    np.testing.assert_allclose(activation.backward(np.ones_like(z)), np.repeat(ends, 2), rtol=1e-6, atol=1e-7)


def test_elu_reaches_down_to_minus_alpha():
    a = cr.make("activation", "elu", alpha=0.3).forward(np.array([-50.0, -1.0, 0.0, 2.0]))
    np.testing.assert_allclose(a, [-0.3, 0.3 * (math.exp(-1) - 1), 0, 2], rtol=1e-14)


def test_the_derivative_of_elu_is_its_value_plus_alpha_where_it_is_off():
    elu = cr.make("activation", "elu", alpha=0.7)
    a = elu.forward(np.linspace(-5, 0, 11)).copy()
    np.testing.assert_allclose(elu.backward(np.ones(11)), a + 0.7, rtol=1e-14)


def test_selus_constants_are_those_of_the_papers_closed_form():
    """Klambauer et al. 2017, appendix: the solution for the fixed point of mean 0 and variance 1."""
    half, two, e = math.erfc(1 / math.sqrt(2)), math.erfc(math.sqrt(2)), math.e
    alpha = -math.sqrt(2 / math.pi) / (half * math.exp(0.5) - 1)
    scale = (1 - half * math.sqrt(e)) * math.sqrt(2 * math.pi)
    scale /= math.sqrt(2 * two * e**2 + math.pi * half**2 * e - 2 * (2 + math.pi) * half * math.sqrt(e) + math.pi + 2)
    assert pytest.approx(alpha, rel=1e-14) == SELU_ALPHA
    assert pytest.approx(scale, rel=1e-14) == SELU_LAMBDA


def test_selu_keeps_mean_0_and_variance_1():
    """Of a normal distribution, summed over its density."""
    z = np.linspace(-12, 12, 400_001)
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    a = cr.make("activation", "selu").forward(z)
    assert np.trapezoid(a * density, z) == pytest.approx(0, abs=1e-8)
    assert np.trapezoid(a**2 * density, z) == pytest.approx(1, rel=1e-8)


def test_selu_draws_a_stray_signal_back_through_many_layers():
    layer = {"name": "dense", "units": 512, "activation": "selu", "initializer": "lecun_normal"}
    network = cr.Network([layer] * 20, (512,), "mse", dtype="float64")
    y = network.predict(2 + 0.2 * np.random.default_rng(1).normal(size=(32, 512)))
    assert abs(y.mean()) < 0.1
    assert y.var() == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("beta", [0.5, 1.0, 3.0])
def test_swish_is_a_scaled_swish_of_beta_1(beta):
    """z sigmoid(beta z) = swish_1(beta z) / beta; and its slope is that of swish_1 at beta z."""
    z = np.linspace(-5, 5, 21)
    ours, plain = cr.make("activation", "swish", beta=beta), cr.make("activation", "swish")
    np.testing.assert_allclose(ours.forward(z), plain.forward(beta * z) / beta, rtol=1e-13)
    np.testing.assert_allclose(ours.backward(np.ones(21)), plain.backward(np.ones(21)), rtol=1e-13)


def test_swish_nears_relu_as_beta_grows():
    z = np.linspace(-5, 5, 21)
    np.testing.assert_allclose(cr.make("activation", "swish", beta=1e3).forward(z), np.maximum(z, 0), atol=1e-6)


def test_gelu_is_exact_and_keeps_the_digits_of_its_small_values():
    z = np.array([-30.0, -8.0, -1e-3, 1e-3, 8.0])
    expected = [x * math.erfc(-x / math.sqrt(2)) / 2 for x in z]
    np.testing.assert_allclose(cr.make("activation", "gelu").forward(z), expected, rtol=1e-12)


@pytest.mark.parametrize("name", ["gelu", "swish"])
def test_these_differ_from_their_mirror_image_by_the_identity(name):
    """z F(z) - (-z) F(-z) (-1) = z, as F(z) + F(-z) = 1."""
    z = np.linspace(0, 30, 61)
    up = cr.make("activation", name).forward(z)
    down = cr.make("activation", name).forward(-z)
    np.testing.assert_allclose(up - down, z, rtol=1e-13)


@pytest.mark.parametrize(("name", "at", "least"), [("swish", -1.2784645, -0.2784645), ("mish", -1.1924, -0.30884)])
def test_the_dip_is_where_it_was_published(name, at, least):
    z = np.linspace(-3, 0, 300_001)
    a = cr.make("activation", name).forward(z)
    assert z[a.argmin()] == pytest.approx(at, abs=1e-4)
    assert a.min() == pytest.approx(least, abs=1e-5)


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [(n, f, v) for n, f in (("elu", "alpha"), ("swish", "beta")) for v in (0.0, -1.0, math.inf, math.nan)],
)
def test_fields_that_are_refused(name, field, value):
    with pytest.raises(cr.FieldError) as caught:
        cr.make("activation", name, **{field: value})
    cls = {"elu": "ELU", "swish": "Swish"}[name]
    assert str(caught.value) == f"{field}: got {value!r}, must be above 0 and finite ({cls})"
