"""The gradient check finds wrong gradients and passes right ones, those of every registered loss too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import pytest

import chainrule as cr

RNG = np.random.default_rng(3)
N = 6
X = RNG.normal(size=(N, 4))
NUMBERS = RNG.normal(size=(N, 2))
RIGHT = 1e-6


@dataclass
class Linear(cr.Layer):
    """$y = x W + b$, right or wrong in the way that ``bug`` says."""

    bug: str = ""

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        self.W = self.parameter("W", (4, 2), "glorot_uniform")
        self.b = self.parameter("b", (2,), "zeros", decay=False)
        return (2,)

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        self.x = x
        return x @ self.W.value + self.b.value

    def backward(self, dy: cr.Array) -> cr.Array:
        factor = {"batch": len(dy), "sign": -1, "slightly": 1 + 1e-4}.get(self.bug, 1)
        dW = factor * self.x.T @ dy
        self.W.grad = dW + self.W.grad if self.bug == "adds" else dW
        if self.bug != "forgets b":
            self.b.grad = dy.sum(axis=0)
        return dy @ self.W.value.T * (2 if self.bug == "dx" else 1)


def check(*layers: Any, loss: Any = "mse", x: cr.Array = X, y: cr.Array = NUMBERS, **rest: Any) -> dict[str, float]:
    return cr.gradient_check(cr.Network(list(layers), x.shape[1:], loss, **rest), x, y)


def dense(units: int, activation: Any = "linear") -> dict[str, Any]:
    return {"name": "dense", "units": units, "activation": activation}


def test_a_right_gradient_passes() -> None:
    errors = check(Linear())
    assert list(errors) == ["0.linear.W", "0.linear.b"]
    assert max(errors.values()) < 1e-10


@pytest.mark.parametrize(
    ("bug", "wrong", "least"),
    [
        ("batch", "0.linear.W", 0.5),
        ("sign", "0.linear.W", 1.0),
        ("slightly", "0.linear.W", 1e-5),
        ("adds", "0.linear.W", 0.1),
        ("forgets b", "0.linear.b", 0.1),
    ],
)
def test_a_wrong_gradient_is_found_where_it_is(bug: str, wrong: str, least: float) -> None:
    errors = check(Linear(bug))
    assert errors.pop(wrong) > least
    assert max(errors.values()) < RIGHT


def test_a_wrong_dx_shows_in_the_layers_before() -> None:
    errors = check(dense(4), Linear("dx"))
    assert {name for name, error in errors.items() if error > 0.1} == {"0.dense.W", "0.dense.b"}
    assert max(errors["1.linear.W"], errors["1.linear.b"]) < RIGHT


def test_a_wrong_loss_gradient_is_found() -> None:
    @dataclass
    class Doubled(cr.Loss):
        def output(self, task: cr.Task, classes: int) -> tuple[int, str]:
            return classes, "linear"

        def forward(self, prediction: cr.Array, target: cr.Array) -> float:
            self.d = prediction - target
            return float((self.d**2).sum())

        def backward(self) -> cr.Array:
            return self.d

    assert min(check(dense(2), loss=Doubled()).values()) > 0.4


def test_the_network_is_left_as_it_was() -> None:
    net = cr.Network([dense(3, "tanh"), "dropout", dense(2)], (4,), "mse")
    net.loss_and_gradient(X, NUMBERS)
    theta, grad, state = net.parameters.theta.copy(), net.parameters.grad.copy(), net.random_state()
    first = cr.gradient_check(net, X, NUMBERS)
    assert np.array_equal(net.parameters.theta, theta)
    assert np.array_equal(net.parameters.grad, grad)
    assert net.random_state() == state
    assert cr.gradient_check(net, X, NUMBERS) == first


def test_few_entries_of_each_parameter_suffice() -> None:
    wide = cr.Network([dense(300), dense(2)], (4,), "mse")
    calls = 0

    class Counting(type(wide.loss)):  # type: ignore[misc]
        def forward(self, prediction: cr.Array, target: cr.Array) -> float:
            nonlocal calls
            calls += 1
            return float(super().forward(prediction, target))

    net = cr.Network([dense(300), dense(2)], (4,), Counting())
    assert max(cr.gradient_check(net, X, NUMBERS, entries=5).values()) < RIGHT
    assert calls == 2 + 4 * (5 + 5 + 5 + 2)


def test_buffers_that_training_changes_are_the_same_for_each_difference() -> None:
    @dataclass
    class Warming(cr.Layer):
        """Multiplies by a number that grows with each pass of training."""

        def build(self, input_shape: cr.Shape) -> cr.Shape:
            self.factor = self.buffer("factor", (1,), 1.0)
            return input_shape

        def forward(self, x: cr.Array, training: bool) -> cr.Array:
            self.factor.value = self.factor.value + training
            self.used = self.factor.value.copy()
            return x * self.used

        def backward(self, dy: cr.Array) -> cr.Array:
            return dy * self.used

    assert max(check(dense(3), Warming(), dense(2)).values()) < RIGHT


# ---- whole networks, with every registered loss; layers and activations are checked by the conformance kit


def accepted() -> list[Any]:
    """Every registered loss with every task that it takes, and how the network must end for it."""
    found = []
    for name in cr.registry().names("loss"):
        for task in get_args(cr.Task):
            try:
                units, activation = cr.make("loss", name).output(task, 3 if task == "multiclass" else 2)
            except cr.ConfigError:
                continue
            found.append(pytest.param(name, task, units, activation, id=f"{name}-{task}"))
    return found


def test_every_registered_loss_is_checked() -> None:
    assert sorted({parameters.values[0] for parameters in accepted()}) == cr.registry().names("loss")


@pytest.mark.parametrize(("name", "task", "units", "activation"), accepted())
@pytest.mark.parametrize("fused", [True, False])
def test_loss(name: str, task: cr.Task, units: int, activation: str, fused: bool) -> None:
    loss = cr.make("loss", name)
    if not fused:
        loss = type("Unfused", (type(loss),), {"fuses_with": None})()
    y = {"regression": NUMBERS, "binary": RNG.integers(0, 2, N), "multiclass": np.arange(N) % 3}[task]
    layers = [dense(5, "tanh"), "dropout", dense(units, activation)]
    assert max(check(*layers, loss=loss, y=y, task=task).values()) < RIGHT


def test_at_least_one_entry_is_tried() -> None:
    net = cr.Network([{"name": "dense", "units": 2}], (3,), "mse")
    with pytest.raises(cr.FieldError, match=r"^entries: got 0, expected a whole number, 1 or more$"):
        cr.gradient_check(net, np.ones((2, 3)), np.ones((2, 2)), entries=0)
