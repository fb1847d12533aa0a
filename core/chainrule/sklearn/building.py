"""From parameters, inputs and targets to a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from chainrule.contract.arrays import Shape, Task
from chainrule.contract.kinds import Loss, Model
from chainrule.contract.target_scale import TargetScale
from chainrule.errors import ConfigError, FieldError, within
from chainrule.network.network import Network
from chainrule.registry.defaults import usual, usual_loss
from chainrule.registry.making import make
from chainrule.registry.registry import registry
from chainrule.sklearn.nested import with_fields
from chainrule.words import quoted, sizes


class Aim(NamedTuple):
    """What a network is to learn: ``classes`` as ``Loss.output`` takes them, and how many targets of such a task there
    are, side by side; for a regression, the scale of its targets."""

    task: Task
    classes: int
    targets: int = 1
    scale: TargetScale | None = None


def network_for(
    aim: Aim, input_shape: Shape, model: Any, fields: Mapping[str, Any], loss: Any, seed: int, dtype: str
) -> Network:
    """A new network.

    Raises:
        ConfigError: a component is unknown or has a bad field; model and loss do not suit the inputs or the targets.
    """
    with within("loss"):
        made: Loss = usual_loss(aim.task) if loss is None else make("loss", loss)
        units, activation = made.output(aim.task, aim.classes)
        name = registry().name_of(made)
        if units != (1 if aim.task == "binary" else aim.classes) or made.target_shape((units,)) is not None:
            raise ConfigError(f"{name} does not learn to predict the targets: take another")
    output_shape = (units * aim.targets,)
    scale = aim.scale if made.of_differences else None
    with within("model"):
        layers = layers_for(model, fields, input_shape, output_shape[0], activation)
        network = Network(layers, input_shape, made, seed, dtype, aim.task, scale)
        if network.output_shape != output_shape:
            gives, wanted = (f"(n, {sizes(shape)})" for shape in (network.output_shape, output_shape))
            raise ConfigError(f"the layers give {gives}, and {name} asks for {wanted} with these targets")
    return network


def layers_for(model: Any, fields: Mapping[str, Any], input_shape: Shape, units: int, activation: str) -> Sequence[Any]:
    """The layers that a model gives, or that are given in its place.

    Raises:
        ConfigError: it is none of what ``NetworkClassifier`` takes, or has no such fields.
    """
    if model is None or isinstance(model, (str, Mapping, Model)):
        made: Model = make("model", with_fields("model", usual(Model) if model is None else model, **fields))
        return made.build(input_shape, units, activation)
    if any(value is not None for value in fields.values()):
        raise FieldError(f"it gives the layers: leave {', '.join(fields)} out, which are fields of a model")
    if isinstance(model, Sequence):
        return model
    if callable(model) and not isinstance(model, type):
        layers: Sequence[Any] = model(input_shape, units, activation)
        return layers
    told = "a model, its name, {name: ..., ...}, a list of layers, or a function that gives one"
    raise FieldError(f"got {quoted(model)}, expected {told}")
