"""Layers as one list of named steps, and what a layer may do while it is built."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from chainrule.contract.arguments import require_memory
from chainrule.contract.arrays import Array, Shape
from chainrule.contract.fields import fields_of
from chainrule.contract.kinds import Activation, Component, Layer
from chainrule.contract.parameters import Buffer, Parameter
from chainrule.errors import ConfigError, ContractError, UnknownName, did_you_mean, within
from chainrule.network.streams import Streams
from chainrule.registry.making import own
from chainrule.registry.registry import registry
from chainrule.words import SHOWN, cut, listed, quoted


class Blueprint:
    """What is gathered while the layers of a network are built."""

    def __init__(self, seed: int, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self.parameters: list[Parameter] = []
        self.buffers: list[Buffer] = []
        self.components: list[Component] = []
        self.streams = Streams(seed)
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

    def __init__(self, name: str, blueprint: Blueprint) -> None:
        self.name = name
        self.dtype = blueprint.dtype
        self.activation: Activation | None = None
        self._streams = blueprint.streams
        self._blueprint: Blueprint | None = blueprint
        self._taken: set[str] = set()

    def close(self) -> None:
        """The layer is built. The blueprint knows each layer: were it kept here, a network that nobody uses any more,
        with all that its layers hold, would stay until Python searches for garbage."""
        self._blueprint = None

    def parameter(self, name: str, shape: Shape, initializer: Any, decay: bool) -> Parameter:
        blueprint, full = self._open("parameter", name), self._full(name)
        blueprint.declare(full, shape)
        parameter = Parameter(full, shape, blueprint.component("initializer", initializer), decay)
        blueprint.parameters.append(parameter)
        return parameter

    def buffer(self, name: str, shape: Shape, value: Any) -> Buffer:
        blueprint, full = self._open("buffer", name), self._full(name)
        blueprint.declare(full, shape)
        buffer = Buffer(full, np.full(shape, value, self.dtype))
        blueprint.buffers.append(buffer)
        return buffer

    def child(self, owner: Layer, field: str, given: Any) -> Any:
        blueprint = self._open("child", field)
        kind = {f.name: f.kind for f in fields_of(type(owner))}.get(field)
        if kind is None:
            raise ContractError(f"{type(owner).__name__} has no field {field!r} whose type names a kind of component")
        if kind == "layer":
            several = isinstance(given, Sequence) and not isinstance(given, str)
            layers = list(given) if several else [given]
            places = [f"{field}.{position}" for position in range(len(layers))] if several else [field]
            return Stack(layers, blueprint, f"{self._full(field)}.", places)
        with within(field):
            component = blueprint.component(kind, given)
        if kind == "activation" and field == "activation":
            self.activation = component
        return component

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


@dataclass(frozen=True)
class Step:
    """One step of a stack.

    ``name``: ``"0.dense"``, or ``"0.dense.relu"`` for the activation of that layer; ``shape``: of a sample after it;
    ``parameters``: those that its layer declared, with its children's; ``fused``: whether the loss takes this step
    over, and works from its input.
    """

    name: str
    layer: Layer | Activation
    shape: Shape
    parameters: tuple[Parameter, ...] = ()
    fused: bool = False

    @property
    def forward(self) -> Callable[[Array, bool], Array]:
        """``forward(x, training)`` gives ``y``."""
        layer = self.layer
        if isinstance(layer, Activation):
            return lambda z, training: layer.forward(z)
        return layer.forward

    @property
    def backward(self) -> Callable[[Array], Array]:
        """``backward(dy)`` gives ``dx``."""
        return self.layer.backward


class Stack:
    """Layers one after another, as one list of named ``steps``; a layer's ``activation`` is a step of its own.

    Args:
        given: each an instance, a name, or ``{name: ..., ...}``.
        prefix: of their names.
        places: what errors call each of them; by default its position.
        fuses_with: the activation that the loss takes over where the stack ends in it: ``forward`` and ``backward``
            leave that step out.
    """

    def __init__(
        self,
        given: Sequence[Any],
        blueprint: Blueprint,
        prefix: str = "",
        places: Sequence[str] | None = None,
        fuses_with: str | None = None,
    ) -> None:
        self._blueprint: Blueprint | None = blueprint  # until it is built
        self._prefix = prefix
        self._places = places or [str(position) for position in range(len(given))]
        self._fuses_with = fuses_with
        self.given: list[Layer | Activation] = []
        for place, spec in zip(self._places, given):
            with within(place):
                self.given.append(blueprint.component(_kind_in_stack(spec), spec))

    def __repr__(self) -> str:
        names = map(registry().name_of, self.given)
        return f"<Stack of {len(self.given)} layers: {listed([*names], 8)}>"

    def build(self, input_shape: Shape) -> Shape:
        """Build each layer for the shape that the one before it gives, and return the last one's."""
        blueprint, self._blueprint = self._blueprint, None
        if blueprint is None:
            raise ContractError(f"the layers {self._prefix}{self._places[0]}, ... are built twice: build a child once")
        self.steps: list[Step] = []
        shape = tuple(input_shape)
        for position, layer in enumerate(self.given):
            with within(self._places[position]):
                shape = self._add(layer, f"{self._prefix}{position}.{registry().name_of(layer)}", shape, blueprint)
        if self.steps and self._fuses(self.steps[-1].layer):
            self.steps[-1] = replace(self.steps[-1], fused=True)
        self._link()
        return shape

    def _add(self, layer: Layer | Activation, name: str, shape: Shape, blueprint: Blueprint) -> Shape:
        """Build one layer, and add its step and that of its activation."""
        if isinstance(layer, Activation):
            self.steps.append(Step(name, layer, shape))
            return shape
        scope = LayerScope(name, blueprint)
        layer.__dict__["_lent_scope"] = scope
        before = len(blueprint.parameters)
        shape = _checked_shape(name, layer.build(shape))
        scope.close()
        self.steps.append(Step(name, layer, shape, tuple(blueprint.parameters[before:])))
        if scope.activation is not None:
            applied = f"{name}.{registry().name_of(scope.activation)}"
            self.steps.append(Step(applied, scope.activation, shape))
        return shape

    def _fuses(self, last: Layer | Activation) -> bool:
        entry = registry().entry_of(last)  # an unregistered class of the same name may compute something else
        return isinstance(last, Activation) and entry is not None and entry.name == self._fuses_with

    def _link(self) -> None:
        """Look up what a pass calls, once."""
        computed = [step for step in self.steps if not step.fused]
        self._forward = [step.forward for step in computed]
        self._backward = [step.backward for step in reversed(computed)]
        trained = [position for position, step in enumerate(computed) if step.parameters]
        self._first_trained = cast(Layer, computed[trained[0]].layer) if trained else None
        self._backward_trained = self._backward[: len(computed) - trained[0] - 1] if trained else []

    def forward(self, x: Array, training: bool) -> Array:
        """``x``: ``(batch, *input_shape)``."""
        for forward in self._forward:
            x = forward(x, training)
        return x

    def backward(self, dy: Array) -> Array:
        """Returns ``dx``; every parameter's ``grad`` is written on the way."""
        for backward in self._backward:
            dy = backward(dy)
        return dy

    def backward_parameters(self, dy: Array) -> None:
        """As ``backward``, without what nobody needs: ``dx``, and the way down to it below the first parameters."""
        if self._first_trained is None:
            return
        for backward in self._backward_trained:
            dy = backward(dy)
        self._first_trained.backward_parameters(dy)


def _kind_in_stack(spec: Any) -> str:
    """Whether what stands in a list of layers is a layer or an activation."""
    if isinstance(spec, Activation):
        return "activation"
    name = spec.get("name") if isinstance(spec, Mapping) else spec
    if not isinstance(name, str):
        return "layer"
    layers, activations = registry().names("layer"), registry().names("activation")
    if name in layers or name not in activations:
        if name not in layers:
            raise UnknownName(f'there is no layer "{cut(name, SHOWN)}". {did_you_mean(name, [*layers, *activations])}')
        return "layer"
    return "activation"


def _checked_shape(name: str, shape: Any) -> Shape:
    if not isinstance(shape, tuple) or not all(isinstance(n, (int, np.integer)) and n > 0 for n in shape):
        raise ContractError(f"build of {name} must return the output's shape as a tuple of sizes, got {quoted(shape)}")
    return tuple(int(n) for n in shape)
