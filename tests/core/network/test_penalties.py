"""A regularizer may see each weight in its own shape: the penalty is the sum, and its gradient goes where it has to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from trainings import NUMBERS, X, classifier, dense, numbers_of, regressor

import chainrule as cr


@dataclass
class Squares(cr.Regularizer):
    """As the built-in one, of each weight by itself."""

    strength: float = 0.3
    seen: Any = field(default_factory=list)
    whole_parameters = True

    def penalty(self, theta: cr.Array) -> float:
        return cr.make("regularizer", "l2", strength=self.strength).penalty(theta.ravel())

    def add_gradient(self, theta: cr.Array, grad: cr.Array) -> None:
        self.seen.append(theta.shape)
        cr.make("regularizer", "l2", strength=self.strength).add_gradient(theta, grad)


@dataclass
class Stretch(cr.Regularizer):
    """The largest singular value of each matrix, squared: nothing that a flat vector would tell."""

    whole_parameters = True

    def penalty(self, theta: cr.Array) -> float:
        return float(np.linalg.norm(theta, 2) ** 2)

    def add_gradient(self, theta: cr.Array, grad: cr.Array) -> None:
        u, s, v = np.linalg.svd(theta)
        grad += 2 * s[0] * np.outer(u[:, 0], v[0])


def test_of_a_sum_over_all_numbers_it_is_the_same_as_of_all_at_once():
    one, other = (
        cr.Trainer(regressor(), "adam", 8, regularizer=r) for r in (Squares(), {"name": "l2", "strength": 0.3})
    )
    for trainer in (one, other):
        trainer.fit((X, NUMBERS), 3)
    np.testing.assert_allclose(one.network.parameters.theta, other.network.parameters.theta, rtol=1e-10)
    for name, column in numbers_of(one.history).items():
        assert column == pytest.approx(other.history[name], rel=1e-10)
    regularizer: Any = one.regularizer
    assert {*regularizer.seen} == {(4, 8), (8, 2)}  # and no bias


def test_its_gradient_is_added_to_that_of_the_loss():
    seen = []

    class Keeps(cr.Callback):
        def on_gradient(self, trainer: cr.Training) -> None:
            seen.append(trainer.network.parameters.grad.copy())

    network, twin = regressor(), regressor()
    trainer = cr.Trainer(network, {"name": "sgd", "lr": 1e-12}, 22, shuffle=False, regularizer=Stretch())
    history = trainer.fit((X, NUMBERS), 1, callbacks=[Keeps()])
    expected = twin.loss_and_gradient(X, NUMBERS)[1]
    theta, step = twin.parameters.theta, 1e-6

    def penalty() -> float:
        return sum(np.linalg.norm(p.value, 2) ** 2 for p in twin.parameters if p.decay)

    assert history["train/penalty"] == [pytest.approx(penalty(), rel=1e-9)]
    for i in range(theta.size):
        kept = theta[i]
        values = []
        for theta[i] in (kept - step, kept + step):
            values.append(penalty())
        theta[i] = kept
        expected[i] += (values[1] - values[0]) / (2 * step)
    np.testing.assert_allclose(seen[0], expected, atol=1e-8)


def test_what_is_frozen_has_none_and_groups_have_it_all_the_same():
    network = cr.Network([dense(6, "tanh"), dense(2)], (4,), "mse", dtype="float64")
    before = network.parameters["0.dense.W"].value.copy()
    groups = [{"parameters": "0.*", "trainable": False}, {"parameters": "1.*", "lr": 0.05}]
    cr.Trainer(network, {"name": "sgd", "lr": 0.01}, regularizer=Squares(10.0), groups=groups).fit((X, NUMBERS), 5)
    assert np.array_equal(network.parameters["0.dense.W"].value, before)
    assert np.abs(network.parameters["1.dense.W"].value).max() < 0.2


def test_without_one_there_is_none():
    history = cr.Trainer(classifier(), "sgd").fit((X, np.arange(22) % 3), 1)
    assert "train/penalty" not in history
