"""The scale in which a network learns the targets of a regression."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from chainrule.contract.arrays import Array


class TargetScale(NamedTuple):
    """By what the targets of a regression are standardized: a mean and a standard deviation for each column.

    $z = (y - mean) / std$. All of it is computed in float64: in float32 a year would keep three digits behind the
    point, and a number of a billion none.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, y: Array, weight: Array | None = None) -> TargetScale:
        """That of ``y``, ``(n,)`` or ``(n, k)``; a column that is constant keeps its width, and becomes 0. With
        weights, ``(n,)``, it is as if each sample stood there as often as it weighs.

        >>> TargetScale.of(np.array([1990.0, 2000.0, 2010.0, 2000.0]))
        TargetScale(mean=(2000.0,), std=(7.0710678118654755,))
        """
        columns = y.reshape(len(y), -1).astype(np.float64)
        low = columns.min(axis=0)
        # Within its range a column is of order 1, so that no square overflows or vanishes; that its bounds are equal
        # is exact, where rounding can leave a deviation of 1e-17.
        width = columns.max(axis=0) - low
        width[width == 0] = 1
        within = (columns - low) / width
        mean = np.average(within, axis=0, weights=weight)
        std = np.sqrt(np.average((within - mean) ** 2, axis=0, weights=weight)) * width
        return cls(tuple((low + mean * width).tolist()), tuple(np.where(std > 0, std, 1).tolist()))

    def standardized(self, y: Array) -> Array:
        """``y``, ``(n, k)``, in standard deviations from the mean, in float64."""
        z: Array = (y.astype(np.float64) - self.mean) / self.std
        return z

    def in_units(self, z: Array) -> Array:
        """The way back."""
        y: Array = z.astype(np.float64) * self.std + self.mean
        return y
