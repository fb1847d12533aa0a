from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule import Callback, Trainer


@dataclass
class MaxNorm(Callback):
    r"""Holds the weights that lead into each unit to a length, so that high learning rates cannot make them explode.

    After each update, for each unit, with $w$ its incoming weights: if $|w| > limit$, then $w = limit \cdot w / |w|$.
    It acts on parameters that decay and have two axes or more: the last axis counts the units, and the others hold what
    leads into one. Biases are left alone.

    Args:
        limit: the largest Euclidean length, above 0; default 3.0.

    Raises:
        FieldError: limit is out of range.

    Reference:
        Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov (2014), "Dropout: A Simple Way to Prevent Neural
        Networks from Overfitting", JMLR 15, section 5.1.

    Example:
        >>> import chainrule as cr
        >>> network = cr.Network([{"name": "dense", "units": 1}], input_shape=(2,), loss="mse")
        >>> network.parameters["0.dense.W"].value = [[3.0], [4.0]]
        >>> max_norm = cr.make("callback", "max_norm", limit=1.0)
        >>> _ = cr.Trainer(network, {"name": "sgd", "lr": 1e-12}).fit(([[0.0, 0.0]], [0.0]), 1, callbacks=[max_norm])
        >>> network.parameters["0.dense.W"].value
        array([[0.6],
               [0.8]], dtype=float32)
    """

    limit: float = 3.0

    def __post_init__(self) -> None:
        self.require("limit", self.limit > 0, "above 0")

    def on_batch_end(self, trainer: Trainer) -> None:
        for parameter in trainer.network.parameters:
            if parameter.decay and len(parameter.shape) >= 2:
                W = parameter.value.reshape(-1, parameter.shape[-1])  # a view: parameters are contiguous
                lengths = np.sqrt(np.einsum("ij,ij->j", W, W))
                W *= self.limit / np.maximum(lengths, self.limit)
