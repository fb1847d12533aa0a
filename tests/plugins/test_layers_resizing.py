"""upsample2d and zero_pad2d against their definitions, pixel by pixel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule_plugins.layers import Upsample2d, ZeroPad2d


def sample(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def built(layer, input_shape, dtype="float64"):
    network = cr.Network([layer], input_shape, "mse", dtype=dtype)
    return network.layers[0], network.output_shape


IMAGES = st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 3))


@settings(max_examples=40, deadline=None)
@given(IMAGES, st.tuples(st.integers(1, 4), st.integers(1, 4)))
def test_each_pixel_becomes_a_block_and_gets_the_sum_of_its_gradients(image, factors):
    f, g = factors
    layer, output_shape = built(Upsample2d(factors), image)
    assert output_shape == (image[0] * f, image[1] * g, image[2])
    x, dy = sample(2, *image), sample(2, *output_shape, seed=1)
    y, dx = layer.forward(x, True), layer.backward(dy)
    for n, i, j, c in np.ndindex(*x.shape):
        at = (n, slice(f * i, f * i + f), slice(g * j, g * j + g), c)
        assert (y[at] == x[n, i, j, c]).all()
        assert dx[n, i, j, c] == pytest.approx(sum(dy[at].ravel()), abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(IMAGES, st.lists(st.integers(0, 3), min_size=4, max_size=4))
def test_an_image_stands_among_its_zeros(image, sides):
    top, bottom, left, right = sides
    layer, output_shape = built(ZeroPad2d(sides), image)
    assert output_shape == (top + image[0] + bottom, left + image[1] + right, image[2])
    for size in (3, 2):  # a kept array was written to before
        x, dy = sample(size, *image), sample(size, *output_shape, seed=1)
        y, dx = layer.forward(x, True), layer.backward(dy)
        for n, i, j, c in np.ndindex(*y.shape):
            p, q = i - top, j - left
            within = 0 <= p < image[0] and 0 <= q < image[1]
            assert y[n, i, j, c] == (x[n, p, q, c] if within else 0)
            if within:
                assert dx[n, p, q, c] == dy[n, i, j, c]


def test_a_number_is_that_of_every_side():
    assert built(Upsample2d(3), (2, 4, 1))[1] == (6, 12, 1)
    assert built(ZeroPad2d(2), (2, 4, 1))[1] == (6, 8, 1)


@pytest.mark.parametrize("kind", [Upsample2d, ZeroPad2d])
def test_an_image_without_channels_has_one(kind):
    with_channel, without = built(kind(), (3, 4, 1))[0], built(kind(), (3, 4))[0]
    x = sample(2, 3, 4)
    y = without.forward(x, True)
    np.testing.assert_array_equal(y, with_channel.forward(x[..., None], True))
    dx = without.backward(y)
    assert dx.shape == x.shape
    np.testing.assert_array_equal(dx[..., None], with_channel.backward(y))


@pytest.mark.parametrize("kind", [Upsample2d, ZeroPad2d])
def test_float32_stays_float32(kind):
    layer, _ = built(kind(), (3, 4, 2), "float32")
    y = layer.forward(sample(2, 3, 4, 2).astype("float32"), True)
    assert (y.dtype, layer.backward(y).dtype) == (np.float32, np.float32)


def test_zeros_around_an_image_are_those_of_same_padding():
    conv = {"name": "conv2d", "filters": 3, "kernel": 3}
    padded = cr.Network(["zero_pad2d", conv, "flatten"], (5, 6, 2), "mse", dtype="float64")
    same = cr.Network([{**conv, "padding": "same"}, "flatten"], (5, 6, 2), "mse", dtype="float64")
    same.parameters.theta[...] = padded.parameters.theta
    x, y = sample(4, 5, 6, 2), sample(4, 90)
    np.testing.assert_allclose(padded.predict(x), same.predict(x), rtol=1e-12)
    np.testing.assert_allclose(padded.loss_and_gradient(x, y)[1], same.loss_and_gradient(x, y)[1], atol=1e-12)


@pytest.mark.parametrize("name", ["upsample2d", "zero_pad2d"])
def test_what_is_no_image_is_refused(name):
    with pytest.raises(cr.ShapeError, match=rf"^layers\.0: {name} takes images, of shape"):
        built(name, (5,))


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        (Upsample2d, {"factor": 0}, "factor: got 0, must be at least 1: a number, or rows and columns (Upsample2d)"),
        (
            Upsample2d,
            {"factor": (2,)},
            "factor: got [2], must be at least 1: a number, or rows and columns (Upsample2d)",
        ),
        (
            ZeroPad2d,
            {"padding": -1},
            "padding: got -1, must be at least 0: a number, or those at the top, the bottom, the left and the right "
            "(ZeroPad2d)",
        ),
        (
            ZeroPad2d,
            {"padding": (1, 2)},
            "padding: got [1, 2], must be at least 0: a number, or those at the top, the bottom, the left and the "
            "right (ZeroPad2d)",
        ),
    ],
)
def test_bad_fields_are_refused(kind, fields, message):
    with pytest.raises(cr.FieldError) as caught:
        kind(**fields)
    assert str(caught.value) == message
