"""The built-in activations: values, derivatives by finite differences and in closed form, and extremes."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import chainrule as cr
from chainrule_plugins.activations.smooth import SELU_ALPHA, SELU_LAMBDA

FUNCTIONS = {
    "linear": lambda z: z,
    "relu": lambda z: z if z > 0 else 0.0,
    "leaky_relu": lambda z: z if z > 0 else 0.01 * z,
    "sigmoid": lambda z: math.exp(z) / (math.exp(z) + 1),
    "tanh": lambda z: (math.exp(z) - math.exp(-z)) / (math.exp(z) + math.exp(-z)),
    "softplus": lambda z: math.log1p(math.exp(z)),
    "elu": lambda z: z if z > 0 else math.expm1(z),
    "selu": lambda z: 1.0507009873554805 * (z if z > 0 else 1.6732632423543772 * math.expm1(z)),
    "swish": lambda z: z / (1 + math.exp(-z)),
    "gelu": lambda z: z * math.erfc(-z / math.sqrt(2)) / 2,
    "mish": lambda z: z * math.tanh(math.log1p(math.exp(z))),
}
NAMES = [*FUNCTIONS, "softmax"]
ELSEWHERE = ["prelu"]  # test_activations_prelu.py
DTYPES = ["float32", "float64"]
DENSE = {"name": "dense", "units": 3}


def softmax(row):
    exponentials = [math.exp(z) for z in row]
    return [e / math.fsum(exponentials) for e in exponentials]


def numeric_dz(activation, z, da, h=1e-3):
    """The gradient of sum(da * forward(z)), by the five-point formula."""
    dz = np.empty_like(z)
    for i in np.ndindex(z.shape):
        total = 0.0
        for distance, weight in ((-2, 1), (-1, -8), (1, 8), (2, -1)):
            moved = z.copy()
            moved[i] += distance * h
            total += weight * math.fsum((da * activation.forward(moved)).ravel())
        dz[i] = total / (12 * h)
    return dz


def away_from_zero(shape, seed=0):
    """Numbers from 0.1 to 4 in size, of both signs."""
    rng = np.random.default_rng(seed)
    return rng.uniform(0.1, 4, shape) * rng.choice([-1, 1], shape)


def test_these_are_all():
    assert [e.name for e in cr.registry() if e.plugin.id == "chainrule:activations"] == sorted(NAMES + ELSEWHERE)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values(name):
    z = np.array([[-30.0, -8.0, -3.0, -0.5, -1e-3], [0.0, 1e-3, 0.7, 8.0, 20.0]])
    expected = [[FUNCTIONS[name](number) for number in row] for row in z]
    # Far out, erfc turns the rounding of its argument into a larger error of its value.
    rtol = 1e-12 if name == "gelu" else 1e-14
    np.testing.assert_allclose(cr.make("activation", name).forward(z), expected, rtol=rtol)


def test_values_of_softmax():
    z = away_from_zero((4, 5))
    np.testing.assert_allclose(cr.make("activation", "softmax").forward(z), [softmax(row) for row in z], rtol=1e-14)


def test_softmax_works_on_the_last_axis():
    z = away_from_zero((2, 3, 4))
    a = cr.make("activation", "softmax").forward(z)
    np.testing.assert_allclose(a, [[softmax(row) for row in matrix] for matrix in z], rtol=1e-14)


@pytest.mark.parametrize("shape", [(5, 4), (2, 3, 4), (3,)])
@pytest.mark.parametrize("name", NAMES)
def test_backward_is_the_derivative(name, shape):
    activation = cr.make("activation", name)
    z, da = away_from_zero(shape), np.random.default_rng(1).normal(size=shape)
    expected = numeric_dz(cr.make("activation", name), z, da)
    activation.forward(z)
    np.testing.assert_allclose(activation.backward(da), expected, rtol=1e-6, atol=1e-11)


@pytest.mark.parametrize("slope", [0.0, 0.3, 0.99])
def test_slope_of_leaky_relu(slope):
    activation = cr.make("activation", "leaky_relu", slope=slope)
    assert activation.forward(np.array([-2.0, 2.0])).tolist() == [-2 * slope, 2]
    assert activation.backward(np.array([3.0, 3.0])).tolist() == [3 * slope, 3]


@pytest.mark.parametrize(("name", "expected"), [("relu", 0.0), ("leaky_relu", 0.01)])
def test_at_the_kink_the_derivative_is_the_left_one(name, expected):
    activation = cr.make("activation", name)
    activation.forward(np.zeros((1, 1)))
    assert activation.backward(np.ones((1, 1))).item() == expected


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("linear", [-1e4, 0, 1e4]),
        ("relu", [0, 0, 1e4]),
        ("leaky_relu", [-1e2, 0, 1e4]),
        ("sigmoid", [0, 0.5, 1]),
        ("tanh", [-1, 0, 1]),
        ("softplus", [0, math.log(2), 1e4]),
        ("elu", [-1, 0, 1e4]),
        ("selu", [-1.7580993408473766, 0, 1.0507009873554805e4]),
        ("swish", [0, 0, 1e4]),
        ("gelu", [0, 0, 1e4]),
        ("mish", [0, 0, 1e4]),
        ("softmax", [0, 0, 1]),
    ],
)
def test_extremes(name, expected, dtype):
    """Without a warning: those are errors here."""
    activation = cr.make("activation", name)
    a = activation.forward(np.array([[-1e4, 0, 1e4]], dtype))
    np.testing.assert_allclose(a, [expected], rtol=1e-6)
    assert a.dtype == dtype
    dz = activation.backward(np.ones((1, 3), dtype))
    assert np.isfinite(dz).all()
    assert dz.dtype == dtype


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [name for name in NAMES if name != "selu"])  # which is larger than its input
def test_any_finite_input_gives_a_finite_output_and_gradient(name, dtype):
    @settings(deadline=None, max_examples=50)
    @given(arrays(dtype, (2, 3), elements=st.floats(allow_nan=False, allow_infinity=False, width=int(dtype[-2:]))))
    def check(z):
        activation = cr.make("activation", name)
        a = activation.forward(z)
        assert np.isfinite(a).all()
        assert np.isfinite(activation.backward(np.ones_like(z))).all()

    check()


@pytest.mark.parametrize(("dtype", "rtol"), [("float32", 1e-6), ("float64", 1e-14)])
@pytest.mark.parametrize("name", ["sigmoid", "softplus"])
def test_small_values_keep_their_digits(name, dtype, rtol):
    """For z far below 0, sigmoid, softplus and their derivatives are all e^z, and no multiple of epsilon."""
    z = np.array([[-80.0, -60.0, -40.0]], dtype)
    expected = [[math.exp(x) for x in z[0]]]
    activation = cr.make("activation", name)
    np.testing.assert_allclose(activation.forward(z), expected, rtol=rtol)
    np.testing.assert_allclose(activation.backward(np.ones_like(z)), expected, rtol=rtol)


@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_of_scores_further_apart_than_the_dtype_reaches(dtype):
    largest = np.finfo(dtype).max
    z = np.array([[largest, -largest, largest], [-largest, 0, largest]], dtype)
    assert cr.make("activation", "softmax").forward(z).tolist() == [[0.5, 0, 0.5], [0, 0, 1]]


def test_softmax_sees_differences_only():
    @settings(deadline=None, max_examples=50)
    @given(arrays("float64", (3, 4), elements=st.floats(-50, 50)), st.floats(-1e3, 1e3))
    def check(z, shift):
        a = cr.make("activation", "softmax").forward(z)
        np.testing.assert_allclose(a.sum(axis=1), 1, rtol=1e-14)
        np.testing.assert_allclose(cr.make("activation", "softmax").forward(z + shift), a, rtol=1e-10, atol=1e-300)

    check()


@pytest.mark.parametrize("name", NAMES)
def test_inputs_are_left_alone(name):
    activation = cr.make("activation", name)
    z, da = away_from_zero((3, 4)), away_from_zero((3, 4), seed=1)
    kept = z.copy(), da.copy()
    activation.forward(z)
    activation.backward(da)
    np.testing.assert_array_equal((z, da), kept)


@pytest.mark.parametrize("name", NAMES)
def test_a_smaller_batch_after_a_larger_one(name):
    """The last batch of an epoch uses the same kept arrays, and gets the same values as on its own."""
    z, da = away_from_zero((5, 4)), away_from_zero((5, 4), seed=1)
    used, new = cr.make("activation", name), cr.make("activation", name)
    used.forward(z)
    used.backward(da)
    np.testing.assert_array_equal(used.forward(z[:2]), new.forward(z[:2]))
    np.testing.assert_array_equal(used.backward(da[:2]), new.backward(da[:2]))


# the smooth ones: published constants and properties, and derivatives in closed form

FROM_TINY_TO_LARGE = np.concatenate([-np.logspace(2, -8, 60), [0.0], np.logspace(-8, 2, 60)])


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
    z = FROM_TINY_TO_LARGE.astype(dtype)
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


# what is refused


@pytest.mark.parametrize(
    ("name", "field", "value", "expected"),
    [
        *[("leaky_relu", "slope", value, "at least 0 and less than 1 (LeakyReLU)") for value in (-0.1, 1.0, math.nan)],
        *[("elu", "alpha", value, "above 0 and finite (ELU)") for value in (0.0, -1.0, math.inf, math.nan)],
        *[("swish", "beta", value, "above 0 and finite (Swish)") for value in (0.0, -1.0, math.inf, math.nan)],
    ],
)
def test_fields_that_are_refused(name, field, value, expected):
    with pytest.raises(cr.FieldError) as caught:
        cr.make("activation", name, **{field: value})
    assert str(caught.value) == f"{field}: got {value!r}, must be {expected}"


# among the layers of a network


def test_among_layers_an_activation_is_what_it_is_in_the_field_of_one():
    x, y = np.random.default_rng(0).normal(size=(2, 5, 3))
    among, within = (
        cr.Network(layers, (3,), "mse", dtype="float64")
        for layers in ([DENSE, "tanh"], [{**DENSE, "activation": "tanh"}])
    )
    np.testing.assert_array_equal(among.predict(x), within.predict(x))
    np.testing.assert_array_equal(among.loss_and_gradient(x, y)[1], within.loss_and_gradient(x, y)[1])


def test_among_layers_it_takes_input_of_any_shape_and_has_its_fields():
    network = cr.Network([{"name": "leaky_relu", "slope": 0.5}], (2, 1), "mse", dtype="float64")
    assert network.predict([[[-2.0], [2.0]]]).tolist() == [[[-1.0], [2.0]]]


def test_the_last_one_is_fused_with_the_loss_that_takes_it_over():
    network = cr.Network([DENSE, "softmax"], (2,), "categorical_cross_entropy", dtype="float64")
    assert network.fused
    x = np.random.default_rng(0).normal(size=(5, 2))
    assert max(cr.gradient_check(network, x, np.array([0, 1, 2, 0, 1])).values()) < 1e-6
