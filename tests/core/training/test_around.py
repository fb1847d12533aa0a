"""Optimizers around optimizers: with the inner one's rate, decay and slots, and telling it what it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from trainings import NUMBERS, X, dense, numbers_of, regressor

import chainrule as cr
from chainrule.registry.discovery import Plugin
from chainrule.registry.registry import Registrar


@dataclass
class LookAhead(cr.Optimizer):
    """Slow weights go a part of the way that the fast ones have gone in some steps (Zhang et al. 2019)."""

    optimizer: str | Mapping[str, Any] | cr.Optimizer = "adam"
    every: int = 3
    share: float = 0.5

    def __post_init__(self) -> None:
        with cr.within("optimizer"):
            self.inner: cr.Optimizer = cr.make("optimizer", self.optimizer)

    @property
    def lr(self) -> float:  # type: ignore[override]
        return self.inner.lr

    @property
    def weight_decay(self) -> float:
        return getattr(self.inner, "weight_decay", 0.0)

    @property
    def slots(self) -> tuple[str, ...]:  # type: ignore[override]
        return (*self.inner.slots, "slow")

    @property
    def whole_parameters(self) -> bool:  # type: ignore[override]
        return self.inner.whole_parameters

    def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float, **told: Any) -> None:
        if step == 1:
            slots["slow"][...] = theta
        self.inner.update(theta, grad, slots, step, lr, **self.inner.asks_for(told))
        if step % self.every == 0:
            slots["slow"] += self.share * (theta - slots["slow"])
            theta[...] = slots["slow"]


@dataclass
class Named(cr.Optimizer):
    """Has a rate of its own for each parameter, by its name."""

    lr: float = 0.1
    weight_decay: float = 0.0
    slots = ("m",)
    whole_parameters = True

    def update(
        self, theta: Any, grad: Any, slots: Any, step: int, lr: float, name: str, shape: cr.Shape, decay: bool
    ) -> None:
        assert theta.shape == shape
        assert decay == (len(shape) > 1)
        slots["m"] += grad
        theta -= lr / (2 + int(name[0])) * slots["m"]


INNER: list[Any] = ["sgd", {"name": "momentum", "lr": 0.02}, {"name": "adamw", "weight_decay": 0.3}, Named()]


def by_hand(optimizer: Any, epochs: int = 2) -> cr.Network:
    """The fast steps of a trainer, and what the slow weights make of them after every third one. Decay comes before an
    update: it is in what the first one is given."""
    network, made = regressor(), cr.make("optimizer", optimizer)
    slow = network.parameters.theta.copy()
    slow[network.parameters.decaying] *= 1 - made.lr * getattr(made, "weight_decay", 0.0)

    class Slow(cr.Callback):
        def on_batch_end(self, trainer: Any) -> None:
            theta = network.parameters.theta
            if trainer.step % 3 == 0:
                slow[...] += 0.5 * (theta - slow)
                theta[...] = slow

    cr.Trainer(network, optimizer, 8).fit((X, NUMBERS), epochs, callbacks=[Slow()])
    return network


@pytest.mark.parametrize("inner", INNER, ids=["sgd", "momentum", "adamw", "named"])
def test_the_inner_one_does_as_it_would_alone(inner):
    network = regressor()
    trainer = cr.Trainer(network, LookAhead(inner), 8)
    trainer.fit((X, NUMBERS), 2)
    assert np.array_equal(network.parameters.theta, by_hand(inner).parameters.theta)
    assert trainer.learning_rate == cr.make("optimizer", inner).lr


def test_one_around_one_around_one():
    network = regressor()
    cr.Trainer(network, LookAhead(LookAhead(Named(), every=100), every=3), 8).fit((X, NUMBERS), 2)
    assert np.array_equal(network.parameters.theta, by_hand(Named()).parameters.theta)


def test_what_may_be_asked_for_is_given_where_it_is_asked_for():
    known = {"name": "0.dense.W", "shape": (4, 3), "decay": True}
    assert Named().asks_for(known) == known
    assert cr.make("optimizer", "sgd").asks_for(known) == {}
    assert LookAhead(Named()).asks_for(known) == known
    assert LookAhead("sgd").asks_for({"evaluate": len}) == {"evaluate": len}


def test_it_has_no_lr_of_its_own_and_can_be_registered_all_the_same():
    Registrar(Plugin("parts", "acme", "2.0")).add(LookAhead)
    spec = cr.spec_of(LookAhead({"name": "sgd", "lr": 0.25}, every=5))
    assert spec == {"name": "look_ahead", "optimizer": {"name": "sgd", "lr": 0.25}, "every": 5, "share": 0.5}
    assert LookAhead(spec["optimizer"], 5).lr == 0.25


def test_what_is_wrong_with_the_inner_one_is_said_with_its_place():
    with pytest.raises(cr.FieldError, match=r"^optimizer\.lr: got -1\.0, must be above 0"):
        LookAhead({"name": "sgd", "lr": -1})
    with pytest.raises(cr.UnknownName, match=r"^optimizer: there is no optimizer \"adm\". Did you mean \"adam\""):
        LookAhead("adm")


def test_it_goes_on_from_what_is_saved_and_with_groups(tmp_path):
    path = tmp_path / "training.safetensors"

    class Saves(cr.Callback):
        def on_batch_end(self, trainer: Any) -> None:
            if trainer.step == 5:
                trainer.save(path)

    def trainer(inner: Any = "adam") -> cr.Trainer:
        groups = [{"parameters": "0.*", "lr": 0.05}, {"parameters": "*.b", "trainable": False}]
        return cr.Trainer(cr.Network([dense(6, "tanh"), dense(2)], (4,), "mse"), LookAhead(inner), 8, groups=groups)

    whole, again = trainer(), trainer()
    whole.fit((X, NUMBERS), 3, callbacks=[Saves()])
    again.load(path)
    again.fit((X, NUMBERS), 3)
    assert np.array_equal(again.network.parameters.theta, whole.network.parameters.theta)
    assert numbers_of(again.history) == numbers_of(whole.history)
    with pytest.raises(cr.DataError, match=r'optimizer\.optimizer was "adam", here it is "adamw"'):
        trainer("adamw").load(path)
