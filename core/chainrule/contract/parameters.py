"""All parameters of a network as one flat vector, with named, shaped views of it.

``theta`` holds every trained number and ``grad`` every gradient, both contiguous. So an optimizer, a global norm, a
gradient check, a checkpoint and a copy of the best weights are each one operation on one array. The parameters on which
weight decay acts (weights) come first, those that it spares (biases) after them: what decays is a slice.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from chainrule.contract.arrays import Array, Shape
from chainrule.errors import ContractError, did_you_mean
from chainrule.words import listed, quoted


class Parameter:
    """A trained array: ``value`` and ``grad`` are views of the network's flat vectors.

    Both exist once the whole network is built. Assigning to them copies into the view.

    Attributes:
        trainable: whether a training moves it; it may be set between two calls of ``Trainer.fit``. A copy of the
            network has it; a file has what layers declare.
    """

    def __init__(self, name: str, shape: Shape, initializer: Any, decay: bool, trainable: bool = True) -> None:
        self.name = name
        self.shape = tuple(int(n) for n in shape)
        self.initializer = initializer
        self.decay = decay
        self.trainable = trainable
        self.offset = -1  # of its first number in the flat vector
        self._value: Array | None = None
        self._grad: Array | None = None

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)

    @property
    def value(self) -> Array:
        """Its numbers: a view of the network's ``theta``."""
        if self._value is None:
            raise ContractError(f"parameter {self.name} has no value before the whole network is built")
        return self._value

    @value.setter
    def value(self, new: Any) -> None:
        self.value[...] = new

    @property
    def grad(self) -> Array:
        """The loss's gradient with respect to it: a view of the network's ``grad``."""
        if self._grad is None:
            raise ContractError(f"parameter {self.name} has no gradient before the whole network is built")
        return self._grad

    @grad.setter
    def grad(self, new: Any) -> None:
        self.grad[...] = new

    def bind(self, theta: Array, grad: Array, offset: int) -> None:
        """Become the view of ``theta`` and ``grad`` that starts at ``offset``."""
        self.offset = offset
        self._value = theta[offset : offset + self.size].reshape(self.shape)
        self._grad = grad[offset : offset + self.size].reshape(self.shape)

    def follow(self, owner: Parameter) -> None:
        """Have the numbers of another one, and a gradient of its own."""
        self._value, self._grad = owner.value, np.zeros_like(owner.grad)

    def __repr__(self) -> str:
        return f"Parameter({self.name!r}, shape={self.shape}, decay={self.decay})"


class Buffer:
    """An array that a network keeps and saves but does not train. Assigning to ``value`` copies into it."""

    def __init__(self, name: str, value: Array) -> None:
        self.name = name
        self._value = value

    @property
    def value(self) -> Array:
        """Its numbers."""
        return self._value

    @value.setter
    def value(self, new: Any) -> None:
        self._value[...] = new

    def __repr__(self) -> str:
        return f"Buffer({self.name!r}, shape={self._value.shape})"


class Snapshot(NamedTuple):
    """A copy of all that a network has learned."""

    theta: Array
    buffers: list[Array]


@dataclass
class Parameters:
    """The parameters of one network. Iterating gives them in layer order.

    ``theta`` and ``grad``: ``(n,)``, of the network's dtype; ``theta[decaying]`` are the weights.
    """

    named: Sequence[Parameter]
    theta: Array
    grad: Array
    decaying: slice

    @classmethod
    def allocate(cls, named: Sequence[Parameter], dtype: np.dtype[Any]) -> Parameters:
        """Lay the parameters out in two new flat vectors of zeros, and bind each to its place."""
        size = sum(parameter.size for parameter in named)
        theta, grad = np.zeros(size, dtype), np.zeros(size, dtype)
        offset = 0
        for parameter in sorted(named, key=lambda p: not p.decay):  # stable: layer order within both halves
            parameter.bind(theta, grad, offset)
            offset += parameter.size
        return cls(named, theta, grad, slice(0, sum(p.size for p in named if p.decay)))

    def initialize(self, rng: np.random.Generator) -> None:
        """Let each parameter's initializer fill it, in layer order.

        Raises:
            ContractError: one gives another shape.
        """
        for parameter in self:
            value = parameter.initializer(parameter.shape, rng, self.theta.dtype)
            if np.shape(value) != parameter.shape:
                who = type(parameter.initializer).__name__
                raise ContractError(f"{who} gave shape {np.shape(value)} for {parameter.name}, not {parameter.shape}")
            parameter.value = value

    def __repr__(self) -> str:
        names = listed([f"{parameter.name} {parameter.shape}" for parameter in self], 6)
        return f"<{self.theta.size:,} parameters, {self.theta.dtype}: {names}>"

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self.named)

    def __len__(self) -> int:
        return len(self.named)

    def __getitem__(self, name: str) -> Parameter:
        for parameter in self.named:
            if parameter.name == name:
                return parameter
        raise KeyError(f"no parameter {quoted(name)}. {did_you_mean(name, [p.name for p in self.named])}")
