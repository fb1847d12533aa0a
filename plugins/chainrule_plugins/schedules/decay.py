"""The built-in schedules. All but one_cycle have a linear warm-up, and then their own way to go on."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from chainrule import Schedule, hookimpl


@dataclass
class WarmupSchedule(Schedule):
    """What the schedules here share: the factor first grows from nearly 0 to 1, linearly, over ``warmup`` steps.

    The first step, 0, already learns: its factor is 1 / warmup, and that of step warmup - 1 is 1. Whatever comes then
    counts from the first step after the warm-up, and starts at 1.

    Reference:
        Goyal et al. (2017), "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", section 2.2.
    """

    warmup: int = field(default=0, kw_only=True)

    check_examples = ({}, {"warmup": 5})

    def __post_init__(self) -> None:
        self.require("warmup", self.warmup >= 0, "at least 0")

    def __call__(self, step: int, total: int) -> float:
        if step < self.warmup:
            return (step + 1) / self.warmup
        return self.decay(step - self.warmup, total - self.warmup)

    def decay(self, t: int, total: int) -> float:
        """The factor ``t`` steps after the warm-up, of which ``total`` are planned; 1 at ``t = 0``."""
        raise NotImplementedError


@dataclass
class Constant(WarmupSchedule):
    r"""The learning rate stays as it is.

    Factor:
        $factor = (step + 1) / warmup$ while $step < warmup$
        $factor = 1$ then

    Args:
        warmup: steps of linear growth at the start, at least 0; default 0.

    Raises:
        FieldError: a field is out of range.

    Reference:
        Warm-up: Goyal et al. (2017), "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", section 2.2.

    Example:
        >>> import chainrule as cr
        >>> warm = cr.make("schedule", "constant", warmup=4)
        >>> [warm(step, 100) for step in (0, 1, 2, 3, 50)]
        [0.25, 0.5, 0.75, 1.0, 1.0]
    """

    def decay(self, t: int, total: int) -> float:
        return 1.0


@dataclass
class StepDecay(WarmupSchedule):
    r"""The learning rate goes down a stair every so many steps.

    Factor:
        $factor = (step + 1) / warmup$ while $step < warmup$
        $factor = stair^{\lfloor t / every \rfloor}$ then, with $t = step - warmup$ and stair the field factor

    Args:
        every: steps from one stair to the next, at least 1; default 1000.
        factor: of one stair, more than 0 and at most 1; default 0.1.
        warmup: steps of linear growth at the start, at least 0; default 0.

    Raises:
        FieldError: a field is out of range.

    Reference:
        He, Zhang, Ren, Sun (2016), "Deep Residual Learning for Image Recognition", CVPR, section 4.2.

    Example:
        >>> import chainrule as cr
        >>> stairs = cr.make("schedule", "step", every=10, factor=0.5)
        >>> [stairs(step, 100) for step in (0, 9, 10, 20)]
        [1.0, 1.0, 0.5, 0.25]
    """

    every: int = 1000
    factor: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("every", self.every >= 1, "at least 1")
        self.require("factor", 0 < self.factor <= 1, "more than 0 and at most 1")

    def decay(self, t: int, total: int) -> float:
        return self.factor ** (t // self.every)


@dataclass
class Exponential(WarmupSchedule):
    r"""The learning rate shrinks by the same ratio at every step: the stairs of step, made a slope.

    Factor:
        $factor = (step + 1) / warmup$ while $step < warmup$
        $factor = ratio^{t / every}$ then, with $t = step - warmup$ and ratio the field factor

    Args:
        every: the steps in which the rate shrinks by factor, at least 1; default 1000.
        factor: by which it shrinks in that time, more than 0 and at most 1; default 0.1.
        warmup: steps of linear growth at the start, at least 0; default 0.

    Raises:
        FieldError: a field is out of range.

    Reference:
        Senior, Heigold, Ranzato, Yang (2013), "An empirical study of learning rates in deep neural networks for speech
        recognition", ICASSP.

    Example:
        >>> import chainrule as cr
        >>> slope = cr.make("schedule", "exponential", every=10, factor=0.25)
        >>> [slope(step, 100) for step in (0, 5, 10)]
        [1.0, 0.5, 0.25]
    """

    every: int = 1000
    factor: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("every", self.every >= 1, "at least 1")
        self.require("factor", 0 < self.factor <= 1, "more than 0 and at most 1")

    def decay(self, t: int, total: int) -> float:
        return float(self.factor ** (t / self.every))


@dataclass
class InverseSqrt(WarmupSchedule):
    r"""The learning rate falls fast at first and ever more slowly then, whatever the length of the training.

    Factor:
        $factor = (step + 1) / warmup$ while $step < warmup$
        $factor = 1 / \sqrt{1 + t / scale}$ then, with $t = step - warmup$

    Args:
        scale: the steps in which the factor falls to $1 / \sqrt{2}$, at least 1; default 1. Where it equals warmup, the
            schedule is that of Vaswani et al., one step later.
        warmup: steps of linear growth at the start, at least 0; default 0.

    Raises:
        FieldError: a field is out of range.

    Reference:
        Kingma, Ba (2015), "Adam: A Method for Stochastic Optimization", ICLR, section 6.1 (with scale 1);
        Vaswani et al. (2017), "Attention Is All You Need", NIPS, equation 3.

    Example:
        >>> import chainrule as cr
        >>> slowing = cr.make("schedule", "inverse_sqrt")
        >>> [slowing(step, 100) for step in (0, 3, 99)]
        [1.0, 0.5, 0.1]
    """

    scale: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("scale", self.scale >= 1, "at least 1")

    def decay(self, t: int, total: int) -> float:
        return 1 / math.sqrt(1 + t / self.scale)


@dataclass
class Cosine(WarmupSchedule):
    r"""The learning rate glides down half a wave: slow at first, fast in the middle, and gentle at the end.

    Factor:
        $factor = (step + 1) / warmup$ while $step < warmup$
        $factor = floor + (1 - floor) (1 + \cos(\pi \, t / T)) / 2$ then, with $t = step - warmup$ and
        $T = total - warmup$; from $t = T$ on, $factor = floor$

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

    def decay(self, t: int, total: int) -> float:
        length = self.period
        if self.growth == 1:
            t %= length
        while t >= length:
            t -= length
            length *= self.growth
        return self.floor + (1 - self.floor) * (1 + math.cos(math.pi * t / length)) / 2


@dataclass
class OneCycle(Schedule):
    r"""Up to the highest rate that can be borne, down again, and to almost nothing at the end.

    The optimizer's lr is the highest rate: the one just before a range test diverges (callback lr_range_test).

    Factor:
        $p = step / total$ is how much of the training is done; the factor is linear between
        $factor = start$ at $p = 0$, $factor = 1$ at $p = cycle / 2$, $factor = start$ again at $p = cycle$, and
        $factor = end$ from $p = 1$ on

    Args:
        start: where the cycle begins and ends, at least 0 and at most 1; default 0.1.
        cycle: its share of the training, more than 0 and less than 1; default 0.9.
        end: where the training ends, at least 0 and at most 1; default 0.001.

    Raises:
        FieldError: a field is out of range.

    Reference:
        Smith (2018), "A disciplined approach to neural network hyper-parameters: Part 1 -- learning rate, batch size,
        momentum, and weight decay": the policy "1cycle", for the rate alone.

    Example:
        >>> import chainrule as cr
        >>> cycle = cr.make("schedule", "one_cycle", start=0.5, cycle=0.8, end=0.0)
        >>> [round(cycle(step, 100), 3) for step in (0, 20, 40, 60, 80, 90, 100)]
        [0.5, 0.75, 1.0, 0.75, 0.5, 0.25, 0.0]
    """

    start: float = 0.1
    cycle: float = 0.9
    end: float = 0.001

    def __post_init__(self) -> None:
        self.require("start", 0 <= self.start <= 1, "at least 0 and at most 1")
        self.require("cycle", 0 < self.cycle < 1, "more than 0 and less than 1")
        self.require("end", 0 <= self.end <= 1, "at least 0 and at most 1")

    def __call__(self, step: int, total: int) -> float:
        p = min(step / max(total, 1), 1.0)
        half = self.cycle / 2
        if p < self.cycle:
            return self.start + (1 - self.start) * (1 - abs(p - half) / half)
        return self.start + (self.end - self.start) * (p - self.cycle) / (1 - self.cycle)


@hookimpl
def register_components(registry: Any) -> None:
    for cls in (Constant, Exponential, InverseSqrt, Cosine, CosineRestarts, OneCycle):
        registry.add(cls)
    registry.add(StepDecay, name="step")
