"""What each number was made of, told from the numbers themselves: a third party's layer is read as ours are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.contract.kinds import Activation
from chainrule.contract.parameters import Parameter
from chainrule.explanation.windows import convolution_of, pooling_of, windows_of
from chainrule.network.step_trace import Moved, Operation, close

SLOPES = 40_000
"""Numbers at most of all slopes of a step's outputs with respect to its inputs."""


def structure_of(operation: Operation, parameters: Mapping[str, Moved]) -> dict[str, Any]:
    """How ``y`` comes from ``x``, where it can be told.

    Returns:
        ``{"how": "product", "weights": name, "bias": name or None}`` where $y = x W + b$; ``"convolution"`` where it is
        so of windows, with their ``kernel``, ``stride``, and ``low``, the room before each axis;
        ``{"how": "pooled", "of": "max" or "mean", ...}`` of windows too;
        ``{"how": "reshaped"}`` where ``y`` has the numbers of ``x`` in their order;
        ``{"how": "elementwise", "slope": array}`` where each number of ``dx`` is one of ``dy`` times a slope, and
        ``"scaled"`` where that is how ``y`` comes from ``x`` too;
        ``{"how": "mixed", "slopes": array, "by_parameter": {name: array}}`` where all numbers of an example depend on
        one another: how much each of ``y`` changes with each of ``x``, ``(n, size of y, size of x)``, and with each
        number of a parameter;
        ``{"how": "other"}`` else.
    """
    x, y, dy, dx = operation.x, operation.y, operation.dy, operation.dx
    if not all(isinstance(array, np.ndarray) and array.size for array in (x, y)) or x.dtype.kind != "f":
        return {"how": "other"}
    own = [parameters[name] for name in operation.parameters if name in parameters]
    for weights in own:
        for bias in (*(one for one in own if one.value.shape == y.shape[-1:]), None):
            named = {"weights": weights.name, "bias": None if bias is None else bias.name}
            b = None if bias is None else bias.value
            if weights.value.shape == (x.shape[-1], y.shape[-1]):
                product = x @ weights.value + (0 if b is None else b)
                if product.shape == y.shape and close(product, y):
                    return {"how": "product", **named}
            placed = convolution_of(x, y, weights.value, b)
            if placed is not None:
                return {"how": "convolution", **named, **placed}
    if x.size == y.size and np.array_equal(x.ravel(), y.ravel()):
        return {"how": "reshaped"}
    if operation.slope is not None:
        return {"how": "elementwise", "slope": operation.slope}
    if not own and isinstance(dy, np.ndarray):
        scale = _scale(x, y, dy, dx)
        if scale is not None:
            return {"how": "scaled", "slope": scale}
        pooled = pooling_of(x, y)
        if pooled is not None:
            return {"how": "pooled", **pooled}
    slopes = _slopes(operation)
    if slopes is None:
        return {"how": "other"}
    return {"how": "mixed", "slopes": slopes, "by_parameter": _slopes_by_parameter(operation)}


def explains(operation: Operation, structure: Mapping[str, Any], moved: Moved) -> bool:
    """Whether a parameter's gradient is that of the loss through this step alone: no penalty, and no other step shares
    it."""
    x, dy = operation.x, operation.dy
    if structure["how"] == "mixed" and moved.name in structure["by_parameter"] and isinstance(dy, np.ndarray):
        slopes = structure["by_parameter"][moved.name]
        return close(np.einsum("nj,njk->k", dy.reshape(len(dy), -1), slopes), moved.grad.ravel())
    if structure["how"] not in ("product", "convolution") or not isinstance(dy, np.ndarray):
        return False
    if moved.name == structure["bias"]:
        return close(dy.reshape(-1, dy.shape[-1]).sum(axis=0), moved.grad)
    if moved.name != structure["weights"]:
        return False
    if structure["how"] == "product":
        return close(x.reshape(-1, x.shape[-1]).T @ dy.reshape(-1, dy.shape[-1]), moved.grad)
    kernel, low = tuple(structure["kernel"]), tuple(structure["low"])
    windows = windows_of(x, dy.shape[1:-1], kernel, structure["stride"], low)
    over = list(range(dy.ndim - 1))
    return close(np.tensordot(windows, dy, axes=(over, over)), moved.grad)


def _scale(x: Array, y: Array, dy: Array, dx: Any) -> Array | None:
    """By what each number is multiplied, forward and back, as by a mask of dropout; None where it is not so."""
    if not (x.shape == y.shape == dy.shape == np.shape(dx)):
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.where(x != 0, y / x, np.where(dy != 0, dx / dy, 0))
    return scale if np.isfinite(scale).all() and close(scale * x, y) and close(scale * dy, dx) else None


def _slopes(operation: Operation) -> Array | None:
    """What comes back where 1 is handed back at one output, for each of them; None where examples depend on one
    another, where it is left to chance, or where there are too many."""
    x, y, dy, dx = operation.x, operation.y, operation.dy, operation.dx
    n, size_y, size_x = len(x), y[0].size, x[0].size
    if len(y) != n or n * size_y * size_x > SLOPES or not (isinstance(dx, np.ndarray) and dx.shape == x.shape):
        return None
    found = np.empty((n, size_y, size_x), x.dtype)
    ones = np.eye(size_y, dtype=y.dtype).reshape(size_y, *y.shape[1:])
    for example in range(n):
        repeated = np.repeat(x[example : example + 1], size_y, axis=0)
        layer: Any = operation.layer
        again = layer.forward(repeated) if isinstance(layer, Activation) else layer.forward(repeated, True)
        if np.shape(again) != (size_y, *y.shape[1:]) or not close(again[:1], y[example : example + 1]):
            return None
        found[example] = np.reshape(layer.backward(ones.copy()), (size_y, size_x))
    if not isinstance(dy, np.ndarray):
        return found
    together = np.einsum("nj,nji->ni", dy.reshape(n, -1), found)
    return found if close(together, dx.reshape(n, -1)) else None


def _slopes_by_parameter(operation: Operation) -> dict[str, Array]:
    """The same with respect to each of the step's own parameters, as far as there are not too many; by its name."""
    x, y, layer = operation.x, operation.y, operation.layer
    own = list(_parameters_of(layer))
    found = {p.name: np.empty((*y.shape, p.size), y.dtype) for p in own if y.size * p.size <= SLOPES}
    for at in np.ndindex(y.shape) if found else ():
        one = np.zeros_like(y[:1])
        one[0, *at[1:]] = 1
        example = x[at[0] : at[0] + 1]
        if isinstance(layer, Activation):
            layer.forward(example)
        else:
            layer.forward(example, True)
        layer.backward(one)
        for parameter in own:
            if parameter.name in found:
                found[parameter.name][at] = parameter.grad.ravel()
    return {name: slopes.reshape(len(y), -1, slopes.shape[-1]) for name, slopes in found.items()}


def _parameters_of(layer: Any) -> Iterator[Parameter]:
    """Those that a layer declared, by themselves or among others."""
    for value in vars(layer).values():
        held = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else [value]
        yield from (one for one in held if isinstance(one, Parameter))
