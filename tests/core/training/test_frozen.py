"""What is frozen stays as it is to the last bit: under every optimizer, with decay, regularizers, momentum, callbacks.
To those its gradient is 0, and all else is trained as if it were no parameter."""

from __future__ import annotations

import copy
import pickle
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from stepwise import EachStep
from trainings import NUMBERS, X, dense, numbers_of

import chainrule as cr
from chainrule.network import updates

RNG = np.random.default_rng(4)
OPTIMIZERS = [entry for entry in cr.registry() if entry.kind == "optimizer"]
FIRST = ("0.dense.W", "0.dense.b")


def optimizer_of(entry: cr.Entry, **fields: Any) -> cr.Component:
    """One with its own example, and with decay where it has that."""
    given = dict((entry.cls.check_examples or ({},))[0])
    if any(field.name == "weight_decay" for field in entry.fields):
        given["weight_decay"] = 0.1
    return entry.cls(**{**given, **fields})


def network_of(seed: int = 0) -> cr.Network:
    layers = [dense(6, "tanh"), {"name": "dropout", "rate": 0.2}, dense(5, "tanh"), dense(2)]
    return cr.Network(layers, (4,), "mse", seed, "float64")


def values(network: cr.Network, names: Any = FIRST) -> list[cr.Array]:
    return [network.parameters[name].value.copy() for name in names]


@dataclass
class Watching(cr.Callback):
    """Keeps the gradients of two parameters, then adds noise to all."""

    def __post_init__(self) -> None:
        self.seen: list[float] = []

    def on_gradient(self, trainer: cr.Training) -> None:
        parameters = trainer.network.parameters
        self.seen += [float(np.abs(parameters[name].grad).max()) for name in FIRST]
        parameters.grad[...] += np.random.default_rng(trainer.step).normal(size=parameters.grad.size)


@pytest.mark.parametrize("how", ["attribute", "group"])
@pytest.mark.parametrize("entry", OPTIMIZERS, ids=lambda entry: entry.name)
def test_no_optimizer_moves_it(entry, how, monkeypatch):
    monkeypatch.setattr(updates, "BLOCK", 7)
    network, watching = network_of(), Watching()
    before, rest = values(network), network.parameters["2.dense.W"].value.copy()
    groups: list[Any] = []
    if how == "attribute":
        for name in FIRST:
            network.parameters[name].trainable = False
    else:
        groups = [{"parameters": "0.*", "trainable": False}]
    trainer = cr.Trainer(network, optimizer_of(entry), 8, regularizer="l2", groups=groups)
    trainer.fit((X, NUMBERS), epochs=3, callbacks=[watching])
    for now, then in zip(values(network), before, strict=True):
        assert np.array_equal(now, then)
    assert watching.seen == [0.0] * len(watching.seen)
    assert len(watching.seen) == 2 * 9
    assert not np.array_equal(network.parameters["2.dense.W"].value, rest)


@pytest.mark.parametrize("entry", OPTIMIZERS, ids=lambda entry: entry.name)
def test_what_has_gathered_momentum_stands_still_once_it_is_frozen(entry):
    network = network_of()
    trainer = cr.Trainer(network, optimizer_of(entry), 8, regularizer="l2")
    trainer.fit((X, NUMBERS), epochs=2)
    before, rest = values(network), network.parameters["2.dense.W"].value.copy()
    for name in FIRST:
        network.parameters[name].trainable = False
    trainer.fit((X, NUMBERS), epochs=2)
    assert all(np.array_equal(now, then) for now, then in zip(values(network), before))
    assert not np.array_equal(network.parameters["2.dense.W"].value, rest)
    for name in FIRST:
        network.parameters[name].trainable = True
    trainer.fit((X, NUMBERS), epochs=1)
    assert not any(np.array_equal(now, then) for now, then in zip(values(network), before))


def test_callbacks_that_write_parameters_leave_it_alone():
    network = network_of()
    network.parameters["0.dense.W"].value[...] *= 10  # longer than the limit
    network.parameters["0.dense.W"].trainable = network.parameters["0.dense.b"].trainable = False
    before = values(network)
    callbacks = [{"name": "max_norm", "limit": 0.1}, {"name": "weight_average", "decay": 0.9}, "clip_norm"]
    cr.Trainer(network, "adam", 8).fit((X, NUMBERS), epochs=3, callbacks=callbacks)
    assert all(np.array_equal(now, then) for now, then in zip(values(network), before))
    assert max(np.linalg.norm(network.parameters["2.dense.W"].value, axis=0)) < 0.2


ELEMENTWISE = [entry for entry in OPTIMIZERS if not entry.cls.whole_vector]  # type: ignore[attr-defined]


@pytest.mark.parametrize("entry", ELEMENTWISE, ids=lambda entry: entry.name)
def test_the_rest_is_trained_as_a_network_behind_features_that_do_not_change(entry):
    """What the frozen layers give is computed once, and given to a network of the others."""
    whole = cr.Network([dense(6, "tanh"), dense(5, "tanh"), dense(2)], (4,), "mse", dtype="float64")
    features = dict(whole.trace(X))["0.dense.tanh"]
    rest = cr.Network([dense(5, "tanh"), dense(2)], (6,), "mse", dtype="float64")
    for number in (0, 1):
        for kind in ("W", "b"):
            rest.parameters[f"{number}.dense.{kind}"].value = whole.parameters[f"{number + 1}.dense.{kind}"].value
    groups = [{"parameters": "0.*", "trainable": False}]
    history = cr.Trainer(whole, optimizer_of(entry), 8, groups=groups).fit((X, NUMBERS), epochs=3)
    expected = cr.Trainer(rest, optimizer_of(entry), 8).fit((features, NUMBERS), epochs=3)
    assert history["train/loss"] == pytest.approx(expected["train/loss"], rel=1e-9)
    np.testing.assert_allclose(
        whole.parameters["2.dense.W"].value, rest.parameters["1.dense.W"].value, rtol=1e-9, atol=1e-12
    )


@dataclass
class Fixed(cr.Layer):
    """A projection by chance that is not to be trained: $y = x P + b$."""

    units: int = 3

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        self.P = self.parameter("P", (input_shape[-1], self.units), "normal", trainable=False)
        self.b = self.parameter("b", (self.units,), "zeros", decay=False)
        return (self.units,)

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        self.x = x
        return x @ self.P.value + self.b.value

    def backward(self, dy: cr.Array) -> cr.Array:
        self.P.grad = self.x.T @ dy
        self.b.grad = dy.sum(axis=0)
        return dy @ self.P.value.T


def test_a_layer_may_declare_it_so_and_its_gradient_is_computed_all_the_same(tmp_path):
    network = cr.Network([Fixed(), "tanh", dense(2)], (4,), "mse", dtype="float64")
    before = values(network, ["0.fixed.P"])[0]
    network.loss_and_gradient(X, NUMBERS)
    assert network.parameters["0.fixed.P"].grad.all()
    assert max(cr.gradient_check(network, X, NUMBERS).values()) < 1e-6
    # A group cannot make it trainable: its layer knows why.
    groups = [{"parameters": "*", "trainable": True}]
    cr.Trainer(network, "adam", groups=groups, regularizer="l2").fit((X, NUMBERS), epochs=2)
    assert np.array_equal(network.parameters["0.fixed.P"].value, before)
    assert network.parameters["0.fixed.b"].value.any()


def test_all_may_be_frozen_and_the_training_measures():
    network = network_of()
    before = network.parameters.theta.copy()
    for optimizer in map(optimizer_of, OPTIMIZERS):
        trainer = cr.Trainer(network, optimizer, 8, groups=[{"parameters": "*", "trainable": False}])
        history = trainer.fit((X, NUMBERS), epochs=1, validation=(X, NUMBERS))
        assert history["validation/loss"] == [network.evaluate(X, NUMBERS)["loss"]]
    assert np.array_equal(network.parameters.theta, before)


def test_copies_know_what_is_frozen_and_files_what_layers_declare(tmp_path):
    network = network_of()
    network.parameters["0.dense.W"].trainable = False
    for twin in (network.copy(), network.copy("float32"), pickle.loads(pickle.dumps(network)), copy.deepcopy(network)):
        assert [p.name for p in twin.parameters if not p.trainable] == ["0.dense.W"]
    network.save(tmp_path / "network.safetensors")
    assert all(parameter.trainable for parameter in cr.load_network(tmp_path / "network.safetensors").parameters)


def test_a_training_is_taken_up_only_with_the_same_parameters_frozen(tmp_path):
    path = tmp_path / "training.safetensors"
    trainer = cr.Trainer(network_of(), "adam")
    trainer.network.parameters["0.dense.W"].trainable = False
    trainer.fit((X, NUMBERS), epochs=1)
    trainer.save(path)
    again = cr.Trainer(network_of(), "adam")
    with pytest.raises(cr.DataError, match=re.escape('frozen was ["0.dense.W"], here it is None')):
        again.load(path)
    again.network.parameters["0.dense.W"].trainable = False
    again.load(path)
    again.fit((X, NUMBERS), epochs=1)
    trainer.fit((X, NUMBERS), epochs=1)
    assert numbers_of(again.history) == numbers_of(trainer.history)


def test_a_penalty_is_that_of_all_weights_and_moves_those_that_are_trained():
    network = cr.Network([EachStep(3), dense(2)], (4,), "mse", dtype="float64")
    network.parameters["0.each_step.W"].trainable = False
    trainer = cr.Trainer(network, "sgd", regularizer={"name": "l2", "strength": 0.5})
    history = trainer.fit((X, NUMBERS), epochs=1)
    weights = np.concatenate([p.value.ravel() for p in network.parameters if p.decay])
    assert history["train/penalty"] == [pytest.approx(cr.make("regularizer", "l2", strength=0.5).penalty(weights))]
