"""per_slice draws what its initializer draws for each slice, and tells what does not fit."""

import numpy as np
import pytest

import chainrule as cr
from chainrule_plugins.initializers import PerSlice


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("inner", ["glorot_uniform", {"name": "normal", "std": 2.0}, "orthogonal"])
def test_each_slice_is_drawn_as_a_weight_of_its_own(axis, inner):
    shape = (4, 3, 5)
    w = PerSlice(inner, axis)(shape, np.random.default_rng(1), "float64")
    rng, draw = np.random.default_rng(1), cr.make("initializer", inner)
    assert w.shape == shape
    for i in range(shape[axis]):
        one = [*shape]
        one[axis] = 1
        expected = draw(tuple(one), rng, "float64")
        np.testing.assert_array_equal(np.take(w, [i], axis=axis), expected)


def test_its_moments_are_those_of_a_slice():
    shape = (3, 3, 500, 2)
    mean, std = PerSlice("he_normal", 2).moments(shape)
    w = PerSlice("he_normal", 2)(shape, np.random.default_rng(0), "float64")
    assert (mean, std) == (0, pytest.approx(np.sqrt(2 / 9)))
    assert w.std() == pytest.approx(std, rel=0.03)


def test_a_negative_axis_and_an_unknown_initializer_are_refused():
    with pytest.raises(cr.FieldError) as caught:
        PerSlice(axis=-1)
    assert str(caught.value) == "axis: got -1, must be at least 0 (PerSlice)"
    with pytest.raises(cr.UnknownName, match=r'^initializer: there is no initializer "he"\.'):
        PerSlice("he")


def test_a_parameter_without_such_an_axis_is_refused():
    with pytest.raises(cr.ShapeError) as caught:
        PerSlice(axis=2)((4, 3), np.random.default_rng(0), "float64")
    assert str(caught.value) == "per_slice: a parameter of shape (4, 3) has no axis 2"
