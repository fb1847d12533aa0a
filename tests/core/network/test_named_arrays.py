"""Networks of several inputs and outputs by name: every number is that of the parts computed by hand."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr

RNG = np.random.default_rng(0)
X = {"a": RNG.normal(size=(40, 4)), "b": RNG.normal(size=(40, 3, 2))}
Y = {"digit": np.arange(40) % 3, "value": X["b"].sum(axis=(1, 2))[:, None]}
SHAPES = {"a": (4,), "b": (3, 2)}
LOSS = {
    "name": "by_output",
    "losses": {"digit": "categorical_cross_entropy", "value": "mse"},
    "weights": {"value": 0.5},
}
LAYERS = [
    {"name": "join", "towers": {"a": [{"name": "dense", "units": 5, "activation": "tanh"}]}},
    {"name": "dense", "units": 6, "activation": "tanh"},
    {
        "name": "heads",
        "heads": {
            "digit": [{"name": "dense", "units": 3, "activation": "softmax"}],
            "value": [{"name": "dense", "units": 1}],
        },
    },
]


def network(dtype: str = "float64", loss: Any = LOSS) -> cr.Network:
    return cr.Network(LAYERS, SHAPES, loss, seed=1, dtype=dtype)


def by_hand(net: cr.Network, x: dict[str, Any]) -> dict[str, Any]:
    """What the network gives, in plain NumPy."""
    p = {parameter.name: parameter.value for parameter in net.parameters}
    tower = np.tanh(x["a"] @ p["0.join.towers.a.0.dense.W"] + p["0.join.towers.a.0.dense.b"])
    joined = np.concatenate([tower, x["b"].reshape(len(tower), -1)], axis=1)
    hidden = np.tanh(joined @ p["1.dense.W"] + p["1.dense.b"])
    logits = hidden @ p["2.heads.heads.digit.0.dense.W"] + p["2.heads.heads.digit.0.dense.b"]
    e = np.exp(logits)
    value = hidden @ p["2.heads.heads.value.0.dense.W"] + p["2.heads.heads.value.0.dense.b"]
    return {"digit": e / e.sum(axis=1, keepdims=True), "value": value}


def test_predictions_and_loss_are_those_computed_by_hand() -> None:
    net = network()
    expected, found = by_hand(net, X), net.predict(X)
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-12)
    surprise = -np.log(expected["digit"][np.arange(40), Y["digit"]]).mean()
    squared = np.square(expected["value"] - Y["value"]).mean()
    measured = net.evaluate(X, Y, ["accuracy", "r_squared"])
    assert measured["loss"] == pytest.approx(surprise + 0.5 * squared, rel=1e-12)
    assert measured["digit/accuracy"] == np.mean(expected["digit"].argmax(axis=1) == Y["digit"])
    assert set(measured) == {"loss", "digit/accuracy", "value/r_squared"}


def test_gradients_are_right_and_reach_every_tower_and_head() -> None:
    net = network()
    errors = cr.gradient_check(net, X, Y)
    assert max(errors.values()) < 1e-6
    _, gradient = net.loss_and_gradient(X, Y)
    assert all(parameter.grad.any() for parameter in net.parameters)
    assert np.isfinite(gradient).all()


def test_a_weight_of_two_is_a_sample_taken_twice() -> None:
    net = network()
    weight = np.ones(40)
    weight[:7] = 2
    twice = [{name: np.concatenate([array, array[:7]]) for name, array in part.items()} for part in (X, Y)]
    (loss, gradient), (expected, expected_gradient) = net.loss_and_gradient(X, Y, weight), net.loss_and_gradient(*twice)
    assert loss == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-10, atol=1e-14)


def test_it_is_trained_kept_and_gone_on_with(tmp_path: Path) -> None:
    trainer = cr.Trainer(network("float32"), {"name": "adam", "lr": 0.01}, batch_size=16)
    history = trainer.fit((X, Y), epochs=30, validation=(X, Y))
    assert history["validation/loss"][-1] < 0.3 * history["validation/loss"][0]
    assert {"train/digit/accuracy", "validation/value/r_squared"} <= set(history)
    net = trainer.network
    net.save(tmp_path / "net.safetensors")
    expected = net.predict(X)
    for again in (net.copy(), pickle.loads(pickle.dumps(net)), cr.load_network(tmp_path / "net.safetensors")):
        assert all(np.array_equal(again.predict(X)[name], expected[name]) for name in expected)
    trainer.save(tmp_path / "state.safetensors")
    other = cr.Trainer(network("float32"), {"name": "adam", "lr": 0.01}, batch_size=16)
    other.load(tmp_path / "state.safetensors")
    for one in (trainer, other):
        one.fit((X, Y), epochs=2)
    assert np.array_equal(trainer.network.parameters.theta, other.network.parameters.theta)


def test_data_with_names_says_what_it_holds() -> None:
    data = cr.Data((X, Y), {"digit": "multiclass", "value": "regression"}, class_names={"digit": ["x", "y", "z"]})
    assert data.input_shape == SHAPES
    assert data.classes == {"digit": 3, "value": 1}
    other = {**X, "a": X["a"] + 1}
    assert data.digest != cr.Data((other, Y), data.task, class_names=data.class_names).digest
    with pytest.raises(cr.DataError, match="label 2 of train sample 2 is out of range"):
        cr.Data((X, Y), data.task, class_names={"digit": ["x", "y"]})
    with pytest.raises(cr.DataError, match="an array for each of digit, value"):
        cr.Data((X, {"digit": Y["digit"]}), data.task, class_names=data.class_names)


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (lambda: network().predict(X["a"]), "inputs must be a mapping with an array for each of a, b"),
        (lambda: network().predict({"a": X["a"]}), r"array for each of a, b, got a$"),
        (lambda: network().evaluate(X, Y["digit"]), "targets must be a mapping with an array for each of digit, value"),
        (lambda: network(loss="mse"), "the network has the outputs digit, value, and mse is for one output"),
        (lambda: cr.Network(["relu"], (2,), LOSS), "the network has one output, and by_output is for the outputs"),
        (lambda: network().evaluate(X, {**Y, "value": Y["value"][:3]}), "40 inputs and 3 targets"),
        (lambda: cr.Network(["join"], (2,), "mse"), r"join takes several inputs by name, got one of shape \(2,\)"),
        (
            lambda: cr.Network([{"name": "join", "towers": {"c": ["relu"]}}], SHAPES, "mse"),
            'join has a tower "c", and the inputs are a, b',
        ),
    ],
)
def test_what_does_not_fit_is_refused_by_name(attempt: Any, message: str) -> None:
    with pytest.raises(cr.ChainruleError, match=message):
        attempt()


def test_a_tower_may_take_whole_numbers() -> None:
    words = [{"name": "embedding", "tokens": 7, "units": 2}, "flatten"]
    layers = [{"name": "join", "towers": {"words": words}}, {"name": "dense", "units": 1}]
    net = cr.Network(layers, {"words": (3,), "x": (2,)}, "mse", dtype="float64")
    x = {"words": RNG.integers(0, 7, size=(9, 3)), "x": RNG.normal(size=(9, 2))}
    assert max(cr.gradient_check(net, x, RNG.normal(size=(9, 1))).values()) < 1e-6
    with pytest.raises(cr.DataError, match="takes whole numbers from 0 to 6, got 7"):
        net.predict({**x, "words": np.full((9, 3), 7)})
