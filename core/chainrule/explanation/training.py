"""The film of a training as plain values for the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.explanation.arrays import Arrays
from chainrule.film import Film, Frame
from chainrule.network.network import Network

NUMBERS = 200_000
"""That frames may take of a page; of more, some frames are left out."""
POINTS = 400
"""Of a curve."""
MANY = 8
"""Numbers of a prediction, of which more are no answer that can be read."""
EXAMPLES = 120
"""Whose predictions are shown."""


def training_of(film: Film, findings: Sequence[Any], network: Network, classes: Sequence[str], kept: Arrays) -> Any:
    """What the view of a training shows; None of one that has no frames."""
    if not film.frames:
        return None
    examples = _chosen(film)
    frames = _thinned(film.frames, len(examples))
    last = frames[-1]
    return {
        "frames": [{name: getattr(frame, name) for name in SCALARS} for frame in frames],
        "probe": film.probed,
        "epochs": len(film.history.get("train/loss", [])),
        "curves": _curves(film.history),
        "findings": [asdict(finding) for finding in findings],
        "error": film.error,
        "units": {name: _unit(name, frames, kept) for name in last.units},
        "weights": {name: _weight(name, frames, kept) for name in last.weights},
        "input": list(network.input_shape) if isinstance(network.input_shape, tuple) else None,
        "plane": None if last.plane is None or film.plane is None else _plane(frames, film.plane, kept),
        "hidden": _hidden(frames, examples, kept),
        "examples": _examples(film, frames, examples, classes, kept),
    }


SCALARS = ("epoch", "learning_rate", "loss")


def _curves(history: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Each metric, at so many epochs as can be drawn."""
    found = {}
    for name, column in history.items():
        if name.startswith(("train/", "validation/")):
            at = np.unique(np.linspace(0, len(column) - 1, min(len(column), POINTS)).astype(int))
            found[name] = [[int(i) + 1, float(column[i])] for i in at]
    return found


def _thinned(frames: list[Frame], examples: int) -> list[Frame]:
    """Some of them, the first and the last among them, so that their numbers find room."""
    last = frames[-1]
    each = sum(weight.shown.size for weight in last.weights.values()) + 2 * examples
    each += 0 if not isinstance(last.prediction, np.ndarray) else last.prediction[0].size * examples
    each += 0 if last.plane is None else last.plane.size // 4
    most = max(NUMBERS // max(each, 1), 4)
    if len(frames) <= most:
        return frames
    return [frames[i] for i in np.unique(np.linspace(0, len(frames) - 1, most).astype(int))]


def _unit(name: str, frames: Sequence[Frame], kept: Arrays) -> dict[str, Any]:
    units = [frame.units[name] for frame in frames]
    stuck = [(unit.dead, unit.flat) for unit in units if unit.dead is not None and unit.flat is not None]
    return {
        "edges": [list(unit.edges) for unit in units],
        "counts": kept.add(np.stack([unit.counts for unit in units])),
        "output": [unit.output for unit in units],
        "gradient": [unit.gradient for unit in units],
        "units": len(stuck[-1][0]) if stuck else None,
        "dead": [int((dead == 1).sum()) for dead, _ in stuck] or None,
        "flat": [float(np.mean(flat - dead)) for dead, flat in stuck] or None,
    }


def _weight(name: str, frames: Sequence[Frame], kept: Arrays) -> dict[str, Any]:
    weights = [frame.weights[name] for frame in frames]
    return {
        "value": [weight.value for weight in weights],
        "gradient": [weight.gradient for weight in weights],
        "update": [weight.update for weight in weights],
        "edges": [list(weight.edges) for weight in weights],
        "counts": kept.add(np.stack([weight.counts for weight in weights])),
        "size": weights[-1].size,
        "shown": kept.add(np.stack([weight.shown for weight in weights])),
    }


def _plane(frames: Sequence[Frame], corners: Array, kept: Arrays) -> dict[str, Any]:
    """What the network says at each point: its class and how probable it is, or its number."""
    said = np.stack([frame.plane for frame in frames if frame.plane is not None])
    if said.shape[-1] > 1:
        return {
            "corners": corners.tolist(),
            "class": kept.add(said.argmax(axis=-1).astype(np.uint8)),
            "share": kept.add(_bytes(said.max(axis=-1), 0, 1)),
            "range": [0, 1],
        }
    finite = said[np.isfinite(said)]
    # What it says far from all examples would take most of the colours.
    low, high = map(float, np.percentile(finite, (5, 95))) if finite.size else (0.0, 1.0)
    return {"corners": corners.tolist(), "share": kept.add(_bytes(said[..., 0], low, high)), "range": [low, high]}


def _bytes(values: Array, low: float, high: float) -> Array:
    """As 0 to 255: for colours that is enough."""
    share = np.nan_to_num((values - low) / max(high - low, 1e-30))
    return (255 * np.clip(share, 0, 1)).round().astype(np.uint8)


def _hidden(frames: Sequence[Frame], examples: Array, kept: Arrays) -> dict[str, Any] | None:
    if any(frame.hidden is None for frame in frames):
        return None
    points = np.stack([frame.hidden[examples] for frame in frames if frame.hidden is not None])
    return {"points": kept.add(points), "share": [frame.share for frame in frames]}


def _chosen(film: Film) -> Array:
    """Positions among the examples that were watched: half of them those that were wrong for longest and last, and
    others, spread evenly."""
    rows = film.seen.rows
    if rows <= EXAMPLES:
        return np.arange(rows)
    # Those that were wrong late count for more than those that all are at first.
    wrongs = [_wrong(frame.prediction, film.seen.y) for frame in film.frames]
    score = sum((1 + i) * wrong for i, wrong in enumerate(wrongs) if wrong is not None)
    order = np.argsort(-np.asarray(score), kind="stable") if np.ndim(score) else np.empty(0, np.int64)
    found = order[: EXAMPLES // 2]
    others = np.setdiff1d(np.arange(rows), found)
    spread = others[np.linspace(0, len(others) - 1, EXAMPLES - len(found)).astype(int)]
    return np.union1d(found, spread)


def _wrong(prediction: Any, y: Any) -> Array | None:
    """Which are, where there is one class for each example."""
    if (
        not isinstance(prediction, np.ndarray)
        or not isinstance(y, np.ndarray)
        or y.dtype.kind not in "iu"
        or y.ndim > 1
    ):
        return None
    if prediction.ndim != 2:
        return None
    said = prediction[:, 0] >= 0.5 if prediction.shape[1] == 1 else prediction.argmax(axis=1)
    found: Array = said != y
    return found


def _examples(
    film: Film, frames: Sequence[Frame], chosen: Array, classes: Sequence[str], kept: Arrays
) -> dict[str, Any] | None:
    x, y = film.seen.x, film.seen.y
    if not isinstance(x, np.ndarray) or not all(isinstance(frame.prediction, np.ndarray) for frame in frames):
        return None
    predictions = np.stack([frame.prediction[chosen] for frame in frames])
    if predictions.ndim != 3 or (film.seen.y.dtype.kind == "f" and predictions.shape[-1] > MANY):
        return None
    is_image = x.ndim in (3, 4) and x.dtype.kind == "f"
    shown = x[chosen]
    all_wrong = [_wrong(frame.prediction, y) for frame in frames]
    return {
        "split": film.split,
        "positions": film.positions[chosen].tolist(),
        "x": kept.add(_bytes(shown, float(shown.min()), float(shown.max())) if is_image else shown),
        "image": list(x.shape[1:3]) if is_image else None,
        "y": kept.add(np.asarray(y)[chosen]),
        "prediction": kept.add(predictions.astype(np.float32)),
        "classes": [str(name) for name in classes],
        "labels": all_wrong[-1] is not None,
        "wrong": None if all_wrong[-1] is None else [int(one.sum()) for one in all_wrong if one is not None],
        "of": film.seen.rows,
    }
