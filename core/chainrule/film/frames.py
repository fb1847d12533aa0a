"""What is kept of one moment of a training: numbers of a few examples, summed up by step and by parameter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.network.step_trace import Moved, Operation, StepTrace

BINS = 24
"""Of a histogram."""
SHOWN = 5000
"""Numbers of a parameter at most that are kept as they were."""
FLAT = 0.05
"""Of an activation's steepest slope; where its slope is less, little of a gradient comes through. Of a sigmoid that is
beyond 4.4, of a tanh beyond 2.2."""


@dataclass(frozen=True)
class Unit:
    """What one step of the network gave, by unit, which is the last axis of its output.

    ``edges``, ``counts``: of its outputs' histogram, their least and largest number, and ``(bins,)``.
    ``output``, ``gradient``: root mean square of its outputs, and of the loss's gradient with respect to them, of one
    example; NaN where the loss goes back through it by itself. Of an elementwise activation, ``(units,)``: ``flat``,
    the share of the examples at which its slope is less than ``FLAT`` of the steepest, and ``dead``, at which it gives
    0 with a slope of 0.
    """

    edges: tuple[float, float]
    counts: Array
    output: float
    gradient: float
    flat: Array | None = None
    dead: Array | None = None


@dataclass(frozen=True)
class Weight:
    """A parameter at that moment: root mean squares of its ``value``, its ``gradient`` and the ``update`` that came
    next, over its numbers, so that a large one does not look stronger than a small one.

    ``spread``: by how much its units (the last axis) differ from one another, as a share of ``value``; 0 where they are
    all alike, NaN of one axis. ``edges``, ``counts``: of its histogram. ``shown``: its numbers, those of some units, if
    they are too many.
    """

    value: float
    gradient: float
    update: float
    spread: float
    edges: tuple[float, float]
    counts: Array
    shown: Array
    size: int
    axes: int
    decays: bool

    @property
    def ratio(self) -> float:
        """By what share of itself it moves in one update."""
        return self.update / self.value if self.value else float("nan")


@dataclass(frozen=True)
class Frame:
    """One moment of a training.

    ``loss``, ``penalty``: of the probe, before its step; ``promised``, ``change``: what the gradient promised of that
    step, and what came of it. ``units``, ``weights``: by the names of steps and parameters. Of the watched examples:
    ``prediction``, and ``hidden``, what the last hidden step gives, in two dimensions, with the ``share`` of its
    variance that these show. ``plane``: what the network says at the points of a square grid, where inputs are two
    numbers.
    """

    epoch: int
    step: int
    learning_rate: float
    loss: float
    penalty: float
    promised: float
    change: float
    units: Mapping[str, Unit]
    weights: Mapping[str, Weight]
    prediction: Any = None
    hidden: Array | None = None
    share: float = float("nan")
    plane: Array | None = None


def frame_of(epoch: int, step: StepTrace, decays: Mapping[str, bool], **more: Any) -> Frame:
    """That of a step of learning on the probe; ``more``: what watched examples give."""
    return Frame(
        epoch=epoch,
        step=step.step - 1,
        learning_rate=step.learning_rate,
        loss=step.loss,
        penalty=step.penalty,
        promised=step.promised,
        change=step.change,
        units={o.name: _unit(o) for o in step.operations if isinstance(o.y, np.ndarray) and o.y.size},
        weights={name: _weight(moved, decays[name]) for name, moved in step.parameters.items()},
        **more,
    )


def _unit(operation: Operation) -> Unit:
    y = operation.y
    edges, counts = _histogram(y)
    # The loss is a mean over the batch: a gradient of one example's own loss is as many times as large.
    gradient = _rms(operation.dy) * len(y) if isinstance(operation.dy, np.ndarray) else float("nan")
    slope = operation.slope
    if slope is None or operation.fused:
        return Unit(edges, counts, _rms(y), gradient)
    by_unit = np.abs(slope).reshape(-1, slope.shape[-1])
    flat = ~(by_unit >= FLAT * operation.steepest)
    dead = (by_unit == 0) & (y.reshape(by_unit.shape) == 0)
    return Unit(edges, counts, _rms(y), gradient, flat.mean(axis=0), dead.mean(axis=0))


def _weight(moved: Moved, decays: bool) -> Weight:
    value = moved.value
    edges, counts = _histogram(value)
    rms = _rms(value)
    spread = (
        _rms(value - value.mean(axis=-1, keepdims=True)) / rms
        if value.ndim > 1 and value.shape[-1] > 1 and rms
        else float("nan")
    )
    return Weight(
        rms, _rms(moved.grad), _rms(moved.update), spread, edges, counts, _some(value), value.size, value.ndim, decays
    )


def _some(value: Array) -> Array:
    """Its numbers, or those of its first units."""
    if value.size <= SHOWN or value.ndim < 2:
        return value.ravel()[:SHOWN].reshape(-1 if value.size > SHOWN else value.shape).copy()
    units = max(SHOWN // (value.size // value.shape[-1]), 1)
    return value[..., :units].copy()


def _rms(array: Array) -> float:
    return float(np.sqrt(np.mean(np.square(array, dtype=np.float64)))) if array.size else 0.0


def _histogram(array: Array) -> tuple[tuple[float, float], Array]:
    finite = array[np.isfinite(array)].astype(np.float64)
    if not finite.size:
        return (0.0, 0.0), np.zeros(BINS, np.int64)
    low, high = float(finite.min()), float(finite.max())
    if high - low <= abs(low) * 1e-6:  # all alike
        low, high = low - abs(low) * 1e-6 - 1e-12, high + abs(low) * 1e-6 + 1e-12
    counts, _ = np.histogram(finite, BINS, (low, high))
    return (low, high), counts
