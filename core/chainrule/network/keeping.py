"""How a network is kept: snapshots, copies, files, and where its random numbers stand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from chainrule.contract.arguments import require_path
from chainrule.contract.kinds import Component, Loss
from chainrule.contract.named import each
from chainrule.contract.parameters import Buffer, Parameters, Snapshot
from chainrule.contract.target_scale import TargetScale
from chainrule.errors import ConfigError
from chainrule.network.files import write
from chainrule.network.stack import Stack
from chainrule.network.streams import Streams
from chainrule.registry.making import fresh, spec_of
from chainrule.registry.provenance import provenance, require_registered


class Kept:
    """The part of a network that is copied, saved and taken back."""

    input_shape: Any
    seed: int
    dtype: np.dtype[Any]
    task: Any
    target_scale: TargetScale | None
    loss: Loss
    parameters: Parameters
    buffers: Sequence[Buffer]
    components: Sequence[Component]
    _stack: Stack
    _streams: Streams

    def snapshot(self) -> Snapshot:
        """A copy of all parameters and buffers, for ``restore``."""
        return Snapshot(self.parameters.theta.copy(), [buffer.value.copy() for buffer in self.buffers])

    def restore(self, snapshot: Snapshot) -> None:
        """Take back what ``snapshot`` kept."""
        self.parameters.theta[...] = snapshot.theta
        for buffer, value in zip(self.buffers, snapshot.buffers):
            buffer.value = value

    def architecture(self) -> dict[str, Any]:
        """All that ``Network`` needs to build it again, as plain values."""
        layers, loss = [spec_of(layer) for layer in self._stack.given], spec_of(self.loss)
        return {**self._parts(), "layers": layers, "loss": loss, "input_shape": each(list, self.input_shape)}

    def copy(self, dtype: str | None = None) -> Self:
        """A network of its own with the same values, of which the same are trainable, if need be in another dtype."""
        twin = type(self)(**{**self._parts(), "dtype": self.dtype.name if dtype is None else dtype})
        twin.restore(self.snapshot())
        for its, own in zip(twin.parameters, self.parameters):
            its.trainable = own.trainable
        return twin

    def _parts(self) -> dict[str, Any]:
        """All that ``Network`` needs to build it again, as components."""
        plain = {"input_shape": self.input_shape, "seed": self.seed, "dtype": self.dtype.name, "task": self.task}
        parts = {"layers": [fresh(layer) for layer in self._stack.given], "loss": fresh(self.loss), **plain}
        return {**parts, "target_scale": self.target_scale}

    def __reduce__(self) -> Any:
        # Pickled and deep-copied as what it is built from: views of one array would come back as arrays of their own.
        trainable = [parameter.trainable for parameter in self.parameters]
        return _restored, (type(self), self._parts(), self.snapshot(), self.random_state(), trainable)

    def save(self, path: str | Path) -> None:
        """Write parameters and buffers to a safetensors file, with the architecture as JSON in its metadata.

        The file takes its place only once it is whole.

        Raises:
            ConfigError: a component is not registered, so that no file can name it; or there is no such folder.
        """
        path = require_path("path", path)
        if not path.parent.is_dir():
            raise ConfigError(f"there is no folder {path.parent}", key="path")
        require_registered(self.components)
        tensors = {item.name: np.ascontiguousarray(item.value) for item in [*self.parameters, *self.buffers]}
        metadata = {"architecture": json.dumps(self.architecture()), "components": json.dumps(self.provenance())}
        write(path, tensors, metadata)

    def provenance(self) -> dict[str, str]:
        """Which distribution supplied each component: ``{"layer.dense": "chainrule 0.1.0"}``."""
        return provenance(self.components)

    def random_state(self) -> dict[str, Any]:
        """The state of each layer's stream of random numbers."""
        return self._streams.state()

    def set_random_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what ``random_state`` gave."""
        self._streams.set_state(state)


def _restored(
    cls: Any, parts: dict[str, Any], snapshot: Snapshot, random_state: dict[str, Any], trainable: Sequence[bool]
) -> Any:
    network = cls(**parts)
    for parameter, moves in zip(network.parameters, trainable):
        parameter.trainable = moves
    network.restore(snapshot)
    network.set_random_state(random_state)
    return network
