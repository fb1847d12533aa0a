"""Embeddings, positions, and what stands between sequences and other layers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import chainrule as cr


def built(layer, input_shape, dtype="float64", **fields):
    network = cr.Network([cr.make("layer", layer, **fields)], input_shape, "mse", dtype=dtype)
    theta = network.parameters.theta
    theta += np.random.default_rng(0).normal(size=theta.size).astype(dtype)
    return network, network.layers[0]


def sample(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


# embedding


@settings(max_examples=50, deadline=None)
@given(
    x=hnp.arrays(np.int64, hnp.array_shapes(min_dims=1, max_dims=3, max_side=5), elements=st.integers(0, 6)),
    units=st.integers(1, 4),
)
def test_embedding_looks_up_rows_and_adds_up_their_gradients(x, units):
    network, layer = built("embedding", x.shape[1:], tokens=7, units=units)
    W, dy = layer.W.value, sample(*x.shape, units)
    y, dW = np.empty_like(dy), np.zeros((7, units))
    for index in np.ndindex(x.shape):
        y[index] = W[x[index]]
        dW[x[index]] += dy[index]
    np.testing.assert_array_equal(layer.forward(x, True), y)
    network.parameters.grad[...] = 1000
    layer.backward_parameters(dy)
    np.testing.assert_allclose(layer.W.grad, dW, rtol=0, atol=1e-12)
    assert network.output_shape == (*x.shape[1:], units)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_embedding_has_no_gradient_for_whole_numbers(dtype):
    network, layer = built("embedding", (3,), dtype, tokens=4, units=2)
    x = np.array([[0, 3, 3], [1, 1, 1]])
    y = layer.forward(x, True)
    dx = layer.backward(np.ones_like(y))
    assert (y.dtype, dx.dtype, dx.shape) == (dtype, dtype, (2, 3))
    assert not dx.any()
    assert layer.W.grad.tolist() == [[1, 1], [3, 3], [0, 0], [2, 2]]
    assert network.parameters.grad.dtype == dtype


def test_a_network_is_given_tokens_that_there_are():
    network, _ = built("embedding", (2,), tokens=4, units=2)
    np.testing.assert_array_equal(network.predict([[0.0, 3.0]]), network.predict([[0, 3]]))
    for wrong in (4, -1, 0.5):
        with pytest.raises(cr.DataError, match=r"^embedding takes whole numbers from 0 to 3, got "):
            network.predict([[0, wrong]])


def test_a_network_with_an_embedding_learns_a_table():
    """Of one number for each token."""
    flat = {"name": "embedding", "tokens": 5, "units": 1}
    network = cr.Network([flat], (), "mse", dtype="float64")
    x, y = np.arange(5), np.array([[3.0], [1.0], [4.0], [1.0], [5.0]])
    cr.Trainer(network, {"name": "sgd", "lr": 1.0}, batch_size=5).fit((x, y), epochs=60)
    np.testing.assert_allclose(network.predict(x), y, atol=1e-6)


# positional_encoding


def test_places_are_sines_and_cosines_of_ever_slower_angles():
    _, layer = built("positional_encoding", (50, 6))
    p = layer.forward(np.zeros((1, 50, 6)), False)[0]
    for t, i in np.ndindex(50, 3):
        angle = t / 10000 ** (2 * i / 6)
        np.testing.assert_allclose(p[t, 2 * i : 2 * i + 2], [np.sin(angle), np.cos(angle)], atol=1e-12)


def test_an_odd_width_ends_in_a_sine():
    _, layer = built("positional_encoding", (3, 5))
    p = layer.forward(np.zeros((1, 3, 5)), False)[0]
    np.testing.assert_allclose(p[:, 4], np.sin(np.arange(3) / 10000 ** (4 / 5)), atol=1e-12)


def test_places_that_are_a_fixed_way_apart_differ_by_a_rotation():
    """Section 3.5: the encoding of t + k is a linear function of that of t, the same for all t."""
    _, layer = built("positional_encoding", (40, 8))
    p = layer.forward(np.zeros((1, 40, 8)), False)[0]
    solution, *_ = np.linalg.lstsq(p[:20], p[7:27], rcond=None)
    np.testing.assert_allclose(p[20:30] @ solution, p[27:37], atol=1e-8)


def test_places_are_added_and_their_gradient_passes():
    network, layer = built("positional_encoding", (3, 4))
    x, dy = sample(2, 3, 4), sample(2, 3, 4, seed=1)
    places = layer.forward(np.zeros((1, 3, 4)), False).copy()
    np.testing.assert_allclose(layer.forward(x, True), x + places, rtol=1e-15)
    np.testing.assert_array_equal(layer.backward(dy), dy)
    assert len(network.parameters) == 0


def test_learned_places_are_a_parameter_that_does_not_decay():
    network, layer = built("positional_encoding", (3, 4), learned=True)
    x, dy = sample(2, 3, 4), sample(2, 3, 4, seed=1)
    np.testing.assert_array_equal(layer.forward(x, True), [x[0] + layer.P.value, x[1] + layer.P.value])
    np.testing.assert_array_equal(layer.backward(dy), dy)
    np.testing.assert_allclose(layer.P.grad, dy[0] + dy[1], rtol=1e-15)
    assert [(p.name, p.shape, p.decay) for p in network.parameters] == [("0.positional_encoding.P", (3, 4), False)]


# dense_per_step


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("steps", [(3,), (2, 3)])
def test_dense_per_step_is_a_dense_layer_at_each_step(steps, bias):
    network, layer = built("dense_per_step", (*steps, 4), units=2, bias=bias)
    x, dy = sample(5, *steps, 4), sample(5, *steps, 2, seed=1)
    y, dx, dW, db = np.empty_like(dy), np.empty_like(x), np.zeros((4, 2)), np.zeros(2)
    for at in np.ndindex(5, *steps):
        y[at] = x[at] @ layer.W.value + (layer.b.value if bias else 0)
        dx[at] = layer.W.value @ dy[at]
        dW += np.outer(x[at], dy[at])
        db += dy[at]
    np.testing.assert_allclose(layer.forward(x, True), y, rtol=0, atol=1e-12)
    np.testing.assert_allclose(layer.backward(dy), dx, rtol=0, atol=1e-12)
    np.testing.assert_allclose(layer.W.grad, dW, rtol=0, atol=1e-12)
    if bias:
        np.testing.assert_allclose(layer.b.grad, db, rtol=0, atol=1e-12)
    assert network.output_shape == (*steps, 2)


def test_dense_per_step_has_an_activation_for_each_step():
    layers = [{"name": "dense_per_step", "units": 3, "activation": "softmax"}]
    network = cr.Network(layers, (4, 5), "mse", dtype="float64")
    x, y = sample(6, 4, 5), sample(6, 4, 3, seed=1)
    assert network.names == ["0.dense_per_step", "0.dense_per_step.softmax"]
    assert max(cr.gradient_check(network, x, y).values()) < 1e-6
    np.testing.assert_allclose(network.predict(x).sum(axis=-1), 1, rtol=1e-12)


def test_dense_per_step_takes_what_is_not_contiguous():
    """As a recurrent layer gives it, whose steps come first in memory."""
    _, layer = built("dense_per_step", (3, 4), units=2)
    x, dy = sample(3, 5, 4).transpose(1, 0, 2), sample(3, 5, 2).transpose(1, 0, 2)
    y = layer.forward(x, True).copy()
    dx, dW = layer.backward(dy).copy(), layer.W.grad.copy()
    np.testing.assert_array_equal(layer.forward(np.ascontiguousarray(x), True), y)
    np.testing.assert_allclose(layer.backward(np.ascontiguousarray(dy)), dx, rtol=0, atol=1e-12)
    np.testing.assert_allclose(layer.W.grad, dW, rtol=0, atol=1e-12)


@pytest.mark.parametrize("shape", [(4,), ()])
def test_dense_per_step_refuses_what_has_no_steps(shape):
    with pytest.raises(cr.ShapeError) as caught:
        built("dense_per_step", shape, units=2)
    assert str(caught.value) == (
        f"layers.0: dense_per_step takes sequences, of shape (steps, features), got input of shape {shape}: take dense "
        "for vectors"
    )


# mean_over_steps


@settings(max_examples=30, deadline=None)
@given(mask=st.none() | st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=3, max_size=3))
def test_the_mean_is_of_the_steps_that_count(mask):
    _, layer = built("mean_over_steps", (4, 2))
    x, dy = sample(3, 4, 2), sample(3, 2, seed=1)
    y, dx = np.zeros((3, 2)), np.zeros((3, 4, 2))
    for n in range(3):
        counting = [t for t in range(4) if mask is None or mask[n][t]]
        for t in counting:
            y[n] += x[n, t] / len(counting)
            dx[n, t] = dy[n] / len(counting)
    found = layer.forward(x, True, None if mask is None else np.array(mask))
    np.testing.assert_allclose(found, y, rtol=0, atol=1e-15)
    np.testing.assert_allclose(layer.backward(dy), dx, rtol=0, atol=1e-15)


@pytest.mark.parametrize("layer", ["mean_over_steps", "positional_encoding"])
@pytest.mark.parametrize("shape", [(4,), (), (3, 4, 2)])
def test_what_is_no_sequence_of_vectors_is_refused(layer, shape):
    with pytest.raises(cr.ShapeError) as caught:
        built(layer, shape)
    last = "width" if layer == "positional_encoding" else "features"
    assert str(caught.value) == (
        f"layers.0: {layer} takes sequences, of shape (steps, {last}), got input of shape {shape}"
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tokens": 0, "units": 2}, "tokens: got 0, must be at least 1 (Embedding)"),
        ({"tokens": 2, "units": 0}, "units: got 0, must be at least 1 (Embedding)"),
    ],
)
def test_an_embedding_refuses_fields_out_of_range(fields, message):
    with pytest.raises(cr.FieldError) as caught:
        cr.make("layer", "embedding", **fields)
    assert str(caught.value) == message
