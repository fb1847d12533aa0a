"""The same training in each library, for ``speed.py`` to time.

Each does the least that its users do for a step: it gathers a shuffled batch, and goes forward, backward and updates.
Chainrule alone also measures its metrics and runs its usual callbacks, as it always does. All but scikit-learn, which
sets its own, start from the same weights. What is called "products" is a library's matrix products alone (of images,
its convolutions), as ``floor.py`` has NumPy's: where they are faster than those, a library has that much less to do.
"By hand" is what chainrule computes in a step, compiled, without chainrule around it.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

import chainrule as cr

EPOCHS = 10  # in a round: as many as in a short training, since to start one costs something, too


@dataclass(frozen=True)
class Work:
    """What is trained: a network, data, how.

    Args:
        layers: ``conv2d``, ``max_pool2d``, ``flatten`` and ``dense``, as chainrule takes them; flat data ends in dense.
        x: ``(n, *input_shape)``, float32; ``y``: integer classes ``(n,)``.
        optimizer: ``"sgd"`` or ``"adam"``.
    """

    name: str
    layers: list[dict[str, Any]]
    loss: str
    x: cr.Array
    y: cr.Array
    batch_size: int
    optimizer: str
    lr: float

    @property
    def steps(self) -> int:
        """In a round."""
        return EPOCHS * len(self.x) // self.batch_size

    def of_steps(self, steps: int) -> Work:
        """The same with as many samples as ``steps`` in a round take, at least one batch, repeated if need be."""
        rows = np.arange(max(steps // EPOCHS, 1) * self.batch_size) % len(self.x)
        return replace(self, x=self.x[rows], y=self.y[rows])

    def network(self) -> cr.Network:
        return cr.Network(self.layers, self.x.shape[1:], self.loss, seed=0)

    @property
    def kinds(self) -> set[str]:
        """Of its layers."""
        return {layer["name"] for layer in self.layers}


class Peer(Protocol):
    """One library at one work."""

    def train(self, epochs: int = EPOCHS) -> None:
        """A round, and not back before all is computed."""

    def loss(self) -> float:
        """The mean over all samples, as trained so far; of products alone, which train nothing, none: NaN."""


MODULES = {
    "chainrule": ("peers.with_chainrule", "chainrule"),
    "chainrule compiled": ("peers.with_chainrule", "numba"),
    "PyTorch": ("peers.with_torch", "torch"),
    "PyTorch compiled": ("peers.with_torch", "torch"),
    "JAX": ("peers.with_jax", "jax"),
    "scikit-learn": ("peers.with_sklearn", "sklearn"),
    "by hand": ("peers.by_hand", "numba"),
    "PyTorch products": ("peers.with_torch", "torch"),
    "JAX products": ("peers.with_jax", "jax"),
}
"""Name: our module with it, and the package that it takes."""


def missing() -> list[str]:
    """The libraries that are not installed."""
    return [name for name, (_, package) in MODULES.items() if importlib.util.find_spec(package) is None]


def peer(name: str, work: Work) -> Peer | None:
    """The library of that name at that work; None where it is not installed or cannot do it."""
    if name in missing():
        return None
    make: Callable[[Work], Peer | None] = importlib.import_module(MODULES[name][0]).PEERS[name]
    return make(work)
