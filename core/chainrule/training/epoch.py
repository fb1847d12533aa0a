"""The epoch that runs: what was gathered of it so far."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from chainrule.contract.arrays import Array, batches
from chainrule.contract.kinds import Metric
from chainrule.errors import ContractError
from chainrule.network.targets import Targets
from chainrule.registry.provenance import supplier
from chainrule.registry.registry import registry
from chainrule.words import quoted


class RunningEpoch:
    """Sums over the batches of one epoch. ``seen``: how many samples there were in them."""

    def __init__(self, metrics: Sequence[Metric] = ()) -> None:
        self.metrics = metrics
        self.seen = 0
        self.logged: dict[str, tuple[float, int]] = {}  # by name, the sum of what callbacks logged, and how often
        self._loss_sum = 0.0
        for metric in metrics:
            metric.reset()

    def add(self, loss: float, prediction: Array, target: Array) -> None:
        """Take in one batch: its mean loss, and what metrics are given."""
        self._loss_sum += loss * len(prediction)
        self.seen += len(prediction)
        for metric in self.metrics:
            metric.update(prediction, target)

    def names(self) -> list[str]:
        """The loss and each metric."""
        return ["loss", *map(registry().name_of, self.metrics)]

    def values(self) -> dict[str, float]:
        """The loss and each metric, by name: NaN before the first batch."""
        if not self.seen:
            return dict.fromkeys(self.names(), math.nan)
        return {"loss": self._loss_sum / self.seen, **{registry().name_of(m): _number(m) for m in self.metrics}}

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
            "seen": self.seen,
            "metrics": {registry().name_of(metric): metric.state() for metric in self.metrics},
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what ``state`` gave.

        Raises:
            ValueError: it did not give this; or whatever a metric says to what it did not save.
        """
        match state:
            case {"logged": dict() as logged, "loss_sum": float() as loss_sum, "seen": int() as seen}:
                self.logged, self._loss_sum, self.seen = dict(logged), loss_sum, seen
            case _:
                raise ValueError("running is none of an epoch")
        for metric in self.metrics:
            metric.load_state(state["metrics"][registry().name_of(metric)])


def batches_in(
    order: Array, batch_size: int, x: Array, targets: Targets, first: int
) -> Iterator[tuple[int, tuple[Array, Targets]]]:
    """The batches of an epoch with their positions, from the first one on; inputs are valid until the next one."""
    gathered = np.empty((min(batch_size, len(x)), *x.shape[1:]), x.dtype)
    for index, rows in islice(enumerate(batches(len(x), batch_size)), first, None):
        chosen = order[rows]
        # mode="clip" lets NumPy write straight into the kept array; the indices are in range.
        inputs = np.take(x, chosen, axis=0, out=gathered[: len(chosen)], mode="clip")
        yield index, (inputs, targets.rows(chosen))


def _number(metric: Metric) -> float:
    """What the metric gives, as a number."""
    value = metric.compute()
    try:
        return float(value)
    except (TypeError, ValueError):
        name = registry().name_of(metric)
        raise ContractError(f"the metric {name} ({supplier(metric)}) gave {quoted(value)}, not a number") from None
