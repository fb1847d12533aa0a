"""The schedule that goes up before it goes down."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule import Schedule


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

    def reference(self, step: int, total: int) -> float:
        corners, factors = [0, self.cycle / 2, self.cycle, 1], [self.start, 1, self.start, self.end]
        return float(np.interp(step / max(total, 1), corners, factors))

    def __call__(self, step: int, total: int) -> float:
        p = min(step / max(total, 1), 1.0)
        half = self.cycle / 2
        if p < self.cycle:
            return self.start + (1 - self.start) * (1 - abs(p - half) / half)
        return self.start + (self.end - self.start) * (p - self.cycle) / (1 - self.cycle)
