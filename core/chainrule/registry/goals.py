"""Which way a metric is better, and by which one a run is judged: the one place that knows, and that compares by it."""

from __future__ import annotations

import math
from collections.abc import Callable, Container
from enum import StrEnum
from typing import Any

from chainrule.contract.arguments import require_text
from chainrule.contract.kinds import Metric
from chainrule.registry.registry import registry

OBJECTIVE = "validation/loss"
"""By which runs are judged that name no other metric."""


class Goal(StrEnum):
    """``"min"``, where a lower value is better, or ``"max"``.

    >>> Goal.MAX.better(0.9, 0.8), Goal.MIN.better(0.9, 0.8)
    (True, False)
    """

    MIN = "min"
    MAX = "max"

    def better(self, a: float, b: float) -> bool:
        """Whether ``a`` is better than ``b``; nothing is better than its equal, nor anything than NaN."""
        return self.gain(a, b) > 0

    def gain(self, a: float, b: float) -> float:
        """By how much ``a`` is better than ``b``; less than 0 where it is worse."""
        return a - b if self is Goal.MAX else b - a

    @property
    def best(self) -> Callable[..., Any]:
        """``min`` or ``max``, the function."""
        return max if self is Goal.MAX else min

    @property
    def worst(self) -> float:
        """The value that every other one is better than."""
        return -math.inf if self is Goal.MAX else math.inf

    @property
    def word(self) -> str:
        """What values are that are better."""
        return "higher" if self is Goal.MAX else "lower"


def goal_of(name: str) -> Goal:
    """Which way the metric of that name (``validation/accuracy``) is better; of what is no metric, as a loss, down."""
    short = require_text("name", name, "the name of a metric").rpartition("/")[2]
    if short in registry().names("metric"):
        cls = registry().get("metric", short).cls
        assert issubclass(cls, Metric)
        return Goal(cls.goal)
    return Goal.MIN


def judging(objective: str, measured: Container[str]) -> str:
    """The metric by which a run is judged: the objective, or the same one of training where it was not measured.

    Data without validation samples is never judged by its test samples in their place: who chooses by them has none
    left to say how good the choice is.

    >>> judging("best/validation/loss", {"train/loss", "test/loss"})
    'train/loss'
    """
    return objective if objective in measured else f"train/{objective.rpartition('/')[2]}"
