"""The epoch that runs: what was gathered of it so far."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from chainrule.contract.kinds import Metric
from chainrule.contract.named import one_of
from chainrule.errors import ContractError
from chainrule.network.targets import Targets
from chainrule.network.weighing import name_of, tell
from chainrule.registry.provenance import supplier
from chainrule.words import quoted


class RunningEpoch:
    """Sums over the batches of one epoch. ``metrics``: by name; ``seen``: how many samples there were."""

    def __init__(self, metrics: Mapping[str, Metric] | None = None) -> None:
        self.metrics = metrics or {}
        self.seen = 0
        self.logged: dict[str, tuple[float, int]] = {}  # by name, the sum of what callbacks logged, and how often
        self._loss_sum = self._weight = 0.0
        for metric in self.metrics.values():
            metric.reset()

    def add(self, loss: float, prediction: Any, targets: Targets) -> None:
        """Take in one batch: its mean loss, and what metrics are given."""
        rows = len(one_of(prediction))
        weight = rows if targets.weight is None else targets.weighs
        self._loss_sum += loss * weight
        self._weight += weight
        self.seen += rows
        tell(self.metrics.values(), prediction, targets)

    def names(self) -> list[str]:
        """The loss and each metric."""
        return ["loss", *self.metrics]

    def values(self) -> dict[str, float]:
        """The loss and each metric, by name: NaN before the first batch of which anything counts."""
        if not self._weight:
            return dict.fromkeys(self.names(), math.nan)
        of_metrics = {name: _number(metric) for name, metric in self.metrics.items()}
        return {"loss": self._loss_sum / self._weight, **of_metrics}

    def log(self, name: str, value: float) -> None:
        """Take in a value that a callback logs."""
        total, times = self.logged.get(name, (0.0, 0))
        self.logged[name] = (total + value, times + 1)

    def logged_means(self) -> dict[str, float]:
        """The mean of each."""
        return {name: total / times for name, (total, times) in self.logged.items()}

    def state(self) -> dict[str, Any]:
        """All of it, for ``load_state``."""
        return {
            "logged": dict(self.logged),
            "loss_sum": self._loss_sum,
            "weight": self._weight,
            "seen": self.seen,
            "metrics": {name: metric.state() for name, metric in self.metrics.items()},
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what ``state`` gave.

        Raises:
            ValueError: it did not give this; or whatever a metric says to what it did not save.
        """
        match state:
            case {
                "logged": dict() as logged,
                "loss_sum": float() as loss_sum,
                "weight": float() as weight,
                "seen": int() as seen,
            } if all(isinstance(value, tuple) and [*map(type, value)] == [float, int] for value in logged.values()):
                self.logged, self._loss_sum, self._weight, self.seen = dict(logged), loss_sum, weight, seen
            case _:
                raise ValueError("running is none of an epoch")
        for name, metric in self.metrics.items():
            metric.load_state(state["metrics"][name])


def _number(metric: Metric) -> float:
    """What the metric gives, as a number."""
    value = metric.compute()
    try:
        return float(value)
    except (TypeError, ValueError):
        name = name_of(metric)
        raise ContractError(f"the metric {name} ({supplier(metric)}) gave {quoted(value)}, not a number") from None
