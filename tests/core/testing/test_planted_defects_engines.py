"""What is compiled, and is something else than what NumPy computes, or cannot be compiled at all."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from breaking import Breakages, Broken, assert_found, assert_right

import chainrule as cr
from chainrule.testing import check_component, engines

pytest.importorskip("numba", reason="without it the check is not applicable")

breaks = Breakages()


# ---- rules


@dataclass
class OneWay(cr.Optimizer):
    """Steps against the sign: $v = v + grad^2$, $theta = theta - lr sign(grad) / (1 + sqrt(v))$.

    Args:
        lr: above 0 and finite; default 0.1.
    """

    lr: float = 0.1
    slots = ("v",)
    squares_gradient = True

    def __post_init__(self) -> None:
        self.require("lr", 0 < self.lr < math.inf, "above 0 and finite")

    def reference(
        self, theta: cr.Array, gradient: Callable[[cr.Array], cr.Array], rates: Iterable[float]
    ) -> Iterator[cr.Array]:
        v = np.zeros(theta.shape)
        for lr in rates:
            grad = gradient(theta)
            v = v + grad**2
            theta = theta - lr * np.sign(grad) / (1 + np.sqrt(v))
            yield theta

    def sign(self, grad: Any) -> Any:
        return np.sign(grad)

    def rule(self, theta: Any, grad: Any, v: Any, lr: float) -> Any:
        v = v + grad**2
        return theta - lr * self.sign(grad) / (1 + np.sqrt(v)), v


@breaks("engines_agree", says="its rule cannot be compiled for float64, as the warning says")
class OfNumPyAlone(OneWay):
    def sign(self, grad: Any) -> Any:
        return np.heaviside(grad, 0.5) - np.heaviside(-grad, 0.5)


@breaks("formula_computed", says="after step 1 of 300")
class OtherwiseForSymbols(OneWay):
    def sign(self, grad: Any) -> Any:
        return np.sign(grad) if isinstance(grad, (float, np.ndarray)) else grad * 0.5


# ---- loops


@cr.loops
def halve(z: cr.Array, a: cr.Array) -> None:
    for i in range(len(z)):
        for j in range(z.shape[1]):
            a[i, j] = z[i, j] * 0.5


@cr.loops
def divide_by_three(z: cr.Array, a: cr.Array) -> None:
    for i in range(len(z)):
        for j in range(z.shape[1]):
            a[i, j] = z[i, j] / 3


@dataclass
class Half(cr.Activation):
    """The half of it: $a = z / 2$, $dz = da / 2$."""

    def reference(self, z: cr.Array) -> cr.Array:
        return z / 2

    def halved(self, z: cr.Array, out: cr.Array) -> bool:
        return z.ndim == 2 and halve(z, out)

    def forward(self, z: cr.Array) -> cr.Array:
        a = np.empty(z.shape, z.dtype)
        if not self.halved(z, a):
            np.multiply(z, 0.5, out=a)
        return a

    def backward(self, da: cr.Array) -> cr.Array:
        return da * 0.5


@breaks("engines_agree", says=r"\S.*, in float64, compiled is off by ")
class HalfByNumPyAlone(Half):
    def halved(self, z: cr.Array, out: cr.Array) -> bool:
        return z.ndim == 2 and divide_by_three(z, out)


@dataclass
class Moved(cr.Layer):
    """One more: $y = x + 1$, where 1 is a bias that is trained."""

    bias_last = True

    def reference(self, x: cr.Array, training: bool) -> cr.Array:
        return np.array([row + self.b.value for row in x])

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        if not input_shape:
            raise cr.ShapeError("moved takes samples with features")
        self.b = self.parameter("b", input_shape[-1:], cr.make("initializer", "constant", value=1.0), decay=False)
        return input_shape

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        return self.add_bias(x.copy(), self.b)

    def backward(self, dy: cr.Array) -> cr.Array:
        self.b.grad = dy.reshape(-1, dy.shape[-1]).sum(axis=0)
        return dy


@breaks("bias_joins", says="at once it is off by ")
class MovedBySelf(Moved):
    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        return x + self.b.value


@dataclass
class Bounded(cr.Activation):
    """At most 2, at least 0: $a = min(max(z, 0), 2)$.

    Backward:
        $dz = da$ where $0 < z < 2$, else $0$
    """

    check_kinks = (0.0, 2.0)

    def reference(self, z: cr.Array) -> cr.Array:
        return np.where(z > 2, 2.0, np.where(z < 0, 0.0, z))

    def rule(self, z: Any) -> Any:
        return np.clip(z, 0, 2)

    def derivative(self, a: Any) -> Any:
        return (a > 0) & (a < 2)


# ---- parts


@dataclass
class Doubled(cr.Layer):
    """Twice the input: $y = 2 x$."""

    def reference(self, x: cr.Array, training: bool) -> cr.Array:
        return 2 * x

    def build(self, input_shape: cr.Shape) -> cr.Shape:
        return input_shape

    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        y = np.empty_like(x)

        cr.in_parts(lambda part: np.multiply(x[part], 2, out=y[part]), len(x), x.size)
        return y

    def backward(self, dy: cr.Array) -> cr.Array:
        return 2 * dy


@breaks("parts_agree", says="shared out among 2 threads, is off by ")
class DoubledFromTheStart(Doubled):
    def forward(self, x: cr.Array, training: bool) -> cr.Array:
        y = np.zeros_like(x)

        def double(part: slice) -> None:
            y[: part.stop] += 2 * x[: part.stop]

        cr.in_parts(double, len(x), x.size)
        return y


RIGHT = [OneWay, Half, Moved, Bounded, Doubled]


@pytest.mark.parametrize("cls", RIGHT, ids=lambda cls: cls.__name__)
def test_right_twins_pass(cls: type) -> None:
    assert_right(cls)


@pytest.mark.parametrize("broken", breaks, ids=lambda broken: broken.id)
def test_planted_defects_are_found(broken: Broken) -> None:
    assert_found(broken)


def test_without_numba_the_check_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "numba_version", lambda: None)
    [outcome] = [outcome for outcome in check_component(Half) if outcome.check == "engines_agree"]
    assert outcome.status == "not applicable"
    assert outcome.message == 'numba cannot be used here: python -m pip install "chainrule[fast]"'
