"""Each layer's own stream of random numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.contract.arrays import stream


class Streams:
    """The streams of one network, each made when its layer first draws."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._generators: dict[str, np.random.Generator] = {}

    def of(self, layer: str) -> np.random.Generator:
        """That of the layer of this name."""
        if layer not in self._generators:
            self._generators[layer] = stream(self._seed, f"layer {layer}")
        return self._generators[layer]

    def state(self) -> dict[str, Any]:
        """Where each stands, by layer."""
        return {layer: generator.bit_generator.state for layer, generator in self._generators.items()}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what ``state`` gave; a layer that had not drawn by then begins anew."""
        self._generators = {layer: rng for layer, rng in self._generators.items() if layer in state}
        for layer, value in state.items():
            self.of(layer).bit_generator.state = value
