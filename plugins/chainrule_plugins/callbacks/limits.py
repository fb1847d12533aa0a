"""What holds gradients and weights to a size."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from chainrule import Array, Callback, Training


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

    def on_gradient(self, trainer: Training) -> None:
        grad = trainer.network.parameters.grad
        # Summed in float64: where gradients explode, their squares would overflow float32.
        norm = math.sqrt(np.einsum("i,i->", grad, grad, dtype=np.float64))
        if not math.isfinite(norm):
            norm = float(_large_lengths(grad))
        if norm > self.limit:
            grad *= self.limit / norm


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

    def on_gradient(self, trainer: Training) -> None:
        trainer.limit_gradient(self.limit)


@dataclass
class MaxNorm(Callback):
    r"""Holds the weights that lead into each unit to a length, so that high learning rates cannot make them explode.

    After each update, for each unit, with $w$ its incoming weights: if $|w| > limit$, then $w = limit \cdot w / |w|$.
    It acts on parameters that decay and have two axes or more: the last axis counts the units, and the others hold what
    leads into one. Biases are left alone, and
    so is what is frozen.

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

    def on_batch_end(self, trainer: Training) -> None:
        for parameter in trainer.trained:
            if parameter.decay and len(parameter.shape) >= 2:
                W = parameter.value.reshape(-1, parameter.shape[-1])  # a view: parameters are contiguous
                lengths = np.sqrt(np.einsum("ij,ij->j", W, W))
                if not np.isfinite(lengths).all():
                    lengths = _large_lengths(W)
                W *= self.limit / np.maximum(lengths, self.limit)


def _large_lengths(columns: Array) -> Array:
    """The length of each, where the squares leave the dtype: of numbers divided by the largest of them."""
    unit = np.abs(columns).max(axis=0)
    unit = np.where(unit == 0, 1, unit)
    lengths: Array = unit * np.linalg.norm(columns / unit, axis=0)
    return lengths
