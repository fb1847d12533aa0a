"""What each number was made of, told from the numbers themselves: a third party's layer is read as ours are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.contract.kinds import Activation
from chainrule.network.step_trace import Moved, Operation

CLOSE = 1e-4
"""By how much, of the largest number, float32 may round a sum."""


def structure_of(operation: Operation, parameters: Mapping[str, Moved]) -> dict[str, Any]:
    """How ``y`` comes from ``x``, where it can be told.

    Returns:
        ``{"how": "product", "weights": name, "bias": name or None}`` where $y = x W + b$;
        ``{"how": "reshaped"}`` where ``y`` has the numbers of ``x`` in their order;
        ``{"how": "elementwise", "slope": array}`` where each number of ``dx`` is one of ``dy`` times a slope;
        ``{"how": "other"}`` else.
    """
    x, y, dy, dx = operation.x, operation.y, operation.dy, operation.dx
    if not all(isinstance(array, np.ndarray) for array in (x, y)):
        return {"how": "other"}
    own = [parameters[name] for name in operation.parameters if name in parameters]
    for weights in own:
        if weights.value.shape == (x.shape[-1], y.shape[-1]):
            for bias in (*(one for one in own if one.value.shape == y.shape[-1:]), None):
                product = x @ weights.value + (0 if bias is None else bias.value)
                if product.shape == y.shape and _close(product, y):
                    return {"how": "product", "weights": weights.name, "bias": None if bias is None else bias.name}
    if x.size == y.size and np.array_equal(x.ravel(), y.ravel()):
        return {"how": "reshaped"}
    if isinstance(operation.layer, Activation) and not own and x.shape == y.shape:
        operation.layer.forward(x)
        slope = operation.layer.backward(np.ones_like(y)).copy()
        if dy is None or _close(slope * dy, dx):
            return {"how": "elementwise", "slope": slope}
    return {"how": "other"}


def _close(a: Array, b: Array) -> bool:
    return bool(np.abs(a - b).max(initial=0) <= CLOSE * max(float(np.abs(b).max(initial=0)), 1e-30))
