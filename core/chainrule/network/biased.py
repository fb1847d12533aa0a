"""A layer's bias and the activation behind it, in one loop where that is compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule.contract.arrays import Array
from chainrule.contract.formulas import Formulas, formulas
from chainrule.contract.kinds import Activation, Layer
from chainrule.engine.elementwise import Computing
from chainrule.engine.use import engine_in_use
from chainrule.process.threads import in_parts, least_of_a_part

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

    at_once = _AtOnce()

    def forward(x: Array, training: bool) -> Array:
        if engine_in_use() != "numba" or not at_once.prepared(activation, layer):
            return activation.forward(layer.forward(x, training))
        layer._biased = at_once
        try:
            a = activation.a = layer.forward(x, training)
        finally:
            layer._biased = None
        return a

    return forward


class _AtOnce:
    """Makes ``y`` what an activation gives of y + b."""

    _written: Formulas | None = None
    _loop: Computing | None = None

    def prepared(self, activation: Activation, layer: Layer) -> bool:
        """Whether it can, by a loop that is compiled."""
        written: Formulas | None = activation._formulas
        if written is None or written.values:  # of fields that may have changed
            written = formulas(activation)
        if written is not self._written:
            self._written, self._loop = written, written.biased.loop(layer.dtype)
        return self._loop is not None

    def __call__(self, y: Array, b: Array) -> None:
        written, loop, rows = self._written, self._loop, y.reshape(-1, y.shape[-1])
        assert written is not None, "it is prepared first"
        if loop is None or not y.flags.c_contiguous:
            written.forward(y + b, y)
        elif y.size < 2 * least_of_a_part():
            loop(rows, b)
        else:
            in_parts(lambda part: loop(rows[part], b), len(rows), rows.size)
