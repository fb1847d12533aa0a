from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule import Callback, Trainer


@dataclass
class ClipValue(Callback):
    r"""Cuts off each number of the gradient that is too large: simple, but the direction changes with it.

    Of each parameter by itself, penalty included: $grad = \max(-limit, \min(grad, limit))$.

    Args:
        limit: the largest size of a number, above 0; default 1.0.

    Raises:
        FieldError: limit is out of range.

    Reference:
        Mikolov (2012), "Statistical Language Models Based on Neural Networks", PhD thesis; compared with clip_norm in
        Pascanu, Mikolov, Bengio (2013), "On the difficulty of training recurrent neural networks", ICML.

    Example:
        >>> import chainrule as cr
        >>> network = cr.Network([{"name": "dense", "units": 1}], input_shape=(1,), loss="mse")
        >>> network.parameters.theta[:] = 0
        >>> clip_value = cr.make("callback", "clip_value", limit=0.5)
        >>> _ = cr.Trainer(network, {"name": "sgd", "lr": 1.0}).fit(([[0.01]], [20.0]), 1, callbacks=[clip_value])
        >>> network.parameters.theta.round(4)  # W, by its gradient of -0.4; b, whose gradient is -40
        array([0.4, 0.5], dtype=float32)
    """

    limit: float = 1.0

    def __post_init__(self) -> None:
        self.require("limit", self.limit > 0, "above 0")

    def on_gradient(self, trainer: Trainer) -> None:
        grad = trainer.network.parameters.grad
        np.clip(grad, -self.limit, self.limit, out=grad)
