"""rms_norm and group_norm against their papers' formulas, and where rounding and the range of a dtype tell."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule_plugins.layers import GroupNorm, LayerNorm, RMSNorm


def sample(*shape, seed=0, mean=0.0, std=1.0):
    return np.random.default_rng(seed).normal(mean, std, size=shape)


def built(layer, input_shape, dtype="float64"):
    """The layer in a network, its scale and shift no longer 1 and 0."""
    layer = cr.Network([layer], input_shape, "mse", dtype=dtype).layers[0]
    layer.gamma.value = sample(*layer.gamma.shape, seed=7)
    if isinstance(layer, GroupNorm):
        layer.beta.value = sample(*layer.beta.shape, seed=8)
    return layer


def through_jacobian(numbers, dy, eps, centered):
    """A set of numbers normalized, and dy taken back through the matrix of all derivatives."""
    m = len(numbers)
    mean = sum(numbers) / m if centered else 0.0
    size = math.sqrt(sum((number - mean) ** 2 for number in numbers) / m + eps)
    jacobian = np.empty((m, m))
    for i in range(m):
        for j in range(m):
            d_centered = (i == j) - (1 / m if centered else 0)
            d_size = (numbers[j] - mean) / (m * size)
            jacobian[i, j] = d_centered / size - (numbers[i] - mean) * d_size / size**2
    return [(number - mean) / size for number in numbers], dy @ jacobian


SHAPES = [(6, 4), (3, 2, 4), (2, 3, 2, 8)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("eps", [1e-6, 0.3])
def test_rms_norm_is_the_formula_forwards_and_backwards(shape, eps):
    layer = built(RMSNorm(eps), shape[1:])
    x, dy = sample(*shape, mean=2, std=3), sample(*shape, seed=1)
    y, dx, dgamma = np.empty(shape), np.empty(shape), np.zeros(shape[-1])
    for at in np.ndindex(shape[:-1]):
        x_hat, dx[at] = through_jacobian(x[at], dy[at] * layer.gamma.value, eps, centered=False)
        y[at] = layer.gamma.value * x_hat
        dgamma += dy[at] * x_hat
    np.testing.assert_allclose(layer.forward(x, True), y, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(layer.backward(dy), dx, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(layer.gamma.grad, dgamma, rtol=1e-10, atol=1e-10)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(1, 4), max_size=2),
    st.sampled_from([(4, 1), (4, 2), (4, 4), (6, 3), (1, 1), (6, 2)]),
    st.sampled_from([1e-5, 0.5]),
)
def test_group_norm_is_the_formula_forwards_and_backwards(places, channels_and_groups, eps):
    (channels, groups), shape = channels_and_groups, (3, *places, channels_and_groups[0])
    layer = built(GroupNorm(groups, eps), shape[1:])
    x, dy = sample(*shape, mean=2, std=3), sample(*shape, seed=1)
    y, dx, dgamma, dbeta = np.empty(shape), np.empty(shape), np.zeros(channels), np.zeros(channels)
    gamma, beta = layer.gamma.value, layer.beta.value
    for n in range(3):
        for g in range(groups):
            # As in the paper: the numbers of which floor(channel / (channels / groups)) is the same.
            members = [at for at in np.ndindex(*shape[1:]) if at[-1] // (channels // groups) == g]
            numbers = np.array([x[(n, *at)] for at in members])
            x_hat, back = through_jacobian(
                numbers, np.array([dy[(n, *at)] * gamma[at[-1]] for at in members]), eps, centered=True
            )
            for at, normalized, gradient in zip(members, x_hat, back):
                c = at[-1]
                y[(n, *at)] = gamma[c] * normalized + beta[c]
                dx[(n, *at)] = gradient
                dgamma[c] += dy[(n, *at)] * normalized
                dbeta[c] += dy[(n, *at)]
    np.testing.assert_allclose(layer.forward(x, True), y, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(layer.backward(dy), dx, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(layer.gamma.grad, dgamma, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(layer.beta.grad, dbeta, rtol=1e-10, atol=1e-10)


def test_rms_norm_is_layer_norm_for_numbers_of_mean_zero():
    x, dy = sample(5, 8), sample(5, 8, seed=1)
    x -= x.mean(axis=1, keepdims=True)
    rms, layer = built(RMSNorm(1e-5), (8,)), built(LayerNorm(1e-5), (8,))
    layer.beta.value = 0
    np.testing.assert_allclose(rms.forward(x, True), layer.forward(x, True), rtol=1e-10)
    dx = rms.backward(dy)
    dx_hat = dy * rms.gamma.value
    std = np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(layer.backward(dy), dx - dx_hat.mean(axis=1, keepdims=True) / std, rtol=1e-9, atol=1e-10)


def test_group_norm_of_one_group_is_a_layer_norm_of_the_whole_sample():
    x, dy = sample(4, 3, 2, 5), sample(4, 3, 2, 5, seed=1)
    group = cr.Network([GroupNorm(1)], (3, 2, 5), "mse", dtype="float64").layers[0]
    layer = cr.Network([LayerNorm()], (30,), "mse", dtype="float64").layers[0]
    np.testing.assert_allclose(group.forward(x, True).reshape(4, 30), layer.forward(x.reshape(4, 30), True), rtol=1e-10)
    np.testing.assert_allclose(group.backward(dy).reshape(4, 30), layer.backward(dy.reshape(4, 30)), atol=1e-12)


@pytest.mark.parametrize("kind", [RMSNorm, lambda: GroupNorm(2)])
def test_they_are_the_same_at_inference_and_for_any_batch(kind):
    layer = built(kind(), (3, 4))
    x = sample(5, 3, 4)
    y = layer.forward(x, True).copy()
    np.testing.assert_array_equal(layer.forward(x, False), y)
    np.testing.assert_allclose(layer.forward(x[2:3], True), y[2:3], rtol=1e-12)


# ---- rounding, and the range of a dtype


@pytest.mark.parametrize("kind", [RMSNorm, lambda eps: GroupNorm(2, eps)])
@pytest.mark.parametrize(("dtype", "size"), [("float32", 1e18), ("float32", 3e37), ("float64", 1e200)])
def test_numbers_whose_squares_overflow_are_normalized_as_others(kind, dtype, size):
    """The output does not depend on their unit, the gradient is in its inverse. Other samples keep to size 1."""
    ones, dy = sample(50, 3, 4).astype(dtype), sample(50, 3, 4, seed=1).astype(dtype)
    factors = np.where(np.arange(50) % 2, size, 1)[:, None, None]
    huge, plain = (built(kind(eps=1e-12), (3, 4), dtype) for _ in range(2))
    with np.errstate(over="ignore", invalid="ignore"):  # as in training
        y = huge.forward((ones * factors).astype(dtype), training=True)
    tolerance = 1e-4 if dtype == "float32" else 1e-9
    np.testing.assert_allclose(y, plain.forward(ones, training=True), rtol=tolerance, atol=tolerance)
    dx, plain_dx = huge.backward(dy), plain.backward(dy)
    np.testing.assert_allclose(dx[::2], plain_dx[::2], rtol=1e-3, atol=tolerance)
    np.testing.assert_allclose(dx[1::2] * dx.dtype.type(size), plain_dx[1::2], rtol=1e-3, atol=tolerance)


@pytest.mark.parametrize("shape", [(64, 8), (37, 6, 6, 4), (2, 64, 64, 4)])
@pytest.mark.parametrize("spread", [0.0, 0.5])
@pytest.mark.parametrize("size", [12345.678, 99999.9, 1e8])
def test_group_norm_centers_numbers_far_from_zero_to_the_last_bit(shape, spread, size):
    """The rounding of a mean of 1e5 is 0.004: a constant would become 1 by it, where it is 0."""
    x = sample(*shape, mean=size, std=spread).astype("float32")
    layer = cr.Network([GroupNorm(2)], shape[1:], "mse").layers[0]
    exact = x.astype("float64").reshape(len(x), -1, 2, shape[-1] // 2)
    mean, var = exact.mean(axis=(1, 3), keepdims=True), exact.var(axis=(1, 3), keepdims=True)
    expected = ((exact - mean) / np.sqrt(var + 1e-5)).reshape(shape)
    np.testing.assert_allclose(layer.forward(x, training=True), expected, rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("size", [12345.678, 1e8, 1e-30])
def test_rms_norm_of_equal_numbers_is_one_and_of_tiny_ones_their_share_of_eps(size):
    x = np.full((3, 10), size, "float32")
    layer = cr.Network([RMSNorm()], (10,), "mse").layers[0]
    expected = x / np.sqrt(np.square(x.astype("float64")) + 1e-6)
    np.testing.assert_allclose(layer.forward(x, True), expected, rtol=1e-6)


@pytest.mark.parametrize("kind", [RMSNorm, lambda: GroupNorm(2)])
def test_batches_of_different_sizes_in_turn_in_float32_and_nothing_is_written_to(kind):
    layer = built(kind(), (3, 4), "float32")
    for turn, size in enumerate([3, 6, 2]):
        x, alone = sample(size, 3, 4, seed=turn).astype("float32"), built(kind(), (3, 4), "float32")
        x.flags.writeable = False
        y = layer.forward(x, True)
        np.testing.assert_array_equal(y, alone.forward(x, True))
        dy = y.copy()
        dy.flags.writeable = False
        dx = layer.backward(dy)
        np.testing.assert_array_equal(dx, alone.backward(dy))
        assert (y.dtype, dx.dtype) == (np.float32, np.float32)


@pytest.mark.parametrize("kind", [RMSNorm, lambda: GroupNorm(3)])
def test_gradient_check_between_other_layers(kind):
    layers = [{"name": "conv2d", "filters": 3}, kind(), "tanh", "flatten", {"name": "dense", "units": 6}, kind()]
    network = cr.Network([*layers, {"name": "dense", "units": 2}], (5, 4), "mse", dtype="float64")
    assert max(cr.gradient_check(network, sample(6, 5, 4), sample(6, 2)).values()) < 1e-6


def test_scale_and_shift_do_not_decay():
    group, rms = (cr.Network([layer], (4,), "mse").layers[0] for layer in (GroupNorm(2), RMSNorm()))
    assert (group.gamma.decay, group.beta.decay, rms.gamma.decay) == (False, False, False)
    assert [p.value.tolist() for p in (group.gamma, group.beta, rms.gamma)] == [[1] * 4, [0] * 4, [1] * 4]


# ---- what is refused


@pytest.mark.parametrize("kind", [RMSNorm, GroupNorm])
@pytest.mark.parametrize("eps", [0.0, -1.0, float("inf")])
def test_eps_out_of_range_is_refused(kind, eps):
    with pytest.raises(cr.FieldError) as caught:
        kind(eps=eps)
    assert str(caught.value) == f"eps: got {eps}, must be above 0 and finite ({kind.__name__})"


def test_groups_that_do_not_divide_the_channels_are_refused():
    with pytest.raises(cr.FieldError) as refused:
        GroupNorm(0)
    assert str(refused.value) == "groups: got 0, must be at least 1 (GroupNorm)"
    with pytest.raises(cr.ShapeError) as caught:
        cr.Network([GroupNorm()], (5, 5, 48), "mse")
    assert str(caught.value) == (
        "layers.0: group_norm: 32 groups do not divide 48 channels: take groups of one size, such as groups=16"
    )


@pytest.mark.parametrize(("name", "axis"), [("rms_norm", "features"), ("group_norm", "channels")])
def test_single_numbers_are_refused(name, axis):
    with pytest.raises(cr.ShapeError) as caught:
        cr.Network([name], (), "mse")
    assert str(caught.value) == (
        f"layers.0: {name} takes samples of shape (*any, {axis}), got single numbers, of shape ()"
    )
