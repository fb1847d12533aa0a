"""Layers as one list of named steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.contract.graph import Graph
from chainrule.contract.kinds import Activation, Layer
from chainrule.contract.named import each, items
from chainrule.contract.parameters import Parameter
from chainrule.contract.signatures import takes
from chainrule.errors import ConfigError, ContractError, ShapeError, UnknownName, did_you_mean, within
from chainrule.network.biased import biased
from chainrule.network.blueprint import Blueprint, LayerScope
from chainrule.network.targets import Whole
from chainrule.registry.registry import registry
from chainrule.words import SHOWN, cut, listed, quoted


@dataclass(frozen=True)
class Step:
    """One step of a stack.

    ``name``: ``"0.dense"``, or ``"0.dense.relu"`` for the activation of that layer; ``shape``: of a sample after it, of
    several outputs by name;
    ``parameters``: those that its layer declared, with its children's; ``learns``: whether it has any, or shares some;
    ``fused``: whether the loss takes this step over, and works from its input.
    """

    name: str
    layer: Layer | Activation
    shape: Any
    parameters: tuple[Parameter, ...] = ()
    learns: bool = False
    fused: bool = False

    @property
    def forward(self) -> Callable[[Array, bool], Array]:
        """``forward(x, training)`` gives ``y``."""
        layer = self.layer
        if isinstance(layer, Activation):
            return lambda z, training: layer.forward(z)
        return layer.forward

    @property
    def takes_mask(self) -> bool:
        """Whether ``forward`` may be given the batch's mask as well."""
        return isinstance(self.layer, Layer) and takes(self.layer.forward, "mask")

    def pass_on(self, x: Array, training: bool, mask: Array | None) -> Array:
        """``forward``, with the batch's mask for one that asks for it."""
        forward: Any = self.forward
        y: Array = forward(x, training, mask=mask) if mask is not None and self.takes_mask else forward(x, training)
        return y

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

    def build(self, input_shape: Any) -> Any:
        """Build each layer for the shape that the one before it gives, and return the last one's."""
        blueprint, self._blueprint = self._blueprint, None
        if blueprint is None:
            raise ContractError(f"the layers {self._prefix}{self._places[0]}, ... are built twice: build a child once")
        self.steps: list[Step] = []
        shape = each(tuple, input_shape)
        for position, layer in enumerate(self.given):
            with within(self._places[position]):
                shape = self._add(layer, f"{self._prefix}{position}.{registry().name_of(layer)}", shape, blueprint)
        if self.steps and self._fuses(self.steps[-1].layer):
            self.steps[-1] = replace(self.steps[-1], fused=True)
        self.link()
        return shape

    def _add(self, layer: Layer | Activation, name: str, shape: Any, blueprint: Blueprint) -> Any:
        """Build one layer, and add its step and that of its activation."""
        scope = LayerScope(name, blueprint, Stack)
        layer.__dict__["_lent_scope"] = scope
        before = len(blueprint.parameters), len(blueprint.shared), blueprint.whole
        if isinstance(shape, Mapping):
            shape = _built_for_several(layer, name, shape)
        elif isinstance(layer, Activation):
            layer.build(shape)
        else:
            shape = _checked_shape(name, layer.build(shape))
        scope.close()
        self._require_whole(layer, name, blueprint, blueprint.whole > before[2])
        declared = tuple(blueprint.parameters[before[0] :])
        self.steps.append(Step(name, layer, shape, declared, bool(declared) or len(blueprint.shared) > before[1]))
        if scope.activation is not None:
            applied = f"{name}.{registry().name_of(scope.activation)}"
            with within("activation"):
                self._add(scope.activation, applied, shape, blueprint)
        return shape

    def _require_whole(self, layer: Layer | Activation, name: str, blueprint: Blueprint, within: bool) -> None:
        """Refuse a layer of whole numbers where none can come; ``within``: whether one stands in this layer.

        Raises:
            ConfigError: says which, and where it should stand.
        """
        takes = isinstance(layer, Layer) and layer.input_dtype is not None
        if takes and self.steps:
            raise ConfigError(f"{name} takes whole numbers, which no layer gives: put it first")
        if within and not takes:
            raise ConfigError(f"a layer within {name} takes whole numbers, which {name} does not hand on: put it first")
        blueprint.whole += takes

    def _fuses(self, last: Layer | Activation) -> bool:
        entry = registry().entry_of(last)  # an unregistered class of the same name may compute something else
        return isinstance(last, Activation) and entry is not None and entry.name == self._fuses_with

    def link(self) -> None:
        """Look up what a pass calls, once."""
        computed = [step for step in self.steps if not step.fused]
        self._forward = [*_forwards(computed)]
        self._masked = [(cast(Any, step.forward), step.takes_mask) for step in computed]
        self._backward = [step.backward for step in reversed(computed)]
        trained = [position for position, step in enumerate(computed) if step.learns]
        first = computed[trained[0]].layer if trained else None
        self._backward_first = (
            first.backward if isinstance(first, Activation) else getattr(first, "backward_parameters", None)
        )
        self._backward_trained = self._backward[: len(computed) - trained[0] - 1] if trained else []

    def forward(self, x: Array, training: bool, mask: Array | None = None) -> Array:
        """``x``: ``(batch, *input_shape)``; ``mask``: of the batch, for the layers that ask for it."""
        if mask is None:
            for forward in self._forward:
                x = forward(x, training)
        else:
            for forward, takes_mask in self._masked:
                x = forward(x, training, mask=mask) if takes_mask else forward(x, training)
        return x

    def to_onnx(self, graph: Graph, x: Any) -> Any:
        """Add each step's operators, those of an activation that the loss takes over too; see ``Layer.to_onnx``."""
        for step in self.steps:
            with graph.within(step.name):
                x = graph.values[step.name] = step.layer.to_onnx(graph, x)
                graph.require_known(x)
        return x

    def backward(self, dy: Array) -> Array:
        """Returns ``dx``; every parameter's ``grad`` is written on the way."""
        for backward in self._backward:
            dy = backward(dy)
        return dy

    def backward_parameters(self, dy: Array) -> None:
        """As ``backward``, without what nobody needs: ``dx``, and the way down to it below the first parameters."""
        if self._backward_first is None:
            return
        for backward in self._backward_trained:
            dy = backward(dy)
        self._backward_first(dy)


def _forwards(steps: Sequence[Step]) -> Iterator[Callable[[Array, bool], Array]]:
    """What goes forward through them: a layer that adds its bias last goes with the activation behind it."""
    left = [*steps]
    while left:
        step = left.pop(0)
        if left and (both := biased(step.layer, left[0].layer)):
            left.pop(0)
            yield both
        else:
            yield step.forward


def whole_numbers_of(steps: Sequence[Step]) -> Whole | dict[str, Whole] | None:
    """What the first layer says of the whole numbers that it takes, of several inputs by name; None for one that takes
    any numbers."""
    first = steps[0].layer
    if not isinstance(first, Layer) or first.input_dtype is None:
        return None
    dtypes, ranges = dict(items(first.input_dtype)), dict(items(first.input_range))
    name = registry().name_of(first)
    whole = {
        key: Whole(np.dtype(dtype), ranges.get(key), f"{name} {key}".strip()) for key, dtype in dtypes.items() if dtype
    }
    return whole if isinstance(first.input_dtype, Mapping) else whole[""]


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


def _built_for_several(layer: Layer | Activation, name: str, shapes: Mapping[str, Any]) -> Any:
    """Build a layer for several inputs by name; one that takes one array fails in its own way, or not at all.

    Raises:
        ShapeError: it takes one.
    """
    if isinstance(layer, Layer):
        try:
            return _checked_shape(name, layer.build(cast(Any, shapes)))
        except (ConfigError, TypeError, ValueError, KeyError, AttributeError, IndexError, ContractError) as error:
            if isinstance(error, ConfigError):
                raise
    raise ShapeError(f"{name} takes one input, and is given several by name ({', '.join(shapes)}): join them before it")


def _checked_shape(name: str, shape: Any) -> Any:
    """What ``build`` returned, as plain numbers; of several outputs by name, of each."""
    if isinstance(shape, Mapping) and shape:
        return {key: _checked_shape(name, one) for key, one in shape.items()}
    if not isinstance(shape, tuple) or not all(isinstance(n, (int, np.integer)) and n > 0 for n in shape):
        raise ContractError(f"build of {name} must return the output's shape as a tuple of sizes, got {quoted(shape)}")
    return tuple(int(n) for n in shape)
