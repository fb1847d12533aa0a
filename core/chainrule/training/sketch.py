"""The losses by epoch as a small drawing within a notebook's page: SVG, without a library."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.words import number

WIDTH, HEIGHT = 360, 190
LEFT, RIGHT, TOP, BOTTOM = 66, 350, 26, 160
"""Where the axes are; around them stand their numbers, and above them which line is which."""
LINES = (("#0072B2", "5 4"), ("#D55E00", "none"))
"""Colour and dashes of each line: the two of the pictures of a run, readable on white and on black."""
LARGEST = 1e100
"""What is larger, or not finite, is a gap in its line."""
MOST_POINTS = 400


def sketch(series: Mapping[str, Sequence[float]]) -> str:
    """One line for each name, at most as many as ``LINES``, on a log scale where they fall by more than two decades;
    nothing, where no value can be drawn."""
    columns = {name: np.asarray(column, float) for name, column in series.items()}
    columns = {name: np.where(np.abs(column) < LARGEST, column, np.nan) for name, column in columns.items()}
    known = np.concatenate([column[np.isfinite(column)] for column in columns.values()] or [np.empty(0)])
    if not len(known):
        return ""
    low, high = float(known.min()), float(known.max())
    log = low > 0 and high > 100 * low
    epochs = max(map(len, columns.values()))
    drawn = [
        _line(column, _share(column, low, high, log), epochs, at, name)
        for at, (name, column) in enumerate(columns.items())
    ]
    label = escape(f"{' and '.join(columns)} by epoch{' on a log scale' if log else ''}")
    return (
        f'<svg role="img" aria-label="{label}" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-size="11" fill="currentColor">{_axes(low, high, log, epochs)}{"".join(drawn)}</svg>'
    )


def _share(column: Array, low: float, high: float, log: bool) -> Array:
    """How high each value lies between the lowest and the highest, from 0 to 1; in the middle, where all are equal."""
    if low == high:
        return np.where(np.isfinite(column), 0.5, np.nan)
    scale = np.log if log else np.positive
    share: Array = (scale(column) - scale(low)) / (scale(high) - scale(low))
    return share


def _line(column: Array, share: Array, epochs: int, at: int, name: str) -> str:
    color, dashes = LINES[at]
    style = f'stroke="{color}" stroke-width="2" stroke-dasharray="{dashes}" stroke-linecap="round" fill="none"'
    kept = np.unique(np.linspace(0, len(column) - 1, MOST_POINTS).astype(int))
    path, pen = [], "M"
    for epoch in kept:
        if math.isnan(share[epoch]):
            pen = "M"
            continue
        x = LEFT + (RIGHT - LEFT) * epoch / max(epochs - 1, 1)
        path.append(f"{pen}{x:.1f} {BOTTOM + (TOP - BOTTOM) * share[epoch]:.1f}{'h0' if pen == 'M' else ''}")
        pen = "L"
    x = LEFT + at * 130
    legend = f'<path d="M{x} 10h26" {style}/><text x="{x + 34}" y="14">{escape(name)}</text>'
    return f'<path d="{"".join(path)}" {style}/>{legend}'


def _axes(low: float, high: float, log: bool, epochs: int) -> str:
    """With the lowest and the highest value, the first and the last epoch."""
    marks = [(TOP, high), (BOTTOM, low)] if low < high else [((TOP + BOTTOM) / 2, low)]
    heights = "".join(f'<text x="{LEFT - 8}" y="{y + 4:g}" text-anchor="end">{number(v)}</text>' for y, v in marks)
    last = f'<text x="{RIGHT}" y="{BOTTOM + 18}" text-anchor="end">{epochs}</text>' if epochs > 1 else ""
    scale = "epoch, log scale upwards" if log else "epoch"
    return (
        f'<path d="M{LEFT - 4} {TOP}V{BOTTOM + 4}H{RIGHT}" stroke="currentColor" stroke-opacity="0.5" fill="none"/>'
        f'{heights}<text x="{LEFT}" y="{BOTTOM + 18}">1</text>{last}'
        f'<text x="{(LEFT + RIGHT) / 2:g}" y="{BOTTOM + 18}" text-anchor="middle">{scale}</text>'
    )
