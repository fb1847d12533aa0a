"""Activations with parameters: built, named, trained and saved wherever they stand."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from trainings import NUMBERS, X, dense

import chainrule as cr


@dataclass
class Leaning(cr.Activation):
    r"""A learned slope for each feature where $z < 0$, and one offset: $a = \max(z, 0) + \alpha \min(z, 0) + o$."""

    start: float = 0.25

    def build(self, input_shape: cr.Shape) -> None:
        self.alpha = self.parameter("alpha", input_shape, cr.make("initializer", "constant", value=self.start))
        self.o = self.parameter("o", (), "zeros", decay=False)

    def forward(self, z: cr.Array) -> cr.Array:
        self.z = z
        return np.where(z < 0, self.alpha.value * z, z) + self.o.value

    def backward(self, da: cr.Array) -> cr.Array:
        self.alpha.grad = (da * np.minimum(self.z, 0)).sum(axis=0)
        self.o.grad = da.sum()
        return np.where(self.z < 0, self.alpha.value * da, da)


LAYERS: dict[str, list[Any]] = {
    "of a layer": [{"name": "dense", "units": 5, "activation": Leaning()}, dense(2)],
    "by itself": [dense(5), Leaning(), dense(2)],
    "first": [Leaning(), dense(2)],
    "last": [dense(2), Leaning()],
    "all there is": [Leaning(), "flatten"],
}
NAMES = {
    "of a layer": "0.dense.leaning",
    "by itself": "1.leaning",
    "first": "0.leaning",
    "last": "1.leaning",
    "all there is": "0.leaning",
}


@pytest.mark.parametrize("where", LAYERS)
def test_its_parameters_are_the_networks_wherever_it_stands(where):
    y = NUMBERS if where != "all there is" else X[:, ::-1]
    network = cr.Network(LAYERS[where], (4,), "mse", dtype="float64")
    names = [p.name for p in network.parameters]
    assert [f"{NAMES[where]}.alpha", f"{NAMES[where]}.o"] == [name for name in names if "leaning" in name]
    assert (network.parameters[f"{NAMES[where]}.alpha"].value == 0.25).all()
    assert max(cr.gradient_check(network, X, y).values()) < 1e-6
    before = network.parameters.theta.copy()
    cr.Trainer(network, {"name": "sgd", "lr": 0.1}).fit((X, y), 2)
    assert (network.parameters.theta != before).all()
    twin = pickle.loads(pickle.dumps(network))
    assert np.array_equal(twin.predict(X), network.predict(X))
    assert f"{names[0]}" in {p.name for p in twin.parameters}


def test_what_it_declares_is_in_the_summary_and_may_be_frozen_by_name():
    network = cr.Network(LAYERS["of a layer"], (4,), "mse")
    row = next(line for line in network.summary().splitlines() if "0.dense.leaning" in line)
    assert row.split()[-1] == "6"
    before = network.parameters["0.dense.leaning.alpha"].value.copy()
    cr.Trainer(network, "adam", groups=[{"parameters": "*.alpha", "trainable": False}]).fit((X, NUMBERS), 2)
    assert np.array_equal(network.parameters["0.dense.leaning.alpha"].value, before)
    assert network.parameters["0.dense.leaning.o"].value != 0


def test_two_of_a_kind_have_parameters_each_of_its_own():
    one = {"name": "dense", "units": 3, "activation": Leaning(0.1)}
    other = {"name": "dense", "units": 3, "activation": Leaning(0.9)}
    network = cr.Network([one, other, dense(2)], (4,), "mse")
    found = [float(p.value[0]) for p in network.parameters if p.name.endswith("alpha")]
    assert found == pytest.approx([0.1, 0.9])
