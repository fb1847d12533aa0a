"""The optimizer that learns how the slope bends from the steps that it has made."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from chainrule import Array, Optimizer
from chainrule_plugins.optimizers._squares import dot, length


@dataclass
class LBFGS(Optimizer):
    r"""Newton's method with a curvature that is guessed from the last steps: few, long steps, each looked at closely.

    It is for gradients of all samples at once, the batch size that of the data, and for networks that are not large. In
    small batches each step goes far towards what one batch asks for. Each step computes loss and gradient of its batch
    twice or more.

    Update:
        $d = -H \, grad$, where H is the inverse of the curvature that the last steps s and changes y of grad tell of
        $\theta = \theta + a \, d$ with a length a for which, with $g = grad^T d$ at $\theta$,
        $loss(\theta + a d) \le loss(\theta) + c_1 \, a \, g$ and $grad(\theta + a d)^T d \ge c_2 \, g$
        $s = a \, d$, $y = grad(\theta + a d) - grad(\theta)$, of the same batch

    $d$ by two loops:
        $q = grad$; from the newest pair to the oldest $\alpha_i = s_i^T q / s_i^T y_i$, $q = q - \alpha_i y_i$
        $q = q \, s^T y / y^T y$ of the newest pair, or $q / \max(1, \|q\|)$ where there is none
        from the oldest pair to the newest $q = q + (\alpha_i - y_i^T q / s_i^T y_i) \, s_i$
        $d = -q$

    The length is at first lr; it is doubled while the slope is still too steep, and once that was too far halved into
    the interval where it must lie. Where none is found theta stays, and the pairs are forgotten.

    Args:
        lr: the length that is tried first, above 0 and finite; default 1.0, the right one for a slope that is known.
        memory: the number of pairs that are kept, at least 1; default 10.
        evaluations: how often at most a step computes loss and gradient to find its length, at least 1; default 20.
        c1: the share of the promised descent that a step must keep, above 0 and less than c2; default 1e-4.
        c2: the share of the slope that a step may leave, less than 1; default 0.9.

    Raises:
        FieldError: a value is out of range.

    Reference:
        Liu, Nocedal (1989), "On the limited memory BFGS method for large scale optimization", Mathematical Programming
        45; Nocedal, Wright (2006), "Numerical Optimization", algorithms 7.4 and 7.5, equation 7.20, and the Wolfe
        conditions, 3.6; the search: Lewis, Overton (2013), "Nonsmooth optimization via quasi-Newton methods",
        Mathematical Programming 141, section 2. Both gradients of y from one batch: Schraudolph, Yu, Günter (2007), "A
        Stochastic Quasi-Newton Method for Online Convex Optimization", AISTATS.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> theta, steep = np.array([1.0, 1.0]), np.array([1.0, 100.0])
        >>> grad = np.zeros(2)
        >>> def evaluate():
        ...     grad[:] = steep * theta
        ...     return float(steep @ theta**2) / 2
        >>> lbfgs = cr.make("optimizer", "lbfgs")
        >>> slots = {name: np.zeros(2) for name in lbfgs.slots}
        >>> for step in range(1, 12):
        ...     lbfgs.update(theta, grad, slots, step, 1.0, evaluate)
        >>> bool(abs(theta).max() < 1e-6)
        True
    """

    lr: float = 1.0
    memory: int = 10
    evaluations: int = 20
    c1: float = 1e-4
    c2: float = 0.9

    whole_vector = True
    check_examples = ({}, {"memory": 2, "c2": 0.95}, {"memory": 3, "evaluations": 2})

    def __post_init__(self) -> None:
        self.require("lr", 0 < self.lr < math.inf, "above 0 and finite")
        self.require("memory", self.memory >= 1, "at least 1")
        self.require("evaluations", self.evaluations >= 1, "at least 1")
        self.require("c2", 0 < self.c2 < 1, "above 0 and less than 1")
        self.require("c1", 0 < self.c1 < self.c2, f"above 0 and less than c2, which is {self.c2}")

    @property
    def slots(self) -> tuple[str, ...]:  # type: ignore[override]
        return tuple(f"{name}{i}" for i in range(self.memory) for name in ("s", "y"))

    def reference(self, theta: Array, gradient: Callable[[Array], Array], rates: Iterable[float]) -> Iterator[Array]:
        def times_inverse_curvature(q: Array, pairs: Sequence[tuple[Array, Array]], scale: float) -> Array:
            if not pairs:
                return scale * q
            s, y = pairs[-1]  # Nocedal, Wright, equation 7.16: of the newest pair, and of what the older ones tell
            alpha = np.sum(s * q) / np.sum(s * y)
            r = times_inverse_curvature(q - alpha * y, pairs[:-1], scale)
            left: Array = r + (alpha - np.sum(y * r) / np.sum(s * y)) * s
            return left

        points, weights = np.polynomial.legendre.leggauss(8)
        kept: list[tuple[Array, Array]] = []
        for lr in rates:
            grad = gradient(theta)
            pairs = [(s, y) for s, y in kept[-self.memory :] if np.sum(s * y) > 0]
            scale = 1 / max(1.0, math.sqrt(np.sum(grad**2)))
            for s, y in pairs:
                scale = np.sum(s * y) / np.sum(y * y)
            d = -times_inverse_curvature(grad, pairs, scale)
            slope = np.sum(grad * d)
            a, low, high = lr, 0.0, math.inf
            for _ in range(self.evaluations if slope < 0 and lr else 0):
                # By how much the loss changes is the integral of the slope on the way, after Gauss.
                slopes = [np.sum(gradient(theta + a * (x + 1) / 2 * d) * d) for x in points]
                if not a / 2 * np.sum(weights * slopes) <= self.c1 * a * slope:
                    high = a
                else:
                    low = a
                    if np.sum(gradient(theta + a * d) * d) >= self.c2 * slope:
                        break
                a = (low + high) / 2 if high < math.inf else 2 * a
            if slope < 0 and lr and not low:
                kept = []
            before, theta = theta, theta + low * d
            kept.append((theta - before, gradient(theta) - grad))
            yield theta

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
        loss = evaluate()  # which update is not told; and the whole gradient, whatever callbacks made of the first one
        d = self._direction(grad, slots, step)
        slope = dot(grad, d)
        newest = (step - 1) % self.memory
        s, y = slots[f"s{newest}"], slots[f"y{newest}"]
        if not (slope < 0 and lr):
            s[...] = y[...] = 0
            return
        s[...] = theta
        y[...] = grad
        if self._search(theta, grad, s, d, loss, slope, lr, evaluate):
            np.subtract(theta, s, out=s)
            np.subtract(grad, y, out=y)
        else:
            for slot in slots.values():
                slot[...] = 0

    def _direction(self, grad: Array, slots: dict[str, Array], step: int) -> Array:
        """Minus the inverse of the curvature times the gradient."""
        q, scratch = (self.work(name, grad.shape, grad.dtype) for name in ("q", "scratch"))
        q[...] = grad
        steps = [(step - 1 - age) % self.memory for age in range(1, self.memory + 1)]  # newest first; zeros before
        pairs = [(slots[f"s{i}"], slots[f"y{i}"]) for i in steps]
        curved = [(s, y, sy) for s, y in pairs if (sy := dot(s, y)) > 0]
        alphas = []
        for s, y, sy in curved:
            alphas.append(dot(s, q) / sy)
            q -= np.multiply(y, alphas[-1], out=scratch)
        if curved:
            _, y, sy = curved[0]
            q *= sy / dot(y, y)
        else:
            q /= max(1.0, length(grad))
        for (s, y, sy), alpha in zip(reversed(curved), reversed(alphas)):
            q += np.multiply(s, alpha - dot(y, q) / sy, out=scratch)
        return np.negative(q, out=q)

    def _search(
        self,
        theta: Array,
        grad: Array,
        start: Array,
        d: Array,
        loss: float,
        slope: float,
        length: float,
        evaluate: Callable[[], float],
    ) -> bool:
        """Move theta along d to where loss and slope have come down enough, or at least the loss, and tell whether."""
        low, high = 0.0, math.inf
        rounding = float(np.finfo(theta.dtype).eps) * abs(loss)  # at the end of a descent the loss has no more digits
        for _ in range(self.evaluations):
            np.multiply(d, length, out=theta)
            theta += start
            if not evaluate() <= loss + self.c1 * length * slope + rounding:  # nor of NaN
                high = length
            elif dot(grad, d) < self.c2 * slope:
                low = length
            else:
                return True
            length = (low + high) / 2 if high < math.inf else 2 * length
        np.multiply(d, low, out=theta)
        theta += start
        if low:
            evaluate()
        return low > 0
