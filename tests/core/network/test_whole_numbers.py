"""Inputs that are whole numbers reach the layer that asks for them exactly, in whatever form people give them; what it
does not take is refused with the first number that is wrong, and its sample."""

from __future__ import annotations

import pickle
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stepwise import EachStep, MaskedMean
from trainings import dense, numbers_of

import chainrule as cr

RNG = np.random.default_rng(7)
IDS = RNG.integers(0, 7, (12, 5))
Y = RNG.normal(size=(12, 2))


@dataclass
class Table(cr.Layer):
    r"""A row of a table for each whole number: $y_t = E_{x_t}$."""

    tokens: int = 7
    width: int = 4
    input_dtype = "int64"

    @property
    def input_range(self) -> range:
        return range(self.tokens)

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        self.E = self.parameter("E", (self.tokens, self.width), "normal")
        return (*input_shape, self.width)

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        self.x = x
        return self.E.value[x]

    def backward(self, dy: cr.Array) -> cr.Array:
        self.E.grad = 0
        np.add.at(self.E.grad, self.x, dy)
        return np.zeros(self.x.shape, dy.dtype)


@dataclass
class Digits(cr.Layer):
    """The last four binary digits of any whole number: what is lost on the way shows."""

    kept: Any = None
    input_dtype = "int64"

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        return (*input_shape, 4)

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        self.seen = x
        return ((x[..., None] >> np.arange(4)) & 1).astype(self.dtype)

    def backward(self, dy: cr.Array) -> cr.Array:
        return np.zeros(self.seen.shape, dy.dtype)


def network(*first: Any, dtype: str = "float64") -> cr.Network:
    return cr.Network([*(first or (Table(),)), MaskedMean(), "tanh", dense(2)], (5,), "mse", dtype=dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=5))
def test_each_is_exact_to_its_last_digit(dtype, numbers):
    net = cr.Network([Digits()], (len(numbers),), "mse", dtype=dtype)
    found = net.predict(np.array([numbers]))
    assert found.tolist() == [[[n >> bit & 1 for bit in range(4)] for n in numbers]]
    assert found.dtype == np.dtype(dtype)


@pytest.mark.parametrize(
    "form",
    [np.int8, np.uint8, np.int32, np.uint64, np.float32, np.float64, bool, list],
)
def test_they_may_be_given_in_any_form_that_holds_them(form):
    net, ids = network(), IDS % 2 if form is bool else IDS
    given_as = ids.tolist() if form is list else ids.astype(form)
    assert np.array_equal(net.predict(given_as), net.predict(ids))
    assert net.inputs(given_as).dtype == np.int64
    assert net.inputs(IDS) is IDS  # nothing is copied that is as it should be


@pytest.mark.parametrize("number", [2**24 + 1, 2**25 - 1, 2**53 - 1, 2**62 + 1, 2**63 - 1])
def test_a_float32_network_does_not_round_them(number):
    net = cr.Network([Digits(), "flatten", dense(1)], (1,), "mse", dtype="float32", task="regression")
    layer: Any = net.layers[0]
    for _ in (net.predict(np.array([[number]])), net.loss_and_gradient(np.array([[number]]), [1.0])):
        assert layer.seen.tolist() == [[number]]
    history = cr.Trainer(net, "sgd", batch_size=1).fit((np.array([[number], [number - 1]]), [1.0, 2.0]), 1)
    assert np.isfinite(history["train/loss"]).all()
    assert layer.seen.tolist() in ([[number]], [[number - 1]])


def test_gradients_predictions_and_training_are_those_of_rows_by_hand():
    net = network()
    table: Any = net.parameters["0.table.E"]
    assert np.array_equal(net.trace(IDS)[0][1], table.value[IDS])
    assert max(cr.gradient_check(net, IDS, Y).values()) < 1e-6
    one_hot = cr.Network([EachStep(4), MaskedMean(), "tanh", dense(2)], (5, 7), "mse", dtype="float64")
    one_hot.parameters["0.each_step.W"].value = table.value
    one_hot.parameters["0.each_step.b"].value = 0
    for name in ("3.dense.W", "3.dense.b"):
        one_hot.parameters[name].value = net.parameters[name].value
    frozen = [{"parameters": "0.each_step.b", "trainable": False}]
    history = cr.Trainer(net, "adam", 4).fit((IDS, Y), 3, validation=(IDS, Y))
    expected = cr.Trainer(one_hot, "adam", 4, groups=frozen).fit((np.eye(7)[IDS], Y), 3, validation=(np.eye(7)[IDS], Y))
    np.testing.assert_allclose(table.value, one_hot.parameters["0.each_step.W"].value, rtol=1e-9)
    for name, column in numbers_of(history).items():
        assert column == pytest.approx(expected[name], rel=1e-9)


def test_masks_go_with_them():
    mask = RNG.random(IDS.shape) < 0.6
    mask[:, 0] = True
    net = network()
    other = np.where(mask, IDS, (IDS + 1) % 7)
    assert np.array_equal(net.predict(IDS, mask=mask), net.predict(other, mask=mask))
    assert not np.array_equal(net.predict(IDS), net.predict(other))


def test_the_network_goes_with_its_whole_numbers(tmp_path):
    entry_free = network()  # of classes that nobody has registered
    for twin in (entry_free.copy(), pickle.loads(pickle.dumps(entry_free)), entry_free.copy("float32")):
        np.testing.assert_allclose(twin.predict(IDS), entry_free.predict(IDS), rtol=1e-5)
        with pytest.raises(cr.DataError, match="table takes whole numbers from 0 to 6, got 7"):
            twin.predict(IDS + 1)


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([[0, 1, 2, 3, 4], [0, 1, 7, 3, 9]], "table takes whole numbers from 0 to 6, got 7 of sample 1"),
        ([[0, 1, 2, 3, -1]], "table takes whole numbers from 0 to 6, got -1 of sample 0"),
        ([[0, 1, 2, 3, 0.5]], "table takes whole numbers from 0 to 6, got 0.5 of sample 0"),
        ([[0, 1, 2, 3, np.nan]], "table takes whole numbers from 0 to 6, got nan of sample 0"),
        ([[0, 1, 2, 3, np.inf]], "table takes whole numbers from 0 to 6, got inf of sample 0"),
        ([[0, 1, 2, 3, 2**70]], "inputs must be real numbers, got object"),
        ([["a", "b", "c", "d", "e"]], "inputs must be real numbers, got <U1"),
        (
            np.full((1, 5), 2**64 - 1, np.uint64),
            "table takes whole numbers from 0 to 6, got 18446744073709551615 of sa",
        ),
    ],
)
def test_what_it_does_not_take(ids, message):
    for use in (lambda net: net.predict(ids), lambda net: net.loss_and_gradient(ids, Y[: len(ids)])):
        with pytest.raises(cr.DataError, match=f"^{re.escape(message)}"):
            use(network())
    with pytest.raises(cr.DataError, match=f"^{re.escape(message)}"):
        cr.Trainer(network(), "sgd").fit((ids, Y[: len(ids)]), 1)


def test_one_that_says_no_range_takes_what_an_int64_holds_and_no_fraction():
    net = cr.Network([Digits()], (1,), "mse")
    for wrong, message in (
        ([[0.5]], "digits takes whole numbers, got 0.5 of sample 0"),
        (np.array([[2.0**60]]), "digits takes whole numbers, got 1.152921504606847e+18 of sample 0"),  # may be rounded
        (np.array([[2**63]], np.uint64), "digits takes whole numbers, got 9223372036854775808 of sample 0"),
    ):
        with pytest.raises(cr.DataError, match=f"^{re.escape(message)}$"):
            net.predict(wrong)


def test_they_are_for_the_first_layer():
    with pytest.raises(cr.ConfigError, match=r"^layers\.1: .*whole numbers"):
        cr.Network([dense(3), Table()], (5,), "mse")


def test_inputs_of_another_shape_are_refused_as_any_others():
    with pytest.raises(cr.ShapeError, match=re.escape("the network takes inputs of shape (n, 5), got (12, 4)")):
        network().predict(IDS[:, :4])


# ---- data


def test_data_says_what_its_whole_numbers_stand_for():
    names = tuple("abcdefg")
    data = cr.Data((IDS, Y), "regression", token_names=names)
    assert data.token_names == names
    for wrong, message in (
        (IDS + 1, "the train inputs must be whole numbers from 0 to 6, as there are 7 token names, got int64 from"),
        (IDS - 1, "the train inputs must be whole numbers from 0 to 6, as there are 7 token names, got int64 from -1"),
        (IDS / 1, "the train inputs must be whole numbers from 0 to 6, as there are 7 token names, got float64"),
    ):
        with pytest.raises(cr.DataError, match=re.escape(message)):
            cr.Data((wrong, Y), "regression", token_names=names)
