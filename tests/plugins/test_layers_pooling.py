"""The pooling layers against their definitions as nested loops, forwards and backwards."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule_plugins.layers import AveragePool2d, GlobalAveragePool2d, MaxPool2d

POOLING = [MaxPool2d, AveragePool2d]


def sample(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def built(layer, input_shape, dtype="float64"):
    network = cr.Network([layer], input_shape, "mse", dtype=dtype)
    return network.layers[0], network.output_shape


def direct(kind, size, stride, x, dy):
    """y and dx by definition, one window after another."""
    n, rows, columns, channels = dy.shape
    y, dx = np.zeros_like(dy), np.zeros_like(x)
    for image, i, j, c in np.ndindex(n, rows, columns, channels):
        at = (image, slice(stride * i, stride * i + size), slice(stride * j, stride * j + size), c)
        window = x[at]
        assert window.shape == (size, size)
        if kind is MaxPool2d:
            y[image, i, j, c] = window.max()
            u, v = np.unravel_index(np.argmax(window), window.shape)  # the first maximum, row by row
            dx[image, stride * i + u, stride * j + v, c] += dy[image, i, j, c]
        else:
            y[image, i, j, c] = window.mean()
            dx[at] += dy[image, i, j, c] / size**2
    return y, dx


@pytest.mark.parametrize("kind", POOLING)
@settings(max_examples=50, deadline=None)
@given(
    size=st.integers(1, 4),
    stride=st.none() | st.integers(1, 5),
    height=st.integers(4, 9),
    width=st.integers(4, 9),
    channels=st.integers(1, 3),
    ties=st.booleans(),
)
def test_both_passes_are_the_nested_loops(kind, size, stride, height, width, channels, ties):
    """Windows that tile the image, overlap, or leave gaps; and images that are full of equal pixels."""
    layer, output_shape = built(kind(size, stride), (height, width, channels))
    step = stride or size
    assert output_shape == ((height - size) // step + 1, (width - size) // step + 1, channels)
    x = sample(2, height, width, channels)
    if ties:
        x = np.maximum(np.round(x), 0)
    dy = sample(2, *output_shape, seed=1)
    y, dx = direct(kind, size, step, x, dy)
    np.testing.assert_allclose(layer.forward(x, True), y, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(layer.backward(dy), dx, rtol=1e-12, atol=1e-12)


def test_the_first_of_equal_maxima_gets_the_whole_gradient():
    layer, _ = built(MaxPool2d(), (2, 2))
    layer.forward(np.array([[[1.0, 2.0], [2.0, 2.0]], [[0.0, 0.0], [0.0, 0.0]]]), True)
    assert layer.backward(np.full((2, 1, 1, 1), 5.0)).tolist() == [[[0, 5], [0, 0]], [[5, 0], [0, 0]]]


def test_a_large_window_counts_its_pixels():
    """More pixels than fit into one byte."""
    layer, _ = built(MaxPool2d(17), (17, 17))
    layer.forward(np.arange(289.0).reshape(1, 17, 17), True)
    dx = layer.backward(np.ones((1, 1, 1, 1)))
    assert (dx.sum(), dx[0, 16, 16]) == (1, 1)


def test_global_average_is_the_mean_of_each_channel():
    layer, output_shape = built(GlobalAveragePool2d(), (4, 5, 3))
    assert output_shape == (3,)
    x, dy = sample(2, 4, 5, 3), sample(2, 3, seed=1)
    y = [[sum(image[:, :, c].ravel()) / 20 for c in range(3)] for image in x]
    np.testing.assert_allclose(layer.forward(x, True), y, rtol=1e-12)
    dx = layer.backward(dy)
    assert dx.shape == x.shape
    for image, i, j, c in np.ndindex(dx.shape):
        assert dx[image, i, j, c] == dy[image, c] / 20


@pytest.mark.parametrize("kind", [*POOLING, GlobalAveragePool2d])
def test_batches_of_different_sizes_in_turn(kind):
    layer, _ = built(kind(), (5, 4, 2))
    for turn, size in enumerate([2, 5, 1]):
        x = sample(size, 5, 4, 2, seed=turn)
        alone, _ = built(kind(), (5, 4, 2))
        y = layer.forward(x, True)
        np.testing.assert_array_equal(y, alone.forward(x, True))
        np.testing.assert_array_equal(layer.backward(y), alone.backward(y))


@pytest.mark.parametrize("kind", [*POOLING, GlobalAveragePool2d])
def test_an_image_without_channels_has_one(kind):
    with_channel, without = built(kind(), (4, 6, 1))[0], built(kind(), (4, 6))[0]
    x = sample(3, 4, 6)
    y = without.forward(x, True)
    np.testing.assert_array_equal(y, with_channel.forward(x[..., None], True))
    assert without.backward(y).shape == x.shape


@pytest.mark.parametrize("kind", [*POOLING, GlobalAveragePool2d])
def test_float32_stays_float32_and_nothing_is_written_to(kind):
    layer, _ = built(kind(), (5, 4, 2), "float32")
    x = sample(3, 5, 4, 2).astype("float32")
    x.flags.writeable = False
    y = layer.forward(x, False)
    dy = y.copy()
    dy.flags.writeable = False
    assert (y.dtype, layer.backward(dy).dtype) == (np.float32, np.float32)


@pytest.mark.parametrize("layer", [MaxPool2d(), MaxPool2d(3, 2), AveragePool2d(3, 1), GlobalAveragePool2d()])
def test_gradient_check(layer):
    layers = [{"name": "conv2d", "filters": 3, "activation": "tanh"}, layer, "flatten", {"name": "dense", "units": 2}]
    network = cr.Network(layers, (7, 8, 2), "mse", dtype="float64")
    assert max(cr.gradient_check(network, sample(3, 7, 8, 2), sample(3, 2)).values()) < 1e-6


@pytest.mark.parametrize("kind", POOLING)
def test_bad_fields_are_refused(kind):
    with pytest.raises(cr.FieldError) as caught:
        kind(size=0)
    assert str(caught.value) == f"size: got 0, must be at least 1 ({kind.__name__})"
    with pytest.raises(cr.FieldError) as caught:
        kind(stride=0)
    assert str(caught.value) == f"stride: got 0, must be at least 1, or null ({kind.__name__})"


@pytest.mark.parametrize("kind", POOLING)
def test_a_window_larger_than_the_image_is_refused(kind):
    with pytest.raises(cr.ShapeError) as caught:
        built(kind(5), (4, 6))
    assert str(caught.value) == (
        "layers.0: a window of 5 by 5 pixels is larger than the image, 4 by 6: take a smaller size"
    )


@pytest.mark.parametrize("name", ["max_pool2d", "average_pool2d", "global_average_pool2d"])
def test_what_is_no_image_is_refused(name):
    with pytest.raises(
        cr.ShapeError, match=rf"^layers\.0: {name} takes images, of shape .*, got input of shape \(9,\)"
    ):
        built(cr.make("layer", name), (9,))
