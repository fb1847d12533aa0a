"""Class weights: by their formula, for each sample or step that counts, beside weights that there are already."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr

RNG = np.random.default_rng(2)
Y = np.array([0, 0, 0, 0, 0, 2, 2, 1, 0, 2])
X = RNG.normal(size=(10, 3))
STEPS = RNG.normal(size=(10, 4, 3))
OF_STEPS = RNG.integers(0, 3, (10, 4))
NAMES = ("cat", "dog", "eel")


def data(y: Any = Y, x: Any = X, task: Any = "multiclass", names: Any = NAMES, **what: Any) -> cr.Data:
    return cr.Data(cr.Split(x, y, **what), task, validation=(x, y), class_names=names)


def weight_of(found: cr.Data) -> cr.Array:
    assert found.train.weight is not None
    return found.train.weight


@given(st.lists(st.integers(0, 2), min_size=1, max_size=30))
def test_balanced_is_n_over_the_number_of_classes_times_the_size_of_each(labels):
    y = np.array(labels)
    found = weight_of(data(y, np.zeros((len(y), 1))).with_class_weights("balanced"))
    for i, k in enumerate(labels):
        assert found[i] == pytest.approx(len(labels) / (3 * labels.count(k)), rel=1e-12)
    sums = [found[y == k].sum() for k in {*labels}]
    assert sums == pytest.approx([sums[0]] * len(sums))


@pytest.mark.parametrize(
    "given_weights",
    [{"dog": 3.0, "eel": 0.5}, {1: 3, 2: 0.5}, {"dog": 3, 2: 0.5}, {np.int64(1): np.float32(3), "eel": 0.5}],
)
def test_weights_are_given_by_name_or_number_and_others_are_1(given_weights):
    assert weight_of(data().with_class_weights(given_weights)).tolist() == np.array([1.0, 3.0, 0.5])[Y].tolist()


def test_a_name_is_a_name_though_it_looks_like_a_number():
    found = data(np.array([0, 1]), X[:2], "binary", ("1", "0")).with_class_weights({"0": 5.0})
    assert weight_of(found).tolist() == [1, 5]
    found = data(np.array([0, 1]), X[:2], "binary", ("1", "0")).with_class_weights({0: 5.0})  # as YAML has it
    assert weight_of(found).tolist() == [1, 5]


def test_each_step_has_the_weight_of_its_class():
    found = weight_of(data(OF_STEPS, STEPS).with_class_weights("balanced"))
    counts = np.bincount(OF_STEPS.ravel())
    assert found.shape == (10, 4)
    np.testing.assert_allclose(found, 40 / (3 * counts[OF_STEPS]), rtol=1e-12)


def test_steps_that_a_mask_leaves_out_are_not_counted():
    mask = RNG.random((10, 4)) < 0.6
    y = np.where(mask, OF_STEPS, 0)  # padded with the first class
    found = data(y, STEPS, mask=mask).with_class_weights("balanced")
    counts = np.bincount(y[mask])
    np.testing.assert_allclose(weight_of(found)[mask], mask.sum() / (3 * counts[y[mask]]), rtol=1e-12)
    assert found.train.mask is mask


def test_weights_of_their_own_are_multiplied_and_still_all_classes_weigh_the_same():
    own = RNG.uniform(0, 2, 10)
    found = weight_of(data(weight=own).with_class_weights("balanced"))
    assert [found[k == Y].sum() for k in range(3)] == pytest.approx([own.sum() / 3] * 3, rel=1e-12)
    np.testing.assert_allclose(weight_of(data(weight=own).with_class_weights({"eel": 4})), np.where(Y == 2, 4, 1) * own)
    per_sample = weight_of(data(OF_STEPS, STEPS, weight=own).with_class_weights({"eel": 4}))
    np.testing.assert_allclose(per_sample, np.where(OF_STEPS == 2, 4, 1) * own[:, None])


def test_nothing_but_the_training_samples_is_weighed():
    found = data().with_class_weights("balanced")
    assert found.validation is not None
    assert found.validation.weight is None
    assert found.train.x is X


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"bat": 2}, 'class_weight: there is no class "bat". Did you mean "cat"? Known: cat, dog, eel.'),
        ({3: 2}, "class_weight: there is no class 3. Known: cat, dog, eel."),
        ({-1: 2}, "class_weight: there is no class -1. Known: cat, dog, eel."),
        ({True: 2}, "class_weight: there is no class true. Known: cat, dog, eel."),
        ({"dog": -1}, "class_weight.dog: got -1, expected a number, 0 or more, and finite"),
        ({"dog": np.nan}, "class_weight.dog: got nan, expected a number, 0 or more, and finite"),
        ({"dog": "much"}, 'class_weight.dog: got "much", expected a number, 0 or more, and finite'),
        ({"dog": True}, "class_weight.dog: got true, expected a number, 0 or more, and finite"),
        ("balance", 'class_weight: got "balance", expected "balanced", or a weight for each class'),
        ([1, 2, 3], 'class_weight: got [1, 2, 3], expected "balanced", or a weight for each class'),
        (np.ones(3), "class_weight: got ndarray of shape (3,) and type float64, exp"),
    ],
)
def test_what_is_no_weight_for_each_class(weights, message):
    with pytest.raises(cr.FieldError, match=f"^{re.escape(message)}"):
        data().with_class_weights(weights)


def test_a_regression_has_no_classes():
    with pytest.raises(cr.FieldError, match=r"^class_weight: it is for one target with classes, and the task is r"):
        cr.Data((X, X), "regression").with_class_weights("balanced")


def test_weights_and_masks_of_data_are_arrays_for_each_sample():
    for what, message in (
        ({"weight": np.ones(9)}, "the train data has 10 inputs and 9 rows of the weight; they must be as many, and at"),
        (
            {"mask": np.ones(11, bool)},
            "the train data has 10 inputs and 11 rows of the mask; they must be as many, and",
        ),
        ({"weight": [1.0] * 10}, "the train weight must be arrays of real numbers, got list"),
        ({"weight": np.array(["a"] * 10)}, "the train weight must be arrays of real numbers, got <U1"),
    ):
        with pytest.raises(cr.DataError, match=re.escape(message)):
            data(**what)
    assert data(mask=Y > 0).train.mask is not None
