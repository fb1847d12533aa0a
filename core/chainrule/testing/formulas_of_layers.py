"""Layers and activations compute what their formula says, in each mode, with each mask, and after training."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from chainrule.contract.arrays import Array, Shape
from chainrule.testing.bench import BATCH, Bench, inputs, masks
from chainrule.testing.exactness import require_formula
from chainrule.testing.kit import CheckFailed
from chainrule.testing.subject import Subject

# As a training goes: from the start, with a smaller last batch, and on after it; with inference in between.
PASSES = (
    (BATCH, False, 1.0),
    (BATCH, True, 1.0),
    (BATCH, True, 10.0),
    (1, True, 1.0),
    (7, False, 1.0),
    (1, False, 10.0),
)
STEP = 0.1  # what an update moves every parameter by, about


def of_layer(subject: Subject, fields: str) -> None:
    """Forward gives what its reference does, in training and at inference, and leaves the buffers that it says."""
    for shape in subject.input_shapes:
        compare_at(subject, shape, fields)


def compare_at(subject: Subject, shape: Shape, fields: str) -> None:
    """The same for input of one shape."""
    for masked in (False, True):
        bench = Bench(subject, shape)
        if masked and not bench.takes_mask:
            continue
        for position, (batch, training, size) in enumerate(PASSES):
            x = inputs(subject, shape, batch, position, size=size)
            for named, mask in masks(subject, shape, batch).items() if masked else [("", None)]:
                mode = "in training" if training else "at inference"
                after = f", after {position} other passes" if position else ""
                where = f"{fields}{mode}, for x of shape {x.shape}{f', {named}' if named else ''}{after}"
                _compare(bench, where, x, training, mask)
            if training:
                _update(subject, bench, position)


def _compare(bench: Bench, where: str, x: Array, training: bool, mask: Array | None) -> None:
    state = bench.state()
    expected, buffers = reference_of(bench, x.copy(), training, mask)
    bench.restore(state)
    before = bench.buffers()
    y = bench.forward(x, training, mask=mask)
    require_formula("y", where, y, expected)
    after = bench.buffers()
    unknown = [name for name in buffers if name not in after]
    if unknown:
        raise CheckFailed(
            f"its reference gives {', '.join(unknown)}, and the layer's buffers are {', '.join(after) or 'none'}",
            "name buffers as build does: return y, {'mean': ...} for self.buffer('mean', ...)",
        )
    for name, value in after.items():
        if "." not in name or name in buffers:  # those of layers within it are theirs to say
            require_formula(name, where, value, np.broadcast_to(buffers.get(name, before[name]), value.shape))


def reference_of(bench: Bench, x: Array, training: bool, mask: Array | None) -> tuple[Array, Mapping[str, Array]]:
    layer = bench.layer
    if layer.kind == "activation":
        given = layer.reference(x)  # type: ignore[union-attr]
    elif bench.takes_mask:
        given = layer.reference(x, training, mask=mask)  # type: ignore[union-attr]
    else:
        given = layer.reference(x, training)  # type: ignore[union-attr]
    return given if isinstance(given, tuple) else (given, {})


def _update(subject: Subject, bench: Bench, position: int) -> None:
    """What comes between two batches of a training: the way back, and other parameters."""
    bench.backward(subject.rng(position).normal(size=(PASSES[position][0], *bench.output_shape)))
    theta = bench.network.parameters.theta
    theta += STEP * subject.rng(60 + position).normal(size=theta.size)
