"""A weight of 2 is a row that is taken twice, and one of 0 a row that is left out: in every loss, its gradient, and in
metrics, whoever wrote them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stepwise import (
    Columns,
    EachStep,
    Largest,
    LossOfPairs,
    LossWithRows,
    PlainLoss,
    SigmoidAlone,
    SoftmaxAlone,
    SquaredOff,
    SummedLoss,
)

import chainrule as cr

RNG = np.random.default_rng(3)
ROWS, STEPS = 9, 4
X = RNG.normal(size=(ROWS, 5))
SEQUENCES = RNG.normal(size=(ROWS, STEPS, 5))
TIMES = np.array([2, 0, 1, 3, 1, 0, 2, 1, 1])
EACH = RNG.integers(0, 4, (ROWS, STEPS))
UNFUSED: dict[str, Any] = {"softmax": SoftmaxAlone, "sigmoid": SigmoidAlone}
OURS = (PlainLoss, SummedLoss, LossWithRows)
OF_PAIRS = ("triplet",)  # compare the samples of a batch with one another


def targets_for(task: str, units: int, shape: tuple[int, ...] = (ROWS,)) -> Any:
    if task == "multiclass":
        return RNG.integers(0, units, shape)
    return RNG.integers(0, 2, (*shape, units)) if task == "binary" else RNG.normal(size=(*shape, units))


def cases() -> Iterator[Any]:
    """Every loss that is registered and those of people, for each of its tasks, fused with its activation and not."""
    entries = [entry for entry in cr.registry() if entry.kind == "loss" and entry.name not in OF_PAIRS]
    losses = [(entry.name, entry.cls(**(entry.cls.check_examples or ({},))[0])) for entry in entries]
    for name, loss in [*losses, *((cls.__name__, cls()) for cls in OURS)]:
        for task in ("binary", "multiclass", "regression"):
            try:
                units, activation = loss.output(task, 3)
            except cr.ConfigError:
                continue
            for fused in {loss.fuses_with == activation, False}:
                ending = activation if fused or activation not in UNFUSED else UNFUSED[activation]()
                yield pytest.param(loss, task, units, ending, id=f"{name}-{task}{'-fused' * fused}")


CASES = [*cases()]


def network_of(loss: Any, task: Any, units: int, ending: Any, first: int = 6) -> cr.Network:
    layers = [EachStep(first), "tanh", EachStep(units), ending]
    return cr.Network(layers, (5,), loss, seed=1, dtype="float64", task=task)


@pytest.mark.parametrize(("loss", "task", "units", "ending"), CASES)
def test_a_weight_is_how_often_a_row_is_taken(loss, task, units, ending):
    network = network_of(loss, task, units, ending)
    y = targets_for(task, units)
    value, gradient = network.loss_and_gradient(X, y, weight=TIMES)
    repeated, its_gradient = network.loss_and_gradient(X.repeat(TIMES, axis=0), y.repeat(TIMES, axis=0))
    assert value == pytest.approx(repeated, rel=1e-12)
    np.testing.assert_allclose(gradient, its_gradient, rtol=1e-10, atol=1e-13)
    assert gradient.any()


@pytest.mark.parametrize(("loss", "task", "units", "ending"), CASES)
def test_the_gradient_is_that_of_the_weighed_loss(loss, task, units, ending):
    network = network_of(loss, task, units, ending)
    y, weight = targets_for(task, units), RNG.uniform(0, 2, ROWS)
    assert max(cr.gradient_check(network, X, y, weight=weight).values()) < 1e-6


@pytest.mark.parametrize(("loss", "task", "units", "ending"), CASES)
def test_what_all_rows_weigh_alike_is_without_effect(loss, task, units, ending):
    network = network_of(loss, task, units, ending)
    y = targets_for(task, units)
    value, gradient = network.loss_and_gradient(X, y)
    for weight in (np.ones(ROWS), np.full(ROWS, 0.25), np.ones(ROWS, bool)):
        again, its_gradient = network.loss_and_gradient(X, y, weight=weight)
        assert again == pytest.approx(value, rel=1e-12)
        np.testing.assert_allclose(its_gradient, gradient, rtol=1e-12, atol=1e-15)


@given(st.lists(st.integers(0, 5), min_size=ROWS, max_size=ROWS).filter(any), st.sampled_from(OURS))
def test_so_for_any_weights(times, loss):
    network = network_of(loss(), "regression", 2, "linear")
    y = X[:, :2]
    value, gradient = network.loss_and_gradient(X, y, weight=np.array(times))
    repeated, its_gradient = network.loss_and_gradient(X.repeat(times, axis=0), y.repeat(times, axis=0))
    assert value == pytest.approx(repeated, rel=1e-12)
    np.testing.assert_allclose(gradient, its_gradient, rtol=1e-10, atol=1e-13)


@dataclass
class Relative(PlainLoss):
    """The mean of target / prediction, which a prediction of 0 makes infinite."""

    def forward(self, prediction: cr.Array, target: cr.Array) -> float:
        self.prediction, self.target = prediction, target
        return float((target / prediction).mean())

    def backward(self) -> cr.Array:
        return -self.target / self.prediction**2 / self.target.size


def test_what_weighs_nothing_may_even_be_infinite():
    network = cr.Network([EachStep(1)], (5,), Relative(), dtype="float64", task="regression")
    network.parameters["0.each_step.b"].value = 0
    x, y = X.copy(), np.arange(1.0, ROWS + 1)
    x[[1, 5]] = 0  # where the prediction is 0
    kept = TIMES > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        value, gradient = network.loss_and_gradient(x, y, weight=TIMES)
    expected, its_gradient = network.loss_and_gradient(x[kept], y[kept], weight=TIMES[kept])
    assert value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(gradient, its_gradient, rtol=1e-10)


@pytest.mark.parametrize("name", OF_PAIRS)
def test_a_loss_of_pairs_of_samples_refuses_to_weigh_them(name):
    network = network_of(name, "multiclass", 3, "linear")
    y = targets_for("multiclass", 3)
    assert np.isfinite(network.loss_and_gradient(X, y)[0])
    with pytest.raises(cr.ConfigError, match=f"^{name} compares the samples of a batch with one another, and cannot"):
        network.loss_and_gradient(X, y, weight=TIMES)


def test_a_loss_that_is_no_mean_over_rows_says_so_before_anything_is_learned_from_it():
    network = network_of(LossOfPairs(), "regression", 2, "linear")
    assert np.isfinite(network.loss_and_gradient(X, X[:, :2])[0])
    message = "the loss loss_of_pairs is no mean of what it is for each row alone, and does not say its rows(): give no"
    with pytest.raises(cr.ContractError, match=re.escape(message)):
        network.loss_and_gradient(X, X[:, :2], weight=TIMES)
    network = cr.Network([EachStep(2)], (STEPS, 5), LossWithRows(), task="regression")
    message = r"the loss loss_with_rows gives rows of shape (9,), which weights of shape (9, 4) cannot weigh"
    with pytest.raises(cr.ContractError, match=re.escape(message)):
        network.loss_and_gradient(SEQUENCES, SEQUENCES[..., :2], weight=EACH)


# ---- of each step

PER_STEP = [
    case
    for case in CASES
    if case.values[1] == "regression" and not isinstance(case.values[0], LossWithRows) and "log" not in case.id
]


def in_steps(flat: cr.Network, units: int, ending: Any) -> cr.Network:
    """The same network for sequences."""
    layers = [EachStep(6), "tanh", EachStep(units), ending]
    network = cr.Network(
        layers,
        (STEPS, 5),
        cr.spec_of(flat.loss) if cr.registry().entry_of(flat.loss) else type(flat.loss)(),
        dtype="float64",
        task=flat.task,
    )
    network.restore(flat.snapshot())
    return network


@pytest.mark.parametrize(("loss", "task", "units", "ending"), PER_STEP)
def test_a_step_that_counts_is_a_row_by_itself(loss, task, units, ending):
    flat = network_of(loss, task, units, ending)
    network = in_steps(flat, units, ending)
    y = targets_for(task, units, (ROWS, STEPS))
    rows, its_y = SEQUENCES.reshape(-1, 5), y.reshape(-1, units)
    # A loss may be a mean over the batch, and a sum over the steps of a sample.
    whole, of_rows = network.evaluate(SEQUENCES, y)["loss"], flat.evaluate(rows, its_y)["loss"]
    factor = 1 if np.isclose(whole, of_rows) else STEPS
    assert whole == pytest.approx(factor * of_rows, rel=1e-12)
    mask = EACH > 0
    for given_as, times in (({"mask": mask}, mask.astype(int)), ({"weight": EACH}, EACH)):
        value, gradient = network.loss_and_gradient(SEQUENCES, y, **given_as)
        times = times.ravel()
        expected, its_gradient = flat.loss_and_gradient(rows.repeat(times, axis=0), its_y.repeat(times, axis=0))
        assert value == pytest.approx(factor * expected, rel=1e-12)
        np.testing.assert_allclose(gradient, factor * its_gradient, rtol=1e-10, atol=1e-13)
        assert max(cr.gradient_check(network, SEQUENCES, y, **given_as).values()) < 1e-6


@pytest.mark.parametrize("loss", [PlainLoss, SummedLoss])
def test_weights_of_samples_and_masks_of_steps_multiply_in_whatever_shape(loss):
    network = cr.Network([EachStep(2)], (STEPS, 5), loss(), dtype="float64", task="regression")
    y, samples, steps = SEQUENCES[..., :2], TIMES > 0, EACH > 0
    for weight, mask, product in (
        (TIMES, steps, TIMES[:, None] * steps),
        (EACH, samples, EACH * samples[:, None]),
        (EACH, steps, EACH),
        (None, samples, np.repeat(samples[:, None], STEPS, axis=1)),
        (TIMES, samples, np.repeat(TIMES[:, None], STEPS, axis=1)),
    ):
        value, gradient = network.loss_and_gradient(SEQUENCES, y, weight, mask)
        expected, its_gradient = network.loss_and_gradient(SEQUENCES, y, weight=product)
        assert value == pytest.approx(expected, rel=1e-12)
        np.testing.assert_allclose(gradient, its_gradient, rtol=1e-10, atol=1e-13)


def test_a_mask_of_samples_is_not_taken_for_one_of_steps_where_both_are_as_many():
    square = SEQUENCES[:STEPS]
    network = cr.Network([EachStep(2)], (STEPS, 5), PlainLoss(), dtype="float64", task="regression")
    y, samples = square[..., :2], np.array([1, 0, 1, 1], bool)
    value, gradient = network.loss_and_gradient(square, y, EACH[:STEPS], samples)
    expected, its_gradient = network.loss_and_gradient(square[samples], y[samples], EACH[:STEPS][samples])
    assert value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(gradient, its_gradient, rtol=1e-10)


# ---- metrics


def metrics_of(task: str) -> list[Any]:
    registered = [entry.name for entry in cr.registry() if entry.kind == "metric" and task in entry.cls.tasks]  # type: ignore[attr-defined]
    return [*registered, SquaredOff(), Largest()]


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_metrics_take_a_row_as_often_as_it_weighs_or_say_that_they_cannot(task):
    units, ending = (3, "softmax") if task == "multiclass" else (1, "sigmoid") if task == "binary" else (2, "linear")
    network = network_of("mse", task, units, ending)
    y = targets_for(task, units)
    weighed = []
    for given_metric in metrics_of(task):
        metric = cr.make("metric", given_metric)
        name = cr.registry().name_of(metric)
        if isinstance(metric, Largest):
            if task != "multiclass":
                with pytest.raises(
                    cr.ContractError, match=r"^the metric largest is no mean over samples, and takes no"
                ):
                    network.evaluate(X, y, [given_metric], weight=TIMES)
            continue
        value = network.evaluate(X, y, [given_metric], batch_size=4, weight=TIMES)[name]
        repeated = network.evaluate(X.repeat(TIMES, axis=0), y.repeat(TIMES, axis=0), [given_metric])[name]
        np.testing.assert_allclose(value, repeated, rtol=1e-12)
        plain = network.evaluate(X, y, [given_metric])[name]
        weighed.append(not np.allclose(value, plain))
    assert any(weighed)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_what_weighs_nothing_is_left_out_whatever_the_metric(task):
    units, ending = (3, "softmax") if task == "multiclass" else (1, "sigmoid") if task == "binary" else (2, "linear")
    network = network_of("mse", task, units, ending)
    y, kept = targets_for(task, units), TIMES > 0
    for given_metric in metrics_of(task):
        if task == "multiclass" and isinstance(given_metric, Largest):
            continue
        expected = network.evaluate(X[kept], y[kept], [given_metric])
        for given_as in ({"weight": kept}, {"mask": kept}, {"weight": kept.astype(float)}):
            found = network.evaluate(X, y, [given_metric], batch_size=1, **given_as)  # batches of nothing, too
            assert found.keys() == expected.keys()
            for name, value in found.items():
                np.testing.assert_allclose(value, expected[name], rtol=1e-12)


def test_metrics_of_steps_are_given_those_that_count():
    network = cr.Network([EachStep(2)], (STEPS, 5), PlainLoss(), dtype="float64", task="regression")
    y, steps = SEQUENCES[..., :2], EACH > 0
    error = np.square(network.predict(SEQUENCES) - y).mean(axis=2)
    for given_as, weight in (({"mask": steps}, steps), ({"weight": EACH}, EACH)):
        found = network.evaluate(SEQUENCES, y, [SquaredOff()], batch_size=2, **given_as)["squared_off"]
        assert found == pytest.approx((weight * error).sum() / weight.sum(), rel=1e-12)


def test_a_metric_that_gives_an_array_is_refused_before_the_first_epoch():
    network = network_of("mse", "regression", 2, "linear")
    trainer = cr.Trainer(network, "sgd", metrics=[Columns()])
    before = network.parameters.theta.copy()
    message = "the metric columns gives an array, and takes no weights, which the data has: let it take them, update("
    with pytest.raises(cr.ContractError, match=re.escape(message)):
        trainer.fit(cr.Split(X, X[:, :2], TIMES), epochs=1)
    assert np.array_equal(network.parameters.theta, before)


def test_a_metric_of_a_network_that_has_diverged_is_no_number_and_no_fault_of_its_author():
    network = network_of("mse", "regression", 2, "linear")
    network.parameters.theta[...] = np.nan
    assert np.isnan(network.evaluate(X, X[:, :2], [SquaredOff()], weight=TIMES)["squared_off"])


# ---- what is refused


@pytest.mark.parametrize(
    ("given_as", "error", "message"),
    [
        ({"weight": np.ones(4)}, cr.ShapeError, "weights must be of shape (9,), got (4,)"),
        ({"weight": np.ones((9, 1))}, cr.ShapeError, "weights must be of shape (9,), got (9, 1)"),
        ({"weight": 1.0}, cr.ShapeError, "weights must be of shape (9,), got ()"),
        ({"weight": -TIMES}, cr.DataError, "the weight of sample 0 is -2: weights are 0 or more"),
        (
            {"weight": [1.0] * 8 + [np.inf]},
            cr.DataError,
            "the weight of sample 8 is inf: weights are 0 or more, and",
        ),
        ({"weight": np.zeros(9)}, cr.DataError, "no sample counts: all weights are 0, or the mask leaves all out"),
        ({"weight": ["a"] * 9}, cr.DataError, "weights must be real numbers, got <U1"),
        ({"mask": np.zeros(9)}, cr.DataError, "no sample counts: all weights are 0, or the mask leaves all out"),
        ({"mask": TIMES}, cr.DataError, "a mask holds true and false, 1 and 0, got 2"),
        ({"mask": np.ones((9, 3))}, cr.ShapeError, "the mask must be of shape (9,) or (9, 5), got (9, 3)"),
        ({"mask": np.ones(3)}, cr.ShapeError, "the mask must be of shape (9,) or (9, 5), got (3,)"),
    ],
)
def test_weights_and_masks_that_are_none(given_as, error, message):
    network = network_of("mse", "regression", 2, "linear")
    with pytest.raises(error, match=f"^{re.escape(message)}"):
        network.loss_and_gradient(X, X[:, :2], **given_as)
