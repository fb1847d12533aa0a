"""The forward pass as the page computes it: the network's graph, with its arrays among those of the page."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.contract.graph import Graph
from chainrule.contract.kinds import Loss
from chainrule.contract.named import items
from chainrule.errors import ExportError
from chainrule.explanation.shown import Shown
from chainrule.network.network import Network
from chainrule.words import cut

Add: TypeAlias = Callable[[Any], "int | None"]
"""What takes an array into the page, and gives its number: None where it finds no room."""
LETTERS = 300
"""Of a reason that the page gives, at most."""
WEIGHED = "its samples have weights or a mask, which the mean that is computed here leaves out"


def forward_of(shown: Shown, add: Add) -> dict[str, Any]:
    """All that the page needs to compute a prediction, and where it can the loss of the batch, as plain values.

    Returns:
        ``{"cannot": why}``, a sentence, where a component does not say its forward pass, or there is no room for all
        parameters.
    """
    network = shown.network
    try:
        graph = network.to_graph()
    except Exception as error:
        return {"cannot": _why(error)}
    without = len(graph.nodes)
    loss, no_loss = _loss_of(network, graph, shown.step.weighed)
    nodes = [dataclasses.asdict(node) for node in graph.nodes]
    constants = {name: add(array) for name, array in graph.constants.items()}
    parameters = {name: add(np.array(parameter.value)) for name, parameter in graph.parameters.items()}
    if None in constants.values() or None in parameters.values():
        size = sum(parameter.value.size for parameter in graph.parameters.values())
        return {"cannot": f"its {size:,} parameters would make this page too large"}
    batch = dict(items(shown.step.x, "x"))
    return {
        "cannot": None,
        "nodes": nodes[:without],
        "lossNodes": [] if loss is None else nodes[without:],
        "constants": constants,
        "parameters": parameters,
        "inputs": {name: _input(network, name, graph.inputs[name][0]) for name in batch},
        "values": graph.values,
        "outputs": graph.outputs,
        "batch": {name: add(array) for name, array in batch.items()},
        # What NumPy gives for the batch: the page compares, and says so.
        "predictions": {name: add(array) for name, array in items(network.predict(shown.step.x), "y")},
        "loss": loss,
        "noLoss": no_loss,
        "targets": {} if loss is None else {name: add(array) for name, array in _targets(shown).items()},
        "classes": [str(name) for name in shown.class_names],
        "tasks": dict(items(shown.step.task, "y")),
    }


def _loss_of(network: Network, graph: Graph, weighed: bool) -> tuple[str | None, str | None]:
    """The name of the batch's loss, which is added to the graph, or why there is none."""
    if weighed:
        return None, WEIGHED
    try:
        return network.add_loss(graph), None
    except Exception as error:
        return None, _why(error)


def _why(error: Exception) -> str:
    """In words; whatever goes wrong in what a third party wrote, the rest of the page is there all the same."""
    if isinstance(error, ExportError):
        return cut(str(error), LETTERS)
    return cut(f"to_onnx of a component fails, with {type(error).__name__}: {error}", LETTERS)


def _input(network: Network, name: str, shape: Any) -> dict[str, Any]:
    """The shape of a sample, and, where it is of whole numbers, the least and the largest of them."""
    whole: Any = network.whole_numbers
    found = whole.get(name) if isinstance(whole, dict) else whole
    numbers = None if found is None else found.there or range(1 << 31)
    return {"shape": list(shape), "whole": None if numbers is None else [numbers.start, numbers.stop - 1]}


def _targets(shown: Shown) -> dict[str, Array]:
    """The batch's targets by the name that the graph has for them; classes as one-hot rows."""
    network, target = shown.network, shown.step.target
    if not isinstance(network.output_shape, dict):
        return {"target": _in_rows(target, network.output_shape, network.loss)}
    parts: Any = network.loss.parts
    return {f"target.{n}": _in_rows(target[n], shape, parts[n]) for n, shape in network.output_shape.items()}


def _in_rows(target: Array, shape: Any, loss: Loss) -> Array:
    if loss.target_shape(shape) is None and target.shape[1:] == shape[:-1] != shape:
        return np.eye(shape[-1])[target]
    return target
