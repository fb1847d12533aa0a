"""Optimizers around another one, which makes the steps: from another gradient, or from where it has been before."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import Array, Shape
from chainrule_plugins.optimizers._around import Around
from chainrule_plugins.optimizers._squares import length


@dataclass
class Lookahead(Around):
    r"""Goes back part of the way after every few steps: what they had in common is kept, and noise is not.

    Update:
        $slow = \theta$ before each first step of k
        $\theta$ = a step of the optimizer from $\theta$, k times
        $slow = slow + alpha \, (\theta - slow)$ and $\theta = slow$ after each last step of k

    The optimizer keeps its state, its momentum say, when theta goes back. A training that ends between two such points
    ends with theta as the optimizer has it.

    Args:
        optimizer: that makes the steps, by name or with fields of its own, {name: adam, lr: 0.001}; default sgd. Its
            learning rate and its weight decay are those of the training.
        k: steps from one point to the next, at least 1; default 5.
        alpha: the part of the way that is kept, above 0 and at most 1; default 0.5. With 1 nothing is changed.

    Raises:
        FieldError: a value is out of range.

    Reference:
        Zhang, Lucas, Hinton, Ba (2019), "Lookahead Optimizer: k steps forward, 1 step back", NeurIPS, algorithm 1.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> lookahead = cr.make("optimizer", "lookahead", optimizer="sgd", k=2, alpha=0.25)
        >>> theta, slots = np.array([8.0]), {"slow": np.zeros(1)}
        >>> for step in (1, 2):  # to 6 and to 4: a quarter of that way is kept
        ...     lookahead.update(theta, np.array([2.0]), slots, step, lr=1.0)
        >>> theta
        array([7.])
    """

    k: int = 5
    alpha: float = 0.5

    own_slots = ("slow",)
    check_examples = (
        {},
        {"optimizer": {"name": "adam", "lr": 0.01}, "k": 3, "alpha": 0.8},
        {"optimizer": {"name": "muon", "adamw_for": ["*.dense.W"]}, "k": 2},
        {"optimizer": "lbfgs"},
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("k", self.k >= 1, "at least 1")
        self.require("alpha", 0 < self.alpha <= 1, "above 0 and at most 1")

    @property
    def whole_parameters(self) -> bool:  # type: ignore[override]
        return self.inner.whole_parameters

    @property
    def whole_vector(self) -> bool:  # type: ignore[override]
        return self.inner.whole_vector

    def reference(
        self, theta: Array, gradient: Callable[[Array], Array], rates: Iterable[float], name: str = ""
    ) -> Iterator[Array]:
        inner: Any = self.inner
        told = {"name": name} if "name" in inspect.signature(inner.reference).parameters else {}
        slow = theta
        shift = np.zeros(theta.shape)  # from the path of the optimizer alone, which does not know that it went back

        def shifted(at: Array) -> Array:
            return gradient(at + shift)

        for step, alone in enumerate(inner.reference(theta, shifted, rates, **told), start=1):
            theta = alone + shift
            if step % self.k == 0:
                slow = slow + self.alpha * (theta - slow)
                shift = slow - alone
                theta = slow
            yield theta

    def update(
        self,
        theta: Array,
        grad: Array,
        slots: dict[str, Array],
        step: int,
        lr: float,
        name: str | None = None,
        shape: Shape | None = None,
        decay: bool | None = None,
        evaluate: Callable[[], float] | None = None,
    ) -> None:
        slow = slots["slow"]
        if (step - 1) % self.k == 0:
            slow[...] = theta
        told = {"name": name, "shape": shape, "decay": decay, "evaluate": evaluate}
        self.move(theta, grad, slots, step, lr, **{of: value for of, value in told.items() if value is not None})
        if step % self.k == 0:
            theta -= slow
            theta *= self.alpha
            theta += slow


@dataclass
class SAM(Around):
    r"""Looks for flat valleys: it climbs to the worst place nearby, and goes down by the slope that is there.

    Update:
        $\epsilon = rho \cdot grad / \|grad\|$, over all parameters
        $grad$ = the gradient of the same batch at $\theta + \epsilon$
        $\theta$ = a step of the optimizer from $\theta$ with this gradient

    Each step computes two gradients, and takes twice the time. Dropout drops the same units both times, and averages
    over batches are those of the first. What callbacks do to the gradient, such as clip_norm, they do to the first one
    alone.

    Args:
        optimizer: that makes the steps, by name or with fields of its own, {name: adam, lr: 0.001}; default sgd. Its
            learning rate and its weight decay are those of the training. It is one that takes each number of theta by
            itself, which muon and lbfgs do not.
        rho: how far away the worst place is sought, above 0 and finite; default 0.05.

    Raises:
        FieldError: a value is out of range.

    Reference:
        Foret, Kleiner, Mobahi, Neyshabur (2021), "Sharpness-Aware Minimization for Efficiently Improving
        Generalization", ICLR, algorithm 1, with equation 2 for p = 2.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> theta = np.array([3.0, 4.0])
        >>> grad = theta.copy()  # of half the squared length
        >>> def evaluate():
        ...     grad[:] = theta
        ...     return float(theta @ theta) / 2
        >>> cr.make("optimizer", "sam", optimizer="sgd", rho=5.0).update(theta, grad, {}, 1, 0.1, evaluate)
        >>> theta.round(4)  # by a tenth of (6, 8)
        array([2.4, 3.2])
    """

    rho: float = 0.05

    whole_vector = True
    check_examples = ({}, {"optimizer": {"name": "adam", "lr": 0.01}, "rho": 0.5})

    def __post_init__(self) -> None:
        super().__post_init__()
        whole = self.inner.whole_parameters or self.inner.whole_vector
        self.require("optimizer", not whole, "one that takes each number of theta by itself, such as sgd or adam")
        self.require("rho", 0 < self.rho < math.inf, "above 0 and finite")

    def reference(self, theta: Array, gradient: Callable[[Array], Array], rates: Iterable[float]) -> Iterator[Array]:
        def at_the_worst_place(theta: Array) -> Array:
            grad = gradient(theta)
            norm = math.sqrt(np.sum(grad**2))
            return gradient(theta + self.rho * grad / norm) if norm else grad

        inner: Any = self.inner
        yield from inner.reference(theta, at_the_worst_place, rates)

    def update(
        self,
        theta: Array,
        grad: Array,
        slots: dict[str, Array],
        step: int,
        lr: float,
        evaluate: Callable[[], float] | None = None,
    ) -> None:
        assert evaluate is not None, "whole_vector asks for it"
        norm = length(grad)
        if 0 < norm < math.inf:
            here = self.work("here", theta.shape, theta.dtype)
            here[...] = theta
            grad *= self.rho / norm
            theta += grad
            evaluate()
            theta[...] = here
        self.move(theta, grad, slots, step, lr)
