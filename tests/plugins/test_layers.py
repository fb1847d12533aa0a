"""The built-in layers: their formulas, their gradients by finite differences, and what they refuse."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.process.threads import all_in_parts
from chainrule_plugins.layers import Dense, Dropout, Flatten


def network(layers, input_shape, dtype="float64", loss="mse", seed=0):
    return cr.Network(layers, input_shape, loss, seed=seed, dtype=dtype)


def numeric_dx(forward, x, dy, h=1e-5):
    """The gradient of sum(dy * forward(x)) by central differences."""
    dx = np.empty_like(x)
    for i in np.ndindex(x.shape):
        moved = [x.copy(), x.copy()]
        moved[0][i] += h
        moved[1][i] -= h
        above, below = ((dy * forward(m)).sum() for m in moved)
        dx[i] = (above - below) / (2 * h)
    return dx


def sample(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


# dense


def test_dense_is_a_weighted_sum_plus_bias():
    layer = network([Dense(2)], (3,)).layers[0]
    layer.W.value = [[1, 2], [3, 4], [5, 6]]
    layer.b.value = [10, 20]
    np.testing.assert_array_equal(layer.forward(np.array([[1.0, 1, 1], [1, 0, -1]]), False), [[19, 32], [6, 16]])


@pytest.mark.parametrize("bias", [True, False])
def test_gradients_of_dense(bias):
    layer = network([Dense(4, bias=bias)], (3,)).layers[0]
    x, dy = sample(5, 3), sample(5, 4, seed=1)
    layer.forward(x, True)
    dx = layer.backward(dy).copy()
    np.testing.assert_allclose(dx, numeric_dx(lambda x: layer.forward(x, True), x, dy), rtol=1e-7)
    np.testing.assert_allclose(layer.W.grad, np.einsum("ni,nj->ij", x, dy), rtol=1e-12)
    if bias:
        np.testing.assert_allclose(layer.b.grad, [sum(column) for column in dy.T], rtol=1e-12)


def test_parameters_of_dense_by_finite_differences():
    both = network([Dense(4, activation="tanh"), Dense(2, bias=False), Dense(3)], (3,))
    errors = cr.gradient_check(both, sample(5, 3), sample(5, 3, seed=1))
    assert list(errors) == ["0.dense.W", "0.dense.b", "1.dense.W", "2.dense.W", "2.dense.b"]
    assert max(errors.values()) < 1e-6


def test_dense_skips_dx_where_nobody_needs_it():
    """The first layer's parameters get the same gradient either way."""
    layer = network([Dense(4)], (3,)).layers[0]
    x, dy = sample(5, 3), sample(5, 4, seed=1)
    layer.forward(x, True)
    layer.backward(dy)
    expected = layer.W.grad.copy(), layer.b.grad.copy()
    layer.W.grad, layer.b.grad = np.nan, np.nan
    layer.backward_parameters(dy)
    np.testing.assert_array_equal(layer.W.grad, expected[0])
    np.testing.assert_array_equal(layer.b.grad, expected[1])


@pytest.mark.parametrize("units", [170, 1000])  # of few rows a product with W.T is computed the other way round
@pytest.mark.parametrize("rows", [1, 8, 30, 200])
@pytest.mark.parametrize("parts", [1, 3])
def test_gradients_of_a_wide_dense(units, rows, parts):
    layer = network([Dense(units)], (400,), "float32").layers[0]
    x, dy = (sample(rows, size, seed=size).astype(np.float32) for size in (400, units))
    with all_in_parts(parts):
        layer.forward(x, True)
        dx = layer.backward(dy)
    W = layer.W.value.astype(np.float64)
    expected = np.einsum("no,io->ni", dy.astype(np.float64), W)
    assert dx.flags.c_contiguous
    np.testing.assert_allclose(dx, expected, atol=2e-6 * np.abs(expected).max())
    expected = np.einsum("ni,no->io", x.astype(np.float64), dy)
    np.testing.assert_allclose(layer.W.grad, expected, atol=2e-6 * np.abs(expected).max())


def test_gradients_are_written_not_added():
    layer = network([Dense(4)], (3,)).layers[0]
    x, dy = sample(5, 3), sample(5, 4, seed=1)
    for _ in range(2):
        layer.forward(x, True)
        layer.backward(dy)
    np.testing.assert_allclose(layer.W.grad, x.T @ dy, rtol=1e-12)


def test_weights_decay_and_biases_do_not():
    parameters = network([Dense(4)], (3,)).parameters
    assert [(p.name, p.shape, p.decay) for p in parameters] == [
        ("0.dense.W", (3, 4), True),
        ("0.dense.b", (4,), False),
    ]


def test_dense_starts_from_its_initializers():
    layer = Dense(
        4, initializer={"name": "constant", "value": 2.0}, bias_initializer={"name": "constant", "value": 3.0}
    )
    assert network([layer], (3,)).predict(np.ones((1, 3))).tolist() == [[9.0] * 4]
    spread = network([Dense(50)], (70,)).parameters["0.dense.W"].value
    limit = np.sqrt(6 / (70 + 50))  # Glorot, Bengio 2010, equation 16
    assert 0.9 * limit < np.abs(spread).max() <= limit


def test_dense_leaves_its_activation_to_the_network():
    made = network([Dense(4, activation="tanh")], (3,))
    assert made.names == ["0.dense", "0.dense.tanh"]
    x = sample(5, 3)
    np.testing.assert_allclose(made.predict(x), np.tanh(x @ made.layers[0].W.value), rtol=1e-12)


def test_a_smaller_last_batch():
    """Work arrays are kept for the largest batch; a smaller one must not see what they held."""
    layer = network([Dense(4)], (3,)).layers[0]
    large, small = sample(8, 3), sample(3, 3, seed=1)
    layer.forward(large, True)
    layer.backward(sample(8, 4))
    y = layer.forward(small, True)
    np.testing.assert_allclose(y, small @ layer.W.value, rtol=1e-12)
    dx = layer.backward(np.ones((3, 4)))
    assert dx.shape == (3, 3)
    np.testing.assert_allclose(layer.W.grad, small.T @ np.ones((3, 4)), rtol=1e-12)


@pytest.mark.parametrize("shape", [(28, 28), (8, 8, 3), ()])
def test_dense_asks_for_a_flatten(shape):
    with pytest.raises(cr.ShapeError) as caught:
        network([Dense(4)], shape)
    assert str(caught.value) == (
        f"layers.0: dense takes vectors, of shape (features,), got input of shape {shape}: put a flatten before it"
    )


def test_a_layer_list_whose_shapes_do_not_fit_names_the_layer():
    with pytest.raises(cr.ShapeError, match=r"^layers\.1: dense takes vectors.*\(4, 4\): put a flatten before it$"):
        network(["dropout", Dense(4)], (4, 4))


@pytest.mark.parametrize("units", [0, -3])
def test_dense_needs_a_unit(units):
    with pytest.raises(cr.FieldError) as caught:
        Dense(units)
    assert str(caught.value) == f"units: got {units}, must be at least 1 (Dense)"


# flatten


def test_flatten_keeps_the_order_of_memory():
    made = network([Flatten()], (2, 3))
    x = np.arange(12.0).reshape(2, 2, 3)
    assert made.output_shape == (6,)
    assert made.predict(x).tolist() == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4), (5,), ()])
def test_gradient_of_flatten_has_the_inputs_shape(shape):
    layer = network([Flatten()], shape).layers[0]
    x = sample(4, *shape)
    y = layer.forward(x, True)
    assert y.shape == (4, x[0].size)
    np.testing.assert_array_equal(layer.backward(y), x)


# dropout


def built_dropout(rate, shape=(1000,), seed=0):
    return network([Dropout(rate)], shape, seed=seed).layers[0]


def test_dropout_drops_at_its_rate_and_scales_the_rest():
    y = built_dropout(0.3).forward(np.ones((100, 1000)), True)
    assert np.unique(y) == pytest.approx([0, 1 / 0.7], rel=1e-12)
    # 100,000 draws: their mean is within 5 standard deviations of the rate.
    assert np.mean(y == 0) == pytest.approx(0.3, abs=5 * np.sqrt(0.3 * 0.7 / 1e5))
    assert y.mean() == pytest.approx(1, abs=0.02)


def test_dropout_does_nothing_at_inference():
    layer, x = built_dropout(0.9), sample(2, 1000)
    layer.forward(x, True)
    assert layer.forward(x, False) is x
    assert layer.backward(x) is x


def test_dropout_of_rate_zero_changes_nothing():
    x = sample(2, 1000)
    np.testing.assert_array_equal(built_dropout(0.0).forward(x, True), x)


def test_gradient_of_dropout_passes_where_the_input_passed():
    layer, x, dy = built_dropout(0.4, (7,)), sample(5, 7), sample(5, 7, seed=1)
    y = layer.forward(x, True)
    passed = y != 0
    assert 0 < passed.sum() < passed.size
    np.testing.assert_allclose(layer.backward(dy), np.where(passed, dy / 0.6, 0), rtol=1e-12)


def test_gradient_check_through_dropout():
    """The check draws the same mask each time."""
    made = network([Dense(6, activation="tanh"), Dropout(0.5), Dense(2)], (3,))
    assert max(cr.gradient_check(made, sample(5, 3), sample(5, 2)).values()) < 1e-6


def test_masks_follow_the_networks_seed():
    x = np.ones((3, 1000))
    masks = [built_dropout(0.5, seed=seed).forward(x, True).copy() for seed in (0, 0, 1)]
    np.testing.assert_array_equal(masks[0], masks[1])
    assert (masks[0] != masks[2]).any()


def test_each_batch_has_a_new_mask():
    layer, x = built_dropout(0.5), np.ones((3, 1000))
    assert (layer.forward(x, True).copy() != layer.forward(x, True)).any()


def test_both_dtypes_drop_the_same_units():
    x = np.ones((3, 1000))
    dropped = [
        network([Dropout(0.5)], (1000,), dtype).layers[0].forward(x.astype(dtype), True) == 0
        for dtype in ("float32", "float64")
    ]
    np.testing.assert_array_equal(*dropped)


@pytest.mark.parametrize("rate", [-0.1, 1.0, float("nan")])
def test_dropout_refuses_a_rate_out_of_range(rate):
    with pytest.raises(cr.FieldError) as caught:
        Dropout(rate)
    assert str(caught.value) == f"rate: got {rate!r}, must be at least 0 and less than 1 (Dropout)"


# all of them


def whole(dtype="float64"):
    layers = ["flatten", Dense(8, activation="tanh"), Dropout(0.3), Dense(6), "sigmoid", Dense(2)]
    return network(layers, (2, 3), dtype)


def test_gradient_check_of_a_network_of_all_layers():
    assert max(cr.gradient_check(whole(), sample(5, 2, 3), sample(5, 2)).values()) < 1e-6


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_layers_keep_the_dtype_and_do_not_write_to_what_they_are_given(dtype):
    made = whole(dtype)
    y = sample(5, 2, 3).astype(dtype)
    given = []
    for layer in made.layers:
        given.append((y, y.copy()))
        y = layer.forward(y, True) if isinstance(layer, cr.Layer) else layer.forward(y)
        assert y.dtype == dtype
    dy = np.ones_like(y)
    for layer in reversed(made.layers):
        given.append((dy, dy.copy()))
        dy = layer.backward(dy)
        assert dy.dtype == dtype
    for array, before in given:
        np.testing.assert_array_equal(array, before)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_inputs_give_finite_numbers_and_no_warning(dtype):
    made = whole(dtype)
    loss, gradient = made.loss_and_gradient(np.array([np.full((2, 3), 1e4), np.full((2, 3), -1e4)]), np.zeros((2, 2)))
    assert np.isfinite(loss)
    assert np.isfinite(gradient).all()
