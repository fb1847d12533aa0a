"""What is looked at in each frame: a few examples, the same throughout, and a grid where inputs are two numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.contract.named import each
from chainrule.contract.split import Split, Stream
from chainrule.network.network import Network

PROBE = 256
"""Examples at most whose step of learning is a frame."""
NUMBERS = 4_000_000
"""That the steps of the network may give for them, or fewer are taken."""
SEEN = 240
"""Examples that predictions are shown of."""
SIDE = 40
"""Points of the grid along each axis."""


def some_of(split: Split | Stream, most: int) -> tuple[Split, Array]:
    """At most so many examples, spread evenly, and their positions; of a stream the first ones."""
    if isinstance(split, Stream):
        part = split.first(most)
        return part, np.arange(part.rows)
    chosen = np.unique(np.linspace(0, split.rows - 1, min(split.rows, most)).astype(np.int64))
    return split.at(chosen.tolist()), chosen


def probe_of(split: Split | Stream, network: Network) -> Split:
    """Examples of the training data, so many as can be looked at in no time."""
    shapes = [shape for shape in network.shapes if isinstance(shape, tuple)]
    each_one = sum(int(np.prod(shape)) for shape in shapes) or 1
    return some_of(split, int(np.clip(NUMBERS // each_one, 16, PROBE)))[0]


def plane_of(x: Any) -> Array | None:
    """The corners of a square that holds these inputs, as a network takes them, ``[[x0, x1], [y0, y1]]``, where they
    are two numbers."""
    if not isinstance(x, np.ndarray) or x.shape[1:] != (2,) or x.dtype.kind != "f" or not len(x):
        return None
    low, high = x.min(axis=0), x.max(axis=0)
    half = max(float((high - low).max()) * 0.6, 1e-6)
    middle = (low + high) / 2
    return np.stack([middle - half, middle + half], axis=1).astype(np.float64)


def seen(network: Network, split: Split, plane: Array | None, before: Array | None) -> dict[str, Any]:
    """What a network says of them now: the part of a ``Frame`` that is about examples.

    Args:
        before: ``hidden`` of the frame before, to which this one's is turned, so that it moves steadily.
    """
    found: dict[str, Any] = {"prediction": each(np.copy, network.predict(split.x, mask=split.mask))}
    hidden = _last_hidden(network, split)
    if hidden is not None:
        found["hidden"], found["share"] = principal(hidden, before)
    if plane is not None:
        across, up = (np.linspace(low, high, SIDE) for low, high in plane)
        points = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
        found["plane"] = network.predict(points).reshape(SIDE, SIDE, -1)
    return found


def _last_hidden(network: Network, split: Split) -> Array | None:
    """What the step before the last one that learns is given, ``(n, features)``."""
    learning = [i for i, step in enumerate(network.steps) if step.learns]
    if len(learning) < 2:
        return None
    given: Any = None
    for i, (_, y) in enumerate(network.walk(network.inputs(split.x), split.mask)):
        if i == learning[-1] - 1:
            given = y
            break
    if not isinstance(given, np.ndarray) or given.ndim < 2 or given[0].size < 2:
        return None
    flat: Array = given.reshape(len(given), -1).astype(np.float64)
    return flat if np.isfinite(flat).all() else None


def principal(rows: Array, before: Array | None) -> tuple[Array, float]:
    r"""Rows in the two directions in which they differ most, and the share of their variance that these show.

    $X - \bar x = U S V^T$; the scores are the first two columns of $U S$ (Pearson 1901). The directions of two
    components may turn and change sign from frame to frame: they are turned to those of the frame ``before`` by the
    rotation $R = A B^T$, with $A \, \Sigma \, B^T$ that of ``scores.T @ before`` (Schönemann 1966, "A generalized
    solution of the orthogonal Procrustes problem").
    """
    centred = rows - rows.mean(axis=0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    scores = np.zeros((len(rows), 2))
    scores[:, : min(2, len(s))] = (u * s)[:, :2]
    total = float((s**2).sum())
    if before is not None and before.shape == scores.shape:
        a, _, b = np.linalg.svd(scores.T @ before)
        scores = scores @ (a @ b)
    return scores.astype(np.float32), float((s[:2] ** 2).sum()) / total if total else float("nan")


def trivial_loss(network: Network, target: Any) -> float | None:
    """The loss of an answer that is the same for every example: the mean of the targets, as shares of the classes.

    ``target``: as the loss takes it. None where the loss takes targets of its own form, or several outputs.
    """
    shape = network.output_shape
    loss = network.loss
    if isinstance(shape, Mapping) or loss.parts or loss.target_shape(shape) is not None:
        return None
    answers = np.eye(shape[-1])[target] if target.dtype.kind in "iu" else target
    answers = answers.reshape(len(answers), *shape).astype(network.dtype)
    always = np.broadcast_to(answers.mean(axis=0, keepdims=True), answers.shape).copy()
    twin = network.copy()
    return float(twin.loss.forward(always, target))
