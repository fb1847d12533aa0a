"""What each number was made of, told from the numbers themselves: a third party's layer is read as ours are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.network.step_trace import Moved, Operation, close


def structure_of(operation: Operation, parameters: Mapping[str, Moved]) -> dict[str, Any]:
    """How ``y`` comes from ``x``, where it can be told.

    Returns:
        ``{"how": "product", "weights": name, "bias": name or None}`` where $y = x W + b$;
        ``{"how": "reshaped"}`` where ``y`` has the numbers of ``x`` in their order;
        ``{"how": "elementwise", "slope": array}`` where each number of ``dx`` is one of ``dy`` times a slope;
        ``{"how": "other"}`` else.
    """
    x, y = operation.x, operation.y
    if not all(isinstance(array, np.ndarray) for array in (x, y)):
        return {"how": "other"}
    own = [parameters[name] for name in operation.parameters if name in parameters]
    for weights in own:
        if weights.value.shape == (x.shape[-1], y.shape[-1]):
            for bias in (*(one for one in own if one.value.shape == y.shape[-1:]), None):
                product = x @ weights.value + (0 if bias is None else bias.value)
                if product.shape == y.shape and close(product, y):
                    return {"how": "product", "weights": weights.name, "bias": None if bias is None else bias.name}
    if x.size == y.size and np.array_equal(x.ravel(), y.ravel()):
        return {"how": "reshaped"}
    if operation.slope is not None:
        return {"how": "elementwise", "slope": operation.slope}
    return {"how": "other"}
