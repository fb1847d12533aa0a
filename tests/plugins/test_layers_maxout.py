"""maxout against its formula number by number, and as what it can become: a ReLU, an absolute value, a dense layer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule_plugins.layers import Dense, Maxout


def sample(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def built(layer, features, dtype="float64"):
    return cr.Network([layer], (features,), "mse", dtype=dtype).layers[0]


def definition(layer, x, dy):
    """y, dx, dW and db, one number after another."""
    W = layer.W.value
    b = np.zeros(W.shape[::2]) if layer.b is None else layer.b.value
    y, dx, dW, db = np.zeros(dy.shape), np.zeros(x.shape), np.zeros(W.shape), np.zeros(b.shape)
    for n, u in np.ndindex(*dy.shape):
        z = [sum(x[n, f] * W[p, f, u] for f in range(x.shape[1])) + b[p, u] for p in range(len(W))]
        p = int(np.argmax(z))  # the first maximum
        y[n, u] = z[p]
        db[p, u] += dy[n, u]
        dW[p, :, u] += dy[n, u] * x[n]
        dx[n] += dy[n, u] * W[p, :, u]
    return y, dx, dW, db


def compared(layer, x, tolerance=1e-12):
    dy = sample(len(x), layer.units, seed=1).astype(x.dtype)
    y, dx, dW, db = definition(layer, x, dy)
    np.testing.assert_allclose(layer.forward(x, True), y, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(layer.backward(dy), dx, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(layer.W.grad, dW, rtol=tolerance, atol=tolerance)
    if layer.b is not None:
        np.testing.assert_allclose(layer.b.grad, db, rtol=tolerance, atol=tolerance)
    return True


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5), st.integers(1, 4), st.integers(1, 5), st.booleans())
def test_both_passes_are_the_formula(features, units, pieces, bias):
    layer = built(Maxout(units, pieces, bias=bias), features)
    if bias:
        layer.b.value = sample(pieces, units, seed=2)
    for turn, size in enumerate([4, 6, 1, 5]):
        assert compared(layer, sample(size, features, seed=turn))


def test_more_pieces_than_fit_into_one_byte():
    layer = built(Maxout(2, 300), 3)
    assert compared(layer, sample(20, 3))


def test_the_first_of_equal_pieces_gets_the_whole_gradient():
    layer = built(Maxout(1, 3, initializer={"name": "constant", "value": 2.0}), 1)
    assert layer.forward(np.array([[1.0], [-1.0]]), True).tolist() == [[2], [-2]]
    layer.backward(np.array([[5.0], [3.0]]))
    assert layer.b.grad.tolist() == [[8], [0], [0]]


def test_with_one_piece_it_is_a_dense_layer():
    layer, dense = built(Maxout(4, 1), 3), built(Dense(4), 3)
    dense.W.value, dense.b.value = layer.W.value[0], layer.b.value[0]
    x = sample(5, 3)
    y = layer.forward(x, True)
    np.testing.assert_allclose(y, dense.forward(x, True), rtol=1e-12)
    np.testing.assert_allclose(layer.backward(y), dense.backward(y), rtol=1e-12)


def test_with_a_piece_of_zeros_it_is_a_relu_and_with_the_opposite_an_absolute_value():
    layer, x = built(Maxout(2), 3), sample(6, 3)
    layer.W.value[1] = 0
    np.testing.assert_allclose(layer.forward(x, False), np.maximum(x @ layer.W.value[0], 0), rtol=1e-12)
    layer.W.value[1] = -layer.W.value[0]
    np.testing.assert_allclose(layer.forward(x, False), np.abs(x @ layer.W.value[0]), rtol=1e-12)


def test_each_piece_starts_as_a_dense_layer():
    layer = built(Maxout(100, 5), 200)
    for W in layer.W.value:
        assert np.abs(W).max() == pytest.approx(np.sqrt(6 / 300), rel=0.01)
    assert (layer.W.decay, layer.b.decay) == (True, False)


def test_gradient_check_between_other_layers():
    layers = ["flatten", Maxout(5, 3), {"name": "dense", "units": 4, "activation": "tanh"}, Maxout(2, bias=False)]
    network = cr.Network(layers, (3, 2), "mse", dtype="float64")
    assert max(cr.gradient_check(network, sample(6, 3, 2), sample(6, 2)).values()) < 1e-6


def test_float32_stays_float32():
    layer = built(Maxout(3), 4, "float32")
    x = sample(5, 4).astype("float32")
    y = layer.forward(x, True)
    assert (y.dtype, layer.backward(y).dtype) == (np.float32, np.float32)
    assert compared(layer, x, tolerance=2e-5)


def test_what_is_no_vector_is_refused():
    with pytest.raises(cr.ShapeError) as caught:
        cr.Network([Maxout(2)], (3, 4), "mse")
    assert str(caught.value) == (
        "layers.0: maxout takes vectors, of shape (features,), got input of shape (3, 4): put a flatten before it"
    )


@pytest.mark.parametrize("field", ["units", "pieces"])
def test_fields_below_one_are_refused(field):
    with pytest.raises(cr.FieldError) as caught:
        Maxout(**{"units": 2, field: 0})
    assert str(caught.value) == f"{field}: got 0, must be at least 1 (Maxout)"
