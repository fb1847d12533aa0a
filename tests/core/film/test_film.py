"""A film keeps what a training was like, changes nothing in it, and survives its file and a cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trainings

import chainrule as cr
from chainrule.film.film import FRAMES, epochs_of
from chainrule.film.watched import principal

X, LABELS = trainings.X, trainings.LABELS


def filmed(epochs: int = 6, optimizer: Any = "adam", network: cr.Network | None = None) -> tuple[cr.Film, cr.Trainer]:
    trainer = trainings.trainer(network, optimizer)
    film = cr.Film((X, LABELS))
    trainer.fit((X, LABELS), epochs, callbacks=[film])
    return film, trainer


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "sam", "lbfgs"])
def test_a_training_comes_to_the_same_bits_with_a_film(optimizer: str) -> None:
    network = trainings.classifier("float32", 0, {"name": "dropout", "rate": 0.3}, "batch_norm")
    _, with_film = filmed(optimizer=optimizer, network=network.copy())
    without = trainings.trainer(network.copy(), optimizer)
    without.fit((X, LABELS), 6)
    assert np.array_equal(with_film.network.parameters.theta, without.network.parameters.theta)
    for one, other in zip(with_film.network.buffers, without.network.buffers):
        assert np.array_equal(one.value, other.value)
    assert trainings.numbers_of(with_film.history) == trainings.numbers_of(without.history)


def test_a_frame_says_of_each_layer_what_an_independent_computation_says() -> None:
    net = trainings.classifier()
    net.parameters["0.dense.b"].value[:3] = (30.0, -30.0, 0.0)  # a tanh is flat there
    w0, b0, w1, b1 = (parameter.value.copy() for parameter in net.parameters)
    film = cr.Film((X, LABELS))
    trainings.trainer(net, {"name": "sgd", "lr": 0.1}).fit((X, LABELS), 1, callbacks=[film])
    frame = film.frames[0]
    hidden = np.tanh(X @ w0 + b0)
    z = hidden @ w1 + b1
    shares = np.exp(z - z.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    assert frame.loss == pytest.approx(-np.log(shares[np.arange(22), LABELS]).mean())
    dz = (shares - np.eye(3)[LABELS]) / 22
    dhidden = dz @ w1.T
    dw0 = X.T @ (dhidden * (1 - hidden**2))

    def rms(array: Any) -> float:
        return float(np.sqrt(np.mean(array**2)))

    unit, weight = frame.units["0.dense.tanh"], frame.weights["0.dense.W"]
    assert unit.output == pytest.approx(rms(hidden))
    assert unit.gradient == pytest.approx(rms(dhidden * 22))
    assert unit.flat is not None
    assert unit.dead is not None
    assert unit.flat == pytest.approx((1 - hidden**2 < 0.05).mean(axis=0))
    assert unit.flat[:2].tolist() == [1, 1]
    assert not unit.dead.any()
    assert np.isnan(frame.units["1.dense.softmax"].gradient)
    assert (weight.value, weight.gradient) == (pytest.approx(rms(w0)), pytest.approx(rms(dw0)))
    assert weight.update == pytest.approx(0.1 * rms(dw0))
    assert weight.ratio == pytest.approx(0.1 * rms(dw0) / rms(w0))
    assert np.array_equal(weight.shown, w0)
    assert weight.counts.sum() == w0.size
    assert np.allclose(frame.prediction, shares)
    share = np.bincount(LABELS) / 22
    assert film.trivial == pytest.approx(-(share * np.log(share)).sum())


def test_units_that_give_nothing_are_dead_and_those_that_bend_are_not() -> None:
    net = cr.Network([trainings.dense(4, "relu"), trainings.dense(3, "softmax")], (4,), "categorical_cross_entropy")
    net.parameters["0.dense.b"].value[:] = (-90, 90, 0, 0)
    film = cr.Film((X, LABELS))
    trainings.trainer(net).fit((X, LABELS), 1, callbacks=[film])
    unit = film.frames[0].units["0.dense.relu"]
    assert unit.dead is not None
    assert unit.flat is not None
    assert unit.dead[:2].tolist() == [1, 0]
    assert np.array_equal(unit.dead, unit.flat)
    assert ((unit.dead[2:] > 0) & (unit.dead[2:] < 1)).all()


def test_principal_components_are_those_of_the_covariance_and_turn_steadily() -> None:
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(50, 6)) * [9, 4, 1, 0.1, 0.1, 0.1]
    scores, share = principal(rows, None)
    values, vectors = np.linalg.eigh(np.cov(rows.T))
    expected = (rows - rows.mean(axis=0)) @ vectors[:, [-1, -2]]
    assert np.allclose(np.abs(scores), np.abs(expected), atol=1e-4)
    assert share == pytest.approx(values[-2:].sum() / values.sum())
    turned, _ = principal(-rows, scores)  # the same points, seen from behind
    assert np.abs(np.asarray(turned) - scores).max() < 1e-4 or np.abs(np.asarray(turned) + scores).max() > 1
    assert (turned * scores).sum() >= 0.99 * (scores**2).sum()


def test_frames_are_bounded_and_dense_at_the_beginning() -> None:
    for epochs in (1, 3, 20, 1000, 100_000):
        chosen = epochs_of(epochs)
        assert len(chosen) <= FRAMES
        assert (chosen[0], chosen[-1]) == (1, epochs)
        assert chosen == sorted(set(chosen))
    early, late = np.diff(epochs_of(1000))[[0, -1]]
    assert early == 1 < late
    trainer = trainings.trainer()
    film = cr.Film((X, LABELS))
    for _ in range(60):
        trainer.fit((X, LABELS), 1, callbacks=[film])
    assert len(film.frames) <= 2 * FRAMES
    assert (film.frames[0].epoch, film.frames[-1].epoch) == (0, 60)
    epochs = [frame.epoch for frame in film.frames]
    assert epochs == sorted(set(epochs))


def test_a_film_comes_back_from_its_file(tmp_path: Path) -> None:
    film, trainer = filmed()
    film.save(tmp_path / "film.safetensors")
    again = cr.Film.load(tmp_path / "film.safetensors")
    assert [frame.epoch for frame in again.frames] == [frame.epoch for frame in film.frames]
    for one, other in zip(again.frames, film.frames):
        assert (one.loss, one.promised, one.change) == (other.loss, other.promised, other.change)
        assert np.array_equal(one.prediction, other.prediction)
        assert one.weights["0.dense.W"].ratio == other.weights["0.dense.W"].ratio
    assert again.history == film.history
    assert np.array_equal(again.slots["M"], trainer.slots["M"])
    (tmp_path / "film.safetensors").write_bytes((tmp_path / "film.safetensors").read_bytes()[:-9])
    with pytest.raises(cr.DataError, match=r"film\.safetensors"):
        cr.Film.load(tmp_path / "film.safetensors")


def test_a_file_that_holds_another_state_is_no_film(tmp_path: Path) -> None:
    _, trainer = filmed()
    trainer.save(tmp_path / "training.safetensors")
    with pytest.raises(cr.DataError, match=r"training\.safetensors holds no film of a training"):
        cr.Film.load(tmp_path / "training.safetensors")
    with pytest.raises(cr.DataError, match="cannot be written"):
        cr.Film((X, LABELS)).save(tmp_path / "no" / "film.safetensors")


def test_a_film_of_a_training_that_was_cut_is_that_of_one_that_was_not(tmp_path: Path) -> None:
    class Saves(cr.Callback):
        def on_batch_end(self, trainer: Any) -> None:
            if trainer.step == 10:
                trainer.save(tmp_path / "cut.safetensors")

    whole, _ = filmed()
    trainings.trainer().fit((X, LABELS), 6, callbacks=[cr.Film((X, LABELS)), Saves()])
    goes_on = trainings.trainer()
    goes_on.load(tmp_path / "cut.safetensors")
    film = cr.Film((X, LABELS))
    goes_on.fit((X, LABELS), 6, callbacks=[film])
    assert [frame.epoch for frame in film.frames] == [frame.epoch for frame in whole.frames]
    assert [frame.loss for frame in film.frames] == [frame.loss for frame in whole.frames]


def test_what_ended_a_training_is_told() -> None:
    network = cr.Network([trainings.dense(4), trainings.dense(2)], (4,), "mse")
    film = cr.Film((X, trainings.NUMBERS))
    with pytest.raises(cr.NonFiniteError):
        trainings.trainer(network, {"name": "sgd", "lr": 1e30}).fit(
            (X, trainings.NUMBERS), 6, callbacks=["nan_guard", film]
        )
    assert film.not_finite
    assert film.error is not None
    assert "not finite" in film.error
    assert film.frames


NUMBERS = np.random.default_rng(1).normal(size=20)
TOKENS = np.random.default_rng(2).integers(0, 7, (20, 6))
SEVERAL = {"a": X[:20, :2], "b": X[:20, 2:]}
KINDS: dict[str, tuple[list[Any], Any, Any, Any, Any]] = {
    "several": (
        ["join", {"name": "heads", "heads": {"p": [trainings.dense(1)], "q": [trainings.dense(3, "softmax")]}}],
        {"a": (2,), "b": (2,)},
        {"name": "by_output", "losses": {"p": "mse", "q": "categorical_cross_entropy"}},
        SEVERAL,
        {"p": NUMBERS, "q": LABELS[:20]},
    ),
    "tokens": (
        [{"name": "embedding", "tokens": 7, "units": 4}, {"name": "lstm", "units": 5}, trainings.dense(3, "softmax")],
        (6,),
        "categorical_cross_entropy",
        TOKENS,
        LABELS[:20],
    ),
    "steps": (
        [
            {"name": "embedding", "tokens": 7, "units": 4},
            {"name": "dense_per_step", "units": 7, "activation": "softmax"},
        ],
        (6,),
        "categorical_cross_entropy",
        TOKENS,
        TOKENS,
    ),
    "triplet": ([trainings.dense(3)], (4,), "triplet", X, LABELS),
}


@pytest.mark.parametrize("kind", KINDS)
def test_networks_of_every_form_are_filmed_and_shown(kind: str) -> None:
    layers, shape, loss, x, y = KINDS[kind]
    network = cr.Network(layers, shape, loss)
    film = cr.Film((x, y))
    cr.Trainer(network, "sgd", 8).fit((x, y), 2, callbacks=[film])
    assert [frame.epoch for frame in film.frames] == [0, 1, 2]
    assert cr.explain(network, x, y, "sgd", film=film).page().startswith("<!DOCTYPE html>")


def test_a_stream_is_filmed_by_its_first_samples() -> None:
    def batches(size: int, rng: np.random.Generator | None) -> Any:
        order = np.arange(22) if rng is None else rng.permutation(22)
        return ((X[part], LABELS[part]) for part in np.split(order, range(size, 22, size)))

    film = cr.Film(cr.Stream(22, (4,), batches))
    trainings.trainer(cr.Network([trainings.dense(3, "softmax")], (4,), "categorical_cross_entropy")).fit(
        cr.Stream(22, (4,), batches), 2, callbacks=[film]
    )
    assert len(film.frames) == 3
    assert film.rows == 22
