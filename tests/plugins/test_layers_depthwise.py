"""depthwise_conv2d against its definition as nested loops, forwards and backwards, and against conv2d."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule_plugins.layers import Conv2d, DepthwiseConv2d


def sample(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def built(layer, input_shape, dtype="float64"):
    """The layer in a network, as (layer, output_shape)."""
    network = cr.Network([layer], input_shape, "mse", dtype=dtype)
    return network.layers[0], network.output_shape


def geometry(layer, length, size):
    """The number of places, and of zeros before the first pixel."""
    reach = layer.dilation * (size - 1) + 1
    if layer.padding == "valid":
        return (length - reach) // layer.stride + 1, 0
    places = int(np.ceil(length / layer.stride))
    return places, max((places - 1) * layer.stride + reach - length, 0) // 2


def definition(layer, x, dy=None):
    """y of one product after another, or dx, dW and db of it."""
    W = layer.W.value
    kernel_height, kernel_width, channels, multiplier = W.shape
    rows, top = geometry(layer, x.shape[1], kernel_height)
    columns, left = geometry(layer, x.shape[2], kernel_width)
    y, dx, dW = np.zeros((len(x), rows, columns, channels * multiplier)), np.zeros(x.shape), np.zeros(W.shape)
    for i, j, u, v, c, q in np.ndindex(rows, columns, *W.shape):
        p = layer.stride * i + layer.dilation * u - top
        r = layer.stride * j + layer.dilation * v - left
        if 0 <= p < x.shape[1] and 0 <= r < x.shape[2]:
            k = c * multiplier + q
            y[:, i, j, k] += x[:, p, r, c] * W[u, v, c, q]
            if dy is not None:
                dx[:, p, r, c] += dy[:, i, j, k] * W[u, v, c, q]
                dW[u, v, c, q] += sum(dy[:, i, j, k] * x[:, p, r, c])
    if dy is None:
        return y if layer.b is None else y + layer.b.value
    return dx, dW, np.array([dy[..., k].sum() for k in range(dy.shape[-1])])


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


@settings(max_examples=80, deadline=None)
@given(
    st.tuples(st.integers(1, 8), st.integers(1, 8), st.integers(1, 3)),
    st.fixed_dictionaries(
        {
            "multiplier": st.integers(1, 3),
            "kernel": st.tuples(st.integers(1, 4), st.integers(1, 4)),
            "stride": st.integers(1, 3),
            "dilation": st.integers(1, 3),
            "padding": st.sampled_from(["valid", "same"]),
            "bias": st.booleans(),
        }
    ),
)
def test_both_passes_are_the_nested_loops(image, fields):
    layer = DepthwiseConv2d(**fields)
    if min(geometry(layer, length, size)[0] for length, size in zip(image, layer.kernel)) < 1:
        with pytest.raises(cr.ShapeError, match="take a smaller kernel or dilation"):
            built(layer, image)
        return
    layer, output_shape = built(layer, image)
    if layer.b is not None:
        layer.b.value = sample(*layer.b.shape)
    x = sample(2, *image)
    assert layer.forward(x, False).shape == (2, *output_shape)
    assert compared(layer, x)


@pytest.mark.parametrize("multiplier", [1, 2])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_batches_of_different_sizes_in_several_parts(multiplier, padding, monkeypatch):
    monkeypatch.setattr("chainrule_plugins.layers._im2col.CACHE", 5_000)
    layer, _ = built(DepthwiseConv2d(multiplier, padding=padding), (5, 6, 3))
    for turn, size in enumerate([4, 7, 1]):
        assert compared(layer, sample(size, 5, 6, 3, seed=turn))


def test_it_is_a_conv2d_whose_filters_see_one_channel_each():
    layer, _ = built(DepthwiseConv2d(2, stride=2, padding="same"), (7, 6, 3))
    dense, _ = built(Conv2d(6, stride=2, padding="same"), (7, 6, 3))
    dense.W.value = 0
    for c in range(3):
        dense.W.value[:, :, c, 2 * c : 2 * c + 2] = layer.W.value[:, :, c]
    x = sample(4, 7, 6, 3)
    y = layer.forward(x, True)
    np.testing.assert_allclose(y, dense.forward(x, True), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(layer.backward(y), dense.backward(y), rtol=1e-12, atol=1e-12)


def test_images_that_are_not_whole_in_memory():
    layer, _ = built(DepthwiseConv2d(), (5, 6, 3))
    x = sample(2, 3, 6, 5).transpose(0, 3, 2, 1)
    assert compared(layer, x)


def test_an_image_without_channels_has_one():
    with_channel, without = built(DepthwiseConv2d(2), (5, 4, 1))[0], built(DepthwiseConv2d(2), (5, 4))[0]
    x = sample(3, 5, 4)
    y = without.forward(x, True)
    np.testing.assert_array_equal(y, with_channel.forward(x[..., None], True))
    dx = without.backward(y)
    assert dx.shape == x.shape
    np.testing.assert_array_equal(dx[..., None], with_channel.backward(y))


@pytest.mark.parametrize("fields", [{}, {"multiplier": 2, "stride": 2}])
def test_float32_stays_float32(fields):
    layer, _ = built(DepthwiseConv2d(padding="same", **fields), (5, 4, 2), "float32")
    x = sample(3, 5, 4, 2).astype("float32")
    y = layer.forward(x, True)
    assert (y.dtype, layer.backward(y).dtype) == (np.float32, np.float32)
    assert compared(layer, x, tolerance=2e-5)


@pytest.mark.parametrize("fields", [{}, {"padding": "same", "stride": 2}, {"multiplier": 2, "bias": False}])
def test_gradient_check(fields):
    layers = [
        DepthwiseConv2d(activation="tanh", **fields),
        {"name": "conv2d", "filters": 3, "kernel": 1},
        "flatten",
        {"name": "dense", "units": 2},
    ]
    network = cr.Network(layers, (6, 7, 2), "mse", dtype="float64")
    assert max(cr.gradient_check(network, sample(3, 6, 7, 2), sample(3, 2)).values()) < 1e-6


@pytest.mark.parametrize(
    ("initializer", "std"),
    [
        ("glorot_uniform", np.sqrt(2 / (25 + 25 * 4))),
        ("he_normal", np.sqrt(2 / 25)),
        ("lecun_normal", np.sqrt(1 / 25)),
    ],
)
def test_an_initializer_sees_the_fans_of_one_channel(initializer, std):
    """An output sums up 25 pixels, and a pixel reaches 25 places in each of 4 channels; the others are apart."""
    layer, _ = built(DepthwiseConv2d(4, kernel=5, initializer=initializer), (8, 8, 300))
    assert layer.W.value.std() == pytest.approx(std, rel=0.02)
    assert (layer.W.decay, layer.b.decay) == (True, False)


def test_with_orthogonal_weights_the_filters_of_each_channel_are_orthogonal():
    layer, _ = built(DepthwiseConv2d(4, initializer="orthogonal"), (8, 8, 3))
    for c in range(3):
        W = layer.W.value[:, :, c].reshape(9, 4)
        np.testing.assert_allclose(W.T @ W, np.eye(4), atol=1e-12)


def test_an_unknown_initializer_is_told_by_its_field():
    with pytest.raises(cr.ConfigError, match=r'^layers\.0\.initializer: there is no initializer "he"\.'):
        built(DepthwiseConv2d(initializer="he"), (8, 8))


def test_a_saved_network_computes_the_same(tmp_path):
    normal = cr.make("initializer", "normal", std=0.5)
    network = cr.Network([DepthwiseConv2d(2, initializer=normal), "flatten"], (6, 6), "mse", seed=3)
    network.save(tmp_path / "net.safetensors")
    x = sample(4, 6, 6)
    np.testing.assert_array_equal(cr.load_network(tmp_path / "net.safetensors").predict(x), network.predict(x))
    assert {"initializer.normal", "initializer.per_slice"} < {*network.provenance()}


def test_what_is_no_image_and_what_is_smaller_than_the_kernel_are_refused():
    with pytest.raises(cr.ShapeError, match=r"^layers\.0: depthwise_conv2d takes images, of shape"):
        built(DepthwiseConv2d(), (5,))
    with pytest.raises(cr.ShapeError) as caught:
        built(DepthwiseConv2d(kernel=(3, 2), dilation=3), (6, 6))
    assert str(caught.value) == (
        "layers.0: the kernel reaches over 7 by 4 pixels, and the image has only 6 by 6: take a smaller kernel or "
        'dilation, or padding "same"'
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"multiplier": 0}, "multiplier: got 0, must be at least 1 (DepthwiseConv2d)"),
        ({"kernel": 0}, "kernel: got 0, must be at least 1: a number, or height and width (DepthwiseConv2d)"),
        ({"kernel": [3]}, "kernel: got [3], must be at least 1: a number, or height and width (DepthwiseConv2d)"),
        ({"stride": 0}, "stride: got 0, must be at least 1 (DepthwiseConv2d)"),
        ({"dilation": 0}, "dilation: got 0, must be at least 1 (DepthwiseConv2d)"),
        ({"padding": "causal"}, 'padding: got "causal", expected "valid" or "same" (DepthwiseConv2d)'),
    ],
)
def test_bad_fields_are_refused(fields, message):
    with pytest.raises(cr.FieldError) as caught:
        DepthwiseConv2d(**fields)
    assert str(caught.value) == message
