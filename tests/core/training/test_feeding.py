"""Callbacks that choose the order of samples and change batches: what they say is learned from, in any cut of the
training, and what they may not do is refused by name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from stepwise import SquaredOff
from trainings import LABELS, NUMBERS, X, classifier, dense, numbers_of, regressor

import chainrule as cr
from chainrule.registry.making import fresh
from chainrule.training.encoding import decoded, encoded

N = len(X)


@dataclass
class HardLast(cr.Callback):
    """A curriculum: samples of small error first, by how they stood when last they were met."""

    def __post_init__(self) -> None:
        self.errors = np.zeros(N)
        self.place: list[int] = []
        self.calls = 0

    def on_order(self, trainer: Any, order: Any, rng: Any) -> Any:
        self.calls += 1
        chosen = order[np.argsort(self.errors[order], kind="stable")]
        self.place = chosen.tolist()
        return chosen

    def on_batch_end(self, trainer: Any) -> None:
        start = trainer.batch_index * trainer.batch_size
        rows = self.place[start : start + trainer.batch_size]
        error = np.square(trainer.network.prediction - trainer.batch[1].metric)
        self.errors[rows] = error.reshape(len(rows), -1).mean(axis=1)


@dataclass
class Noise(cr.Callback):
    """Adds noise of its own stream to each batch."""

    size: float = 0.5

    def on_batch(self, trainer: Any, x: Any, y: Any, rng: Any) -> Any:
        return x + self.size * rng.normal(size=x.shape).astype(x.dtype), y


@dataclass
class MixUp(cr.Callback):
    """Blends each sample with another one, and their targets (Zhang et al. 2018)."""

    alpha: float = 0.4

    def on_batch(self, trainer: Any, x: Any, y: Any, rng: Any) -> Any:
        share, other = rng.beta(self.alpha, self.alpha), rng.permutation(len(x))
        if y.ndim == 1:
            y = np.eye(*trainer.network.output_shape, dtype=x.dtype)[y]
        return share * x + (1 - share) * x[other], share * y + (1 - share) * y[other]


@dataclass
class Given(cr.Callback):
    """Says an order, or changes batches, as it is told."""

    order: Any = None
    batch: Any = None

    def on_order(self, trainer: Any, order: Any, rng: Any) -> Any:
        return self.order(order) if callable(self.order) else self.order

    def on_batch(self, trainer: Any, x: Any, y: Any, rng: Any) -> Any:
        return self.batch(x, y) if callable(self.batch) else self.batch


@dataclass
class Meeting(cr.Callback):
    """Keeps the samples of each batch."""

    def __post_init__(self) -> None:
        self.met: list[Any] = []

    def on_gradient(self, trainer: Any) -> None:
        self.met.append([array.copy() for array in (trainer.batch[0], trainer.batch[1].loss, trainer.batch[1].metric)])

    def state(self) -> dict[str, Any]:
        return {}


def trained(
    network: cr.Network, callbacks: Sequence[Any], y: Any = NUMBERS, epochs: int = 2, **rest: Any
) -> cr.Trainer:
    trainer = cr.Trainer(network, {"name": "sgd", "lr": 0.1}, batch_size=8, metrics=[SquaredOff()], **rest)
    trainer.fit((X, y), epochs, callbacks=callbacks)
    return trainer


# ---- order


def test_an_epoch_goes_through_the_samples_in_the_order_that_is_said():
    order = np.random.default_rng(1).integers(0, N, N)  # some twice, some not at all
    meeting = Meeting()
    trainer = trained(regressor(), [Given(order), meeting], epochs=1)
    assert np.array_equal(np.concatenate([x for x, _, _ in meeting.met]), X[order])
    assert np.array_equal(np.concatenate([y for _, y, _ in meeting.met]), NUMBERS[order])
    plain = cr.Trainer(regressor(), {"name": "sgd", "lr": 0.1}, 8, shuffle=False, metrics=[SquaredOff()])
    plain.fit((X[order], NUMBERS[order]), 1)
    assert np.array_equal(trainer.network.parameters.theta, plain.network.parameters.theta)
    assert numbers_of(trainer.history) == numbers_of(plain.history)


def test_each_is_given_the_order_that_the_one_before_it_chose_and_none_leaves_it():
    seen = []

    def keep(order: Any) -> None:
        seen.append(order.copy())

    reverse = Given(lambda order: order[::-1])
    trained(regressor(), [Given(keep), reverse, Given(keep)], epochs=2)
    assert np.array_equal(seen[1], seen[0][::-1])
    assert sorted(seen[0]) == [*range(N)]
    assert not np.array_equal(seen[0], seen[2])  # shuffled anew
    in_order: list[Any] = []
    trained(regressor(), [Given(in_order.append)], epochs=1, shuffle=False)
    assert in_order[0].tolist() == [*range(N)]


def test_it_changes_nothing_of_how_the_others_are_shuffled():
    kept: list[Any] = []
    alone: list[Any] = []
    trained(regressor(), [Given(kept.append)], epochs=3)
    trained(regressor(), [Given(lambda order: alone.append(order.copy()) or order[::-1])], epochs=3)
    assert np.array_equal(kept, alone)


@pytest.mark.parametrize(
    ("order", "message"),
    [
        (np.arange(N - 1), "given.on_order gave int64 of shape (21,), expected 22 positions from 0 to 21"),
        (np.arange(N) + 1, "given.on_order gave int64 of shape (22,) from 1 to 22, expected 22 positions from 0 to 21"),
        (
            np.arange(N) - 1,
            "given.on_order gave int64 of shape (22,) from -1 to 20, expected 22 positions from 0 to 21",
        ),
        (np.arange(N) / 2, "given.on_order gave float64 of shape (22,), expected 22 positions from 0 to 21"),
        (np.ones(N, bool), "given.on_order gave bool of shape (22,), expected 22 positions from 0 to 21"),
        ("all", "given.on_order gave <U3 of shape (), expected 22 positions from 0 to 21"),
    ],
)
def test_what_is_no_order(order, message):
    with pytest.raises(cr.ContractError, match=f"^{re.escape(message)}$"):
        trained(regressor(), [Given(order)])


def test_neither_the_order_nor_the_batch_may_be_written_to():
    def writes(array: Any, *rest: Any) -> None:
        array[0] = 0

    for callback in (Given(writes), Given(batch=writes), Given(batch=lambda x, y: writes(y))):
        with pytest.raises(ValueError, match="read-only"):
            trained(regressor(), [callback])


# ---- batches


def test_what_a_batch_is_changed_to_is_learned_from_and_metrics_have_the_targets_as_they_were():
    meeting = Meeting()
    trainer = trained(regressor(), [Given(batch=lambda x, y: (2 * x, y + 1)), meeting], shuffle=False, epochs=1)
    plain = trained(regressor(), [], shuffle=False, epochs=1)
    expected = cr.Trainer(regressor(), {"name": "sgd", "lr": 0.1}, 8, shuffle=False)
    expected.fit((2 * X, NUMBERS + 1), 1)
    assert np.array_equal(trainer.network.parameters.theta, expected.network.parameters.theta)
    assert trainer.history["train/loss"] == expected.history["train/loss"]
    assert np.array_equal(np.concatenate([metric for _, _, metric in meeting.met]), NUMBERS)
    assert trainer.history["train/squared_off"] != trainer.history["train/loss"]
    assert plain.history["train/squared_off"] == pytest.approx(plain.history["train/loss"], rel=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_labels_may_become_distributions_of_which_the_loss_is_what_it_is_by_hand(dtype):
    meeting, network = Meeting(), classifier(dtype)
    trainer = cr.Trainer(network, {"name": "sgd", "lr": 1e-9}, 8, shuffle=False)
    trainer.fit((X, LABELS), 1, callbacks=[MixUp(), meeting])
    total = 0.0
    for x, y, labels in meeting.met:
        assert (x.dtype, y.dtype, y.shape) == (np.dtype(dtype), np.dtype(dtype), (len(x), 3))
        assert labels.ndim == 1
        np.testing.assert_allclose(y.sum(axis=1), 1, rtol=1e-6)
        total -= (y * np.log(classifier(dtype).predict(x))).sum()
    assert trainer.history["train/loss"] == [pytest.approx(total / N, rel=1e-5)]
    assert max(len({*map(float, y.ravel())}) for _, y, _ in meeting.met) > 2


def test_each_callback_draws_from_a_stream_of_its_own_for_each_step():
    def batches_of(*callbacks: Any) -> list[Any]:
        meeting = Meeting()
        trained(regressor(), [*callbacks, meeting], epochs=2, shuffle=False)
        return [x for x, _, _ in meeting.met]

    plain, noisy = batches_of(), batches_of(Noise())
    noise = [there - here for there, here in zip(noisy, plain, strict=True)]
    assert len({array.tobytes() for array in noise}) == 6
    assert all(0.2 < array.std() < 0.8 for array in noise)
    # Another callback beside it, one before it too, does not change what it draws; two of the same draw otherwise.
    assert np.array_equal(batches_of(HardFirst(), Noise())[0] - plain[0], noise[0])
    both = batches_of(Noise(), Noise())
    np.testing.assert_array_less(0.01, np.abs(both[0] - plain[0] - 2 * noise[0]).max())
    assert np.array_equal(batches_of(Noise())[3], noisy[3])


@dataclass
class HardFirst(cr.Callback):
    """Draws much, and changes nothing."""

    def on_batch(self, trainer: Any, x: Any, y: Any, rng: Any) -> None:
        rng.normal(size=1000)


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (lambda x, y: x, "given.on_batch gave ndarray, expected a pair (x, y), or None"),
        (lambda x, y: (x, y, y), "given.on_batch gave a tuple of 3, expected a pair (x, y), or None"),
        (lambda x, y: (x[:4], y), "given.on_batch gave x as float64 of shape (4, 4), expected float64 of shape (8, 4)"),
        (
            lambda x, y: (x.astype("f4"), y),
            "given.on_batch gave x as float32 of shape (8, 4), expected float64 of shape (8, 4)",
        ),
        (
            lambda x, y: (x, y[:, None]),
            "given.on_batch gave y as float64 of shape (8, 1), expected float64 of shape (8, 3)",
        ),
        (
            lambda x, y: (x, np.eye(4)[y]),
            "given.on_batch gave y as float64 of shape (8, 4), expected float64 of shape (8, 3)",
        ),
        (lambda x, y: (x, y / 2), "given.on_batch gave y as float64 of shape (8,), expected int64 of shape (8,)"),
    ],
)
def test_what_is_no_batch(batch, message):
    with pytest.raises(cr.ContractError, match=f"^{re.escape(message)}$"):
        cr.Trainer(classifier(), "sgd", 8).fit((X, LABELS), 1, callbacks=[Given(batch=batch)])


# ---- cut and taken up


@pytest.mark.parametrize(
    "callbacks",
    [[HardLast()], [Noise()], [MixUp()], [HardLast(), Noise(), Noise(), MixUp()]],
    ids=["curriculum", "noise", "mixup", "all"],
)
def test_a_training_goes_on_from_between_any_two_updates_to_the_last_bit(callbacks):
    """Also where an order depends on what is learned while the epoch that has it runs: it is chosen once."""
    states: list[Any] = []

    class Saves(cr.Callback):
        def on_batch_end(self, trainer: Any) -> None:
            trainer.rest.when(lambda: states.append(encoded(trainer.state())))

        on_epoch_end = on_batch_end

        def state(self) -> dict[str, Any]:
            return {}

    def trainer() -> cr.Trainer:
        layers = [dense(6, "tanh"), {"name": "dropout", "rate": 0.3}, dense(2)]
        return cr.Trainer(cr.Network(layers, (4,), "mse", dtype="float64"), "adam", 8, metrics=[SquaredOff()], seed=5)

    def fit(one: cr.Trainer, *more: Any) -> tuple[cr.Array, Any, Any]:
        used = [fresh(callback) for callback in callbacks]
        one.fit((X, NUMBERS), 3, validation=(X, NUMBERS), callbacks=[*used, *more])
        counted = [callback.calls for callback in used if isinstance(callback, HardLast)]
        return one.network.parameters.theta.copy(), numbers_of(one.history), counted

    theta, history, counted = fit(trainer(), Saves())
    assert len(states) == 12
    for text, arrays in states:
        again = trainer()
        again.load_state(decoded(text, arrays))
        its_theta, its_history, its_count = fit(again)
        assert np.array_equal(its_theta, theta)
        assert its_history == history
        assert its_count == counted


def test_an_order_in_a_file_that_is_none_of_this_training_is_refused():
    states: list[Any] = []

    class Saves(cr.Callback):
        def on_batch_end(self, trainer: Any) -> None:
            trainer.rest.when(lambda: states.append(decoded(*encoded(trainer.state()))))

    def trainer() -> cr.Trainer:
        return cr.Trainer(regressor(), "sgd", 8)

    trainer().fit((X, NUMBERS), 1, callbacks=[HardLast(), Saves()])
    state = states[0]
    assert sorted(state["position"]["chosen"]) == [*range(N)]
    for wrong in ([1, 2], np.arange(N) + 1, np.arange(N - 1), np.arange(N) / 1, "all"):
        state["position"]["chosen"] = wrong
        with pytest.raises(cr.DataError, match="this is no state that a training saved"):
            trainer().load_state(state)
