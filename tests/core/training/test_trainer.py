"""The training loop: what it computes, in which order, and that it can be repeated to the last bit."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pytest
from trainings import (
    LABELS,
    NUMBERS,
    Each,
    Recording,
    X,
    classifier,
    dense,
    numbers_of,
    regressor,
    trainer,
)

import chainrule as cr


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_plain_numpy_loop_gives_the_same_weights(shuffle: bool) -> None:
    rng = np.random.default_rng(5)
    x, y = rng.random((50, 28, 28)), rng.integers(0, 10, 50)
    layers = ["flatten", dense(16, "relu"), dense(10, "softmax")]
    net = cr.Network(layers, (28, 28), "categorical_cross_entropy", seed=1, dtype="float64")
    W1, b1, W2, b2 = (p.value.copy() for p in net.parameters)
    cr.Trainer(net, {"name": "sgd", "lr": 0.1}, batch_size=16, seed=2, shuffle=shuffle).fit((x, y), epochs=3)

    orders = cr.stream(2, "shuffle")
    one_hot = np.eye(10)[y]
    for _ in range(3):
        order = orders.permutation(50) if shuffle else np.arange(50)
        for start in range(0, 50, 16):
            rows = order[start : start + 16]
            x0 = x[rows].reshape(len(rows), 784)
            z1 = x0 @ W1 + b1
            a1 = np.maximum(z1, 0)
            z2 = a1 @ W2 + b2
            e = np.exp(z2 - z2.max(axis=1, keepdims=True))
            dz2 = (e / e.sum(axis=1, keepdims=True) - one_hot[rows]) / len(rows)
            dz1 = dz2 @ W2.T * (z1 > 0)
            W2 -= 0.1 * a1.T @ dz2
            b2 -= 0.1 * dz2.sum(axis=0)
            W1 -= 0.1 * x0.T @ dz1
            b1 -= 0.1 * dz1.sum(axis=0)
    for parameter, expected in zip(net.parameters, (W1, b1, W2, b2), strict=True):
        assert np.abs(parameter.value - expected).max() < 1e-12


def test_the_loss_falls_and_the_history_says_so() -> None:
    history = trainer(optimizer={"name": "adam", "lr": 0.02}).fit((X, LABELS), epochs=60, validation=(X, LABELS))
    assert history["train/loss"][-1] < 0.5 * history["train/loss"][0]
    assert history["train/accuracy"][-1] > history["train/accuracy"][0]
    assert set(history) == {
        "train/loss",
        "train/accuracy",
        "validation/loss",
        "validation/accuracy",
        "learning_rate",
        "seconds",
        "examples_per_second",
    }
    assert {len(values) for values in history.values()} == {60}
    assert all(type(value) is float for values in history.values() for value in values)


def test_two_runs_are_equal_to_the_last_bit_and_another_seed_is_not() -> None:
    def run(seed: int, order: int) -> tuple[cr.Array, dict[str, list[float]]]:
        net = classifier("float32", seed, "dropout")
        fitted = trainer(net, seed=order).fit((X, LABELS), epochs=4, validation=(X, LABELS))
        return net.parameters.theta, numbers_of(fitted)

    (theta, history), (same, same_history) = run(3, 5), run(3, 5)
    assert np.array_equal(theta, same)
    assert history == same_history
    assert not np.array_equal(theta, run(4, 5)[0])
    assert not np.array_equal(theta, run(3, 6)[0])


def test_fit_again_goes_on_where_it_ended() -> None:
    nets = [classifier("float32", 0, "dropout") for _ in range(2)]
    parts, whole = (trainer(net) for net in nets)
    parts.fit((X, LABELS), epochs=2, validation=(X, LABELS))
    history = parts.fit((X, LABELS), epochs=3, validation=(X, LABELS))
    longer = whole.fit((X, LABELS), epochs=5, validation=(X, LABELS))
    assert np.array_equal(nets[0].parameters.theta, nets[1].parameters.theta)
    assert numbers_of(history) == numbers_of(longer)
    assert (parts.epoch, parts.step) == (whole.epoch, whole.step) == (5, 15)


def test_fit_again_plans_further_steps_for_the_schedule() -> None:
    totals: list[tuple[int, int]] = []

    @dataclass
    class Noting(cr.Schedule):
        def __call__(self, step: int, total: int) -> float:
            totals.append((step, total))
            return 1.0

    fitted = trainer(schedule=Noting())
    fitted.fit((X, LABELS), epochs=2)
    assert {total for _, total in totals} == {6}
    assert {step for step, _ in totals} == set(range(7))
    totals.clear()
    fitted.fit((X, LABELS), epochs=1)
    assert {total for _, total in totals} == {9}


@pytest.mark.parametrize("schedule", [e.name for e in cr.registry() if e.kind == "schedule"])
@pytest.mark.parametrize("optimizer", ["adam", {"name": "momentum", "lr_in_velocity": True}])
def test_a_schedule_planned_for_all_calls_goes_on_as_in_one(schedule: str, optimizer: Any) -> None:
    """With 8 of 22 samples a batch, and the last one smaller."""
    nets = [classifier("float32", 0, "dropout") for _ in range(2)]
    parts, whole = (trainer(net, optimizer, 8, schedule=schedule) for net in nets)
    for epochs in (1, 4, 5):
        in_parts = parts.fit((X, LABELS), epochs, (X, LABELS), total_epochs=10)
        assert parts.total_steps == 30
    in_one = whole.fit((X, LABELS), 10, (X, LABELS))
    assert np.array_equal(nets[0].parameters.theta, nets[1].parameters.theta)
    assert numbers_of(in_parts) == numbers_of(in_one)


def test_a_plan_that_ends_before_the_call_does_is_refused() -> None:
    fitted = trainer(schedule="cosine")
    fitted.fit((X, LABELS), epochs=2, total_epochs=2)
    with pytest.raises(cr.FieldError, match=r"^total_epochs: got 4, expected a whole number, 5 or more$"):
        fitted.fit((X, LABELS), epochs=3, total_epochs=4)
    assert (fitted.epoch, fitted.epochs, fitted.total_steps) == (2, 2, 6)
    fitted.fit((X, LABELS), epochs=3, total_epochs=9)
    assert (fitted.epoch, fitted.epochs, fitted.total_steps) == (5, 5, 27)


def test_the_last_batch_may_be_smaller_and_counts_by_its_size() -> None:
    seen = Each(lambda t: (len(t.batch[0]), t.batch_loss))
    fitted = trainer(batch_size=8)
    history = fitted.fit((X, LABELS), epochs=1, callbacks=[seen])
    sizes, losses = zip(*seen.seen, strict=True)
    assert sizes == (8, 8, 6)
    assert fitted.steps_per_epoch == 3
    assert history["train/loss"][0] == pytest.approx(np.average(losses, weights=sizes), rel=1e-14)


def test_a_batch_larger_than_the_data_is_the_data() -> None:
    whole, larger = classifier(), classifier()
    trainer(whole, batch_size=22).fit((X, LABELS), epochs=3)
    seen = Each(lambda t: len(t.batch[0]))
    trainer(larger, batch_size=1000).fit((X, LABELS), epochs=3, callbacks=[seen])
    assert seen.seen == [22, 22, 22]
    assert np.array_equal(whole.parameters.theta, larger.parameters.theta)


def test_each_epoch_sees_every_sample_once_in_a_new_order() -> None:
    x = np.arange(22.0)[:, None].repeat(4, axis=1)
    seen = Each(lambda t: t.batch[0][:, 0].copy())
    trainer().fit((x, LABELS), epochs=2, callbacks=[seen])
    epochs = np.concatenate(seen.seen).reshape(2, 22)
    assert [sorted(epoch) for epoch in epochs] == [list(range(22))] * 2
    assert not np.array_equal(epochs[0], epochs[1])
    plain = Each(seen.what)
    trainer(shuffle=False).fit((x, LABELS), epochs=2, callbacks=[plain])
    assert np.concatenate(plain.seen).tolist() == [*range(22), *range(22)]


def test_inputs_and_targets_stay_together() -> None:
    seen = Each(lambda t: list(zip(t.batch[0][:, 0], t.batch[1].metric, strict=True)))
    trainer().fit((X, LABELS), epochs=1, callbacks=[seen])
    assert sorted(chain.from_iterable(seen.seen)) == sorted(zip(X[:, 0], LABELS, strict=True))


def test_the_order_of_samples_does_not_depend_on_what_layers_draw() -> None:
    orders = []
    for extra in ((), ("dropout",), ("dropout", "dropout")):
        seen = Each(lambda t: t.batch[0].copy())
        trainer(classifier("float64", 0, *extra)).fit((X, LABELS), epochs=2, callbacks=[seen])
        orders.append(np.concatenate(seen.seen))
    assert np.array_equal(orders[0], orders[1])
    assert np.array_equal(orders[0], orders[2])


def test_float32_stays_float32() -> None:
    for optimizer in (entry for entry in cr.registry() if entry.kind == "optimizer"):
        net = classifier("float32")
        parts = {"schedule": "cosine", "regularizer": "l2"}
        own = any(field.name == "lr" for field in optimizer.fields)  # else it is that of the one within
        inner = {} if own else {"optimizer": {"name": "adam", "lr": np.float64(0.01)}}
        fitted = trainer(net, {"name": optimizer.name, **({"lr": np.float64(0.01)} if own else inner)}, **parts)
        seen = Each(lambda t: (t.batch[0].dtype, t.network.parameters.grad.dtype, t.network.prediction.dtype))
        fitted.fit((X, LABELS), epochs=1, callbacks=[seen])
        assert {dtype for step in seen.seen for dtype in step} == {np.dtype("float32")}
        assert {slot.dtype for slot in fitted._updates.slots.values()} <= {np.dtype("float32")}


def test_the_rate_reaches_the_optimizer_as_a_python_float() -> None:
    rates: list[Any] = []

    @dataclass
    class Plain(cr.Optimizer):
        lr: float = 0.1

        def update(self, theta: Any, grad: Any, slots: Any, step: int, lr: float) -> None:
            rates.append(lr)

    @dataclass
    class Half(cr.Schedule):
        def __call__(self, step: int, total: int) -> Any:
            return np.float64(0.5)

    trainer(optimizer=Plain(lr=np.float64(0.5)), schedule=Half()).fit((X, LABELS), epochs=1)
    trainer(optimizer=Plain(lr=np.float32(0.5))).fit((X, LABELS), epochs=1)
    assert rates == [0.25] * 3 + [0.5] * 3
    assert {type(rate) for rate in rates} == {float}


def test_what_is_given_is_left_alone() -> None:
    x, y = X.copy(), LABELS.copy()
    x.flags.writeable = y.flags.writeable = False
    optimizer, l2 = cr.make("optimizer", "adam"), cr.make("regularizer", "l2")
    kept = dict(vars(optimizer)), dict(vars(l2))
    trainer(optimizer=optimizer, regularizer=l2).fit((x, y), epochs=2, validation=(x, y))
    assert (vars(optimizer), vars(l2)) == kept


def test_two_trainers_may_share_an_optimizer() -> None:
    optimizer = cr.make("optimizer", "momentum")
    nets = [classifier(), classifier()]
    for net in nets:
        trainer(net, optimizer).fit((X, LABELS), epochs=2)
    assert np.array_equal(nets[0].parameters.theta, nets[1].parameters.theta)


def test_an_epoch_that_was_cut_short_is_not_counted() -> None:
    @dataclass
    class Interrupt(cr.Callback):
        def on_batch_end(self, trainer: cr.Training) -> None:
            if trainer.epoch == 2:
                raise KeyboardInterrupt

    interrupted = trainer()
    with pytest.raises(KeyboardInterrupt):
        interrupted.fit((X, LABELS), 3, callbacks=[Interrupt()])
    assert interrupted.epoch == interrupted.history.epochs == 1
    assert len(interrupted.fit((X, LABELS), 2)["train/loss"]) == 3


# ---- the learning rate


@dataclass
class Falling(cr.Schedule):
    """$1 - step / total$."""

    def __call__(self, step: int, total: int) -> float:
        return 1 - step / total


def test_the_schedule_multiplies_the_rate_of_each_update() -> None:
    rates = Recording()
    before: list[float] = []
    rates.on_gradient = lambda t: before.append(t.learning_rate)  # type: ignore[method-assign]

    class Rates(cr.Callback):
        def on_gradient(self, trainer: cr.Training) -> None:
            before.append(trainer.learning_rate)

    trainer(optimizer={"name": "sgd", "lr": 0.6}, schedule=Falling()).fit((X, LABELS), epochs=2, callbacks=[Rates()])
    assert before == pytest.approx([0.6, 0.5, 0.4, 0.3, 0.2, 0.1])


def test_a_rate_that_is_set_is_what_the_schedule_goes_on_from() -> None:
    rates = Each(lambda t: t.learning_rate)
    sets = Recording(("batch_end", 1, 3), lambda t: setattr(t, "learning_rate", 3.0))
    fitted = trainer(optimizer={"name": "sgd", "lr": 0.6}, schedule=Falling())
    fitted.fit((X, LABELS), epochs=2, callbacks=[rates, sets])
    assert rates.seen == pytest.approx([0.5, 0.4, 0.3, 2.0, 1.0, 0.0])
    assert fitted.optimizer.lr == 0.6


@dataclass
class Rising(cr.Schedule):
    """$step / total$: 0 for the first update."""

    def __call__(self, step: int, total: int) -> float:
        return step / total


def test_a_rate_that_is_set_where_the_schedule_gives_0_is_that_of_the_next_update() -> None:
    """Nothing times 0 is the given rate; its docstring promises it all the same."""
    net = regressor()
    theta = net.parameters.theta.copy()
    _, gradient = net.loss_and_gradient(X[:8], NUMBERS[:8])
    fitted = trainer(net, {"name": "sgd", "lr": 0.5}, schedule=Rising(), shuffle=False)
    before: list[float] = []
    moved: list[Any] = []

    class Sets(cr.Callback):
        def on_gradient(self, trainer: cr.Training) -> None:
            if trainer.step == 0:
                trainer.learning_rate = 0.125
            before.append(trainer.learning_rate)

        def on_batch_end(self, trainer: cr.Training) -> None:
            moved.append(trainer.network.parameters.theta.copy())

    fitted.fit((X, NUMBERS), epochs=2, callbacks=[Sets()])
    assert np.allclose(moved[0], theta - 0.125 * gradient, rtol=1e-13)
    assert before == pytest.approx([0.125, *(0.125 * step / 6 for step in range(1, 6))])


def test_a_rate_that_is_set_is_the_next_one_to_the_last_bit() -> None:
    fitted = trainer(schedule=Falling())
    given: list[float] = []

    class Sets(cr.Callback):
        def on_batch_end(self, trainer: cr.Training) -> None:
            trainer.learning_rate = 0.1
            given.append(trainer.learning_rate)

    fitted.fit((X, LABELS), epochs=3, callbacks=[Sets()])
    assert set(given) == {0.1}


def test_a_rate_that_is_set_without_a_schedule_stays() -> None:
    fitted = trainer(optimizer={"name": "sgd", "lr": 0.6})
    fitted.learning_rate = 0.25
    history = fitted.fit((X, LABELS), epochs=2)
    assert history["learning_rate"] == [0.25, 0.25]


def test_the_rate_moves_the_weights() -> None:
    net = regressor()
    theta = net.parameters.theta.copy()
    _, gradient = net.loss_and_gradient(X, NUMBERS)
    fitted = trainer(net, {"name": "sgd", "lr": 0.5}, batch_size=22, schedule=Falling(), shuffle=False)
    fitted.learning_rate = 0.125
    fitted.fit((X, NUMBERS), epochs=1)
    assert np.allclose(net.parameters.theta, theta - 0.125 * gradient, rtol=1e-13)


# ---- regularizer


@pytest.mark.parametrize("name", cr.registry().names("regularizer"))
def test_the_penalty_stands_beside_the_loss_and_its_gradient_counts(name: str) -> None:
    net = classifier()
    penalty = cr.make("regularizer", name, strength=0.3)
    gradients = Recording()
    found: list[cr.Array] = []

    class Keep(cr.Callback):
        def on_gradient(self, trainer: cr.Training) -> None:
            found.append(trainer.network.parameters.grad.copy())

    start = net.parameters.theta.copy()
    plain_loss, _ = net.loss_and_gradient(X, LABELS)
    fitted = trainer(net, "sgd", batch_size=22, shuffle=False, regularizer=penalty)
    history = fitted.fit((X, LABELS), epochs=1, callbacks=[gradients, Keep()])
    weights = net.parameters.theta[net.parameters.decaying]
    assert history["train/loss"] == [pytest.approx(plain_loss, rel=1e-14)]
    assert history["train/penalty"] == [pytest.approx(penalty.penalty(weights), rel=1e-14)]
    assert penalty.penalty(weights) > 0

    twin = classifier()
    theta, decaying = twin.parameters.theta, twin.parameters.decaying
    theta[...] = start
    numeric = np.empty_like(theta)
    for i in range(theta.size):
        values = []
        for shift in (1e-6, -1e-6):
            theta[i] = start[i] + shift
            values.append(twin.loss_and_gradient(X, LABELS)[0] + penalty.penalty(theta[decaying]))
        theta[i] = start[i]
        numeric[i] = (values[0] - values[1]) / 2e-6
    assert np.abs(found[0] - numeric).max() < 1e-8
