"""What is compiled computes what NumPy does: rules of optimizers, and loops that a component writes out beside."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from chainrule.contract.arrays import Array, Shape
from chainrule.contract.kinds import Activation, Component, Initializer, Layer, Optimizer
from chainrule.contract.rules import recorded
from chainrule.engine.compiling import numba_version
from chainrule.engine.kernels import Loops
from chainrule.engine.use import HOW_TO_INSTALL, Engine, using
from chainrule.network.network import Network
from chainrule.process.threads import all_in_parts
from chainrule.testing.arrays import distance
from chainrule.testing.bench import NoLoss, inputs
from chainrule.testing.exercises import exercises
from chainrule.testing.kit import check, expect
from chainrule.testing.subject import Subject

ENGINES: tuple[Engine, Engine] = ("numpy", "numba")
TOLERANCES = {"float64": 1e-12, "float32": 1e-6}
"""Of the largest number."""
PLAIN = "write rules, and loops, with operators and functions that NumPy and numba both have for single numbers"


SHARED = "write nothing in one part that another one reads or writes, and what belongs together in their order"


def loops_of(cls: type[Component]) -> list[Loops]:
    """Those that the modules of a class and its bases know."""
    modules = [sys.modules.get(base.__module__) for base in cls.__mro__]
    return [value for module in modules for value in vars(module or object).values() if isinstance(value, Loops)]


def compiles(cls: type[Component]) -> bool:
    """Whether it has a rule, or may have loops, in a module that it uses."""
    return getattr(cls, "rule", None) is not None or cls.kind in ("layer", "activation", "loss")


def without_numba(cls: type[Component]) -> str | None:
    return None if numba_version() else f"numba cannot be used here: {HOW_TO_INSTALL}"


@check(when=compiles, unless=without_numba, rests_on=("deterministic",))
def check_engines_agree(subject: Subject) -> None:
    """Compiled, it gives what NumPy gives, to 1e-12 in float64 and to 1e-6 in float32."""
    for dtype, tolerance in TOLERANCES.items():
        if subject.kind == "optimizer" and cast(type[Optimizer], subject.cls).rule is not None:
            loop = recorded(subject.make()).rule.compiled(dtype)
            expect(loop is not None, f"its rule cannot be compiled for {dtype}, as the warning says", PLAIN)
        by_numpy, by_numba = (computed(subject, dtype, engine) for engine in ENGINES)
        failed = [loops.name for loops in loops_of(subject.cls) if loops.fails]
        expect(not failed, f"{', '.join(failed)} cannot be compiled, as the warning says", PLAIN)
        for name, one in by_numpy.items():
            off, largest = distance(one, by_numba[name]), float(np.abs(one).max(initial=1.0))
            expect(off <= tolerance * largest, f"{name}, in {dtype}, compiled is off by {off:.3g}", PLAIN)


def joins_a_bias(cls: type[Component]) -> bool:
    """Whether it is computed in one loop with what stands beside it: a bias, or the layer before that adds one."""
    if issubclass(cls, Layer):
        return cls.bias_last
    own = (getattr(cls, method) is getattr(Activation, method) for method in ("forward", "backward"))
    return issubclass(cls, Activation) and all(own)


@dataclass
class Ones(Initializer):
    """A bias that shows."""

    def __call__(self, shape: Shape, rng: np.random.Generator, dtype: Any) -> Array:
        return np.ones(shape, dtype)


@dataclass
class Moved(Layer):
    """Adds a bias, and nothing else."""

    bias_last = True

    def build(self, input_shape: Shape) -> Shape:
        self.b = self.parameter("b", input_shape[-1:], Ones(), decay=False)
        return input_shape

    def forward(self, x: Array, training: bool) -> Array:
        y = self.work("y", x.shape, x.dtype)
        np.copyto(y, x)
        return self.add_bias(y, self.b)

    def backward(self, dy: Array) -> Array:
        self.b.grad = dy.reshape(-1, dy.shape[-1]).sum(axis=0)
        return dy


@dataclass
class Positive(Activation):
    """Of any number what is above 0."""

    def rule(self, z: Array) -> Array:
        return np.maximum(z, 0)

    def derivative(self, a: Array) -> Array:
        return a > 0


@check("layer", "activation", when=joins_a_bias, unless=without_numba, rests_on=("deterministic",))
def check_bias_joins(subject: Subject) -> None:
    """Compiled, a bias and the activation behind it give in one loop what they give one after the other, to 1e-6."""
    shape = subject.input_shapes[0]
    if subject.kind == "activation":
        layers = [Moved(), subject.make()]
    elif "activation" in subject.make().__dataclass_fields__:
        layers = [subject.make(activation=Positive())]
    else:
        layers = [subject.make(), Positive()]
    network = Network(layers, shape, NoLoss(), seed=3, task="regression")
    x = inputs(subject, shape, dtype="float32")
    after_each_other = network.predict(x)
    with using("numba"):
        at_once = network.predict(x)
    off, largest = distance(after_each_other, at_once), float(np.abs(after_each_other).max(initial=1.0))
    expect(off <= 1e-6 * largest, f"at once it is off by {off:.3g}", "end forward in return self.add_bias(y, b)")


@check("layer", "activation", rests_on=("deterministic",))
def check_parts_agree(subject: Subject) -> None:
    """Where all that it gives to in_parts is shared out, it gives what it gives by itself, to 1e-12 in float64."""
    alone = computed(subject, "float64", "numpy")
    for number in (2, 3):
        with all_in_parts(number):
            together = computed(subject, "float64", "numpy")
        for name, one in alone.items():
            off, largest = distance(one, together[name]), float(np.abs(one).max(initial=1.0))
            expect(off <= 1e-12 * largest, f"{name}, shared out among {number} threads, is off by {off:.3g}", SHARED)


def computed(subject: Subject, dtype: str, engine: Engine) -> dict[str, Array]:
    """All that comes out of its exercises."""
    with using(engine):
        return {
            f"{name} {variant}".strip(): array
            for exercise in exercises(subject, dtype)
            for variant in exercise.variants
            for name, array in exercise.run(variant).items()
        }
