"""Schedules that go down half a wave, once or again and again."""

from __future__ import annotations

import math
from dataclasses import dataclass

from chainrule_plugins.schedules._warmup import WarmupSchedule


@dataclass
class Cosine(WarmupSchedule):
    r"""The learning rate glides down half a wave: slow at first, fast in the middle, and gentle at the end.

    Factor:
        $factor = (step + 1) / warmup$ while $step < warmup$
        $factor = floor + (1 - floor) (1 + \cos(\pi \, t / T)) / 2$ then, with $t = step - warmup$ and
        $T = \max(total - warmup, 1)$; from $t = T$ on, $factor = floor$

    Args:
        floor: where it ends, at least 0 and at most 1; default 0.0.
        warmup: steps of linear growth at the start, at least 0; default 0.

    Raises:
        FieldError: a field is out of range.

    Reference:
        Loshchilov, Hutter (2017), "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR, equation 5, without
        restarts.

    Example:
        >>> import chainrule as cr
        >>> wave = cr.make("schedule", "cosine")
        >>> [wave(step, 100) for step in (0, 50, 100, 200)]
        [1.0, 0.5, 0.0, 0.0]
    """

    floor: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("floor", 0 <= self.floor <= 1, "at least 0 and at most 1")

    def reference(self, step: int, total: int) -> float:
        if step < self.warmup:
            return (step + 1) / self.warmup
        t, T = step - self.warmup, max(total - self.warmup, 1)
        if t >= T:
            return self.floor
        return self.floor + (1 - self.floor) * math.cos(math.pi / 2 * t / T) ** 2  # (1 + cos 2a) / 2 is cos^2 a

    def decay(self, t: int, total: int) -> float:
        progress = min(t / max(total, 1), 1.0)  # a training that ends within the warm-up leaves a total of 0 or less
        return self.floor + (1 - self.floor) * (1 + math.cos(math.pi * progress)) / 2


@dataclass
class CosineRestarts(WarmupSchedule):
    r"""Half a wave down, back to the top at once, and down again more slowly: each dive may find a better place.

    Factor:
        $factor = (step + 1) / warmup$ while $step < warmup$
        $factor = floor + (1 - floor) (1 + \cos(\pi \, T_{cur} / T_i)) / 2$ then: $T_{cur}$ counts the steps since the
        last restart, and the next one comes $T_i = period \cdot growth^i$ steps after it, with $i = 0, 1, 2, ...$

    Args:
        period: the steps until the first restart, at least 1; default 1000.
        growth: by which each dive is longer than the one before, a whole number, at least 1; default 2. With 2, a
            training ends at the bottom of a dive if it has 1, 3, 7, 15, ... times period steps after the warm-up.
        floor: where each dive ends, at least 0 and at most 1; default 0.0.
        warmup: steps of linear growth at the start, at least 0; default 0.

    Raises:
        FieldError: a field is out of range.

    Reference:
        Loshchilov, Hutter (2017), "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR, equation 5.

    Example:
        >>> import chainrule as cr
        >>> dives = cr.make("schedule", "cosine_restarts", period=10, growth=2)
        >>> [dives(step, 100) for step in (0, 5, 10, 20, 30)]
        [1.0, 0.5, 1.0, 0.5, 1.0]
    """

    period: int = 1000
    growth: int = 2
    floor: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("period", self.period >= 1, "at least 1")
        self.require("growth", self.growth >= 1, "at least 1")
        self.require("floor", 0 <= self.floor <= 1, "at least 0 and at most 1")

    def reference(self, step: int, total: int) -> float:
        if step < self.warmup:
            return (step + 1) / self.warmup
        restarts = [self.warmup]
        while restarts[-1] <= step:
            restarts.append(restarts[-1] + self.period * self.growth ** (len(restarts) - 1))
        T_cur, T_i = step - restarts[-2], restarts[-1] - restarts[-2]
        return self.floor + (1 - self.floor) * (1 + math.cos(math.pi * T_cur / T_i)) / 2

    def decay(self, t: int, total: int) -> float:
        length = self.period
        if self.growth == 1:
            t %= length
        while t >= length:
            t -= length
            length *= self.growth
        return self.floor + (1 - self.floor) * (1 + math.cos(math.pi * t / length)) / 2
