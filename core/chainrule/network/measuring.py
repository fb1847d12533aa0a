"""What a network is measured by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from chainrule.contract.arrays import batches
from chainrule.contract.kinds import Metric
from chainrule.contract.named import one_of, rows_of
from chainrule.errors import ConfigError, within
from chainrule.network.targets import Targets
from chainrule.network.weighing import OfOutput, name_of, tell, weighable
from chainrule.registry.making import fresh, own
from chainrule.registry.registry import registry


def metrics_for(task: Any, given: Sequence[Any] | None) -> list[Metric]:
    """Private instances of the metrics that were given, or of all that are picked by default for the task: of none
    where that is None. Of several outputs, each with a task, each has those that suit it.

    Raises:
        ConfigError: one of them is for other tasks.
    """
    tasks = list(task.values()) if isinstance(task, Mapping) else [task]
    suited = {e.name: e.cls.default for e in registry() if issubclass(e.cls, Metric) and {*tasks} & {*e.cls.tasks}}
    picked = [name for name, default in suited.items() if default]
    with within("metrics"):
        made: list[Metric] = [own("metric", metric) for metric in (picked if given is None else given)]
        for metric in made:
            if not {*tasks} & {*metric.tasks}:
                looks = " and ".join(dict.fromkeys(map(str, tasks)))
                raise ConfigError(
                    f"{registry().name_of(metric)} is for {' or '.join(metric.tasks)}, and the targets are {looks}: "
                    f"take {', '.join(suited)}"
                )
    if not isinstance(task, Mapping):
        return made
    return [OfOutput(name, fresh(metric)) for name, one in task.items() for metric in made if one in metric.tasks]


def inner(metric: Metric) -> Metric:
    """The component itself, of one that is of one output of several."""
    return metric.metric if isinstance(metric, OfOutput) else metric


def renewed(metric: Metric) -> Metric:
    """A new instance of the same."""
    return OfOutput(metric.output, fresh(metric.metric)) if isinstance(metric, OfOutput) else fresh(metric)


class Measured(Protocol):
    """A network, as far as it is measured."""

    @property
    def prediction(self) -> Any: ...
    def compute_loss(self, x: Any, targets: Targets, training: bool) -> float: ...


def in_batches(x: Any, targets: Targets, batch_size: int = 256) -> Iterator[tuple[Any, Targets]]:
    """What ``Network.pair`` gave, batch by batch."""
    for rows in batches(len(one_of(x)), batch_size):
        yield rows_of(x, rows), targets.rows(rows)


def measured(
    network: Measured, given: Iterable[tuple[Any, Targets]], like: Targets, metrics: Sequence[Metric]
) -> dict[str, Any]:
    """The loss and each metric over all batches, by name, without training; ``like``: targets that have weights where
    theirs have any."""
    total, weight = 0.0, 0.0
    metrics = weighable(metrics, like)
    for metric in metrics:
        metric.reset()
    for x, targets in given:
        count = targets.weighs
        total += network.compute_loss(x, targets, training=False) * count
        weight += count
        tell(metrics, network.prediction, targets)
    named = {name_of(metric): metric.compute() for metric in metrics}
    return {"loss": total / weight, **named}
