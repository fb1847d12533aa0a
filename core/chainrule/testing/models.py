"""What models owe: layers that make a network, for each way in which one can end."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np

from chainrule.contract.arrays import Array, Shape, Task
from chainrule.contract.fields import Field, fields_of
from chainrule.contract.kinds import Component, Loss
from chainrule.errors import ChainruleError
from chainrule.network.network import Network
from chainrule.network.stack import whole_numbers_of
from chainrule.network.targets import Whole
from chainrule.registry.making import make, spec_of
from chainrule.registry.registry import registry
from chainrule.testing.kit import CheckFailed, check, expect
from chainrule.testing.subject import PLAIN_SHAPE, Examined, Subject, changed_fields
from chainrule.testing.variants import other_values

CLASSES = 3
MANY = 40
BATCH = 4


def endings() -> Iterator[tuple[Task, str, int, str]]:
    """For each task the loss that is picked where none is named, and the units and activation that it asks for."""
    for entry in registry():
        if issubclass(entry.cls, Loss):
            for task in entry.cls.default_for:
                units, activation = make("loss", entry.name).output(task, CLASSES)
                yield task, entry.name, units, activation


def sample_shapes(subject: Subject) -> Sequence[Any]:
    """Those of the samples that its author declares, of several inputs by name as they are."""
    return subject.make().check_input_shapes or (PLAIN_SHAPE,)


def network_of(subject: Subject, shape: Any, task: Task, loss: str, units: int, activation: str) -> Network:
    layers = subject.make().build(shape, units, activation)
    return Network(layers, shape, loss, dtype="float64", task=task)


def batch_for(network: Network, rng: np.random.Generator) -> tuple[Any, Array]:
    """Inputs as the first layer takes them, and targets for the network's task: for each step where it gives steps."""
    whole: Any = whole_numbers_of(network.steps)

    def inputs(shape: Shape, whole: Whole | None) -> Array:
        shape = (BATCH, *shape)
        return rng.normal(size=shape) if whole is None else rng.choice(np.asarray(whole.there), size=shape)

    shapes = network.input_shape
    x: Any
    if isinstance(shapes, Mapping):
        x = {name: inputs(shape, (whole or {}).get(name)) for name, shape in shapes.items()}
    else:
        x = inputs(shapes, whole)
    *steps, units = network.output_shape
    if network.task == "multiclass":
        return x, np.resize(np.arange(CLASSES), (BATCH, *steps))
    return x, np.resize([0, 1], (BATCH, *steps, units))


@check("model", first=True)
def check_builds(subject: Subject) -> None:
    """Its layers make a network that ends in the units and the activation that the loss asks for."""
    for shape in sample_shapes(subject):
        for task, loss, units, activation in endings():
            asked = f"for input of shape {shape}, {units} units and {activation}"
            try:
                network = network_of(subject, shape, task, loss, units, activation)
            except ChainruleError as error:
                raise CheckFailed(
                    f"{asked}, its layers make no network: {error}",
                    "return a list of layers, each an instance of its own, a name or {'name': ..., ...}; other input "
                    "than (4,) is declared in check_input_shapes",
                ) from None
            last = registry().name_of(cast(Component, network.layers[-1]))
            expect(
                network.output_shape[-1:] == (units,) and last == activation,
                f"{asked}, the network ends in shape {network.output_shape} and {last}",
                "end the list in a layer with these units, of each step where it gives steps, and this activation",
            )


@check("model")
def check_other_endings(subject: Subject) -> None:
    """It ends in few units, and in many, where these are asked for."""
    for shape in sample_shapes(subject):
        for task, loss, _, _ in endings():
            for classes in (2 if task == "multiclass" else 1, MANY):
                units, activation = make("loss", loss).output(task, classes)
                network = network_of(subject, shape, task, loss, units, activation)
                last = registry().name_of(cast(Component, network.layers[-1]))
                expect(
                    network.output_shape[-1:] == (units,) and last == activation,
                    f"for input of shape {shape}, {units} units and {activation}, the network ends in shape "
                    f"{network.output_shape} and {last}",
                    "end the list in a layer with just the units and the activation that build is given",
                )


@check("model")
def check_trains(subject: Subject) -> None:
    """A step of training gives a finite loss, and a gradient that reaches every parameter's layer."""
    for shape in sample_shapes(subject):
        for task, loss, units, activation in endings():
            network = network_of(subject, shape, task, loss, units, activation)
            value, grad = network.loss_and_gradient(*batch_for(network, subject.rng()))
            expect(
                bool(np.isfinite(value) and np.isfinite(grad).all()),
                f"a step of a {task} task gives loss {value:.6g}, and a gradient that is not finite",
                "check how its weights are initialized",
            )
            expect(
                bool(grad.any()),
                f"a step of a {task} task gives a gradient of zero",
                "let the layers depend on their weights: an initializer of zeros blocks the way",
            )


@check("model")
def check_same_layers_again(subject: Subject) -> None:
    """Building twice gives equal layers, and leaves its fields as they were given."""
    for shape in sample_shapes(subject):
        _, _, units, activation = next(endings())
        model = subject.make()
        before = spec_of(model)
        first, second = ([_plain(layer) for layer in model.build(shape, units, activation)] for _ in range(2))
        expect(
            first == second,
            f"built twice, it gives {len(first)} layers and then {len(second)}: {first} and {second}",
            "make a new list each time, and keep nothing",
        )
        changed = changed_fields(before, model)
        expect(
            not changed,
            f"building changes {changed}",
            "copy a field before it is changed: layers = [*self.layers, ...]",
        )


def _plain(layer: Any) -> Any:
    return spec_of(layer) if isinstance(layer, Component) else layer


@check("model", rests_on=("same_layers_again",))
def check_fields_count(subject: Subject) -> None:
    """Another value of a field gives other layers, in one of the examples at least."""
    if subject.example:
        return  # the first one speaks for all
    examples = [subject] if subject.example is None else Examined(subject.cls).subjects()
    for field in fields_of(subject.cls):
        told = []
        for each in examples:
            for value in _others(field, getattr(each.make(), field.name)):
                with contextlib.suppress(Exception):  # not every value goes with the others
                    told.append(_layers(each, **{field.name: value}) != _layers(each))
                    if told[-1]:
                        break
        expect(
            any(told) or not told,
            f"with {len(told)} other values of {field.name} its layers are the same",
            "let build use the field, or leave it out",
        )


def _layers(subject: Subject, **fields: Any) -> list[Any]:
    """What it builds, for every input and every way to end."""
    return [
        [_plain(layer) for layer in subject.make(**fields).build(shape, units, activation)]
        for shape in sample_shapes(subject)
        for _, _, units, activation in endings()
    ]


def _others(field: Field, value: Any) -> Iterator[Any]:
    """Values to try: for a component, or a list of them, what is registered."""
    if field.kind is None:
        yield from other_values(field, value)
    elif isinstance(value, (tuple, list)):
        yield from ((*value, name) for name in registry().names(field.kind))
    else:
        yield from registry().names(field.kind)
