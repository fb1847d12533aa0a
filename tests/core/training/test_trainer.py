"""The training loop: what it computes, in which order, what it tells, and that it can be repeated to the last bit."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.network.rehearsal import rehearse
from chainrule.registry.goals import goal_of
from chainrule.training.history import best_epoch

RNG = np.random.default_rng(0)
X = RNG.normal(size=(22, 4))
LABELS = RNG.integers(0, 3, 22)
NUMBERS = np.stack([np.sin(X[:, 0]), X[:, 1] * X[:, 2]], axis=1)
BITS = (X[:, 0] > 0).astype(int)


def dense(units: int, activation: str = "linear") -> dict[str, Any]:
    return {"name": "dense", "units": units, "activation": activation}


def classifier(dtype: str = "float64", seed: int = 0, *extra: Any) -> cr.Network:
    layers = [dense(8, "tanh"), *extra, dense(3, "softmax")]
    return cr.Network(layers, (4,), "categorical_cross_entropy", seed, dtype)


def regressor(dtype: str = "float64", seed: int = 0) -> cr.Network:
    return cr.Network([dense(8, "tanh"), dense(2)], (4,), "mse", seed, dtype)


def trainer(net: cr.Network | None = None, optimizer: Any = "adam", batch_size: int = 8, **rest: Any) -> cr.Trainer:
    return cr.Trainer(net or classifier(), optimizer, batch_size, **rest)


def numbers_of(history: cr.History) -> dict[str, list[float]]:
    """Without what depends on the clock."""
    return {name: values for name, values in history.items() if name not in ("seconds", "examples_per_second")}


@dataclass
class Recording(cr.Callback):
    """Keeps every event, and does what it is told at one of them."""

    at: tuple[Any, ...] = ()
    do: Callable[[cr.Trainer], Any] = field(default=lambda trainer: None)

    def __post_init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []

    def note(self, *event: Any) -> None:
        self.events.append(event)

    def on_train_start(self, trainer: cr.Training) -> None:
        self.hear(trainer, "train_start")

    def on_epoch_start(self, trainer: cr.Training) -> None:
        self.hear(trainer, "epoch_start", trainer.epoch)

    def on_gradient(self, trainer: cr.Training) -> None:
        self.hear(trainer, "gradient", trainer.epoch, trainer.step)

    def on_batch_end(self, trainer: cr.Training) -> None:
        self.hear(trainer, "batch_end", trainer.epoch, trainer.step)

    def on_epoch_end(self, trainer: cr.Training) -> None:
        self.hear(trainer, "epoch_end", trainer.epoch)

    def on_train_end(self, trainer: cr.Training) -> None:
        self.hear(trainer, "train_end")

    def on_exception(self, trainer: cr.Training, error: BaseException) -> None:
        self.events.append(("exception", type(error).__name__))

    def hear(self, trainer: cr.Trainer, *event: Any) -> None:
        self.events.append(event)
        if event == self.at:
            self.do(trainer)


@dataclass
class Each(cr.Callback):
    """Gathers something after each batch."""

    what: Callable[[cr.Trainer], Any] = field(default=lambda trainer: None)

    def __post_init__(self) -> None:
        self.seen: list[Any] = []

    def on_batch_end(self, trainer: cr.Training) -> None:
        self.seen.append(self.what(trainer))


# ---- what it computes


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
    for optimizer in cr.registry().names("optimizer"):
        net = classifier("float32")
        parts = {"schedule": "cosine", "regularizer": "l2"}
        fitted = trainer(net, {"name": optimizer, "lr": np.float64(0.01)}, **parts)
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


# ---- what it tells


def test_events_come_in_order() -> None:
    heard = Recording()
    trainer(batch_size=11).fit((X, LABELS), epochs=2, validation=(X, LABELS), callbacks=[heard])
    assert heard.events == [
        ("train_start",),
        ("epoch_start", 1),
        ("gradient", 1, 0),
        ("batch_end", 1, 1),
        ("gradient", 1, 1),
        ("batch_end", 1, 2),
        ("epoch_end", 1),
        ("epoch_start", 2),
        ("gradient", 2, 2),
        ("batch_end", 2, 3),
        ("gradient", 2, 3),
        ("batch_end", 2, 4),
        ("epoch_end", 2),
        ("train_end",),
    ]


def test_callbacks_hear_in_the_order_in_which_they_are_given() -> None:
    heard: list[str] = []

    @dataclass
    class Named(cr.Callback):
        name: str

        def on_epoch_end(self, trainer: cr.Training) -> None:
            heard.append(self.name)

    trainer().fit((X, LABELS), epochs=2, callbacks=[Named("a"), Named("b")])
    assert heard == ["a", "b", "a", "b"]


def test_a_callback_may_change_the_gradient() -> None:
    @dataclass
    class Silence(cr.Callback):
        def on_gradient(self, trainer: cr.Training) -> None:
            trainer.network.parameters.grad[...] = 0

    net = classifier()
    before = net.parameters.theta.copy()
    trainer(net).fit((X, LABELS), epochs=2, callbacks=[Silence()])
    assert np.array_equal(net.parameters.theta, before)


@pytest.mark.parametrize(
    ("at", "epochs", "steps"),
    [
        (("train_start",), 0, 0),
        (("gradient", 2, 3), 2, 4),
        (("batch_end", 2, 4), 2, 4),
        (("batch_end", 2, 6), 2, 6),
        (("epoch_end", 2), 2, 6),
        (("epoch_end", 5), 5, 15),
    ],
)
def test_stop_ends_after_the_running_batch_and_closes_the_epoch(at: Any, epochs: int, steps: int) -> None:
    heard = Recording(at, lambda t: t.stop("enough"))
    fitted = trainer()
    history = fitted.fit((X, LABELS), epochs=5, validation=(X, LABELS), callbacks=[heard])
    assert (fitted.epoch, fitted.step, fitted.stop_reason) == (epochs, steps, "enough")
    assert heard.events[-1] == ("train_end",)
    if epochs:
        assert heard.events[-2] == ("epoch_end", epochs)
        assert len(history["validation/loss"]) == epochs
    fitted.fit((X, LABELS), epochs=1)
    assert (fitted.epoch, fitted.stop_reason) == (epochs + 1, None)


def test_a_stopped_epochs_loss_is_that_of_the_batches_that_it_met() -> None:
    seen = Each(lambda t: t.batch_loss)
    heard = Recording(("batch_end", 1, 2), lambda t: t.stop("enough"))
    history = trainer().fit((X, LABELS), epochs=1, callbacks=[seen, heard])
    assert history["train/loss"] == [pytest.approx(np.mean(seen.seen), rel=1e-14)]
    assert len(seen.seen) == 2


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, SystemExit])
def test_every_callback_hears_of_what_ends_the_training(error: type[BaseException]) -> None:
    def fail(trainer: cr.Trainer) -> None:
        raise error

    first, second = Recording(("batch_end", 1, 2), fail), Recording()
    with pytest.raises(error):
        trainer().fit((X, LABELS), epochs=2, callbacks=[first, second])
    for heard in (first, second):
        assert heard.events[-1] == ("exception", error.__name__)
        assert ("train_end",) not in heard.events


def test_without_callbacks_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    trainer().fit((X, LABELS), epochs=2, validation=(X, LABELS))
    assert capfd.readouterr() == ("", "")


def test_a_callback_may_evaluate_in_the_middle_of_an_epoch() -> None:
    histories = []
    for meddling in (lambda t: None, lambda t: t.evaluate(X[:3], LABELS[:3])):
        net = classifier("float64", 0, "dropout")
        fitted = trainer(net, metrics=["accuracy"])
        histories.append(fitted.fit((X, LABELS), epochs=3, callbacks=[Each(meddling)]))
    assert numbers_of(histories[0]) == numbers_of(histories[1])


def test_running_values_at_the_end_of_an_epoch_are_still_those_of_training() -> None:
    found: list[Any] = []

    @dataclass
    class Look(cr.Callback):
        def on_epoch_end(self, trainer: cr.Training) -> None:
            found.append((trainer.running(), dict(trainer.metrics)))

    trainer().fit((X, LABELS), epochs=1, validation=(X[:1], LABELS[:1]), callbacks=[Look()])
    [(running, metrics)] = found
    assert running == {"loss": metrics["train/loss"], "accuracy": metrics["train/accuracy"]}


def test_nothing_runs_before_the_first_batch() -> None:
    """And nothing is measured: before ``fit``, or in an epoch that has just begun."""
    waiting = trainer()
    assert list(waiting.running()) == ["loss"]
    assert np.isnan(waiting.running()["loss"])
    found: list[dict[str, float]] = []

    class Look(cr.Callback):
        def on_epoch_start(self, trainer: cr.Training) -> None:
            found.append(trainer.running())

    waiting.fit((X, LABELS), epochs=2, callbacks=[Look()])
    for values in found:
        assert set(values) == {"loss", "accuracy"}
        assert all(np.isnan(value) for value in values.values())


def test_all_of_a_trainer_is_there_from_the_first() -> None:
    """What is born in ``fit`` alone raises AttributeError where somebody looks before."""
    fitted, new = trainer(), trainer()
    fitted.fit((X, LABELS), epochs=1)
    assert vars(fitted).keys() == vars(new).keys()


def test_a_callback_is_given_all_that_its_contract_says() -> None:
    promised = [name for name in vars(cr.Training) if not name.startswith("_")]
    assert len(promised) == 17
    found: list[set[str]] = []

    class Look(cr.Callback):
        def on_batch_end(self, trainer: cr.Training) -> None:
            found.append({name for name in promised if hasattr(trainer, name)})

    trainer().fit((X, LABELS), epochs=1, callbacks=[Look()])
    assert found[0] == set(promised)
    assert all(f"``{name}" in (cr.Callback.__doc__ or "") for name in promised)


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


# ---- history and metrics


def test_the_history_has_nan_where_an_epoch_had_no_value() -> None:
    history = cr.History()
    history.append({"a": 1.0})
    history.append({"b": 2.0})
    history.append({"a": 3.0, "b": 4.0})
    assert history["a"][::2] == [1, 3]
    assert history["b"][1:] == [2, 4]
    assert math.isnan(history["a"][1])
    assert math.isnan(history["b"][0])
    assert history.epochs == 3


def test_validation_that_comes_later_starts_with_nan() -> None:
    fitted = trainer()
    fitted.fit((X, LABELS), epochs=2)
    history = fitted.fit((X, LABELS), epochs=1, validation=(X, LABELS))
    assert [math.isnan(value) for value in history["validation/loss"]] == [True, True, False]
    assert fitted.history is history


def test_validation_is_measured_after_the_epochs_last_update_without_training() -> None:
    net = classifier("float64", 0, "dropout")
    history = trainer(net).fit((X, LABELS), epochs=2, validation=(X[:9], LABELS[:9]))
    assert history["validation/loss"][-1] == pytest.approx(net.evaluate(X[:9], LABELS[:9])["loss"], rel=1e-14)


@pytest.mark.parametrize(
    ("layers", "loss", "y", "metrics"),
    [
        ([dense(3, "softmax")], "categorical_cross_entropy", LABELS, {"accuracy"}),
        ([dense(1, "sigmoid")], "binary_cross_entropy", BITS, {"binary_accuracy"}),
        ([dense(2)], "mse", NUMBERS, {"mean_absolute_error", "r_squared"}),
    ],
)
def test_metrics_are_picked_by_the_task(layers: list[Any], loss: str, y: Any, metrics: set[str]) -> None:
    history = trainer(cr.Network(layers, (4,), loss)).fit((X, y), epochs=1)
    assert {name for name in history if name.startswith("train/")} == {"train/loss", *(f"train/{m}" for m in metrics)}


def test_named_metrics_are_the_only_ones() -> None:
    assert "train/accuracy" not in trainer(metrics=[]).fit((X, LABELS), epochs=1)


def test_a_metric_for_another_task_is_refused_each_time() -> None:
    fitted = trainer(metrics=["mean_absolute_error"])
    for _ in range(2):
        with pytest.raises(cr.ConfigError) as caught:
            fitted.fit((X, LABELS), epochs=1)
        assert str(caught.value).startswith(
            "metrics: mean_absolute_error is for regression, and the targets are multiclass: take accuracy"
        )
    with pytest.raises(cr.UnknownName, match=r'there is no metric "acuracy"\. Did you mean "accuracy"\?'):
        trainer(metrics=["acuracy"]).fit((X, LABELS), epochs=1)


def test_a_metric_that_gives_an_array_is_computed_at_the_end_only() -> None:
    fitted = trainer(metrics=["accuracy", "confusion_matrix"])
    history = fitted.fit((X, LABELS), epochs=1)
    assert "train/confusion_matrix" not in history
    found = fitted.evaluate(X, LABELS)
    assert found["confusion_matrix"].sum() == 22


def test_evaluate_is_an_independent_computation() -> None:
    net = classifier()
    fitted = trainer(net)
    fitted.fit((X, LABELS), epochs=3)
    found = fitted.evaluate(X, LABELS)
    p = net.predict(X)
    assert found["loss"] == pytest.approx(-np.log(p[np.arange(22), LABELS]).mean(), rel=1e-12)
    assert found["accuracy"] == pytest.approx((p.argmax(axis=1) == LABELS).mean(), rel=1e-12)


def test_the_train_metric_is_that_of_the_batches_as_they_were_met() -> None:
    seen = Each(lambda t: (t.network.prediction.argmax(axis=1) == t.batch[1].metric).tolist())
    history = trainer().fit((X, LABELS), epochs=1, callbacks=[seen])
    assert history["train/accuracy"] == [pytest.approx(np.mean(list(chain.from_iterable(seen.seen))), rel=1e-14)]


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


# ---- what is refused


@pytest.mark.parametrize("value", [0, -1, 2.5, True, "8"])
def test_sizes_must_be_whole_and_positive(value: Any) -> None:
    with pytest.raises(cr.FieldError) as caught:
        trainer(batch_size=value)
    assert str(caught.value) == f"batch_size: got {value!r}, expected a whole number, 1 or more"
    with pytest.raises(cr.FieldError) as caught:
        trainer().fit((X, LABELS), epochs=value)
    assert str(caught.value) == f"epochs: got {value!r}, expected a whole number, 1 or more"


@pytest.mark.parametrize("value", [-1, 2.5, True, "8"])
def test_the_seed_must_be_whole_and_not_negative(value: Any) -> None:
    with pytest.raises(cr.FieldError) as caught:
        trainer(seed=value)
    assert str(caught.value) == f"seed: got {value!r}, expected a whole number, 0 or more"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optimizer": "admm"}, 'optimizer: there is no optimizer "admm". Did you mean "adam"?'),
        ({"optimizer": {"name": "sgd", "lr": -1.0}}, "optimizer.lr: got -1.0, must be"),
        ({"schedule": "cosinus"}, 'schedule: there is no schedule "cosinus". Did you mean "cosine"?'),
        ({"regularizer": {"name": "l2", "strength": "a"}}, 'regularizer.strength: got "a", expected a number'),
    ],
)
def test_components_that_are_wrong_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(cr.ConfigError) as caught:
        trainer(**changes)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("train", "validation", "message"),
    [
        ((X, LABELS[:3]), None, "the train data has 22 inputs and 3 targets; they must be as many, and at least one"),
        ((X, LABELS), (X[:2], LABELS), "the validation data has 2 inputs and 22 targets; they must be as many, and"),
        ((X[:0], LABELS[:0]), None, "the train data has 0 inputs and 0 targets; they must be as many, and at least"),
        ((X, LABELS + 1), None, "label 3 of sample "),
    ],
)
def test_data_that_does_not_fit_is_refused(train: Any, validation: Any, message: str) -> None:
    with pytest.raises(cr.DataError) as caught:
        trainer().fit(train, epochs=1, validation=validation)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("train", "found"),
    [(X, "ndarray"), ((X, LABELS, X), "3 values"), (None, "NoneType"), (0.2, "float"), ({"x": X, "y": X}, "dict")],
)
def test_data_is_a_pair(train: Any, found: str) -> None:
    with pytest.raises(cr.FieldError) as caught:
        trainer().fit(train, 1)
    assert str(caught.value) == f"train: got {found}, expected a pair (x, y), as train=(x, y)"
    if train is not None:
        with pytest.raises(cr.FieldError) as caught:
            trainer().fit((X, LABELS), 1, validation=train)
        assert str(caught.value) == f"validation: got {found}, expected a pair (x, y), as validation=(x, y)"


def test_data_that_is_not_finite_is_refused() -> None:
    for x, y in ((np.where(X[0, 0] == X, np.nan, X), NUMBERS), (X, np.where(NUMBERS > 0, np.inf, NUMBERS))):
        for given in ({"train": (x, y)}, {"train": (X, NUMBERS), "validation": (x, y)}):
            with pytest.raises(cr.DataError) as caught:
                trainer(regressor()).fit(epochs=1, **given)
            assert str(caught.value) == (
                f"the {list(given)[-1]} data holds values that are infinite or not a number as float64"
            )


def test_a_network_is_what_is_trained() -> None:
    with pytest.raises(cr.FieldError, match=r"^network: got 'net', expected a Network$"):
        cr.Trainer("net", "sgd")  # type: ignore[arg-type]


def test_numpy_numbers_are_taken() -> None:
    counted: Any = np.int64(3)
    fitted = trainer(batch_size=counted, seed=counted)
    same = trainer(batch_size=3, seed=3)
    assert numbers_of(fitted.fit((X, LABELS), epochs=counted)) == numbers_of(same.fit((X, LABELS), epochs=3))
    assert [type(value) for value in (fitted.batch_size, fitted.epochs)] == [int, int]


# ---- components that do not keep their contract


@dataclass
class Wide(cr.Activation):
    """Gives what it is told to."""

    what: str = "dtype"

    def forward(self, z: cr.Array) -> Any:
        return {"dtype": z.astype(float), "shape": z[:, :1], "nothing": None}[self.what]

    def backward(self, da: cr.Array) -> cr.Array:
        return da


@pytest.mark.parametrize(
    ("what", "found"),
    [("dtype", "float64 of shape (8, 8)"), ("shape", "float32 of shape (8, 1)"), ("nothing", "None")],
)
def test_a_step_that_gives_something_else_is_named(what: str, found: str) -> None:
    net = cr.Network([dense(8), Wide(what), dense(3, "softmax")], (4,), "categorical_cross_entropy")
    heard = Recording()
    with pytest.raises(cr.ContractError) as caught:
        trainer(net).fit((X, LABELS), epochs=1, callbacks=[heard])
    assert str(caught.value) == f"forward of 1.wide (class Wide) gave {found}, not float32 of shape (8, 8)"
    assert heard.events == [("train_start",), ("exception", "ContractError")]


def test_a_loss_that_gives_no_number_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    net = regressor()
    monkeypatch.setattr(type(net.loss), "forward", lambda self, prediction, target: None)
    with pytest.raises(cr.ContractError) as caught:
        trainer(net).fit((X, NUMBERS), epochs=1)
    assert str(caught.value) == f"the loss mse (chainrule {cr.__version__}) gave None, not a number"


def test_a_metric_that_gives_no_number_is_named() -> None:
    @dataclass
    class Silent(cr.Metric):
        tasks = ("multiclass",)

        def reset(self) -> None:
            pass

        def update(self, prediction: cr.Array, target: cr.Array) -> None:
            pass

        def compute(self) -> Any:
            return None

    with pytest.raises(cr.ContractError) as caught:
        trainer(metrics=[Silent()]).fit((X, LABELS), epochs=1)
    assert str(caught.value) == "the metric silent (class Silent) gave None, not a number"


def test_the_look_at_the_first_batch_leaves_the_training_as_it_is() -> None:
    nets = [classifier("float32", 0, "dropout", "batch_norm") for _ in range(2)]
    x, targets = nets[1].pair(X, LABELS)
    rehearse(nets[1], x, targets.loss)
    histories = [numbers_of(trainer(net).fit((X, LABELS), epochs=2)) for net in nets]
    assert histories[0] == histories[1]
    assert np.array_equal(nets[0].parameters.theta, nets[1].parameters.theta)


def test_an_error_in_on_exception_hides_nothing(caplog: pytest.LogCaptureFixture) -> None:
    @dataclass
    class Clumsy(cr.Callback):
        def on_exception(self, trainer: cr.Training, error: BaseException) -> None:
            raise ValueError("oh")

    def fail(trainer: cr.Trainer) -> None:
        raise RuntimeError("the first")

    heard = Recording(("batch_end", 1, 2), fail)
    with pytest.raises(RuntimeError, match="the first"):
        trainer().fit((X, LABELS), epochs=1, callbacks=[Clumsy(), heard])
    assert heard.events[-1] == ("exception", "RuntimeError")
    assert [record.getMessage() for record in caplog.records] == ["on_exception of clumsy failed: ValueError('oh')"]


def test_an_unknown_callback_is_refused() -> None:
    with pytest.raises(cr.UnknownName, match=r'there is no callback "progres"\. Did you mean "progress"\?'):
        trainer().fit((X, LABELS), epochs=1, callbacks=["progres"])


# ---- the best epoch


def test_the_best_epoch_goes_by_the_metrics_goal_and_passes_over_nan() -> None:
    history = cr.History()
    for loss, accuracy in ((0.5, 0.7), (math.nan, math.nan), (0.4, 0.9), (0.4, 0.9), (0.6, 0.8)):
        history.append({"validation/loss": loss, "validation/accuracy": accuracy, "none": math.inf})
    assert best_epoch(history, "validation/loss") == (0.4, 3)
    assert best_epoch(history, "validation/accuracy") == (0.9, 3)
    assert best_epoch(history, "none") is None


def test_goals() -> None:
    goals = {name: goal_of(f"validation/{name}") for name in ("loss", "accuracy", "mean_absolute_error")}
    assert goals == {"loss": "min", "accuracy": "max", "mean_absolute_error": "min"}


@pytest.mark.parametrize("given", ["progress", None, 3])
def test_callbacks_are_a_list(given: object) -> None:
    with pytest.raises(cr.FieldError, match=r"^callbacks: got .*, expected a list$"):
        trainer().fit((X, LABELS), 1, callbacks=given)  # type: ignore[arg-type]


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
