from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from chainrule import Callback, Trainer


@dataclass
class ClipNorm(Callback):
    r"""Shortens a gradient that is too long, and keeps its direction: one steep place does not throw the weights away.

    Of all parameters together, penalty included: if $|grad| > limit$, then $grad = limit \cdot grad / |grad|$.

    Args:
        limit: the largest Euclidean length, above 0; default 1.0.

    Raises:
        FieldError: limit is out of range.

    Reference:
        Pascanu, Mikolov, Bengio (2013), "On the difficulty of training recurrent neural networks", ICML, algorithm 1.

    Example:
        >>> import chainrule as cr
        >>> network = cr.Network([{"name": "dense", "units": 1, "bias": False}], input_shape=(1,), loss="mse")
        >>> network.parameters["0.dense.W"].value = 0.0
        >>> clip_norm = cr.make("callback", "clip_norm", limit=0.5)
        >>> _ = cr.Trainer(network, {"name": "sgd", "lr": 1.0}).fit(([[1.0]], [100.0]), 1, callbacks=[clip_norm])
        >>> network.parameters["0.dense.W"].value
        array([[0.5]], dtype=float32)
    """

    limit: float = 1.0

    def __post_init__(self) -> None:
        self.require("limit", self.limit > 0, "above 0")

    def on_gradient(self, trainer: Trainer) -> None:
        grad = trainer.network.parameters.grad
        # Summed in float64: where gradients explode, their squares would overflow float32.
        norm = math.sqrt(np.einsum("i,i->", grad, grad, dtype=np.float64))
        if norm > self.limit:
            grad *= self.limit / norm
