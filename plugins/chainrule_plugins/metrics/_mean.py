"""What metrics have in common that are a mean."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from chainrule import Array, Metric


@dataclass
class Mean(Metric):
    """What metrics share that are a mean: a running ``total`` over a running ``count``. NaN where nothing was seen."""

    def reset(self) -> None:
        self.total = 0.0
        self.count = 0.0

    def gather(self, values: Array, weight: Array | None) -> None:
        """Take in values, ``(batch, *any)``, each as often as its row weighs, which is more than 0."""
        if weight is None:
            flags = values.dtype.kind == "b"
            self.total += float(np.count_nonzero(values) if flags else values.sum(dtype=np.float64))
            self.count += values.size
            return
        by_row: Array = values.sum(axis=tuple(range(1, values.ndim)), dtype=np.float64)
        self.total += float(weight @ by_row)
        self.count += float(weight.sum()) * math.prod(values.shape[1:])

    def compute(self) -> float:
        return self.total / self.count if self.count else math.nan
