"""An optimizer that looks again sees the same batch, the same noise and the same buffers, at parameters of its choice.
It leaves no other trace of having looked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from stepwise import MaskedMean, PlainLoss
from trainings import NUMBERS, X, dense, numbers_of, regressor

import chainrule as cr
from chainrule.contract.arrays import batches

RNG = np.random.default_rng(6)
TIMES = np.array([2, 0, 1, 3, 1, 0, 2, 1, 1, 0, 0, 4, 1, 1, 0, 2, 1, 1, 1, 0, 0, 0])


@dataclass
class Sharpness(cr.Optimizer):
    """Sharpness-aware minimization (Foret et al. 2021): a step by the gradient where the loss around is worst."""

    lr: float = 0.1
    rho: float = 0.05
    whole_vector = True

    def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float, evaluate: Any) -> None:
        here = theta.copy()
        theta += self.rho * grad / np.linalg.norm(grad)
        evaluate()
        theta[...] = here - lr * grad


@dataclass
class Looking(cr.Optimizer):
    """Gradient descent that looks about and pays no heed."""

    lr: float = 0.1
    times: int = 3
    seen: Any = field(default_factory=list)
    whole_vector = True

    def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float, evaluate: Any) -> None:
        here, gradient = theta.copy(), grad.copy()
        for _ in range(self.times):
            theta += 0.1
            evaluate()
        theta[...] = here
        self.seen.append((evaluate(), grad.copy(), gradient))
        theta -= lr * gradient


@dataclass
class PowerNorm(cr.Layer):
    r"""$y = x W / |W u|$ with a unit vector u, a buffer, which each training pass turns to the largest direction."""

    units: int = 3

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        self.W = self.parameter("W", (*input_shape, self.units), "glorot_uniform")
        self.u = self.buffer("u", (self.units,), self.units**-0.5)
        return (self.units,)

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        if training:
            turned = self.W.value.T @ (self.W.value @ self.u.value)
            self.u.value = turned / np.linalg.norm(turned)
        self.x, self.Wu = x, self.W.value @ self.u.value
        self.norm = np.linalg.norm(self.Wu)
        self.y = x @ self.W.value / self.norm
        return self.y

    def backward(self, dy: cr.Array) -> cr.Array:
        through = np.outer(self.Wu, self.u.value) * (dy * self.y).sum() / self.norm**2
        self.W.grad = self.x.T @ dy / self.norm - through
        return dy @ self.W.value.T / self.norm


LAYERS: list[Any] = [
    dense(6, "tanh"),
    {"name": "dropout", "rate": 0.4},
    {"name": "batch_norm"},
    {"name": "dropout", "rate": 0.2},
    dense(2),
]


def network_of(layers: Any = LAYERS) -> cr.Network:
    return cr.Network(layers, (4,), "mse", seed=3, dtype="float64")


def trained(optimizer: Any, layers: Any = LAYERS, epochs: int = 3, **rest: Any) -> cr.Trainer:
    trainer = cr.Trainer(network_of(layers), optimizer, batch_size=8, **rest)
    trainer.fit(cr.Split(X, NUMBERS, TIMES), epochs, validation=(X, NUMBERS))
    return trainer


def assert_equal(one: cr.Trainer, other: cr.Trainer) -> None:
    assert np.array_equal(one.network.parameters.theta, other.network.parameters.theta)
    for buffer, its in zip(one.network.buffers, other.network.buffers, strict=True):
        assert np.array_equal(buffer.value, its.value)
    assert numbers_of(one.history) == numbers_of(other.history)


@pytest.mark.parametrize("regularizer", [None, {"name": "l2", "strength": 0.3}])
def test_sharpness_aware_minimization_is_what_it_is_by_hand_with_dropout_and_batch_norm(regularizer):
    """By hand: a second network is given the noise and the running statistics of before, at parameters higher up."""
    trainer = trained(Sharpness(), regularizer=regularizer, shuffle=False)
    network, probe = network_of(), network_of()
    theta, weights = network.parameters.theta, network.parameters.decaying
    slope = cr.make("regularizer", regularizer) if regularizer else None
    for _ in range(3):
        for rows in batches(22, 8):
            probe.restore(network.snapshot())
            probe.set_random_state(network.random_state())
            given = X[rows], NUMBERS[rows], TIMES[rows]
            _, gradient = network.loss_and_gradient(*given)
            if slope is not None:
                slope.add_gradient(theta[weights], gradient[weights])
            probe.parameters.theta[...] += 0.05 * gradient / np.linalg.norm(gradient)
            _, uphill = probe.loss_and_gradient(*given)
            if slope is not None:
                slope.add_gradient(probe.parameters.theta[weights], uphill[weights])
            theta -= 0.1 * uphill
    np.testing.assert_allclose(trainer.network.parameters.theta, theta, rtol=1e-11)
    for buffer, its in zip(trainer.network.buffers, network.buffers, strict=True):
        np.testing.assert_allclose(buffer.value, its.value, rtol=1e-11)
    assert not np.allclose(theta, trained({"name": "sgd", "lr": 0.1}, shuffle=False).network.parameters.theta)


@pytest.mark.parametrize("layers", [LAYERS, [PowerNorm(), "tanh", {"name": "dropout", "rate": 0.3}, dense(2)]])
def test_at_the_same_place_it_sees_the_same_to_the_last_bit(layers):
    trainer = trained(Looking(), layers, regularizer="l2")
    optimizer: Any = trainer.optimizer
    assert len(optimizer.seen) == 9
    losses = []
    for loss, again, first in optimizer.seen:
        assert np.array_equal(again, first)
        losses.append(loss)
    assert len({*losses}) == 9


@pytest.mark.parametrize("layers", [LAYERS, [PowerNorm(), "tanh", {"name": "dropout", "rate": 0.3}, dense(2)]])
def test_looking_leaves_no_trace(layers):
    assert_equal(trained(Looking(), layers), trained({"name": "sgd", "lr": 0.1}, layers))
    assert_equal(trained(Looking(times=0), layers), trained(Looking(times=5), layers))


def test_the_loss_that_it_is_told_is_the_one_whose_gradient_it_is_given():
    """With the penalty: a line search would otherwise compare what does not belong together."""

    class Slope(Looking):
        def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float, evaluate: Any) -> None:
            direction = np.random.default_rng(step).normal(size=theta.size)
            here, gradient = theta.copy(), grad.copy()
            values = []
            for h in (-1e-5, 1e-5):
                theta[...] = here + h * direction
                values.append(evaluate())
            theta[...] = here - lr * gradient
            assert (values[1] - values[0]) / 2e-5 == pytest.approx(gradient @ direction, rel=1e-6)
            self.seen.append(step)

    trainer = cr.Trainer(network_of(), Slope(), 8, regularizer={"name": "l2", "strength": 0.5})
    trainer.fit(cr.Split(X, NUMBERS, TIMES), epochs=2)
    assert trainer.optimizer.seen == [*range(1, 7)]  # type: ignore[attr-defined]


def test_frozen_parameters_have_no_gradient_there_and_do_not_move():
    class Climbs(Sharpness):
        def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float, evaluate: Any) -> None:
            theta += 0.1  # all of it, whatever the gradient says
            evaluate()
            kept.append(grad.copy())
            theta -= lr * grad

    kept: list[Any] = []
    groups = [{"parameters": "0.*", "trainable": False}]
    trainer = cr.Trainer(network_of(), Climbs(), 8, groups=groups, regularizer="l2")
    before = {p.name: p.value.copy() for p in trainer.network.parameters}
    trainer.fit((X, NUMBERS), epochs=1)
    for parameter in trainer.network.parameters:
        part = slice(parameter.offset, parameter.offset + parameter.size)
        frozen = parameter.name.startswith("0.")
        assert np.array_equal(parameter.value, before[parameter.name]) == frozen
        assert all(grad[part].any() != frozen for grad in kept)


def test_it_looks_at_the_batch_as_callbacks_made_it_and_they_do_not_hear_of_it():
    class Doubles(cr.Callback):
        def __init__(self) -> None:
            self.heard = 0

        def on_batch(self, trainer: Any, x: Any, y: Any, rng: Any) -> Any:
            return 2 * x, y

        def on_gradient(self, trainer: Any) -> None:
            self.heard += 1

    doubling = Doubles()
    changed = cr.Trainer(network_of(), Sharpness(), 8)
    changed.fit((X, NUMBERS), 2, callbacks=[doubling])
    plain = cr.Trainer(network_of(), Sharpness(), 8)
    plain.fit((2 * X, NUMBERS), 2)
    assert_equal(changed, plain)
    assert doubling.heard == 6


def test_masks_are_the_batchs_own():
    sequences, mask = RNG.normal(size=(22, 3, 4)), RNG.random((22, 3)) < 0.7
    mask[:, 0] = True
    layers = [MaskedMean(), dense(2)]
    network = cr.Network(layers, (3, 4), PlainLoss(), dtype="float64", task="regression")
    trainer = cr.Trainer(network, Looking(), 8)
    trainer.fit(cr.Split(sequences, NUMBERS, mask=mask), 1)
    assert all(np.array_equal(again, first) for _, again, first in trainer.optimizer.seen)  # type: ignore[attr-defined]


def test_a_training_goes_on_from_between_any_two_updates_to_the_last_bit():
    states = []

    class Saves(cr.Callback):
        def on_batch_end(self, trainer: Any) -> None:
            trainer.rest.when(lambda: states.append(encoded(trainer.state())))

        def state(self) -> dict[str, Any]:
            return {}

    from chainrule.training.encoding import decoded, encoded

    def trainer() -> cr.Trainer:
        return cr.Trainer(network_of(), Sharpness(), 8, schedule="cosine")

    def fit(one: cr.Trainer, *callbacks: Any) -> cr.Trainer:
        one.fit(cr.Split(X, NUMBERS, TIMES), 2, callbacks=callbacks)
        return one

    whole = fit(trainer(), Saves())
    assert len(states) == 6
    for text, arrays in states:
        again = trainer()
        again.load_state(decoded(text, arrays))
        assert_equal(fit(again), whole)


def test_one_that_does_not_ask_is_given_the_vector_and_no_more():
    @dataclass
    class Vector(cr.Optimizer):
        lr: float = 0.1
        whole_vector = True

        def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float) -> None:
            assert theta.shape == grad.shape == (network.parameters.theta.size,)
            theta -= lr * grad

    network = regressor()
    cr.Trainer(network, Vector(), 8).fit((X, NUMBERS), 1)
    expected = regressor()
    cr.Trainer(expected, {"name": "sgd", "lr": 0.1}, 8).fit((X, NUMBERS), 1)
    assert np.array_equal(network.parameters.theta, expected.parameters.theta)
