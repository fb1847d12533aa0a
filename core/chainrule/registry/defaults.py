"""What is picked where nothing is named: by what components say of themselves, whoever wrote them."""

from __future__ import annotations

from typing import Any

from chainrule.contract.kinds import Callback, Loss, Model, Optimizer
from chainrule.errors import ConfigError
from chainrule.registry.registry import registry


def usual(kind: type[Model] | type[Optimizer]) -> str:
    """The name of the model or optimizer that is picked where none is named.

    Raises:
        ConfigError: none that is installed says so of itself.
    """
    for entry in registry():
        if issubclass(entry.cls, kind) and vars(entry.cls).get("default"):  # not of a class that inherits from it
            return entry.name
    raise ConfigError(f"no installed {kind.kind} is picked by itself: name one", key=kind.kind)


def usual_loss(task: Any) -> Loss:
    """The loss that is meant for a task.

    Raises:
        ConfigError: there is none; for several tasks, by name, never.
    """
    for entry in registry():
        if issubclass(entry.cls, Loss) and isinstance(task, str) and task in entry.cls.default_for:
            return entry.cls()
    tasks = f"a {task} task" if isinstance(task, str) else "several tasks"
    raise ConfigError(f"no installed loss is meant for {tasks}; name one with loss=...")


def usual_stopping() -> str | None:
    """The name of what ends a training that no longer improves: an installed callback that is meant for it."""
    for entry in registry():
        if issubclass(entry.cls, Callback) and entry.cls.ends_open_training:
            return entry.name
    return None
