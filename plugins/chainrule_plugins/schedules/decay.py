"""Schedules that go by the steps done alone, however long the training is to be."""

from __future__ import annotations

import math
from dataclasses import dataclass

from chainrule_plugins.schedules._warmup import WarmupSchedule


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

    def reference(self, step: int, total: int) -> float:
        return min((step + 1) / max(self.warmup, 1), 1.0)

    def decay(self, t: int, total: int) -> float:
        return 1.0


@dataclass
class StepDecay(WarmupSchedule):
    r"""The learning rate goes down a stair every so many steps.

    Factor:
        $factor = (step + 1) / warmup$ while $step < warmup$
        $factor = ratio^{\lfloor t / every \rfloor}$ then, with $t = step - warmup$

    Args:
        every: steps from one stair to the next, at least 1; default 1000.
        ratio: of the rate on one stair to that on the stair above, more than 0 and at most 1; default 0.1.
        warmup: steps of linear growth at the start, at least 0; default 0.

    Raises:
        FieldError: a field is out of range.

    Reference:
        He, Zhang, Ren, Sun (2016), "Deep Residual Learning for Image Recognition", CVPR, section 4.2.

    Example:
        >>> import chainrule as cr
        >>> stairs = cr.make("schedule", "step", every=10, ratio=0.5)
        >>> [stairs(step, 100) for step in (0, 9, 10, 20)]
        [1.0, 1.0, 0.5, 0.25]
    """

    every: int = 1000
    ratio: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("every", self.every >= 1, "at least 1")
        self.require("ratio", 0 < self.ratio <= 1, "more than 0 and at most 1")

    def reference(self, step: int, total: int) -> float:
        if step < self.warmup:
            return (step + 1) / self.warmup
        stairs = range(self.warmup + self.every, step + 1, self.every)  # the steps at which the factor went down
        return math.prod(self.ratio for _ in stairs)

    def decay(self, t: int, total: int) -> float:
        return self.ratio ** (t // self.every)


@dataclass
class Exponential(WarmupSchedule):
    r"""The learning rate shrinks by the same share at every step: the stairs of step, made a slope.

    Factor:
        $factor = (step + 1) / warmup$ while $step < warmup$
        $factor = ratio^{t / every}$ then, with $t = step - warmup$

    Args:
        every: the steps in which the rate shrinks by the ratio, at least 1; default 1000.
        ratio: of the rate after that many steps to that before them, more than 0 and at most 1; default 0.1.
        warmup: steps of linear growth at the start, at least 0; default 0.

    Raises:
        FieldError: a field is out of range.

    Reference:
        Senior, Heigold, Ranzato, Yang (2013), "An empirical study of learning rates in deep neural networks for speech
        recognition", ICASSP.

    Example:
        >>> import chainrule as cr
        >>> slope = cr.make("schedule", "exponential", every=10, ratio=0.25)
        >>> [slope(step, 100) for step in (0, 5, 10)]
        [1.0, 0.5, 0.25]
    """

    every: int = 1000
    ratio: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("every", self.every >= 1, "at least 1")
        self.require("ratio", 0 < self.ratio <= 1, "more than 0 and at most 1")

    def reference(self, step: int, total: int) -> float:
        if step < self.warmup:
            return (step + 1) / self.warmup
        return math.exp(math.log(self.ratio) * (step - self.warmup) / self.every)

    def decay(self, t: int, total: int) -> float:
        return float(self.ratio ** (t / self.every))


@dataclass
class InverseSqrt(WarmupSchedule):
    r"""The learning rate falls fast at first and ever more slowly then, whatever the length of the training.

    Factor:
        $factor = (step + 1) / warmup$ while $step < warmup$
        $factor = 1 / \sqrt{1 + t / scale}$ then, with $t = step - warmup$

    Args:
        scale: the steps in which the factor falls to $1 / \sqrt{2}$, at least 1; default 1. Where it equals warmup, the
            schedule is that of Vaswani et al.: step for step in the warm-up, and one step later after it, since the
            peak lasts two steps here.
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

    def reference(self, step: int, total: int) -> float:
        if step < self.warmup:
            return (step + 1) / self.warmup
        return math.sqrt(self.scale / (self.scale + step - self.warmup))

    def decay(self, t: int, total: int) -> float:
        return 1 / math.sqrt(1 + t / self.scale)
