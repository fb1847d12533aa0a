"""Schedules that look at what an epoch measured: when, at what, and that what they gathered is saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from trainings import LABELS, X, classifier, numbers_of

import chainrule as cr
from chainrule.training.encoding import decoded, encoded


@dataclass
class Plateau(cr.Schedule):
    """Halves the rate where the loss has not got better for some epochs."""

    patience: int = 1
    monitor: str = "validation/loss"

    def __post_init__(self) -> None:
        self.factor, self.best, self.waited = 1.0, float("inf"), 0
        self.seen: list[dict[str, float]] = []

    def observe(self, metrics: Mapping[str, float]) -> None:
        self.seen.append(dict(metrics))
        self.waited = 0 if metrics[self.monitor] < self.best else self.waited + 1
        self.best = min(self.best, metrics[self.monitor])
        if self.waited > self.patience:
            self.factor, self.waited = self.factor / 2, 0

    def __call__(self, step: int, total: int) -> float:
        return self.factor


@dataclass
class Within(cr.Schedule):
    """One around another, whose state goes with its own."""

    schedule: str | Mapping[str, Any] | cr.Schedule = "constant"

    def __post_init__(self) -> None:
        self.inner: cr.Schedule = cr.make("schedule", self.schedule)

    def observe(self, metrics: Mapping[str, float]) -> None:
        self.inner.observe(metrics)

    def __call__(self, step: int, total: int) -> float:
        return self.inner(step, total) * 0.5


@dataclass
class Told(cr.Callback):
    """Logs what the test says, at each epoch's end, after the training has measured."""

    values: tuple[float, ...] = ()
    logs = ("told",)

    def on_epoch_end(self, trainer: cr.Training) -> None:
        trainer.log("told", self.values[trainer.epoch - 1])


VALUES = (5.0, 4.0, 4.0, 6.0, 3.0, 3.0, 3.0, 2.0)
FACTORS = [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25]  # of each epoch, by what was measured before it


def trainer(schedule: Any, **rest: Any) -> cr.Trainer:
    return cr.Trainer(classifier(), {"name": "sgd", "lr": 0.1}, 8, schedule=schedule, **rest)


def test_it_is_told_once_an_epoch_of_all_that_was_measured_and_logged():
    one = trainer(Plateau(monitor="told"))
    history = one.fit((X, LABELS), 8, validation=(X, LABELS), callbacks=[Told(VALUES)])
    schedule: Any = one.schedule
    assert [seen["told"] for seen in schedule.seen] == [*VALUES]
    for epoch, seen in enumerate(schedule.seen):
        assert seen == {name: column[epoch] for name, column in history.items()}
    assert history["learning_rate"] == pytest.approx([0.1 * factor for factor in FACTORS])


def test_each_step_is_taken_at_the_rate_that_follows():
    rates: list[float] = []

    class Rates(cr.Callback):
        def on_gradient(self, trainer: cr.Training) -> None:
            rates.append(trainer.learning_rate)

    trainer(Plateau(monitor="told")).fit((X, LABELS), 8, callbacks=[Told(VALUES), Rates()])
    assert rates == pytest.approx([0.1 * factor for factor in FACTORS for _ in range(3)])


def test_the_rate_that_it_gives_is_there_at_once_for_whoever_asks_after_the_epoch():
    one = trainer(Plateau(patience=0, monitor="told"))
    one.fit((X, LABELS), 2, callbacks=[Told((1.0, 1.0))])
    assert one.learning_rate == pytest.approx(0.05)


@pytest.mark.parametrize("make", [lambda: Plateau(monitor="told"), lambda: Within(Plateau(monitor="told"))])
def test_what_it_has_gathered_is_saved_and_a_training_goes_on_to_the_last_bit(make):
    states: list[Any] = []

    class Saves(cr.Callback):
        def on_batch_end(self, trainer: Any) -> None:
            trainer.rest.when(lambda: states.append(encoded(trainer.state())))

        on_epoch_end = on_batch_end

        def state(self) -> dict[str, Any]:
            return {}

    whole = trainer(make())
    whole.fit((X, LABELS), 8, callbacks=[Told(VALUES), Saves()])
    assert len({*whole.history["learning_rate"]}) == 3
    for text, arrays in states:
        again = trainer(make())
        again.load_state(decoded(text, arrays))
        again.fit((X, LABELS), 8, callbacks=[Told(VALUES)])
        assert np.array_equal(again.network.parameters.theta, whole.network.parameters.theta)
        assert numbers_of(again.history) == numbers_of(whole.history)


def test_between_two_calls_of_fit_it_goes_on_too(tmp_path):
    path = tmp_path / "training.safetensors"
    whole, again = trainer(Plateau(monitor="told")), trainer(Plateau(monitor="told"))
    whole.fit((X, LABELS), 5, callbacks=[Told(VALUES)])
    whole.save(path)
    again.load(path)
    for one in (whole, again):
        one.fit((X, LABELS), 3, callbacks=[Told(VALUES)])
    assert numbers_of(again.history) == numbers_of(whole.history)
    assert again.history["learning_rate"][-1] == pytest.approx(0.025)


def test_two_trainings_with_one_instance_share_nothing():
    schedule = Plateau(patience=0, monitor="told")
    for _ in range(2):
        one = trainer(schedule)
        one.fit((X, LABELS), 2, callbacks=[Told((1.0, 1.0))])
        assert one.learning_rate == pytest.approx(0.05)
    assert schedule.seen == []


def test_one_that_keeps_what_no_file_can_says_so():
    @dataclass
    class Keeps(cr.Schedule):
        def __post_init__(self) -> None:
            self.file = open

        def __call__(self, step: int, total: int) -> float:
            return 1.0

    one = trainer(Keeps())
    one.fit((X, LABELS), 1)
    with pytest.raises(
        cr.ContractError, match=r"^learning_rate\.schedule\.file holds a builtin_function_or_method, whi"
    ):
        encoded(one.state())
