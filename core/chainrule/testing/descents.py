"""An optimizer at work by itself, given what it asks for: a parameter's name, or the way to compute the loss anew."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.contract.arrays import Array, Shape
from chainrule.contract.kinds import Optimizer
from chainrule.testing.subject import Subject

SHAPE = (4, 3)
SHAPES: Sequence[Shape] = (SHAPE, (6,), (2, 2, 3, 2), (), (3, 5), (2, 3, 4))
"""Of a weight, a bias, a filter, a single number; of a weight that is wide, and of a filter of one axis."""
NAMES = {2: "0.dense.W", 1: "0.dense.b", 3: "0.conv1d.W", 4: "0.conv2d.W", 0: "0.scale.factor"}


class Problem:
    """What is to be made small: $f(theta) = 1/2 sum(curvature theta^2)$, at each step the same."""

    def __init__(self, curvature: Array) -> None:
        self.curvature = curvature

    def gradient(self, step: int, theta: Array) -> Array:
        gradient: Array = self.curvature * theta
        return gradient

    def loss(self, step: int, theta: Array) -> float:
        return float((self.curvature * np.square(theta, dtype=np.float64)).sum() / 2)


class Course(Problem):
    """Batches that differ, with gradients whose size and sign change: at each step $theta$ is drawn to another place,
    as strongly as that batch is hard: $f(theta) = 1/2 sum(curvature pull (theta - place)^2)$.

    Args:
        sizes: of the gradients of each number, as powers of 10, from and to.
    """

    def __init__(self, rng: np.random.Generator, shape: Shape, sizes: tuple[float, float], steps: int) -> None:
        super().__init__(10.0 ** rng.uniform(*sizes, size=shape))
        self.places = rng.normal(size=(steps + 1, *shape)).astype(np.float32).astype(np.float64)
        self.pulls = 10.0 ** rng.uniform(-1.5, 0.0, size=steps + 1)
        self.pulls[steps // 2 : steps // 2 + 3] = 0  # batches that say nothing

    def gradient(self, step: int, theta: Array) -> Array:
        gradient: Array = self.pulls[step] * self.curvature * (theta - self.places[step])
        return gradient

    def loss(self, step: int, theta: Array) -> float:
        error = np.square(theta - self.places[step], dtype=np.float64)
        return float((self.pulls[step] * self.curvature * error).sum() / 2)


class Descent:
    """An optimizer at work on a problem, in one block or in several, from slots of zeros on."""

    def __init__(
        self, optimizer: Optimizer, theta: Array, problem: Problem, cuts: Sequence[Any] = (...,), decay: bool = True
    ) -> None:
        self.optimizer, self.problem, self.cuts = optimizer, problem, cuts
        self.theta = theta.copy()
        self.slots = {name: np.zeros_like(theta) for name in optimizer.slots}
        self.step = 0
        told = {"name": NAMES.get(theta.ndim, "0.dense.W"), "shape": theta.shape, "decay": decay}
        self.asked = optimizer.asks_for(told) if optimizer.whole_parameters and not optimizer.whole_vector else {}
        self._evaluates = optimizer.whole_vector and bool(optimizer.asks_for({"evaluate": self._evaluation}))

    @property
    def curvature(self) -> Array:
        return self.problem.curvature

    def go(self, steps: int, lr: float | None = None, grad: Array | None = None) -> Descent:
        """Make so many updates, with the optimizer's own rate where no other is given."""
        rate = float(self.optimizer.lr) if lr is None else lr
        for _ in range(steps):
            self.update(rate, grad)
        return self

    def update(self, lr: float, grad: Array | None = None) -> Array:
        """Make one update, with the problem's gradient where no other is given; theta afterwards."""
        self.step += 1
        gradient = np.asarray(self.problem.gradient(self.step, self.theta) if grad is None else grad, self.theta.dtype)
        for cut in self.cuts:
            slots = self.slots if cut is ... else {name: slot[cut] for name, slot in self.slots.items()}
            given = gradient[cut].copy()
            asked = {**self.asked, **({"evaluate": self._evaluation(given, grad)} if self._evaluates else {})}
            self.optimizer.update(self.theta[cut], given, slots, self.step, lr, **asked)
        return self.theta

    def _evaluation(self, given: Array, fixed: Array | None) -> Any:
        """What computes loss and gradient anew, for what theta holds then; of a gradient that is fixed, a slope."""
        step, theta = self.step, self.theta

        def evaluate() -> float:
            given[...] = self.problem.gradient(step, theta) if fixed is None else fixed
            return self.problem.loss(step, theta) if fixed is None else float((fixed * theta).sum(dtype=np.float64))

        return evaluate

    @property
    def loss(self) -> float:
        return self.problem.loss(self.step, self.theta)


def shapes_of(optimizer: Optimizer) -> Sequence[Shape]:
    """Of what it is given: parameters, or flat arrays."""
    return SHAPES if optimizer.whole_parameters else [(math.prod(SHAPE),)]


def descent(
    subject: Subject, index: int = 0, dtype: str = "float64", shape: Shape | None = None, **fields: Any
) -> Descent:
    """A new instance at a point of its own for each index, on flat arrays or, if it wants them so, shaped ones."""
    optimizer = subject.make(**fields)
    rng = subject.rng(index)
    shape = shapes_of(optimizer)[0] if shape is None else shape
    theta = rng.normal(size=shape)
    return Descent(optimizer, np.asarray(theta).astype(dtype), Problem(np.asarray(rng.uniform(0.5, 2, size=shape))))
