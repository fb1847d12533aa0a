"""The schedule that goes by what is measured, not by the clock."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from chainrule import ConfigError, Goal, did_you_mean, goal_of
from chainrule_plugins.schedules._warmup import WarmupSchedule


@dataclass
class ReduceOnPlateau(WarmupSchedule):
    r"""The learning rate goes down a stair where a training no longer gets better, and not before.

    Factor:
        $factor = (step + 1) / warmup$ while $step < warmup$
        $factor = \max(floor, ratio^n)$ then, after n stairs: there is one where patience epochs in a row, of those that
        are counted, were not better than the best one before them by more than min_delta

    It looks at the end of each epoch, so a stair begins with the first step of an epoch. An epoch within the cooldown
    may be the best, but is not counted as a worse one. A value that is not a number is not better.

    Args:
        monitor: what is watched after each epoch, such as "validation/accuracy"; default "validation/loss".
        ratio: of the rate on one stair to that on the stair above, more than 0 and less than 1; default 0.1.
        patience: how many epochs in a row may bring no improvement, at least 1; default 5.
        cooldown: how many epochs after a stair are not counted, at least 0; default 0.
        min_delta: by how much a value must be better than the best to count as one, at least 0; default 0.
        floor: below which the factor does not go, at least 0 and at most 1; default 0.0.
        mode: "min" or "max" says which way is better; "auto" asks the metric, and takes "min" for all else. Default
            "auto".
        warmup: steps of linear growth at the start, at least 0; default 0.

    Raises:
        FieldError: a field is out of range.
        ConfigError: nothing of the monitor's name is measured in this training.

    Reference:
        Krizhevsky, Sutskever, Hinton (2012), "ImageNet Classification with Deep Convolutional Neural Networks", section
        5, where a person watched; He, Zhang, Ren, Sun (2016), "Deep Residual Learning for Image Recognition", CVPR,
        section 3.4.

    Example:
        >>> import chainrule as cr
        >>> stairs = cr.make("schedule", "reduce_on_plateau", ratio=0.5, patience=2)
        >>> for loss in (1.0, 0.8, 0.9, 0.8, 0.9, 0.7):
        ...     stairs.observe({"validation/loss": loss})
        ...     print(loss, stairs(step=0, total=100))
        1.0 1.0
        0.8 1.0
        0.9 1.0
        0.8 0.5
        0.9 0.5
        0.7 0.5
    """

    monitor: str = "validation/loss"
    ratio: float = 0.1
    patience: int = 5
    cooldown: int = 0
    min_delta: float = 0.0
    floor: float = 0.0
    mode: Literal["auto", "min", "max"] = "auto"

    check_examples = ({}, {"monitor": "validation/accuracy", "ratio": 0.5, "patience": 1, "cooldown": 2, "floor": 0.2})

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("ratio", 0 < self.ratio < 1, "more than 0 and less than 1")
        self.require("patience", self.patience >= 1, "at least 1")
        self.require("cooldown", self.cooldown >= 0, "at least 0")
        self.require("min_delta", 0 <= self.min_delta < math.inf, "at least 0 and finite")
        self.require("floor", 0 <= self.floor <= 1, "at least 0 and at most 1")
        self.values: list[float] = []  # of all epochs, for those who want to see why
        self.best: float | None = None
        self.waited = 0
        self.resting = 0  # how many more epochs are not counted
        self.stairs = 0

    def reference(self, step: int, total: int) -> float:
        if step < self.warmup:
            return (step + 1) / self.warmup
        maximize = self.mode == "max" or (self.mode == "auto" and goal_of(self.monitor) == "max")
        best, stairs, since = math.inf, 0, 0  # worse epochs are counted from the one after ``since`` on
        for epoch, value in enumerate(self.values, start=1):
            loss = -value if maximize else value
            if best - loss > self.min_delta:
                best, since = loss, max(since, epoch)
            elif epoch - since >= self.patience:
                stairs, since = stairs + 1, epoch + self.cooldown
        return max(self.floor, math.prod([self.ratio] * stairs))

    def observe(self, metrics: Mapping[str, float]) -> None:
        if self.monitor not in metrics:
            message = f'"{self.monitor}" is not measured in this training. {did_you_mean(self.monitor, metrics)}'
            raise ConfigError(message, key="reduce_on_plateau.monitor")
        value = float(metrics[self.monitor])
        self.values.append(value)
        goal = goal_of(self.monitor) if self.mode == "auto" else Goal(self.mode)
        better = goal.gain(value, goal.worst if self.best is None else self.best) > self.min_delta
        if better:
            self.best = value
        self.waited = 0 if better or self.resting else self.waited + 1
        self.resting = max(self.resting - 1, 0)
        if self.waited >= self.patience:
            self.stairs, self.waited, self.resting = self.stairs + 1, 0, self.cooldown

    def decay(self, t: int, total: int) -> float:
        return max(self.floor, self.ratio**self.stairs)
