"""Layers and activations compute what their formula says, in each mode, with each mask, and after training."""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Mapping
from typing import Any

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
SAID = r"\bwhere (none|nothing|no step)\b"
"""How a docstring says what comes of a row of which no step counts: "0 where none does"."""
STEP = 0.1  # what an update moves every parameter by, about


def of_layer(subject: Subject, fields: str) -> None:
    """Forward gives what its reference does, in training and at inference, and leaves the buffers that it says."""
    for shape in subject.input_shapes:
        compare_at(subject, shape, fields)


def compare_at(subject: Subject, shape: Shape, fields: str) -> None:
    """The same for input of one shape."""
    for masked in (False, True):
        bench = Bench(subject, shape)
        if masked and not (bench.takes_mask and shape):
            continue
        for position, (batch, training, size) in enumerate(PASSES):
            x = inputs(subject, shape, batch, position, size=size)
            tried: dict[str, Array | None] = {"": None}
            if masked:
                tried = {**masks(subject, shape, batch), **_with_nothing(bench, x, training)}
            for named, mask in tried.items():
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


def reference_of(
    bench: Bench, x: Array, training: bool, mask: Array | None, given: dict[Any, Any] | None = None
) -> tuple[Array, Mapping[str, Array]]:
    """y, and the buffers that are said; ``given``: what a gradient takes as given is kept there, and stays so."""
    layer: Any = bench.layer
    more: dict[str, Any] = {"mask": mask} if bench.takes_mask else {}
    if given is not None:
        more["given"] = given
    found = layer.reference(x, **more) if layer.kind == "activation" else layer.reference(x, training, **more)
    return found if isinstance(found, tuple) else (found, {})


def _with_nothing(bench: Bench, x: Array, training: bool) -> dict[str, Array]:
    """A mask by which no step of the first row counts, where forward knows what that gives, or the docstring does."""
    mask = np.ones(x.shape[:2], bool)
    mask[0] = False
    state = bench.state()
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            known = bool(np.isfinite(reference_of(bench, x.copy(), training, mask)[0]).all())
            said = re.search(SAID, inspect.getdoc(type(bench.component)) or "") is not None
            known &= said or bool(np.isfinite(bench.forward(x, training, mask=mask)).all())
    except Exception:
        known = False
    bench.restore(state)
    return {"with a row of which no step counts": mask} if known else {}


def _update(subject: Subject, bench: Bench, position: int) -> None:
    """What comes between two batches of a training: the way back, and other parameters."""
    bench.backward(subject.rng(position).normal(size=(PASSES[position][0], *bench.output_shape)))
    theta = bench.network.parameters.theta
    theta += STEP * subject.rng(60 + position).normal(size=theta.size)
