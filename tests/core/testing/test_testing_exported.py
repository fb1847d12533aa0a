"""What ``to_onnx`` says beside what ``forward`` computes: each way to say something else is found."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from breaking import Breakages, Broken, assert_found, assert_right

import chainrule as cr
from chainrule.testing import check_component, checks_for

breaks = Breakages()


@dataclass
class Shifted(cr.Layer):
    """Learned factors, and a shift: $y = s x + shift$ in training, and $y = s (x - m) + shift$ at inference.

    There $m$ is a running mean, of which a batch's is 0.1: $m = 0.9 m + 0.1 mean(x)$.

    Args:
        shift: any number; default 0.5.
    """

    shift: float = 0.5

    def __post_init__(self) -> None:
        self.require("shift", np.isfinite(self.shift), "finite")

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        self.s = self.parameter("s", input_shape, "glorot_normal")
        self.m = self.buffer("m", input_shape)
        return input_shape

    def reference(self, x: cr.Array, training: bool) -> Any:
        if not training:
            return np.array([self.s.value * (row - self.m.value) + self.shift for row in x])
        return np.array([self.s.value * row + self.shift for row in x]), {
            "m": 0.9 * self.m.value + sum(x) / len(x) / 10
        }

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        if training:
            self.m.value = 0.9 * self.m.value + 0.1 * x.mean(axis=0)
        self.x = x if training else x - self.m.value
        return self.s.value * self.x + x.dtype.type(self.shift)

    def backward(self, dy: cr.Array) -> cr.Array:
        self.s.grad = (dy * self.x).sum(axis=0)
        return self.s.value * dy

    def to_onnx(self, graph: cr.Graph, x: str) -> Any:
        scaled = graph.add("Mul", graph.add("Sub", x, self.m), self.s)
        return graph.add("Add", scaled, float(self.shift))


@breaks("onnx_agrees", says=r"^for x of shape \(1, 4\), y in ONNX is off by \S+, where the largest number is")
class ForgetsShift(Shifted):
    def to_onnx(self, graph: cr.Graph, x: str) -> Any:
        return graph.add("Mul", graph.add("Sub", x, self.m), self.s)


@breaks("onnx_agrees", says=r"^with shift=\S+, for x of shape \(1, 4\), y in ONNX is off by")
class UsesTheDefault(Shifted):
    def to_onnx(self, graph: cr.Graph, x: str) -> Any:
        return graph.add("Add", graph.add("Mul", graph.add("Sub", x, self.m), self.s), 0.5)


@breaks("onnx_agrees", says=r"^for x of shape \(1, 4\), y in ONNX is off by")
class ForgetsItsBuffer(Shifted):
    def to_onnx(self, graph: cr.Graph, x: str) -> Any:
        return graph.add("Add", graph.add("Mul", x, self.s), float(self.shift))


@breaks("onnx_agrees", says=r"^for x of shape \(3, 4\), y cannot be computed by ONNX: ValueError: cannot reshape")
class OfOneSample(Shifted):
    def to_onnx(self, graph: cr.Graph, x: str) -> Any:
        return graph.add("Reshape", super().to_onnx(graph, x), np.array([1, 4]))


@breaks("onnx_agrees", says=r"^for x of shape \(3, 4\), y has shape \(1, 4\) in ONNX, here \(3, 4\)$")
class OfTheFirstSample(Shifted):
    def to_onnx(self, graph: cr.Graph, x: str) -> Any:
        return graph.add("Slice", super().to_onnx(graph, x), np.array([0]), np.array([1]), np.array([0]))


@breaks("onnx_agrees", says=r"^for x of shape \(3, 4\), y in ONNX is off by")
class OfTheBatch(Shifted):
    def to_onnx(self, graph: cr.Graph, x: str) -> Any:
        y = super().to_onnx(graph, x)
        return graph.add("Sub", y, graph.add("Sub", x, graph.add("ReduceMean", x, np.array([0]))))


@breaks("onnx_agrees", says=r"^to_onnx of 0\.gives_nothing must return the name of a value, got None$")
class GivesNothing(Shifted):
    def to_onnx(self, graph: cr.Graph, x: str) -> Any:
        super().to_onnx(graph, x)


@breaks("onnx_agrees", says=r"^its graph is no ONNX: .*No Op registered for Times")
class NoSuchOperator(Shifted):
    def to_onnx(self, graph: cr.Graph, x: str) -> Any:
        return graph.add("Times", x, self.s)


@breaks("onnx_agrees", says=r"^its graph is no ONNX: .*0\.two_types/Mul")
class TwoTypes(Shifted):
    def to_onnx(self, graph: cr.Graph, x: str) -> Any:
        return graph.add("Mul", super().to_onnx(graph, x), np.ones(1, np.float32))


@breaks(
    "onnx_agrees",
    says=r"^its graph is no ONNX: .*0\.another_shape/Concat.* dimension 1: \(8\) vs \(4\)",
)
class AnotherShape(Shifted):
    def to_onnx(self, graph: cr.Graph, x: str) -> Any:
        return graph.add("Concat", super().to_onnx(graph, x), x, axis=1)


@dataclass
class Curve(cr.Activation):
    """A curve: $a = tanh(z)$."""

    def reference(self, z: cr.Array) -> cr.Array:
        e = np.exp(-2 * np.abs(z))
        return np.sign(z) * (1 - e) / (1 + e)

    def forward(self, z: cr.Array) -> cr.Array:
        self.a = np.tanh(z)
        return self.a

    def backward(self, da: cr.Array) -> cr.Array:
        return da * (1 - self.a**2)

    def to_onnx(self, graph: cr.Graph, x: str) -> str:
        return graph.add("Tanh", x)


@breaks("onnx_agrees", says=r"^for x of shape \(17, 4\), 10 times as large, y in ONNX is off by")
class WrongFarOut(Curve):
    def to_onnx(self, graph: cr.Graph, x: str) -> str:
        return graph.add("Where", graph.add("Less", graph.add("Abs", x), 5.0), graph.add("Tanh", x), x)


@breaks("onnx_agrees", says=r"^for x of shape \(1, 3, 4\), y in ONNX is off by")
class AlongAnotherAxis(Curve):
    """A curve for all but the largest: $a = tanh(z - max(z))$."""

    def reference(self, z: cr.Array) -> cr.Array:
        return super().reference(z - z.max(axis=-1, keepdims=True))

    def forward(self, z: cr.Array) -> cr.Array:
        self.largest = z == z.max(axis=-1, keepdims=True)
        return super().forward(z - z.max(axis=-1, keepdims=True))

    def backward(self, da: cr.Array) -> cr.Array:
        dz = super().backward(da)
        return dz - self.largest * dz.sum(axis=-1, keepdims=True)

    def to_onnx(self, graph: cr.Graph, x: str) -> str:
        return graph.add("Tanh", graph.add("Sub", x, graph.add("ReduceMax", x, np.array([1]))))


@dataclass
class Square(cr.Loss):
    """The mean squared error: $loss = mean((prediction - target)^2)$."""

    def output(self, task: cr.Task, classes: int) -> tuple[int, str]:
        return classes, "linear"

    def reference(self, prediction: cr.Array, target: cr.Array) -> float:
        return float(np.mean([(p - t) ** 2 for p, t in zip(prediction.flat, target.flat)]))

    def forward(self, prediction: cr.Array, target: cr.Array) -> float:
        self.error = prediction - target
        return float((self.error**2).mean())

    def backward(self) -> cr.Array:
        return 2 * self.error / self.error.size

    def to_onnx(self, graph: cr.Graph, prediction: Any, target: Any) -> str:
        error = graph.add("Sub", prediction, target)
        return graph.add("ReduceMean", graph.add("Mul", error, error), keepdims=0)


@breaks("onnx_agrees", says=r"^for a \w+ task and a batch of 1, the loss in ONNX is off by")
class Summed(Square):
    def to_onnx(self, graph: cr.Graph, prediction: Any, target: Any) -> str:
        error = graph.add("Sub", prediction, target)
        return graph.add("ReduceSum", graph.add("Mul", error, error), keepdims=0)


@breaks("onnx_agrees", says=r"^for a \w+ task and a batch of 5, the loss in ONNX is off by")
class SummedOverRows(Square):
    def to_onnx(self, graph: cr.Graph, prediction: Any, target: Any) -> str:
        error = graph.add("Sub", prediction, target)
        rows = graph.add("ReduceMean", graph.add("Mul", error, error), np.array([1]), keepdims=0)
        return graph.add("ReduceSum", rows, keepdims=0)


@breaks("onnx_agrees", says=r"^its graph is no ONNX: .*differ in rank: \(1\) vs \(0\)")
class OneForEachRow(Square):
    def to_onnx(self, graph: cr.Graph, prediction: Any, target: Any) -> str:
        error = graph.add("Sub", prediction, target)
        return graph.add("ReduceMean", graph.add("Mul", error, error), np.array([1]), keepdims=0)


@dataclass
class Silent(Curve):
    """A curve: $a = tanh(z)$."""

    to_onnx = cr.Activation.to_onnx  # type: ignore[assignment]


@dataclass
class Cannot(Curve):
    """A curve: $a = tanh(z)$."""

    def to_onnx(self, graph: cr.Graph, x: str) -> str:
        raise cr.ExportError("no operator computes it")


def test_right_components_pass() -> None:
    for component in (Shifted, Curve, Square, Cannot):
        assert_right(component)


@pytest.mark.parametrize("broken", breaks, ids=lambda broken: broken.id)
def test_what_is_broken_is_found(broken: Broken) -> None:
    assert_found(broken)


def test_what_has_no_to_onnx_is_not_asked() -> None:
    assert "onnx_agrees" not in {check.name for check in checks_for(Silent)}
    assert_right(Silent)


def test_without_onnx_the_check_says_that_it_does_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnx" else there(name))
    [left_out] = [outcome for outcome in check_component(Curve) if outcome.status != "passed"]
    assert (left_out.check, left_out.status) == ("onnx_agrees", "not applicable")
    assert left_out.message == "onnx is not installed: pip install 'chainrule[onnx]'"
