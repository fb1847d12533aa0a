"""What a training tells: its events, and its history and metrics."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pytest
from trainings import (
    BITS,
    LABELS,
    NUMBERS,
    Each,
    Recording,
    X,
    classifier,
    dense,
    numbers_of,
    trainer,
)

import chainrule as cr
from chainrule.registry.goals import goal_of
from chainrule.training.history import best_epoch

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
    assert len(promised) == 23
    found: list[set[str]] = []

    class Look(cr.Callback):
        def on_batch_end(self, trainer: cr.Training) -> None:
            found.append({name for name in promised if hasattr(trainer, name)})

    trainer().fit((X, LABELS), epochs=1, callbacks=[Look()])
    assert found[0] == set(promised)
    assert all(f"``{name}" in (cr.Callback.__doc__ or "") for name in promised)


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


def test_a_metric_may_be_for_a_task_without_being_picked_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a package with metrics would change every run, and no earlier one would be taken for equal any more."""
    from chainrule_plugins.metrics import Accuracy

    monkeypatch.setattr(Accuracy, "default", False)
    fitted = trainer()
    assert "train/accuracy" not in fitted.fit((X, LABELS), 1)
    named = trainer(metrics=["accuracy"])
    assert "train/accuracy" in named.fit((X, LABELS), 1)


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
