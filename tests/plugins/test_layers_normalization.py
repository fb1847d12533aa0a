"""batch_norm and layer_norm against their papers' formulas, and against finite differences."""

import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule_plugins.layers import BatchNorm, LayerNorm

BOTH = [BatchNorm, LayerNorm]


def sample(*shape, seed=0, mean=0.0, std=1.0):
    return np.random.default_rng(seed).normal(mean, std, size=shape)


def built(layer, input_shape, dtype="float64"):
    """The layer in a network, its scale and shift no longer 1 and 0."""
    layer = cr.Network([layer], input_shape, "mse", dtype=dtype).layers[0]
    layer.gamma.value = sample(*layer.gamma.shape, seed=7)
    layer.beta.value = sample(*layer.beta.shape, seed=8)
    return layer


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


@pytest.mark.parametrize("layer", BOTH)
@pytest.mark.parametrize(
    ("dtype", "size"), [("float32", 1e18), ("float32", 1e30), ("float32", 3e37), ("float64", 1e200)]
)
def test_numbers_whose_squares_overflow_are_normalized_as_others(layer, dtype, size):
    """The output does not depend on their unit, the gradient is in its inverse; beside them stand ones of size 1, and a
    constant feature. A thousand samples: a sum may overflow where its mean does not."""
    ones, dy = sample(1000, 5).astype(dtype), sample(1000, 5, seed=1).astype(dtype)
    factors = np.full((1000, 5), size)
    factors[:, :2] = 1 if layer is BatchNorm else size
    ones[:, 0] = 3 if layer is BatchNorm else ones[:, 0]
    huge, plain = (built(layer(eps=1e-12), (5,), dtype) for _ in range(2))
    with np.errstate(over="ignore", invalid="ignore"):  # as in training
        y = huge.forward((ones * factors).astype(dtype), training=True)
    tolerance = 1e-4 if dtype == "float32" else 1e-9
    np.testing.assert_allclose(y, plain.forward(ones, training=True), rtol=tolerance, atol=tolerance)
    dx, plain_dx = huge.backward(dy), plain.backward(dy)
    assert np.isfinite(dx).all()
    if layer is BatchNorm:
        np.testing.assert_allclose(dx[:, 1], plain_dx[:, 1], rtol=1e-3, atol=tolerance)
    np.testing.assert_allclose(dx[:, 2:] * size, plain_dx[:, 2:], rtol=1e-3, atol=tolerance)


def test_the_running_variance_forgets_what_has_overflowed():
    """One batch of 1e20 left it infinite for ever, and every prediction was beta."""
    layer = built(BatchNorm(), (3,), "float32")
    x = sample(64, 3).astype("float32")
    with np.errstate(over="ignore", invalid="ignore"):
        layer.forward(x * np.float32(1e20), training=True)
    for _ in range(1000):
        layer.forward(x, training=True)
    np.testing.assert_allclose(layer.running_var.value, x.var(axis=0, ddof=1), rtol=1e-4)


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("shape", [(64, 10), (37, 6, 6, 3)])
@pytest.mark.parametrize("spread", [0.0, 0.5])
@pytest.mark.parametrize("size", [12345.678, 99999.9, 1e8])
def test_numbers_far_from_zero_are_centered_to_the_last_bit(kind, shape, spread, size):
    """The rounding of a mean of 1e5 is 0.004: a constant became 1 by it, where it is 0 (as in PyTorch's issue 5410)."""
    x = sample(*shape, mean=size, std=spread).astype("float32")
    layer = cr.Network([kind()], shape[1:], "mse").layers[0]
    axis, exact = (-1 if kind is LayerNorm else tuple(range(len(shape) - 1))), x.astype("float64")
    mean, var = exact.mean(axis=axis, keepdims=True), exact.var(axis=axis, keepdims=True)
    expected = (exact - mean) / np.sqrt(var + 1e-5)
    np.testing.assert_allclose(layer.forward(x, training=True), expected, rtol=1e-5, atol=2e-5)


# ---- batch_norm


@pytest.mark.parametrize("shape", [(6, 3), (4, 2, 5, 3)])
def test_batch_norm_normalizes_each_feature_over_the_batch(shape):
    layer = built(BatchNorm(eps=1e-3), shape[1:])
    x = sample(*shape, mean=5, std=3)
    y = layer.forward(x, True)
    for f in range(3):
        numbers = x[..., f].ravel()
        mean = sum(numbers) / len(numbers)
        var = sum((number - mean) ** 2 for number in numbers) / len(numbers)
        expected = layer.gamma.value[f] * (x[..., f] - mean) / np.sqrt(var + 1e-3) + layer.beta.value[f]
        np.testing.assert_allclose(y[..., f], expected, rtol=1e-10, atol=1e-10)


def test_batch_norm_uses_running_statistics_at_inference():
    layer = built(BatchNorm(), (3,))
    layer.running_mean.value, layer.running_var.value = [1, 2, 3], [4, 9, 16]
    x = sample(5, 3)
    expected = layer.gamma.value * (x - [1, 2, 3]) / np.sqrt(np.array([4, 9, 16]) + 1e-5) + layer.beta.value
    np.testing.assert_allclose(layer.forward(x, False), expected, rtol=1e-12)
    np.testing.assert_array_equal(layer.running_mean.value, [1, 2, 3])


def test_one_batch_moves_the_running_statistics_by_the_rest_of_momentum():
    """The variance for inference is the unbiased one (algorithm 2 of the paper)."""
    layer = built(BatchNorm(momentum=0.75), (2,))
    x = sample(8, 2, mean=3)
    layer.forward(x, True)
    np.testing.assert_allclose(layer.running_mean.value, 0.25 * x.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(layer.running_var.value, 0.75 + 0.25 * x.var(axis=0, ddof=1), rtol=1e-12)


def test_after_many_batches_the_running_statistics_are_those_of_the_data():
    layer = built(BatchNorm(momentum=0.99), (4, 3))
    mean, std = np.array([-3.0, 0, 10]), np.array([0.1, 1, 5])
    for seed in range(2000):
        layer.forward(sample(4, 4, 3, seed=seed) * std + mean, True)
    # The mean over about 100 batches of 16 numbers, or 200 in effect: within 4 standard errors.
    np.testing.assert_allclose(layer.running_mean.value, mean, atol=4 * 5 / np.sqrt(16 * 100))
    np.testing.assert_allclose(layer.running_var.value, std**2, rtol=4 * np.sqrt(2 / (16 * 100)))


def test_training_then_inference_agree_on_the_whole_data():
    """With momentum 0, the running statistics are those of the last batch."""
    layer = built(BatchNorm(momentum=0), (3,))
    x = sample(1000, 3, mean=2)
    in_training = layer.forward(x, True).copy()
    np.testing.assert_allclose(layer.forward(x, False), in_training, rtol=2e-3, atol=2e-3)


def test_a_single_number_for_each_feature_gives_beta_and_leaves_the_running_statistics():
    layer = built(BatchNorm(), (3,))
    with warnings.catch_warnings(action="error"):
        y = layer.forward(sample(1, 3), True)
        dx = layer.backward(np.ones((1, 3)))
    np.testing.assert_array_equal(y, [layer.beta.value])
    np.testing.assert_array_equal(dx, np.zeros((1, 3)))
    assert layer.running_mean.value.tolist() == [0, 0, 0]
    assert layer.running_var.value.tolist() == [1, 1, 1]


def test_gradient_of_batch_norm_at_inference():
    layer = built(BatchNorm(), (3,))
    layer.running_mean.value, layer.running_var.value = sample(3), sample(3) ** 2
    x, dy = sample(4, 3), sample(4, 3, seed=1)
    layer.forward(x, False)
    dx = layer.backward(dy)
    np.testing.assert_allclose(dx, numeric_dx(lambda z: layer.forward(z, False), x, dy), rtol=1e-7, atol=1e-9)


def test_running_statistics_are_saved_restored_and_copied(tmp_path):
    network = cr.Network(["batch_norm", {"name": "dense", "units": 1}], (3,), "mse")
    trainer = cr.Trainer(network, optimizer="sgd", batch_size=8)
    trainer.fit((sample(64, 3, mean=4), sample(64, 1)), epochs=2)
    mean = network.layers[0].running_mean.value.copy()
    assert (mean > 3).all()
    network.save(tmp_path / "net.safetensors")
    loaded = cr.load_network(tmp_path / "net.safetensors")
    np.testing.assert_array_equal(loaded.layers[0].running_mean.value, mean)
    x = sample(5, 3)
    np.testing.assert_array_equal(loaded.predict(x), network.predict(x))
    kept = network.snapshot()
    trainer.fit((sample(64, 3, mean=-4), sample(64, 1)), epochs=1)
    network.restore(kept)
    np.testing.assert_array_equal(network.layers[0].running_mean.value, mean)


def test_predictions_do_not_depend_on_the_batch():
    network = cr.Network(["batch_norm", {"name": "dense", "units": 2}], (3,), "mse", dtype="float64")
    network.loss_and_gradient(sample(8, 3), sample(8, 2))
    x = sample(6, 3, seed=2)
    np.testing.assert_allclose(network.predict(x), [network.predict(row[None])[0] for row in x], rtol=1e-12)


@pytest.mark.parametrize("momentum", [-0.1, 1.0])
def test_momentum_out_of_range_is_refused(momentum):
    with pytest.raises(cr.FieldError) as caught:
        BatchNorm(momentum=momentum)
    assert str(caught.value) == f"momentum: got {momentum}, must be at least 0 and less than 1 (BatchNorm)"


# ---- layer_norm


@pytest.mark.parametrize("shape", [(6, 3), (2, 2, 2, 5)])
def test_layer_norm_normalizes_the_features_of_each_place(shape):
    layer = built(LayerNorm(eps=1e-3), shape[1:])
    x = sample(*shape, mean=5, std=3)
    y = layer.forward(x, True)
    for at in np.ndindex(shape[:-1]):
        features = x[at]
        mean = sum(features) / len(features)
        var = sum((number - mean) ** 2 for number in features) / len(features)
        expected = layer.gamma.value * (features - mean) / np.sqrt(var + 1e-3) + layer.beta.value
        np.testing.assert_allclose(y[at], expected, rtol=1e-10, atol=1e-10)


def test_layer_norm_is_the_same_at_inference_and_for_any_batch():
    layer = built(LayerNorm(), (4,))
    x = sample(5, 4)
    y = layer.forward(x, True).copy()
    np.testing.assert_array_equal(layer.forward(x, False), y)
    np.testing.assert_array_equal(layer.forward(x[2:3], True), y[2:3])


# ---- both


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("shape", [(5, 4), (3, 2, 3, 2)])
def test_gradients_are_those_of_finite_differences(kind, shape):
    layer = built(kind(), shape[1:])
    x, dy = sample(*shape, mean=2), sample(*shape, seed=1)
    layer.forward(x, True)
    dx = layer.backward(dy).copy()
    grads = layer.gamma.grad.copy(), layer.beta.grad.copy()
    np.testing.assert_allclose(dx, numeric_dx(lambda z: layer.forward(z, True), x, dy), rtol=1e-6, atol=1e-8)
    for parameter, grad in zip((layer.gamma, layer.beta), grads):

        def forward(value, parameter=parameter):
            kept = parameter.value.copy()
            parameter.value = value
            y = layer.forward(x, True).copy()
            parameter.value = kept
            return y

        expected = numeric_dx(forward, parameter.value.copy(), dy)
        np.testing.assert_allclose(grad, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("kind", BOTH)
def test_gradient_check_between_other_layers(kind):
    # No biases before them: batch_norm takes a constant off again, so that nothing but rounding would be compared.
    conv, hidden = {"name": "conv2d", "filters": 3, "bias": False}, {"name": "dense", "units": 4, "bias": False}
    layers = [conv, kind(), "tanh", "flatten", hidden, kind(), {"name": "dense", "units": 2}]
    network = cr.Network(layers, (5, 4), "mse", dtype="float64")
    assert max(cr.gradient_check(network, sample(6, 5, 4), sample(6, 2)).values()) < 1e-6


@pytest.mark.parametrize("kind", BOTH)
def test_batches_of_different_sizes_in_turn(kind):
    layer = built(kind(), (3, 2))
    for turn, size in enumerate([3, 6, 2]):
        x, alone = sample(size, 3, 2, seed=turn), built(kind(), (3, 2))
        y = layer.forward(x, True)
        np.testing.assert_array_equal(y, alone.forward(x, True))
        np.testing.assert_array_equal(layer.backward(y), alone.backward(y))


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("training", [True, False])
def test_float32_stays_float32_and_nothing_is_written_to(kind, training):
    layer = built(kind(), (4, 3), "float32")
    x = sample(3, 4, 3).astype("float32")
    x.flags.writeable = False
    y = layer.forward(x, training)
    dy = y.copy()
    dy.flags.writeable = False
    assert (y.dtype, layer.backward(dy).dtype) == (np.float32, np.float32)


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_constant_and_large_inputs_give_finite_numbers(kind, dtype):
    layer = built(kind(), (2,), dtype)
    for x in (np.full((3, 2), 1e4), np.array([[1e4, -1e4], [-1e4, 1e4], [1e4, 1e4]]), np.zeros((3, 2))):
        y = layer.forward(x.astype(dtype), True)
        assert np.isfinite(y).all()
        assert np.isfinite(layer.backward(np.ones_like(y))).all()


@pytest.mark.parametrize("kind", BOTH)
def test_scale_and_shift_do_not_decay(kind):
    layer = cr.Network([kind()], (3,), "mse").layers[0]
    assert (layer.gamma.decay, layer.beta.decay) == (False, False)
    assert layer.gamma.value.tolist() == [1, 1, 1]
    assert layer.beta.value.tolist() == [0, 0, 0]


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("eps", [0.0, -1.0, float("inf")])
def test_eps_out_of_range_is_refused(kind, eps):
    with pytest.raises(cr.FieldError) as caught:
        kind(eps=eps)
    assert str(caught.value) == f"eps: got {eps}, must be above 0 and finite ({kind.__name__})"


@pytest.mark.parametrize("name", ["batch_norm", "layer_norm"])
def test_single_numbers_are_refused(name):
    with pytest.raises(cr.ShapeError) as caught:
        cr.Network([name], (), "mse")
    assert str(caught.value) == (
        f"layers.0: {name} takes samples of shape (*any, features), got single numbers, of shape ()"
    )
