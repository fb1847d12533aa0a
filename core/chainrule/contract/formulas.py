"""An activation's formulas at work: written for single numbers, computed for whole arrays.

Activations are called Any here: their base class, which says what they have, is built on this.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from chainrule.contract.rules import copied
from chainrule.engine.elementwise import Biased, Elementwise
from chainrule.errors import ContractError


class Formulas(NamedTuple):
    """Those of an activation as they were recorded with these ``values`` of its fields.

    ``forward(z, a)`` and ``backward(a, da, dz)`` write into the last one; ``biased`` is ``forward`` after a bias, in
    place. What is not written as a formula is not there.
    """

    forward: Elementwise
    backward: Elementwise
    biased: Biased
    values: tuple[Any, ...]

    def __reduce__(self) -> Any:  # nothing: what is kept has them anew, by the chainrule that is there then
        return type(None), ()


def formulas(activation: Any) -> Formulas:
    """Those that it writes, as its fields are now.

    Raises:
        ContractError: one is no function of single numbers.
    """
    known: Formulas | None = activation._formulas
    if known is None or known.values != _values(activation):
        known = vars(activation)["_formulas"] = _recorded(activation)
    return known


def _recorded(activation: Any) -> Formulas:
    made: dict[str, Any] = {"forward": None, "backward": None, "biased": None}
    rule, derivative = activation.rule, activation.derivative
    try:
        written = "rule"
        if rule is not None:
            made |= {"forward": Elementwise(rule, ("z",)), "biased": Biased(rule)}
        written = "derivative"
        if derivative is not None:
            made["backward"] = Elementwise(lambda a, da: derivative(a) * da, ("a", "da"))
    except ContractError as error:
        raise ContractError(f"{written} of {type(activation).__name__}: {error}") from error
    return Formulas(**made, values=copied(_values(activation)))


def _values(activation: Any) -> tuple[Any, ...]:
    return tuple(getattr(activation, name) for name in activation.__dataclass_fields__)
