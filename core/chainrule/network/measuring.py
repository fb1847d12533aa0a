"""What a network is measured by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chainrule.contract.arrays import Task
from chainrule.contract.kinds import Metric
from chainrule.errors import ConfigError, within
from chainrule.registry.making import own
from chainrule.registry.registry import registry


def metrics_for(task: Task | None, given: Sequence[Any] | None) -> list[Metric]:
    """Private instances of the metrics that were given, or of all that are meant for the task.

    Raises:
        ConfigError: one of them is for other tasks.
    """
    suited = [e.name for e in registry() if issubclass(e.cls, Metric) and task in e.cls.tasks]
    with within("metrics"):
        made: list[Metric] = [own("metric", metric) for metric in (suited if given is None else given)]
        for metric in made:
            if task not in metric.tasks:
                raise ConfigError(
                    f"{registry().name_of(metric)} is for {' or '.join(metric.tasks)}, and the targets are {task}: "
                    f"take {', '.join(suited)}"
                )
    return made
