"""What references of layers share, and their other code does not use: zeros around images, and layers within layers."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule import Activation, Array, Stack


def with_zeros(x: Array, axis: int, reach: int, stride: int, padding: str) -> Array:
    """``x`` with the zeros that "same" or "causal" puts around an axis, for a window that reaches over so many."""
    length, before, after = x.shape[axis], 0, 0
    if padding == "causal":
        before = reach - 1
    if padding == "same":
        total = max((int(np.ceil(length / stride)) - 1) * stride + reach - length, 0)
        before, after = total // 2, total - total // 2
    return np.pad(x, [(before, after) if i == axis else (0, 0) for i in range(x.ndim)])


def before_step(
    t: int, states: Sequence[Array], counts: Array, truncate: int | None, given: dict[Any, Any] | None
) -> Sequence[Array]:
    """The states of a recurrent layer before step t, of which its gradient takes those as given from which no gradient
    flows back: before each piece of ``truncate`` steps that count, from the last one on."""
    if truncate is None or given is None:
        return states
    begins = [[counts[n, t] and counts[n, t:].sum() % truncate == 0] for n in range(len(counts))]
    return [np.where(begins, given.setdefault((t, k), state), state) for k, state in enumerate(states)]


def reference_of(
    stack: Stack, field: str, x: Array, training: bool, mask: Array | None
) -> tuple[Array, dict[str, Array]]:
    """What the references of a stack's layers give, one after another, and their buffers, named as those of the layer
    whose ``field`` they are in."""
    buffers = {}
    for step in stack.steps:
        layer: Any = step.layer
        reference = layer.reference
        more = {"mask": mask} if "mask" in inspect.signature(reference).parameters else {}
        given = reference(x) if isinstance(step.layer, Activation) else reference(x, training, **more)
        x, own = given if isinstance(given, tuple) else (given, {})
        place = ".".join(step.name.split(".")[-2:])  # "0.batch_norm"
        buffers.update({f"{field}.{place}.{name}": value for name, value in own.items()})
    return x, buffers
