"""conv2d_transpose is the transpose of conv2d's map, and its definition as nested loops, forwards and backwards."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule_plugins.layers import Conv2d, Conv2dTranspose


def sample(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def built(layer, input_shape, dtype="float64"):
    """The layer in a network, as (layer, output_shape)."""
    network = cr.Network([layer], input_shape, "mse", dtype=dtype)
    return network.layers[0], network.output_shape


def definition(layer, x, dy=None):
    """y of one product after another, or dx, dW and db of it."""
    s, W = layer.stride, layer.W.value
    same = layer.padding == "same"
    rows, columns = (
        length * s if same else (length - 1) * s + max(size, s) for length, size in zip(x.shape[1:3], W.shape)
    )
    top, left = (max(size - s, 0) // 2 if same else 0 for size in W.shape[:2])
    y, dx, dW = np.zeros((len(x), rows, columns, layer.filters)), np.zeros(x.shape), np.zeros(W.shape)
    for i, j, u, v, c, f in np.ndindex(*x.shape[1:3], *W.shape):
        p, q = s * i + u - top, s * j + v - left
        if 0 <= p < rows and 0 <= q < columns:
            y[:, p, q, f] += x[:, i, j, c] * W[u, v, c, f]
            if dy is not None:
                dx[:, i, j, c] += dy[:, p, q, f] * W[u, v, c, f]
                dW[u, v, c, f] += sum(dy[:, p, q, f] * x[:, i, j, c])
    if dy is None:
        return y if layer.b is None else y + layer.b.value
    return dx, dW, np.array([dy[..., f].sum() for f in range(layer.filters)])


def compared(layer, x, tolerance=1e-12):
    y = layer.forward(x, True)
    np.testing.assert_allclose(y, definition(layer, x), rtol=tolerance, atol=tolerance)
    dy = sample(*y.shape, seed=1).astype(x.dtype)
    dx, dW, db = definition(layer, x, dy)
    np.testing.assert_allclose(layer.backward(dy), dx, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(layer.W.grad, dW, rtol=tolerance, atol=tolerance)
    if layer.b is not None:
        np.testing.assert_allclose(layer.b.grad, db, rtol=tolerance, atol=tolerance)
    return True


IMAGES = st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(1, 3))
FIELDS = st.fixed_dictionaries(
    {
        "filters": st.integers(1, 3),
        "kernel": st.tuples(st.integers(1, 4), st.integers(1, 4)),
        "stride": st.integers(1, 4),
        "padding": st.sampled_from(["valid", "same"]),
        "bias": st.booleans(),
    }
)


@settings(max_examples=60, deadline=None)
@given(IMAGES, FIELDS)
def test_both_passes_are_the_nested_loops(image, fields):
    layer, output_shape = built(Conv2dTranspose(**fields), image)
    if layer.b is not None:
        layer.b.value = sample(layer.filters)
    x = sample(2, *image)
    assert layer.forward(x, False).shape == (2, *output_shape)
    assert compared(layer, x)


@settings(max_examples=60, deadline=None)
@given(IMAGES, FIELDS)
def test_it_is_the_adjoint_of_conv2d(image, fields):
    """<conv(y), x> = <y, transpose(x)>, whatever x and y are, and each goes back as the other goes forward."""
    fields = {**fields, "bias": False}
    transpose, output_shape = built(Conv2dTranspose(**fields), image)
    conv, shape = built(Conv2d(**{**fields, "filters": image[2]}), output_shape)
    assert shape == image
    conv.W.value = transpose.W.value.transpose(0, 1, 3, 2)
    x, y = sample(3, *image), sample(3, *output_shape, seed=1)
    there, back = conv.forward(y, True), transpose.forward(x, True)
    assert np.vdot(there, x) == pytest.approx(np.vdot(y, back), rel=1e-10, abs=1e-10)
    np.testing.assert_allclose(conv.backward(x), back, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(transpose.backward(y), there, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(conv.W.grad, transpose.W.grad.transpose(0, 1, 3, 2), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("length", "kernel", "stride", "padding", "rows"),
    [
        # As deconv_output_length of Keras has them.
        (7, 3, 1, "valid", 9),
        (7, 3, 2, "valid", 15),
        (7, 2, 2, "valid", 14),
        (7, 1, 3, "valid", 21),
        (7, 5, 2, "same", 14),
        (7, 1, 3, "same", 21),
        (1, 4, 1, "valid", 4),
    ],
)
def test_the_output_is_as_large_as_in_keras(length, kernel, stride, padding, rows):
    _, output_shape = built(Conv2dTranspose(2, kernel, stride, padding), (length, 2, 3))
    assert output_shape[0] == rows


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_batches_of_different_sizes_in_several_parts(padding, monkeypatch):
    monkeypatch.setattr("chainrule_plugins.layers._im2col.CACHE", 5_000)
    layer, _ = built(Conv2dTranspose(4, stride=2, padding=padding), (4, 5, 3))
    layer.b.value = sample(4)
    for turn, size in enumerate([4, 7, 1]):
        assert compared(layer, sample(size, 4, 5, 3, seed=turn))


def test_an_image_without_channels_has_one():
    with_channel, without = built(Conv2dTranspose(2), (5, 4, 1))[0], built(Conv2dTranspose(2), (5, 4))[0]
    x = sample(3, 5, 4)
    y = without.forward(x, True)
    np.testing.assert_array_equal(y, with_channel.forward(x[..., None], True))
    dx = without.backward(y)
    assert dx.shape == x.shape
    np.testing.assert_array_equal(dx[..., None], with_channel.backward(y))


def test_float32_stays_float32():
    layer, _ = built(Conv2dTranspose(2, padding="same", stride=2), (5, 4, 2), "float32")
    x = sample(3, 5, 4, 2).astype("float32")
    y = layer.forward(x, True)
    assert (y.dtype, layer.backward(y).dtype) == (np.float32, np.float32)
    assert compared(layer, x, tolerance=2e-5)


@pytest.mark.parametrize("fields", [{}, {"padding": "same", "stride": 2}, {"stride": 3, "kernel": 2, "bias": False}])
def test_gradient_check(fields):
    layers = [
        {"name": "conv2d", "filters": 2, "activation": "tanh"},
        Conv2dTranspose(3, activation="tanh", **fields),
        "flatten",
        {"name": "dense", "units": 2},
    ]
    network = cr.Network(layers, (4, 5), "mse", dtype="float64")
    assert max(cr.gradient_check(network, sample(3, 4, 5), sample(3, 2)).values()) < 1e-6


def test_weights_decay_and_biases_do_not_and_the_fans_are_those_of_the_window():
    """A pixel of x reaches 25 * 20 numbers of y."""
    layer, _ = built(Conv2dTranspose(20, kernel=5), (8, 8, 2))
    assert (layer.W.decay, layer.b.decay) == (True, False)
    assert np.abs(layer.W.value).max() == pytest.approx(np.sqrt(6 / (50 + 500)), rel=0.02)


def test_what_is_no_image_is_refused():
    with pytest.raises(cr.ShapeError, match=r"^layers\.0: conv2d_transpose takes images, of shape"):
        built(Conv2dTranspose(2), (5,))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"filters": 0}, "filters: got 0, must be at least 1 (Conv2dTranspose)"),
        ({"kernel": (2, 0)}, "kernel: got [2, 0], must be at least 1: a number, or height and width (Conv2dTranspose)"),
        ({"stride": 0}, "stride: got 0, must be at least 1 (Conv2dTranspose)"),
        ({"padding": "full"}, 'padding: got "full", expected "valid" or "same" (Conv2dTranspose)'),
    ],
)
def test_bad_fields_are_refused(fields, message):
    with pytest.raises(cr.FieldError) as caught:
        Conv2dTranspose(**{"filters": 1, **fields})
    assert str(caught.value) == message
