"""Small networks around each built-in layer and activation, for tests that take all of them somewhere else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.testing.subject import Examined


def around(kind: str) -> Iterator[tuple[str, cr.Network, Any]]:
    """For each built-in component of this kind, each of its examples and each input that it is checked with: what it is
    called, a network of it alone, with parameters and buffers that are not those of the start, and a batch."""
    for entry in cr.registry():
        if entry.kind != kind or entry.distribution != "chainrule":
            continue
        for i, subject in enumerate(Examined(entry).subjects()):
            for shape in subject.make().check_input_shapes or ((4,),):
                with_shape = f"{entry.kind}.{entry.name}-{i}-{shape}"
                yield with_shape, *network_and_batch([subject.make()], shape)


def endings_of(losses: set[str]) -> Iterator[tuple[str, dict[str, Any], str, int, int, str]]:
    """For each of these losses, its examples and each task that it is for: its name, what it is made of, the task,
    the columns of the targets, and how a network must end, units and activation."""
    for name in sorted(losses):
        for fields in cr.registry().get("loss", name).cls.check_examples or ({},):
            columns = len(fields["quantile"]) if isinstance(fields.get("quantile"), list) else 3
            for task in ("binary", "multiclass", "regression"):
                loss = {"name": name, **fields}
                try:
                    units, activation = cr.make("loss", loss).output(task, columns)
                except cr.ConfigError:
                    continue
                yield name, loss, task, columns, units, activation


def network_and_batch(layers: list[Any], shape: Any, seed: int = 0, dtype: str = "float32") -> tuple[cr.Network, Any]:
    network = cr.Network(layers, shape, loss_for(layers, shape), seed=seed, dtype=dtype)
    rng = np.random.default_rng(seed)
    for parameter in network.parameters:
        parameter.value = parameter.value + 0.3 * rng.standard_normal(parameter.shape)
    for buffer in network.buffers:
        buffer.value = buffer.value + rng.uniform(0.1, 1, buffer.value.shape)
    taken: Any = network.layers[0]
    dtypes, ranges = getattr(taken, "input_dtype", None), getattr(taken, "input_range", None)

    def batch_of(shape: Any, dtype: Any, numbers: Any) -> Any:
        return rng.integers(0, len(numbers or range(3)), (3, *shape)) if dtype else rng.standard_normal((3, *shape))

    if isinstance(shape, Mapping):
        dtypes, ranges = dtypes or {}, ranges or {}
        return network, {name: batch_of(one, dtypes.get(name), ranges.get(name)) for name, one in shape.items()}
    return network, batch_of(shape, dtypes, ranges)


def loss_for(layers: list[Any], shape: Any) -> Any:
    """Any that the output takes."""
    names = getattr(layers[-1], "heads", None)
    return {"name": "by_output", "losses": dict.fromkeys(names, "mse")} if isinstance(names, Mapping) else "mse"
