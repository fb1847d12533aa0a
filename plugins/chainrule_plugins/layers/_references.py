"""What the references of the layers that slide a window over images share, and their other code does not use."""

from __future__ import annotations

import numpy as np

from chainrule import Array


def with_zeros(x: Array, axis: int, reach: int, stride: int, padding: str) -> Array:
    """``x`` with the zeros that "same" or "causal" puts around an axis, for a window that reaches over so many."""
    length, before, after = x.shape[axis], 0, 0
    if padding == "causal":
        before = reach - 1
    if padding == "same":
        total = max((int(np.ceil(length / stride)) - 1) * stride + reach - length, 0)
        before, after = total // 2, total - total // 2
    return np.pad(x, [(before, after) if i == axis else (0, 0) for i in range(x.ndim)])
