"""conv1d against its definition as nested loops, forwards and backwards, and against conv2d."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule_plugins.layers import Conv1d, Conv2d


def sample(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def built(layer, input_shape, dtype="float64"):
    """The layer in a network, as (layer, output_shape)."""
    network = cr.Network([layer], input_shape, "mse", dtype=dtype)
    return network.layers[0], network.output_shape


def definition(layer, x, dy=None):
    """y of one product after another, or dx, dW and db of it."""
    W, d, s = layer.W.value, layer.dilation, layer.stride
    n, length, channels = x.shape
    kernel, _, filters = W.shape
    reach = d * (kernel - 1) + 1
    steps = (length - reach) // s + 1 if layer.padding == "valid" else int(np.ceil(length / s))
    before = {"valid": 0, "same": max((steps - 1) * s + reach - length, 0) // 2, "causal": reach - 1}[layer.padding]
    y, dx, dW = np.zeros((n, steps, filters)), np.zeros(x.shape), np.zeros(W.shape)
    for m, i, u, c, f in np.ndindex(n, steps, kernel, channels, filters):
        p = s * i + d * u - before
        if 0 <= p < length:
            y[m, i, f] += x[m, p, c] * W[u, c, f]
            if dy is not None:
                dx[m, p, c] += dy[m, i, f] * W[u, c, f]
                dW[u, c, f] += dy[m, i, f] * x[m, p, c]
    if dy is None:
        return y if layer.b is None else y + layer.b.value
    return dx, dW, np.array([dy[..., f].sum() for f in range(filters)])


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


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 12),
    st.integers(1, 4),
    st.fixed_dictionaries(
        {
            "kernel": st.integers(1, 5),
            "stride": st.integers(1, 4),
            "dilation": st.integers(1, 3),
            "padding": st.sampled_from(["valid", "same", "causal"]),
            "filters": st.integers(1, 3),
            "bias": st.booleans(),
        }
    ),
)
def test_both_passes_are_the_nested_loops(length, channels, fields):
    layer = Conv1d(**fields)
    if layer.padding == "valid" and layer.dilation * (layer.kernel - 1) + 1 > length:
        with pytest.raises(cr.ShapeError, match="take a smaller kernel or dilation"):
            built(layer, (length, channels))
        return
    layer, output_shape = built(layer, (length, channels))
    if layer.b is not None:
        layer.b.value = sample(layer.filters)
    x = sample(3, length, channels)
    assert layer.forward(x, False).shape == (3, *output_shape)
    assert compared(layer, x)


@pytest.mark.parametrize("padding", ["valid", "same", "causal"])
@pytest.mark.parametrize("channels", [1, 30])
def test_a_batch_that_is_taken_in_several_parts(padding, channels, monkeypatch):
    monkeypatch.setattr("chainrule_plugins.layers._im2col.CACHE", 5_000)
    layer, _ = built(Conv1d(3, padding=padding), (20, channels))
    for turn, size in enumerate([5, 2, 7]):
        assert compared(layer, sample(size, 20, channels, seed=turn))


def test_it_is_conv2d_of_images_one_pixel_high():
    for padding in ("valid", "same"):
        layer, _ = built(Conv1d(3, 4, 2, padding), (11, 2))
        image, _ = built(Conv2d(3, (1, 4), 2, padding), (1, 11, 2))
        image.W.value[0] = layer.W.value
        x = sample(5, 11, 2)
        y = layer.forward(x, True)
        np.testing.assert_allclose(y, image.forward(x[:, None], True)[:, 0], rtol=1e-12)
        np.testing.assert_allclose(layer.backward(y), image.backward(y[:, None])[:, 0], rtol=1e-12)
        np.testing.assert_allclose(layer.W.grad, image.W.grad[0], rtol=1e-12)


@pytest.mark.parametrize("dilation", [1, 2, 4])
@pytest.mark.parametrize("kernel", [1, 2, 3])
def test_causal_padding_lets_no_step_know_of_later_ones(kernel, dilation):
    layer, (steps, _) = built(Conv1d(2, kernel, padding="causal", dilation=dilation), (10, 1))
    assert steps == 10
    x = sample(1, 10, 1)
    y = layer.forward(x, False).copy()
    for t in range(10):
        moved = x.copy()
        moved[0, t] += 1
        changed = np.flatnonzero((layer.forward(moved, False) != y).any(axis=(0, 2)))
        assert changed.tolist() == [*range(t, min(t + dilation * kernel, 10), dilation)]


@pytest.mark.parametrize(
    ("length", "kernel", "stride", "before", "after"),
    [(5, 3, 1, 1, 1), (5, 2, 1, 0, 1), (6, 3, 2, 0, 1), (4, 1, 3, 0, 0)],
)
def test_same_padding_is_that_of_tensorflow(length, kernel, stride, before, after):
    layer, (steps, _) = built(Conv1d(1, kernel, stride, "same"), (length,))
    padded = np.concatenate([np.zeros(before), np.arange(1.0, length + 1), np.zeros(after)])
    for u in range(kernel):
        layer.W.value = np.eye(kernel)[u][:, None, None]
        y = layer.forward(np.arange(1.0, length + 1)[None], False)
        assert y.ravel().tolist() == [padded[stride * i + u] for i in range(steps)]


def test_a_sequence_without_channels_has_one():
    with_channel, without = built(Conv1d(2), (6, 1))[0], built(Conv1d(2), (6,))[0]
    x = sample(3, 6)
    y = without.forward(x, True)
    np.testing.assert_array_equal(y, with_channel.forward(x[..., None], True))
    dx = without.backward(y)
    assert dx.shape == x.shape
    np.testing.assert_array_equal(dx[..., None], with_channel.backward(y))


def test_float32_stays_float32():
    layer, _ = built(Conv1d(2, padding="causal"), (8, 3), "float32")
    x = sample(4, 8, 3).astype("float32")
    y = layer.forward(x, True)
    assert (y.dtype, layer.backward(y).dtype) == (np.float32, np.float32)
    assert compared(layer, x, tolerance=2e-5)


@pytest.mark.parametrize("fields", [{}, {"padding": "same", "stride": 2}, {"padding": "causal", "dilation": 2}])
def test_gradient_check(fields):
    layers = [Conv1d(3, activation="tanh", **fields), Conv1d(2, kernel=2), "flatten", {"name": "dense", "units": 2}]
    network = cr.Network(layers, (9, 2), "mse", dtype="float64")
    assert max(cr.gradient_check(network, sample(3, 9, 2), sample(3, 2)).values()) < 1e-6


def test_weights_decay_and_biases_do_not_and_the_fans_are_those_of_the_window():
    layer, _ = built(Conv1d(20, kernel=5), (8, 4))
    assert (layer.W.decay, layer.b.decay) == (True, False)
    assert np.abs(layer.W.value).max() == pytest.approx(np.sqrt(6 / (5 * 4 + 5 * 20)), rel=0.02)


@pytest.mark.parametrize("shape", [(2, 3, 4), ()])
def test_what_is_no_sequence_is_refused(shape):
    with pytest.raises(cr.ShapeError) as caught:
        built(Conv1d(2), shape)
    assert str(caught.value) == (
        f"layers.0: conv1d takes sequences, of shape (length, channels) or (length,), got input of shape {shape}"
    )


def test_a_kernel_longer_than_the_sequence_is_refused():
    with pytest.raises(cr.ShapeError) as caught:
        built(Conv1d(2, dilation=3), (6, 1))
    assert str(caught.value) == (
        "layers.0: the kernel reaches over 7 steps, and the sequence has only 6: take a smaller kernel or dilation, or "
        'padding "same" or "causal"'
    )


@pytest.mark.parametrize("field", ["filters", "kernel", "stride", "dilation"])
def test_fields_below_one_are_refused(field):
    with pytest.raises(cr.FieldError) as caught:
        Conv1d(**{"filters": 1, field: 0})
    assert str(caught.value) == f"{field}: got 0, must be at least 1 (Conv1d)"


def test_an_unknown_padding_is_refused():
    with pytest.raises(
        cr.FieldError, match=r'^padding: got "full", expected "valid" or "same" or "causal" \(Conv1d\)$'
    ):
        Conv1d(1, padding="full")
