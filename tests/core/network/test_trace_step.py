"""One step of learning with every number of it: each equals what the formulas say, and nothing moves."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import chainrule as cr

X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
Y = np.array([0, 1, 1, 0])


def dense(units: int, activation: str | None = None) -> dict[str, Any]:
    return {"name": "dense", "units": units, **({"activation": activation} if activation else {})}


def network(*layers: Any, loss: str = "binary_cross_entropy", dtype: str = "float64") -> cr.Network:
    layers = layers or (dense(3, "tanh"), dense(1, "sigmoid"))
    return cr.Network(layers, (2,), loss, seed=3, dtype=dtype)


def test_every_delta_of_xor_is_that_of_the_chain_rule() -> None:
    net = network()
    W1, b1, W2, b2 = (parameter.value.copy() for parameter in net.parameters)
    step = net.trace_step(X, Y, "sgd", lr=0.5)

    z1 = X @ W1 + b1
    a1 = np.tanh(z1)
    z2 = a1 @ W2 + b2
    p = 1 / (1 + np.exp(-z2))
    t = Y[:, None]
    loss = -np.mean(t * np.log(p) + (1 - t) * np.log(1 - p))
    delta2 = (p - t) / 4
    da1 = delta2 @ W2.T
    delta1 = da1 * (1 - a1**2)
    expected = {
        "0.dense": (X, z1, delta1, delta1 @ W1.T),
        "0.dense.tanh": (z1, a1, da1, delta1),
        "1.dense": (a1, z2, delta2, da1),
        "1.dense.sigmoid": (z2, p, None, delta2),
    }
    assert [operation.name for operation in step.operations] == list(expected)
    for operation in step.operations:
        for found, right in zip((operation.x, operation.y, operation.dy, operation.dx), expected[operation.name]):
            assert (found is None and right is None) or np.allclose(found, right, rtol=1e-13, atol=1e-15)
    assert [operation.fused for operation in step.operations] == [False, False, False, True]
    assert np.isclose(step.loss, loss, rtol=1e-13)
    gradients = {
        "0.dense.W": X.T @ delta1,
        "0.dense.b": delta1.sum(axis=0),
        "1.dense.W": a1.T @ delta2,
        "1.dense.b": delta2.sum(axis=0),
    }
    for name, gradient in gradients.items():
        moved = step.parameters[name]
        assert np.allclose(moved.grad, gradient, rtol=1e-12, atol=1e-15)
        assert np.allclose(moved.update, -0.5 * gradient, rtol=1e-12, atol=1e-15)
        assert np.allclose(step.estimate(name), gradient.ravel(), rtol=1e-8, atol=1e-12)
    assert np.isclose(step.promised, -0.5 * sum((g**2).sum() for g in gradients.values()), rtol=1e-12)
    assert np.isclose(step.change, step.loss_after - step.loss)
    assert 1 < step.promised / step.change < 1.2  # the slope falls on the way


BRANCHING = (
    {"name": "residual", "layers": [dense(2, "tanh"), "batch_norm", {"name": "dropout", "rate": 0.5}]},
    {"name": "branches", "branches": [[dense(3, "prelu")], [dense(3)]], "merge": "sum"},
    dense(1, "sigmoid"),
)


@pytest.mark.parametrize("optimizer", ["momentum", "adam", "muon", "sam", "lbfgs"])
@pytest.mark.parametrize("layers", [(), BRANCHING], ids=["plain", "branching"])
def test_nothing_moves_and_the_step_is_the_one_that_a_training_makes(optimizer: str, layers: Any) -> None:
    net = network(*layers)
    before, random_state = net.snapshot(), net.random_state()
    grad = net.parameters.grad.copy()
    step = net.trace_step(X, Y, optimizer)
    assert np.array_equal(net.parameters.theta, before.theta)
    assert np.array_equal(net.parameters.grad, grad)
    assert all(np.array_equal(b.value, kept) for b, kept in zip(net.buffers, before.buffers))
    assert net.random_state() == random_state
    loss, gradient = net.copy().loss_and_gradient(X, Y)
    assert step.loss == loss
    trainer = cr.Trainer(net, optimizer, batch_size=4, shuffle=False)
    trainer.fit((X, Y), 1)
    for parameter in net.parameters:
        where = slice(parameter.offset, parameter.offset + parameter.size)
        moved = step.parameters[parameter.name]
        assert np.allclose(moved.grad.ravel(), gradient[where], rtol=1e-12, atol=1e-15)
        assert np.array_equal(moved.after, parameter.value)


def test_a_step_late_in_a_training_has_its_slots_rate_penalty_and_groups() -> None:
    def made() -> cr.Trainer:
        return cr.Trainer(
            network(*BRANCHING),
            {"name": "adamw", "lr": 0.02},
            batch_size=4,
            schedule="cosine",
            regularizer="l2",
            shuffle=False,
            groups=[{"parameters": "2.*", "lr": 0.1}, {"parameters": "1.branches.branches.0.*", "trainable": False}],
        )

    whole, looked = made(), made()
    whole.fit((X, Y), 8, total_epochs=20)
    looked.fit((X, Y), 7, total_epochs=20)
    looked.total_steps = 20
    step = looked.trace_step(X, Y)
    assert (step.step, step.learning_rate) == (8, looked.learning_rate)
    assert step.penalty > 0
    for parameter in whole.network.parameters:
        moved = step.parameters[parameter.name]
        assert np.array_equal(moved.after, parameter.value)
        assert set(moved.slots) == {"M", "V"}
        trained = not parameter.name.startswith("1.branches.branches.0.")
        assert moved.update.any() == trained
    assert np.allclose(step.estimate("2.dense.W"), step.parameters["2.dense.W"].grad.ravel(), rtol=1e-7, atol=1e-10)


def test_an_optimizer_that_looks_again_sees_nothing_of_what_is_frozen() -> None:
    frozen = [{"parameters": "0.*", "trainable": False}]
    net = network(dense(3), dense(1), loss="mse")
    y = 50.0 * Y[:, None]  # so that the first step is cut short by the length of the gradient
    step = net.trace_step(X, y, "lbfgs", groups=frozen)
    cr.Trainer(net, "lbfgs", batch_size=4, shuffle=False, groups=frozen).fit((X, y), 1)
    for parameter in net.parameters:
        assert np.array_equal(step.parameters[parameter.name].after, parameter.value)


def test_layers_within_layers_are_seen_and_gradients_go_from_one_to_the_next() -> None:
    step = network(*BRANCHING).trace_step(X, Y, "sgd")
    inside = {operation.name: operation.inside for operation in step.operations}
    assert inside["0.residual.layers.1.batch_norm"] == "0.residual"
    assert inside["1.branches.branches.1.0.dense"] == "1.branches"
    assert inside["0.residual"] is None
    outer = [operation for operation in step.operations if operation.inside is None]
    for one, following in pairwise(outer):
        assert np.array_equal(one.y, following.x)
        if not following.fused:
            assert np.array_equal(one.dy, following.dx)
    assert np.array_equal(outer[-2].dy, step.d_prediction)


def test_several_inputs_and_outputs_are_arrays_by_name() -> None:
    heads = {"name": "heads", "heads": {"u": [dense(1)], "v": [dense(2)]}}
    layers = [{"name": "join"}, dense(3, "tanh"), heads]
    loss = {"name": "by_output", "losses": {"u": "mse", "v": "mae"}}
    net = cr.Network(layers, {"a": (2,), "b": (1,)}, loss, dtype="float64")
    given = {"a": X, "b": X[:, :1] + 1}
    step = net.trace_step(given, {"u": X[:, :1], "v": X}, "sgd")
    assert set(step.operations[0].x) == {"a", "b"}
    assert {name: dy.shape for name, dy in step.operations[-1].dy.items()} == {"u": (4, 1), "v": (4, 2)}
    name = "1.dense.W"
    assert np.allclose(step.estimate(name, [0, 5]), step.parameters[name].grad.ravel()[[0, 5]], rtol=1e-7, atol=1e-10)


def test_what_is_not_there_is_refused_with_what_is() -> None:
    step = network().trace_step(X, Y, "sgd")
    with pytest.raises(cr.UnknownName, match=r'there is no step "0\.dens"\. Did you mean "0\.dense"'):
        step.operation("0.dens")
    with pytest.raises(cr.UnknownName, match='there is no parameter "W"'):
        step.estimate("W")
    with pytest.raises(cr.ConfigError, match=r"optimizer: .*addam"):
        network().trace_step(X, Y, "addam")


def test_a_step_of_a_loss_that_compares_samples_has_no_rows() -> None:
    network = cr.Network([{"name": "dense", "units": 2}], (2,), {"name": "triplet", "dimensions": 2})
    step = network.trace_step(np.eye(4)[:, :2], np.array([0, 0, 1, 1]), "sgd")
    assert step.loss_rows is None
    assert np.isfinite(step.loss)


def test_a_step_knows_its_task_and_whether_samples_are_weighed() -> None:
    network = cr.Network([{"name": "dense", "units": 1, "activation": "sigmoid"}], (2,), "binary_cross_entropy")
    x, y = np.eye(2), np.array([0, 1])
    assert (network.trace_step(x, y).task, network.trace_step(x, y).weighed) == ("binary", False)
    assert network.trace_step(x, y, weight=[1.0, 2.0]).weighed
    assert network.task is None
