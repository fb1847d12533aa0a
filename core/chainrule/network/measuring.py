"""What a network is measured by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from chainrule.contract.arrays import Array, Task, batches
from chainrule.contract.kinds import Metric
from chainrule.errors import ConfigError, within
from chainrule.network.targets import Targets
from chainrule.network.weighing import name_of, tell, weighable
from chainrule.registry.making import own
from chainrule.registry.registry import registry


def metrics_for(task: Task | None, given: Sequence[Any] | None) -> list[Metric]:
    """Private instances of the metrics that were given, or of all that are picked by default for the task.

    Raises:
        ConfigError: one of them is for other tasks.
    """
    suited = {e.name: e.cls.default for e in registry() if issubclass(e.cls, Metric) and task in e.cls.tasks}
    picked = [name for name, default in suited.items() if default]
    with within("metrics"):
        made: list[Metric] = [own("metric", metric) for metric in (picked if given is None else given)]
        for metric in made:
            if task not in metric.tasks:
                raise ConfigError(
                    f"{registry().name_of(metric)} is for {' or '.join(metric.tasks)}, and the targets are {task}: "
                    f"take {', '.join(suited)}"
                )
    return made


class Measured(Protocol):
    """A network, as far as it is measured."""

    @property
    def prediction(self) -> Array: ...
    def loss_of(self, x: Array, targets: Targets, training: bool) -> float: ...


def measured(
    network: Measured, x: Array, targets: Targets, metrics: Sequence[Metric], batch_size: int = 256
) -> dict[str, Any]:
    """The loss and each metric over all of what ``Network.pair`` gave, by name, without training."""
    total, weight = 0.0, 0.0
    metrics = weighable(metrics, targets)
    for metric in metrics:
        metric.reset()
    for rows in batches(len(x), batch_size):
        batch = targets.rows(rows)
        count = batch.weighs
        total += network.loss_of(x[rows], batch, training=False) * count
        weight += count
        for metric in metrics:
            tell(metric, network.prediction, batch)
    named = {name_of(metric): metric.compute() for metric in metrics}
    return {"loss": total / weight, **named}
