"""A class for each of several steps, and targets of a form that a loss says: loss, gradient and metrics are those of
rows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from stepwise import EachStep, MaskedMean, SoftmaxAlone, SquaredOff
from trainings import dense

import chainrule as cr

RNG = np.random.default_rng(9)
N, STEPS, CLASSES = 8, 5, 4
X = RNG.normal(size=(N, STEPS, 3))
LABELS = RNG.integers(0, CLASSES, (N, STEPS))
MASK = np.arange(STEPS) < RNG.integers(1, STEPS + 1, (N, 1))
WEIGHTS = RNG.integers(0, 3, (N, STEPS))


def per_step(loss: Any = "categorical_cross_entropy", ending: Any = "softmax") -> cr.Network:
    return cr.Network([EachStep(6), "tanh", EachStep(CLASSES), ending], (STEPS, 3), loss, seed=2, dtype="float64")


def flat(loss: Any = "categorical_cross_entropy", ending: Any = "softmax") -> cr.Network:
    return cr.Network([EachStep(6), "tanh", EachStep(CLASSES), ending], (3,), loss, seed=2, dtype="float64")


METRICS = [e.name for e in cr.registry() if e.kind == "metric" and "multiclass" in e.cls.tasks]  # type: ignore[attr-defined]
LOSSES = [
    (entry.name, ending)
    for entry in cr.registry()
    if entry.kind == "loss" and entry.name != "by_output"
    for ending in ("softmax", SoftmaxAlone())
    if entry.name in ("categorical_cross_entropy", "kl_divergence", "mse", "binary_cross_entropy")
]


@pytest.mark.parametrize("how", [{}, {"mask": MASK}, {"weight": WEIGHTS}, {"weight": WEIGHTS[:, 0] + 1}])
@pytest.mark.parametrize(("loss", "ending"), LOSSES)
@pytest.mark.parametrize("form", ["labels", "one-hot"])
def test_each_step_is_a_row_in_the_loss_and_its_gradient(loss, ending, how, form):
    network, rows = per_step(loss, ending), flat(loss, ending)
    y = LABELS if form == "labels" else np.eye(CLASSES)[LABELS]
    times = np.ones((N, STEPS), int)
    for array in how.values():
        times = times * (array if array.ndim == 2 else array[:, None])
    value, gradient = network.loss_and_gradient(X, y, **how)
    repeated = times.ravel()
    expected = rows.loss_and_gradient(X.reshape(-1, 3).repeat(repeated, axis=0), LABELS.ravel().repeat(repeated))
    assert value == pytest.approx(expected[0], rel=1e-12)
    np.testing.assert_allclose(gradient, expected[1], rtol=1e-10, atol=1e-14)
    assert network.task == "multiclass"


@pytest.mark.parametrize("how", [{}, {"mask": MASK}, {"weight": WEIGHTS}, {"weight": WEIGHTS[:, 0] + 1}])
def test_each_step_is_a_row_to_every_metric_whether_it_knows_of_steps_or_not(how):
    network, rows = per_step(), flat()
    times = np.ones((N, STEPS), int)
    for array in how.values():
        times = times * (array if array.ndim == 2 else array[:, None])
    repeated = times.ravel()
    given = [*METRICS, SquaredOff()]
    found = network.evaluate(X, LABELS, given, batch_size=3, **how)
    expected = rows.evaluate(X.reshape(-1, 3).repeat(repeated, axis=0), LABELS.ravel().repeat(repeated), given)
    assert found.keys() == expected.keys()
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-12, err_msg=name)
    trainer = cr.Trainer(network, "sgd", 3, metrics=given, groups=[{"parameters": "*", "trainable": False}])
    history = trainer.fit(cr.Split(X, LABELS, **how), 1, validation=cr.Split(X, LABELS, **how))
    for name, value in found.items():
        if np.ndim(value) == 0:
            assert history[f"train/{name}"] == pytest.approx([value], rel=1e-12)
            assert history[f"validation/{name}"] == pytest.approx([value], rel=1e-12)


def test_targets_come_in_the_form_that_the_loss_takes():
    targets = per_step().targets(LABELS)
    assert targets.loss.tolist() == targets.metric.tolist() == LABELS.tolist()
    assert targets.per_step
    targets = per_step("mse").targets(LABELS)
    assert np.array_equal(targets.loss, np.eye(CLASSES)[LABELS])
    soft = RNG.dirichlet(np.ones(CLASSES), (N, STEPS))
    targets = per_step().targets(soft)
    assert np.array_equal(targets.loss, soft)
    assert np.array_equal(targets.metric, soft.argmax(axis=-1))
    assert not flat().targets(LABELS[:, 0]).per_step


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        (
            LABELS[:, :3],
            cr.ShapeError,
            "targets of shape (8, 3) do not fit 4 output units: give classes as integers of",
        ),
        (
            LABELS[:, 0],
            cr.ShapeError,
            "a multiclass task needs one output unit per class, and the output has shape (n,",
        ),
        (LABELS + 1, cr.DataError, "label 4 of sample "),
        (LABELS + 0.5, cr.DataError, "classes must be whole numbers, got "),
        (
            np.ones((N, STEPS, CLASSES)),
            cr.DataError,
            "target 0 is no distribution over the 4 classes: its numbers must",
        ),
    ],
)
def test_what_is_no_class_for_each_step(y, error, message):
    network = cr.Network([EachStep(CLASSES), "softmax"], (STEPS, 3), "categorical_cross_entropy", task="multiclass")
    with pytest.raises(error, match=f"^{re.escape(message)}"):
        network.targets(y)


# ---- a loss that says the shape of its targets


@dataclass
class Quantiles(cr.Loss):
    r"""Several quantiles of one number: $\frac{1}{K} \sum_k \max(q_k (t - p_k), (q_k - 1) (t - p_k))$."""

    quantiles: tuple[float, ...] = (0.1, 0.5, 0.9)
    of_differences = True

    def output(self, task: cr.Task, classes: int) -> tuple[int, str]:
        if task != "regression":
            raise cr.ConfigError("quantiles are of numbers")
        return len(self.quantiles), "linear"

    def target_shape(self, output_shape: cr.Shape) -> cr.Shape:
        return output_shape[:-1]

    def forward(self, prediction: cr.Array, target: cr.Array) -> float:
        q = np.array(self.quantiles, prediction.dtype)
        self.slope = np.where(target[..., None] > prediction, -q, 1 - q)
        return float((self.slope * (prediction - target[..., None])).mean())

    def backward(self) -> cr.Array:
        return self.slope / self.slope.size


@dataclass
class Spelling(cr.Loss):
    """Of a sequence of classes shorter than the steps, in whole numbers: each is to be the surest at some step."""

    letters: int = 2
    target_dtype = "int64"

    def output(self, task: cr.Task, classes: int) -> tuple[int, str]:
        if task != "multiclass":
            raise cr.ConfigError("a spelling has classes")
        return classes, "softmax"

    def target_shape(self, output_shape: cr.Shape) -> cr.Shape:
        return (self.letters,)

    def forward(self, prediction: cr.Array, target: cr.Array) -> float:
        assert target.dtype == np.int64
        self.shape, self.target = prediction.shape, target
        rows = np.arange(len(target))[:, None]
        chosen = prediction.transpose(0, 2, 1)[rows, target]  # (batch, letters, steps)
        self.best = chosen.argmax(axis=2)
        return float(-chosen.max(axis=2).sum(axis=1).mean())

    def backward(self) -> cr.Array:
        gradient = np.zeros(self.shape)
        rows = np.arange(len(self.target))[:, None]
        np.add.at(gradient, (rows, self.best, self.target), -1 / len(self.target))
        return gradient


NUMBERS = X.sum(axis=(1, 2))


@pytest.mark.parametrize("y", [NUMBERS, NUMBERS[:, None], NUMBERS.astype("f4"), NUMBERS.tolist()])
def test_targets_have_the_shape_that_the_loss_says(y):
    network = cr.Network([MaskedMean(), dense(3)], (STEPS, 3), Quantiles(), dtype="float64")
    targets = network.targets(y)
    assert targets.loss.shape == (N,)
    np.testing.assert_allclose(targets.loss, NUMBERS, rtol=1e-6)
    assert targets.loss.dtype == np.float64
    assert max(cr.gradient_check(network, X, y).values()) < 1e-6


def test_one_column_is_as_good_as_none_where_the_loss_says_one():
    class Columns(Quantiles):
        def target_shape(self, output_shape: cr.Shape) -> cr.Shape:
            return (*output_shape[:-1], 1)

    network = cr.Network([MaskedMean(), dense(3)], (STEPS, 3), Columns(), dtype="float64")
    assert network.targets(NUMBERS).loss.shape == network.targets(NUMBERS[:, None]).loss.shape == (N, 1)


def test_weights_of_such_samples_count():
    network = cr.Network([MaskedMean(), dense(3)], (STEPS, 3), Quantiles(), dtype="float64")
    times = np.array([0, 1, 2, 3, 0, 1, 1, 2])
    value, gradient = network.loss_and_gradient(X, NUMBERS, times)
    expected, its_gradient = network.loss_and_gradient(X.repeat(times, axis=0), NUMBERS.repeat(times))
    assert value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(gradient, its_gradient, rtol=1e-10, atol=1e-14)


def test_a_mask_of_inputs_is_for_layers_where_the_targets_have_no_such_steps():
    """Also where the output has them: that is between the loss and its own targets."""
    network = cr.Network([EachStep(CLASSES), "softmax"], (STEPS, 3), Spelling(), dtype="float64", task="multiclass")
    words = LABELS[:, :2]
    assert network.loss_and_gradient(X, words, mask=MASK)[0] == network.loss_and_gradient(X, words)[0]
    assert max(cr.gradient_check(network, X, words, mask=MASK).values()) < 1e-6
    weighed = network.loss_and_gradient(X, words, np.arange(N))[0]
    assert weighed == pytest.approx(network.loss_and_gradient(X.repeat(range(N), 0), words.repeat(range(N), 0))[0])


def test_no_metric_is_picked_for_targets_that_only_the_loss_understands():
    for layers, loss, y in (
        ([MaskedMean(), dense(3)], Quantiles(), NUMBERS),
        ([EachStep(CLASSES), "softmax"], Spelling(), LABELS[:, :2]),
    ):
        trainer = cr.Trainer(cr.Network(layers, (STEPS, 3), loss), "sgd")
        history = trainer.fit((X, y), 1, validation=(X, y))
        assert {name for name in history if name.startswith(("train/", "validation/"))} == {
            "train/loss",
            "validation/loss",
        }


def test_a_metric_that_is_named_is_given_the_targets_as_the_loss_says_them():
    class Middle(cr.Metric):
        tasks = ("regression",)

        def reset(self) -> None:
            self.seen = 0.0

        def update(self, prediction: cr.Array, target: cr.Array) -> None:
            assert prediction.shape == (*target.shape, 3)
            self.seen += float(np.abs(prediction[..., 1] - target).sum())

        def compute(self) -> float:
            return self.seen

    network = cr.Network([MaskedMean(), dense(3)], (STEPS, 3), Quantiles(), dtype="float64")
    expected = np.abs(network.predict(X)[:, 1] - NUMBERS).sum()
    network.targets(NUMBERS)
    metric = dataclass(Middle)()
    assert network.evaluate(X, NUMBERS, [metric], batch_size=3)["middle"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("loss", "y", "error", "message"),
    [
        (Quantiles(), X[:, 0], cr.ShapeError, "quantiles takes targets of shape (n,), got (8, 3)"),
        (Quantiles(), 1.0, cr.ShapeError, "quantiles takes targets of shape (n,), got ()"),
        (Spelling(), LABELS[:, :3], cr.ShapeError, "spelling takes targets of shape (n, 2), got (8, 3)"),
        (Spelling(), LABELS[:, 0], cr.ShapeError, "spelling takes targets of shape (n, 2), got (8,)"),
        (Spelling(), LABELS[:, :2] / 2, cr.DataError, "spelling takes whole numbers, got "),
    ],
)
def test_targets_of_another_form_are_refused(loss, y, error, message):
    network = cr.Network([EachStep(CLASSES), "softmax"], (STEPS, 3), loss, task="multiclass")
    if isinstance(loss, Quantiles):
        network = cr.Network([MaskedMean(), dense(3)], (STEPS, 3), loss, task="regression")
    with pytest.raises(error, match=f"^{re.escape(message)}"):
        network.targets(y)


def test_such_targets_are_not_standardized():
    scale = ([0.0] * 3, [1.0] * 3)
    with pytest.raises(
        cr.FieldError, match=r'^target_scale: is for task="regression" and a loss whose targets are sha'
    ):
        cr.Network([MaskedMean(), dense(3)], (STEPS, 3), Quantiles(), task="regression", target_scale=scale)
