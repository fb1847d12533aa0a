"""Two computations of the same numbers in float64, which differ by rounding alone."""

from __future__ import annotations

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.testing.kit import CheckFailed

EXACT = 1e-10  # of the largest number, or of 1
MEND = (
    "take the formula of the docstring and the paper that it names, and see which of the two is right: reference is "
    "evaluated as it is written, with the same fields, parameters and random numbers"
)


def require_formula(what: str, where: str, given: object, expected: object) -> None:
    """Let the code's numbers be those of the formula.

    Args:
        what: is compared: ``"y"``, ``"the loss"``.
        where: in which mode, at which step, for which input.

    Raises:
        CheckFailed: they part; with which number, and both values.
    """
    code, formula = np.asarray(given), np.asarray(expected)
    if code.shape != formula.shape:
        raise CheckFailed(f"{where}, {what} has shape {code.shape}, and by its reference {formula.shape}", MEND)
    wrong = differing(code, formula)
    if not wrong.any():
        return
    off = np.where(wrong, np.abs(code - formula), 0)
    index = np.unravel_index(int(np.argmax(np.where(np.isnan(off), np.inf, off))), off.shape)
    place = f"[{', '.join(map(str, index))}]" if index else ""
    several = f"; {np.count_nonzero(wrong)} of {wrong.size} numbers differ" if wrong.size > 1 else ""
    raise CheckFailed(
        f"{where}, {what}{place} is {code[index]:.15g}, and by its reference {formula[index]:.15g}{several}", MEND
    )


def differing(code: Array, formula: Array) -> Array:
    """Where they differ by more than rounding in float64; what is infinite or NaN in both is the same."""
    largest = np.abs(formula, where=np.isfinite(formula), out=np.zeros(formula.shape)).max(initial=1)
    with np.errstate(invalid="ignore"):
        near = np.abs(code - formula) <= EXACT * largest
    both = (code == formula) | (np.isnan(code) & np.isnan(formula))
    wrong: Array = ~(near | both)
    return wrong
