"""The gradient check finds wrong gradients and passes right ones, those of every registered loss too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import pytest

import chainrule as cr
from chainrule.network.differences import POINTS, rounding

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
    assert calls == 2 + POINTS + 4 * (5 + 5 + 5 + 2)


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


# ---- what rounding, kinks and curves make of differences


def classifier(*layers: Any) -> cr.Network:
    return cr.Network([*layers, dense(3, "softmax")], (4,), "categorical_cross_entropy")


def test_a_bias_before_batch_norm_has_no_gradient_and_passes() -> None:
    """It was reported as off by 1.9e-5 and more: a loss of 1 is rounded by 1e-16, and the difference by 1e-12."""
    errors = cr.gradient_check(classifier(dense(5), "batch_norm", "tanh"), X, np.arange(N) % 3)
    assert max(errors.values()) < 1e-8


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("layers", [12, pytest.param(40, marks=pytest.mark.slow)])
def test_deep_networks_pass(activation: str, layers: int) -> None:
    """Of ReLU their losses have kinks everywhere: at a step of 1e-4 forty layers were off by 1.1."""
    deep = classifier(*[layer for _ in range(layers) for layer in (dense(8), "layer_norm", activation)])
    assert max(cr.gradient_check(deep, X, np.arange(N) % 3, entries=3).values()) < RIGHT


@dataclass
class Measured(cr.Loss):
    """$loss = offset + scale \\sum (prediction - target)^2$, its gradient times ``wrong``."""

    offset: float = 0.0
    scale: float = 1.0
    wrong: float = 1.0

    def output(self, task: cr.Task, classes: int) -> tuple[int, str]:
        return classes, "linear"

    def forward(self, prediction: cr.Array, target: cr.Array) -> float:
        self.d = prediction - target
        return self.offset + self.scale * float((self.d**2).sum())

    def backward(self) -> cr.Array:
        return 2 * self.wrong * self.scale * self.d


SIZES = [(0.0, 1e-30), (0.0, 1e-8), (0.0, 1.0), (0.0, 1e12), (1e4, 1.0), (1e7, 1.0), (1.0, 1e-6)]


@pytest.mark.parametrize(("offset", "scale"), SIZES)
def test_right_gradients_pass_whatever_the_size_of_loss_and_gradient(offset: float, scale: float) -> None:
    assert max(check(dense(3, "tanh"), dense(2), loss=Measured(offset, scale)).values()) < RIGHT


@pytest.mark.parametrize(("offset", "scale"), SIZES)
@pytest.mark.parametrize(("wrong", "least"), [(1.001, 5e-4), (0.999, 5e-4), (-1.0, 1.0), (0.0, 0.9), (2.0, 0.4)])
def test_wrong_gradients_fail_whatever_the_size(offset: float, scale: float, wrong: float, least: float) -> None:
    assert min(check(dense(3, "tanh"), dense(2), loss=Measured(offset, scale, wrong)).values()) > least


@pytest.mark.parametrize("scale", [1e-30, 1e-12, 1.0, 1e12])
@pytest.mark.parametrize("bug", ["transposed", "term", "bias"])
def test_wrong_layers_are_found_at_every_size_of_gradient(scale: float, bug: str) -> None:
    @dataclass
    class Square(cr.Layer):
        """$y = x W + b$, W square."""

        def build(self, input_shape: cr.Shape) -> cr.Shape:
            self.W = self.parameter("W", (4, 4), "glorot_uniform")
            self.b = self.parameter("b", (4,), "zeros", decay=False)
            return (4,)

        def forward(self, x: cr.Array, training: bool) -> cr.Array:
            self.x = x
            return x @ self.W.value + self.b.value

        def backward(self, dy: cr.Array) -> cr.Array:
            dW = self.x.T @ dy
            self.W.grad = dW.T if bug == "transposed" else dW
            self.b.grad = dy[1:].sum(axis=0) if bug == "bias" else dy.sum(axis=0)
            dx = dy @ self.W.value.T
            return dx - dx.mean(axis=1, keepdims=True) if bug == "term" else dx

    errors = check(dense(4, "tanh"), Square(), "tanh", dense(2), loss=Measured(scale=scale))
    wrong = {"transposed": "1.square.W", "term": "0.dense.W", "bias": "1.square.b"}[bug]
    assert errors[wrong] > 0.01
    assert errors["3.dense.W"] < RIGHT


def test_a_layer_before_batch_norm_that_invents_a_gradient_is_found() -> None:
    """Of the size of rounding it is right, and of any other it is wrong."""

    @dataclass
    class Inventing(Linear):
        size: float = 0.0

        def backward(self, dy: cr.Array) -> cr.Array:
            dx = super().backward(dy)
            self.b.grad = self.b.grad + self.size
            return dx

    assert check(Inventing(size=1e-16), "batch_norm", "tanh", dense(2))["0.inventing.b"] == 0
    assert check(Inventing(size=1e-9), "batch_norm", "tanh", dense(2))["0.inventing.b"] > 0.9


def test_a_loss_that_is_not_the_same_when_computed_again_is_no_rounding() -> None:
    rng = np.random.default_rng(0)

    class Restless(Measured):
        def forward(self, prediction: cr.Array, target: cr.Array) -> float:
            return super().forward(prediction, target) * (1 + 1e-3 * rng.normal())

    assert max(check(dense(2), loss=Restless()).values()) > 0.1


@pytest.mark.parametrize("size", [1e-20, 1.0, 1e20])
def test_rounding_is_measured(size: float) -> None:
    """Uniform noise of known deviation on a curve; and of a constant, half of its last place."""
    rng, at = np.random.default_rng(0), np.array([0.3, 2.0])
    noise = 1e-14 * size
    measured = rounding(lambda: size * float(np.exp(at).sum()) + noise * float(rng.uniform(-1, 1)), at)
    assert noise / 3**0.5 == pytest.approx(measured, rel=0.6)
    assert rounding(lambda: size, at) == pytest.approx(np.finfo(float).eps * size / 2)
    assert at.tolist() == [0.3, 2.0]


# ---- whole networks, with every registered loss; layers and activations are checked by the conformance kit


LOSSES = [entry.name for entry in cr.registry() if entry.kind == "loss" and entry.name != "by_output"]
"""Of one output; that of several is checked in test_named_arrays.py."""


def accepted() -> list[Any]:
    """Every registered loss with every task that it takes, and how the network must end for it."""
    found = []
    for name in LOSSES:
        for task in get_args(cr.Task):
            try:
                units, activation = cr.make("loss", name).output(task, 3 if task == "multiclass" else 2)
            except cr.ConfigError:
                continue
            found.append(pytest.param(name, task, units, activation, id=f"{name}-{task}"))
    return found


def test_every_registered_loss_is_checked() -> None:
    assert sorted({parameters.values[0] for parameters in accepted()}) == sorted(LOSSES)


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
