"""A parameter that two layers share: one number, trained and saved once, with the gradient of both uses."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stepwise import EachStep
from trainings import NUMBERS, X, dense, numbers_of

import chainrule as cr

RNG = np.random.default_rng(5)
OPTIMIZERS = [entry for entry in cr.registry() if entry.kind == "optimizer"]


@dataclass
class Back(cr.Layer):
    r"""The way back through a matrix of another layer: $y = x W^T + c$, as the output of a language model has it."""

    shares: str = "0.dense.W"

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        self.W = self.shared(self.shares)
        self.c = self.parameter("c", self.W.shape[:1], "zeros", decay=False)
        return self.W.shape[:1]

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        self.x = x
        return x @ self.W.value.T + self.c.value

    def backward(self, dy: cr.Array) -> cr.Array:
        self.W.grad = dy.T @ self.x
        self.c.grad = dy.sum(axis=0)
        return dy @ self.W.value


@dataclass
class Own(Back):
    """The same with a matrix of its own, which is given as the other one's."""

    units: int = 4

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        self.W = self.parameter("W", (self.units, *input_shape), "normal")
        self.c = self.parameter("c", (self.units,), "zeros", decay=False)
        return (self.units,)


@dataclass
class Nest(cr.Layer):
    """Layers in a row."""

    layers: Sequence[str | dict | cr.Layer] = ()  # type: ignore[type-arg]

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        self.stack = self.child("layers", self.layers)
        return self.stack.build(input_shape)

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        return self.stack.forward(x, training)

    def backward(self, dy: cr.Array) -> cr.Array:
        return self.stack.backward(dy)


def tied(dtype: str = "float64") -> cr.Network:
    """An autoencoder whose two halves are one matrix: three uses of it."""
    layers = [dense(3, "tanh"), Back(), "tanh", EachStep(3), Back()]
    return cr.Network(layers, (4,), "mse", seed=1, dtype=dtype)


def untied(network: cr.Network) -> cr.Network:
    """One whose matrices have the same values, each of its own."""
    alone = cr.Network([dense(3, "tanh"), Own(), "tanh", EachStep(3), Own()], (4,), "mse", seed=1, dtype="float64")
    for parameter in alone.parameters:
        shared = parameter.name.endswith("own.W")
        name = "0.dense.W" if shared else parameter.name.replace("own", "back")
        parameter.value = network.parameters[name].value
    return alone


def test_the_gradient_is_that_of_all_uses_together():
    network = tied()
    assert max(cr.gradient_check(network, X, X).values()) < 1e-6
    alone = untied(network)
    value, _ = network.loss_and_gradient(X, X)
    assert value == alone.loss_and_gradient(X, X)[0]
    grads = {parameter.name: parameter.grad for parameter in alone.parameters}
    total = grads["0.dense.W"] + grads["1.own.W"] + grads["4.own.W"]
    np.testing.assert_allclose(network.parameters["0.dense.W"].grad, total, rtol=1e-12)
    np.testing.assert_allclose(network.parameters["3.each_step.W"].grad, grads["3.each_step.W"], rtol=1e-12)


def test_it_is_one_parameter_of_which_all_uses_see_the_value():
    network = tied()
    assert [p.name for p in network.parameters if p.decay] == ["0.dense.W", "3.each_step.W"]
    assert network.parameters.theta.size == 12 + 3 + 4 + 12 + 3 + 4
    backs: Any = [network.layers[i] for i in (2, 5)]
    network.parameters["0.dense.W"].value = 7.0
    for number, back in enumerate(backs):
        assert back.W.value[1:].tolist() == [[7.0] * 3] * 3
        back.W.value[0, number] = 3.0
    assert network.parameters["0.dense.W"].value[0].tolist() == [3, 3, 7]
    assert "1.back" in network.summary()
    assert "38 parameters" in network.summary()


@pytest.mark.parametrize("entry", OPTIMIZERS, ids=lambda entry: entry.name)
def test_a_training_moves_it_by_the_sum(entry):
    """An optimizer is given the gradient of all uses: the same steps, one by one, by hand."""
    network, by_hand = tied(), tied()
    optimizer = entry.cls(**(entry.cls.check_examples or ({},))[0])
    if optimizer.whole_vector:
        trainer = cr.Trainer(network, optimizer, 8)
        before = network.evaluate(X, X)["loss"]
        trainer.fit((X, X), 5)
        assert network.evaluate(X, X)["loss"] < before
        return
    cr.Trainer(network, optimizer, 22, shuffle=False, regularizer="l2").fit((X, X), 3)
    weights, alone = by_hand.parameters.decaying, untied(by_hand)
    penalty: Any = cr.make("regularizer", "l2")

    class Summed(cr.Callback):
        """Puts the sum of the gradients of networks apart in place of that of the one."""

        def on_gradient(self, trainer: Any) -> None:
            given = trainer.network.parameters
            now = untied(trainer.network)
            now.loss_and_gradient(X, X)
            found = {parameter.name: parameter.grad for parameter in now.parameters}
            for parameter in given:
                parameter.grad = found[parameter.name.replace("back", "own")]
            given["0.dense.W"].grad[...] += found["1.own.W"] + found["4.own.W"]
            penalty.add_gradient(given.theta[weights], given.grad[weights])

    trainer = cr.Trainer(by_hand, optimizer, 22, shuffle=False)
    trainer.fit((X, X), 3, callbacks=[Summed()])
    np.testing.assert_allclose(network.parameters.theta, by_hand.parameters.theta, rtol=1e-7, atol=1e-10)
    assert alone.parameters.theta.size > network.parameters.theta.size


def test_it_goes_with_copies_pickles_and_snapshots():
    network = tied()
    twins = [network.copy(), pickle.loads(pickle.dumps(network)), copy.deepcopy(network)]
    snapshot = network.snapshot()
    for twin in twins:
        assert np.array_equal(twin.predict(X), network.predict(X))
        assert twin.loss_and_gradient(X, X)[0] == network.loss_and_gradient(X, X)[0]
        twin.parameters["0.dense.W"].value = 0
        assert not np.array_equal(twin.predict(X), network.predict(X))
        layer: Any = twin.layers[2]
        assert not layer.W.value.any()
        twin.restore(snapshot)
        assert np.array_equal(twin.predict(X), network.predict(X))


def test_it_is_saved_once_and_loaded(tmp_path: Path):
    """With a registered pair of layers: a dense one, and one that shares its weights."""
    safetensors = pytest.importorskip("safetensors.numpy")
    network = tied()
    path = tmp_path / "network.safetensors"
    with pytest.raises(cr.ConfigError, match="Back, EachStep cannot be saved, as no plugin registers it"):
        network.save(path)
    trainer = cr.Trainer(network, "adam")
    trainer.fit((X, X), 1)
    trainer.save(path)
    arrays = safetensors.load_file(path)
    assert sum(array.size for array in arrays.values()) == 3 * network.parameters.theta.size  # theta and two slots
    again = cr.Trainer(tied(), "adam")
    again.load(path)
    for one in (trainer, again):
        one.fit((X, X), 2)
    assert np.array_equal(again.network.parameters.theta, network.parameters.theta)
    assert numbers_of(again.history) == numbers_of(trainer.history)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_its_gradient_has_the_networks_dtype_and_a_sharing_layer_may_come_first_of_those_that_learn(dtype):
    network = tied(dtype)
    layer: Any = network.layers[2]
    assert layer.W.value.dtype == layer.W.grad.dtype == np.dtype(dtype)
    # Behind frozen layers, the one that shares is where the way back ends: its gradient is still there.
    frozen = [{"parameters": "*", "trainable": False}, {"parameters": "0.dense.W", "trainable": True}]
    before = network.parameters.theta.copy()
    cr.Trainer(network, "sgd", groups=frozen).fit((X, X), 1)
    moved = [p.name for p in network.parameters if not np.array_equal(p.value.ravel(), part(before, p))]
    assert moved == ["0.dense.W"]


def part(theta: cr.Array, parameter: cr.Parameter) -> cr.Array:
    return theta[parameter.offset : parameter.offset + parameter.size]


def test_one_within_another_layer_may_be_shared_and_share():
    inner = [dense(3, "tanh"), Back("0.nest.layers.0.dense.W"), dense(4, "tanh")]
    layers = [Nest(inner), dense(4), Nest([Back("0.nest.layers.2.dense.W")]), dense(2)]
    network = cr.Network(layers, (4,), "mse", dtype="float64")
    assert max(cr.gradient_check(network, X, NUMBERS).values()) < 1e-6
    _, gradient = network.loss_and_gradient(X, NUMBERS)
    assert gradient.all()


def test_a_parameter_that_is_frozen_is_so_in_all_of_its_uses():
    network = tied()
    network.parameters["0.dense.W"].trainable = False
    before = network.parameters["0.dense.W"].value.copy()
    cr.Trainer(network, "adam", regularizer="l2").fit((X, X), 2)
    assert np.array_equal(network.parameters["0.dense.W"].value, before)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            [dense(3), Back("0.dense.w")],
            'layers.1: 1.back shares the parameter "0.dense.w", which no layer before it has. Did you mean "0.dense.b"',
        ),
        (
            [Back("1.dense.W"), dense(4)],
            'layers.0: 0.back shares the parameter "1.dense.W", which no layer before it has. No layer before it has',
        ),
        (
            [dense(3), Back("1.back.c")],
            'layers.1: 1.back shares the parameter "1.back.c", which no layer before it has.',
        ),
    ],
)
def test_what_no_layer_before_it_has_is_refused_by_name(layers, message):
    with pytest.raises(cr.UnknownName, match=f"^{re.escape(message)}"):
        cr.Network(layers, (4,), "mse")


def test_it_is_shared_while_the_network_is_built_and_not_later():
    network = tied()
    layer: Any = network.layers[2]
    with pytest.raises(cr.ContractError, match=r"declares the shared parameter '0\.dense\.W' after it was built"):
        layer.shared("0.dense.W")
    with pytest.raises(cr.ContractError, match="Back is not part of a network yet"):
        Back().shared("0.dense.W")
