"""What all built-in schedules but one_cycle have: a linear warm-up, and then their own way to go on."""

from __future__ import annotations

from dataclasses import dataclass, field

from chainrule import Schedule


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
