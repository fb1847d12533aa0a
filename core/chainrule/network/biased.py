"""A layer's bias and the activation behind it, in one loop where that is compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule.contract.arrays import Array
from chainrule.contract.formulas import Formulas, formulas
from chainrule.contract.kinds import Activation, Layer
from chainrule.engine.use import engine_in_use
from chainrule.process.threads import in_parts

Forward = Callable[[Array, bool], Array]


def biased(layer: Any, activation: Any) -> Forward | None:
    """``forward(x, training)`` of both, one after the other; None where they go by themselves: since the layer does not
    add its bias last, the activation is more than its formulas, or somebody listens to what either gives."""
    if not (isinstance(layer, Layer) and layer.bias_last and isinstance(activation, Activation)):
        return None
    inherited = (getattr(type(activation), method) is getattr(Activation, method) for method in ("forward", "backward"))
    if not all(inherited) or activation.rule is None or "forward" in {*vars(layer), *vars(activation)}:
        return None
    if not formulas(activation).biased.gain:
        return None

    def forward(x: Array, training: bool) -> Array:
        at_once = _at_once(formulas(activation), layer.dtype) if engine_in_use() == "numba" else None
        if at_once is None:
            return activation.forward(layer.forward(x, training))
        layer._biased = at_once
        try:
            a = activation.a = layer.forward(x, training)
        finally:
            layer._biased = None
        return a

    return forward


def _at_once(written: Formulas, dtype: Any) -> Callable[[Array, Array], None] | None:
    """``at_once(y, b)`` makes ``y`` what the activation gives of y + b; None where NumPy computes."""
    loop, by_numpy = written.biased.loop(dtype), written.forward
    if loop is None:
        return None

    def at_once(y: Array, b: Array) -> None:
        if y.flags.c_contiguous:
            rows = y.reshape(-1, y.shape[-1])
            in_parts(lambda part: loop(rows[part], b), len(rows), rows.size)
        else:
            by_numpy(y + b, y)

    return at_once
