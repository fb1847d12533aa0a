"""What is gathered while the layers of a network are built, and what a layer may do meanwhile."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.contract.arguments import require_memory
from chainrule.contract.arrays import Shape
from chainrule.contract.fields import fields_of
from chainrule.contract.kinds import Activation, Component
from chainrule.contract.parameters import Buffer, Parameter
from chainrule.errors import ConfigError, ContractError, UnknownName, did_you_mean, within
from chainrule.network.streams import Streams
from chainrule.registry.making import own
from chainrule.words import quoted


class Blueprint:
    """What is gathered while the layers of a network are built. ``shared``: pairs of a parameter that another layer
    shares, and the one whose numbers it has."""

    def __init__(self, seed: int, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self.parameters: list[Parameter] = []
        self.shared: list[tuple[Parameter, Parameter]] = []
        self.buffers: list[Buffer] = []
        self.components: list[Component] = []
        self.streams = Streams(seed)
        self.whole = 0  # how many layers take whole numbers
        self._numbers = 0
        self._given: dict[int, Component] = {}  # by id; kept alive, or the id could be another's later

    def declare(self, name: str, shape: Shape) -> None:
        """Told of each parameter and buffer before it is made.

        Raises:
            ConfigError: all of them, with gradients, take more memory than is free.
        """
        self._numbers += math.prod(shape)
        require_memory(f"a network with {name} of shape {quoted(shape)}", 2 * self._numbers * self.dtype.itemsize)

    def component(self, kind: str, given: Any) -> Any:
        """A private instance of what was given; the same instance may be given only once.

        Not so an initializer, which keeps nothing: a layer may use that of its field for several parameters.
        """
        if isinstance(given, Component) and kind != "initializer":
            if id(given) in self._given:
                raise ConfigError(
                    f"one instance of {type(given).__name__} is used twice in this network; make one for each place"
                )
            self._given[id(given)] = given
        component = own(kind, given)
        self.components.append(component)
        return component


class LayerScope:
    """What a layer may do while it is built (see ``contract.kinds.Scope``); of it, random numbers remain afterwards."""

    def __init__(self, name: str, blueprint: Blueprint, stack: Callable[..., Any]) -> None:
        self.name = name
        self._stack = stack  # what makes layers within this one
        self.dtype = blueprint.dtype
        self.activation: Activation | None = None
        self._streams = blueprint.streams
        self._blueprint: Blueprint | None = blueprint
        self._taken: set[str] = set()

    def close(self) -> None:
        """The layer is built. The blueprint knows each layer: were it kept here, a network that nobody uses any more,
        with all that its layers hold, would stay until Python searches for garbage."""
        self._blueprint = None

    def parameter(self, name: str, shape: Shape, initializer: Any, decay: bool, trainable: bool) -> Parameter:
        blueprint, full = self._open("parameter", name), self._full(name)
        blueprint.declare(full, shape)
        parameter = Parameter(full, shape, blueprint.component("initializer", initializer), decay, trainable)
        blueprint.parameters.append(parameter)
        return parameter

    def shared(self, name: str) -> Parameter:
        blueprint = self._open("shared parameter", name)
        there = {parameter.name: parameter for parameter in blueprint.parameters}
        if name not in there:
            known = did_you_mean(name, there) if there else "No layer before it has any."
            raise UnknownName(f'{self.name} shares the parameter "{name}", which no layer before it has. {known}')
        owner = there[name]
        mine = Parameter(name, owner.shape, owner.initializer, owner.decay, owner.trainable)
        blueprint.shared.append((mine, owner))
        return mine

    def buffer(self, name: str, shape: Shape, value: Any) -> Buffer:
        blueprint, full = self._open("buffer", name), self._full(name)
        blueprint.declare(full, shape)
        buffer = Buffer(full, np.full(shape, value, self.dtype))
        blueprint.buffers.append(buffer)
        return buffer

    def child(self, owner: Any, field: str, given: Any) -> Any:
        blueprint = self._open("child", field)
        held = {f.name: f for f in fields_of(type(owner)) if f.kind is not None}.get(field)
        if held is None:
            raise ContractError(f"{type(owner).__name__} has no field {field!r} whose type names a kind of component")
        kind = str(held.kind)
        if kind == "layer":
            prefix = f"{self._full(field)}."
            if held.nested == "names":
                return {name: self._layers(one, f"{prefix}{name}.", f"{field}.{name}") for name, one in given.items()}
            if held.nested:
                return [self._layers(one, f"{prefix}{i}.", f"{field}.{i}") for i, one in enumerate(given)]
            return self._layers(given, prefix, field)
        with within(field):
            component = blueprint.component(kind, given)
        if kind == "activation" and field == "activation":
            self.activation = component
        return component

    def _layers(self, given: Any, prefix: str, place: str) -> Any:
        """A layer, or a list of layers, as one stack; ``place`` is what errors call it."""
        several = isinstance(given, Sequence) and not isinstance(given, str)
        layers = list(given) if several else [given]
        places = [f"{place}.{position}" for position in range(len(layers))] if several else [place]
        return self._stack(layers, self._blueprint, prefix, places)

    def rng(self) -> np.random.Generator:
        return self._streams.of(self.name)

    def _open(self, what: str, name: str) -> Blueprint:
        if self._blueprint is None:
            raise ContractError(f"{self.name} declares the {what} {name!r} after it was built: declare it in build()")
        return self._blueprint

    def _full(self, name: str) -> str:
        if name in self._taken:
            raise ContractError(f"{self.name} declares {name!r} twice")
        self._taken.add(name)
        return f"{self.name}.{name}"
