"""reshape and permute: where each number goes, there and back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule_plugins.layers import Permute, Reshape


def sample(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def built(layer, input_shape, dtype="float64"):
    network = cr.Network([layer], input_shape, "mse", dtype=dtype)
    return network.layers[0], network.output_shape


def place(shape, index):
    """The number of an element, counted with the last axis running fastest."""
    number = 0
    for length, i in zip(shape, index):
        number = number * length + i
    return number


@pytest.mark.parametrize(
    ("shape", "found"),
    [((4, 3, 2), (4, 3, 2)), ((2, -1), (2, 12)), ((-1,), (24,)), ((3, -1, 2), (3, 4, 2)), ((24, -1), (24, 1))],
)
def test_reshape_keeps_the_order_of_the_numbers(shape, found):
    layer, output_shape = built(Reshape(shape), (2, 3, 4))
    assert output_shape == found
    x, dy = sample(5, 2, 3, 4), sample(5, *found, seed=1)
    y, dx = layer.forward(x, True), layer.backward(dy)
    flat, flat_dy = x.reshape(5, -1), dy.reshape(5, -1)
    for n, *index in np.ndindex(*y.shape):
        assert y[(n, *index)] == flat[n, place(found, index)]
    for n, *index in np.ndindex(*x.shape):
        assert dx[(n, *index)] == flat_dy[n, place((2, 3, 4), index)]


def test_a_sample_of_one_number_may_lose_all_axes():
    assert built(Reshape(()), (1, 1))[1] == ()


@pytest.mark.parametrize("shape", [(5, -1), (24, 2), (23,)])
def test_a_shape_that_the_numbers_do_not_fill_is_refused(shape):
    with pytest.raises(cr.ShapeError) as caught:
        built(Reshape(shape), (2, 3, 4))
    assert str(caught.value) == (
        f"layers.0: reshape to {shape}: a sample of shape (2, 3, 4) has 24 numbers, which do not fill it"
    )


@pytest.mark.parametrize("shape", [(0, 3), (-1, -1), (-2,)])
def test_axes_that_cannot_be_are_refused(shape):
    with pytest.raises(cr.FieldError) as caught:
        Reshape(shape)
    assert str(caught.value) == (
        f"shape: got {list(shape)}, must be axes of at least 1, of which one may be -1 (Reshape)"
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 4).flatmap(lambda n: st.permutations(range(1, n + 1))), st.data())
def test_permute_moves_each_number_to_its_place(order, data):
    shape = tuple(data.draw(st.lists(st.integers(1, 3), min_size=len(order), max_size=len(order))))
    layer, output_shape = built(Permute(order), shape)
    assert output_shape == tuple(shape[axis - 1] for axis in order)
    x, dy = sample(2, *shape), sample(2, *output_shape, seed=1)
    y, dx = layer.forward(x, True), layer.backward(dy)
    for n, *index in np.ndindex(*x.shape):
        moved = (n, *(index[axis - 1] for axis in order))
        assert y[moved] == x[(n, *index)]
        assert dx[(n, *index)] == dy[moved]
    assert y.flags.c_contiguous
    assert dx.flags.c_contiguous


def test_one_order_undoes_another():
    network = cr.Network([Permute((3, 1, 2)), Permute((2, 3, 1)), "flatten"], (2, 3, 4), "mse", dtype="float64")
    x = sample(3, 2, 3, 4)
    np.testing.assert_array_equal(network.predict(x), x.reshape(3, -1))


def test_an_image_with_channels_first_goes_through_a_convolution():
    layers = [Permute((2, 3, 1)), {"name": "conv2d", "filters": 2}, "flatten", Reshape((-1, 4)), "flatten"]
    network = cr.Network([*layers, {"name": "dense", "units": 1}], (3, 5, 4), "mse", dtype="float64")
    assert max(cr.gradient_check(network, sample(3, 3, 5, 4), sample(3, 1)).values()) < 1e-6


@pytest.mark.parametrize("order", [(0, 1), (1, 1), (2, 3), (-1, 1)])
def test_what_is_no_order_is_refused(order):
    with pytest.raises(cr.FieldError) as caught:
        Permute(order)
    assert str(caught.value) == (
        f"order: got {list(order)}, must be the axes of a sample, each number from 1 on once (Permute)"
    )


def test_an_order_of_other_axes_is_refused():
    with pytest.raises(cr.ShapeError) as caught:
        built(Permute((2, 1)), (2, 3, 4))
    assert str(caught.value) == (
        "layers.0: permute puts 2 axes into the order (2, 1), and a sample of shape (2, 3, 4) has 3"
    )


@pytest.mark.parametrize("layer", [Reshape((4, 6)), Permute((3, 1, 2))])
def test_float32_stays_float32(layer):
    layer, _ = built(layer, (2, 3, 4), "float32")
    y = layer.forward(sample(2, 2, 3, 4).astype("float32"), True)
    assert (y.dtype, layer.backward(y).dtype) == (np.float32, np.float32)
