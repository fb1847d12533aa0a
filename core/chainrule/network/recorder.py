"""What the layers of a network are given and give, kept as they work."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from chainrule.contract.kinds import Activation, Layer
from chainrule.contract.named import each
from chainrule.network.stack import Stack, Step
from chainrule.network.step_trace import Operation


class Recorder:
    """Has the layers of a network, and those within them, keep what they are given and give."""

    def __init__(self, stack: Stack) -> None:
        self._order: list[tuple[Step, str | None]] = []
        self._kept: dict[str, dict[str, Any]] = {}
        self._stacks: list[Stack] = []
        self._layers: list[Any] = []
        self._record(stack, None)

    def _record(self, stack: Stack, inside: str | None) -> None:
        self._stacks.append(stack)
        for step in stack.steps:
            for within_it in _stacks_of(step.layer):
                self._record(within_it, step.name)
            self._order.append((step, inside))
            self._listen(step)
        stack.link()

    def _listen(self, step: Step) -> None:
        kept = self._kept[step.name] = {}
        self._layers.append(step.layer)
        for method, names in (("forward", ("x", "y")), ("backward", ("dy", "dx"))):
            vars(step.layer)[method] = _recording(getattr(step.layer, method), kept, names)

    def stop(self) -> None:
        """Let the layers go on as they were."""
        for layer in self._layers:
            for method in ("forward", "backward"):
                vars(layer).pop(method, None)
        for stack in self._stacks:
            stack.link()

    def operations(self, prediction: Any, d_prediction: Any) -> list[Operation]:
        """What was recorded; of the step that the loss takes over, what the loss gave."""
        found: list[Operation] = []
        for step, inside in self._order:
            kept = self._kept[step.name]
            if step.fused:
                kept = {"x": found[-1].y if found else None, "y": prediction, "dx": d_prediction}
            names = tuple(parameter.name for parameter in step.parameters)
            numbers = {name: kept.get(name) for name in ("x", "y", "dy", "dx")}
            found.append(Operation(step.name, step.layer, inside, parameters=names, fused=step.fused, **numbers))
        return found


def _recording(method: Callable[..., Any], kept: dict[str, Any], names: tuple[str, str]) -> Callable[..., Any]:
    given, gave = names

    @functools.wraps(method)
    def recording(value: Any, *more: Any, **named: Any) -> Any:
        kept[given] = each(np.copy, value)
        result = method(value, *more, **named)
        kept[gave] = each(np.copy, result)
        return result

    return recording


def _stacks_of(layer: Layer | Activation) -> Iterator[Stack]:
    """Those that a layer holds: layers within it."""
    for value in vars(layer).values():
        held = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else [value]
        yield from (one for one in held if isinstance(one, Stack))
