"""What samples weigh in a training: each batch is a weighted mean, each epoch one of all that was met, and what history
says is what evaluate says."""

from __future__ import annotations

import pickle
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from stepwise import EachStep, MaskedMean, PlainLoss, SquaredOff
from trainings import BITS, LABELS, NUMBERS, X, classifier, dense, numbers_of, regressor

import chainrule as cr

RNG = np.random.default_rng(8)
TIMES = np.array([2, 0, 1, 3, 1, 0, 2, 1, 1, 0, 0, 4, 1, 1, 0, 2, 1, 1, 1, 0, 0, 0])
SEQUENCES = RNG.normal(size=(22, 5, 4))
LENGTHS = RNG.integers(1, 6, 22)
MASK = np.arange(5) < LENGTHS[:, None]
FROZEN = [{"parameters": "*", "trainable": False}]


def binary() -> cr.Network:
    return cr.Network([dense(6, "tanh"), dense(1, "sigmoid")], (4,), "binary_cross_entropy", dtype="float64")


TASKS = {"multiclass": (classifier, LABELS), "regression": (regressor, NUMBERS), "binary": (binary, BITS)}


@pytest.mark.parametrize("weight", [TIMES, RNG.uniform(0, 3, 22)], ids=["whole", "real"])
@pytest.mark.parametrize("batch_size", [1, 8, 22, 30])
@pytest.mark.parametrize("task", TASKS)
def test_an_epoch_of_a_network_that_stays_as_it_is_measures_what_evaluate_does(task, batch_size, weight):
    make, y = TASKS[task]
    network = make()
    network.targets(y)
    taken = [e.name for e in cr.registry() if e.kind == "metric" and network.task in e.cls.tasks and not e.cls.array]  # type: ignore[attr-defined]
    trainer = cr.Trainer(network, "sgd", batch_size, groups=FROZEN, metrics=[*taken, SquaredOff()])
    split = cr.Split(X, y, weight)
    history = trainer.fit(split, epochs=2, validation=split)
    for name, expected in network.evaluate(X, y, [*taken, SquaredOff()], weight=weight).items():
        for part in ("train", "validation"):
            assert history[f"{part}/{name}"] == pytest.approx([expected] * 2, rel=1e-12), name
    assert trainer.evaluate_split(split).items() >= {"loss": history["validation/loss"][-1]}.items()
    again = trainer.evaluate(X, y, weight=weight)
    assert again["loss"] == history["validation/loss"][-1]
    assert again["loss"] != pytest.approx(trainer.evaluate(X, y)["loss"])


@pytest.mark.parametrize("task", TASKS)
def test_each_step_is_taken_on_the_weighted_mean_of_its_own_batch(task):
    make, y = TASKS[task]
    network, by_hand = make(), make()
    trainer = cr.Trainer(network, {"name": "sgd", "lr": 0.1}, batch_size=8, shuffle=False)
    trainer.fit(cr.Split(X, y, TIMES), epochs=2)
    theta = by_hand.parameters.theta
    for _ in range(2):
        for rows in (slice(0, 8), slice(8, 16), slice(16, 22)):
            times = TIMES[rows]
            theta -= 0.1 * by_hand.loss_and_gradient(X[rows].repeat(times, axis=0), y[rows].repeat(times, axis=0))[1]
    np.testing.assert_allclose(network.parameters.theta, theta, rtol=1e-12)


def test_a_batch_of_which_nothing_counts_moves_nothing_and_is_told_to_no_metric():
    network = regressor()
    weight = np.repeat([1.0, 0.0], [8, 14])
    trainer = cr.Trainer(network, {"name": "sgd", "lr": 0.1}, 8, shuffle=False, metrics=[SquaredOff()])
    first = regressor()
    cr.Trainer(first, {"name": "sgd", "lr": 0.1}, 8, shuffle=False).fit((X[:8], NUMBERS[:8]), epochs=1)
    history = trainer.fit(cr.Split(X, NUMBERS, weight), epochs=1)
    np.testing.assert_allclose(network.parameters.theta, first.parameters.theta, rtol=1e-12)
    assert history["train/loss"] == [pytest.approx(regressor().evaluate(X[:8], NUMBERS[:8])["loss"], rel=1e-12)]
    assert history["train/squared_off"] == pytest.approx(history["train/loss"], rel=1e-12)
    assert trainer.step == 3


def test_no_metric_is_asked_before_anything_counted():
    found: list[list[float]] = []

    class Looks(cr.Callback):
        def on_batch_end(self, trainer: cr.Training) -> None:
            found.append([*trainer.running().values()])

    weight = np.repeat([0.0, 1.0], [8, 14])
    trainer = cr.Trainer(regressor(), "sgd", 8, shuffle=False, metrics=[SquaredOff()])  # whose mean would be 0 / 0
    trainer.fit(cr.Split(X, NUMBERS, weight), 1, callbacks=[Looks()])
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1:]).all()


def test_a_callback_sees_what_the_batch_weighs_and_which_steps_count():
    seen: list[Any] = []

    class Looks(cr.Callback):
        def on_gradient(self, trainer: cr.Training) -> None:
            assert trainer.batch is not None
            seen.append((trainer.batch[1].weight, trainer.batch[1].mask, trainer.batch_loss))

    network = cr.Network([MaskedMean(), dense(2)], (5, 4), "mse", dtype="float64")
    cr.Trainer(network, "sgd", 8, shuffle=False).fit(cr.Split(SEQUENCES, NUMBERS, TIMES, MASK), 1, callbacks=[Looks()])
    assert [weight.tolist() for weight, _, _ in seen] == [part.tolist() for part in np.split(TIMES, [8, 16])]
    assert np.array_equal(np.concatenate([mask for _, mask, _ in seen]), MASK)
    assert all(mask.dtype == bool for _, mask, _ in seen)


def test_a_mask_is_given_to_the_layers_that_ask_for_it_in_training_and_out_of_it():
    network = cr.Network([EachStep(3), "tanh", MaskedMean(), dense(2)], (5, 4), "mse", dtype="float64")
    layer: Any = network.layers[2]
    trainer = cr.Trainer(network, {"name": "sgd", "lr": 0.1}, batch_size=8)
    history = trainer.fit(
        cr.Split(SEQUENCES, NUMBERS, mask=MASK), 3, validation=cr.Split(SEQUENCES, NUMBERS, mask=MASK)
    )
    predicted = network.predict(SEQUENCES, mask=MASK)
    for i, length in enumerate(LENGTHS):
        short = cr.Network([EachStep(3), "tanh", MaskedMean(), dense(2)], (int(length), 4), "mse", dtype="float64")
        short.restore(network.snapshot())
        np.testing.assert_allclose(short.predict(SEQUENCES[i : i + 1, :length])[0], predicted[i], rtol=1e-12)
    measured = network.evaluate(SEQUENCES, NUMBERS, mask=MASK)["loss"]
    assert measured == pytest.approx(np.square(predicted - NUMBERS).mean(), rel=1e-12)
    assert history["validation/loss"][-1] == measured
    assert measured != network.evaluate(SEQUENCES, NUMBERS)["loss"]
    assert layer.seen is None
    assert max(cr.gradient_check(network, SEQUENCES, NUMBERS, mask=MASK).values()) < 1e-6


@dataclass
class Around(cr.Layer):
    """Hands on what it is given."""

    inner: cr.Layer

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        self.stack = self.child("inner", self.inner)
        return self.stack.build(input_shape)

    def forward(self, x: cr.Array, training: bool, mask: cr.Array | None = None) -> cr.Array:
        return self.stack.forward(x, training, mask)

    def backward(self, dy: cr.Array) -> cr.Array:
        return self.stack.backward(dy)


def test_layers_within_a_layer_are_given_it_by_that_layer():
    around = cr.Network([Around(MaskedMean()), dense(2)], (5, 4), "mse", dtype="float64")
    plain = cr.Network([MaskedMean(), dense(2)], (5, 4), "mse", dtype="float64")
    plain.restore(around.snapshot())
    for mask in (MASK, None):
        assert np.array_equal(around.predict(SEQUENCES, mask=mask), plain.predict(SEQUENCES, mask=mask))
        value, gradient = around.loss_and_gradient(SEQUENCES, NUMBERS, mask=mask)
        assert (value, gradient.tolist()) == (
            plain.loss_and_gradient(SEQUENCES, NUMBERS, mask=mask)[0],
            plain.parameters.grad.tolist(),
        )


def test_a_mask_of_inputs_that_have_no_step_in_the_targets_weighs_nothing():
    network = cr.Network([MaskedMean(), dense(5)], (5, 4), PlainLoss(), dtype="float64", task="regression")
    y = RNG.normal(size=(22, 5))  # as many numbers as there are steps, by chance
    predicted = network.predict(SEQUENCES, mask=MASK)
    value = network.evaluate(SEQUENCES, y, mask=MASK)["loss"]
    assert value == pytest.approx(np.log(np.cosh(predicted - y)).mean(), rel=1e-12)


# ---- splits


def test_a_split_is_a_pair_that_keeps_what_its_samples_weigh():
    split = cr.Split(X, LABELS, TIMES, MASK)
    x, y = split
    assert x is X
    assert y is LABELS
    assert split.x is X
    assert split.y is LABELS
    again = pickle.loads(pickle.dumps(split))
    assert np.array_equal(again.weight, TIMES)
    assert np.array_equal(again.mask, MASK)
    assert (cr.Split(X, LABELS).weight, cr.Split(X, LABELS).mask) == (None, None)


def test_a_pair_of_arrays_that_are_one_another_is_refused_as_before():
    with pytest.raises(cr.FieldError, match=re.escape("train: got 3 values, expected a pair (x, y), as train=(x, y)")):
        cr.Trainer(classifier(), "sgd").fit((X, LABELS, TIMES), epochs=1)  # type: ignore[arg-type]


def test_what_weights_are_given_is_part_of_what_identifies_data():
    def data(**what: Any) -> cr.Data:
        return cr.Data(cr.Split(X, BITS, **what), "binary", class_names=("no", "yes"))

    digests = [data().digest, data(weight=TIMES).digest, data(weight=TIMES * 2).digest, data(mask=TIMES > 0).digest]
    assert len({*digests}) == 4
    assert data(weight=TIMES.copy()).digest == digests[1]


def test_a_training_that_was_cut_goes_on_with_weights_to_the_last_bit(tmp_path):
    path = tmp_path / "training.safetensors"

    class Saves(cr.Callback):
        def on_batch_end(self, trainer: Any) -> None:
            if trainer.step == 5:
                trainer.save(path)

    def trainer() -> cr.Trainer:
        return cr.Trainer(classifier(), "adam", batch_size=8, metrics=["accuracy", SquaredOff()])

    split, held_out = cr.Split(X, LABELS, TIMES * 0.5), cr.Split(X[::-1], LABELS[::-1], TIMES)
    whole, again = trainer(), trainer()
    whole.fit(split, 4, held_out, callbacks=[Saves()])
    again.load(path)
    again.fit(split, 4, held_out)
    assert np.array_equal(again.network.parameters.theta, whole.network.parameters.theta)
    assert numbers_of(again.history) == numbers_of(whole.history)
