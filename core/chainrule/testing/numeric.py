"""Derivatives by differences, and what it means where a backward pass gives something else."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.network.differences import blur, derivative, relative_error, rounding
from chainrule.testing.kit import CheckFailed

STEP = 1e-3
RIGHT = 1e-6  # the largest relative error that passes
ATTEMPTS = 5


def numeric_gradient(function: Callable[[], float], at: Array, step: float = STEP) -> Array:
    """The derivative of ``function()`` with respect to every number of ``at``, which it reads."""
    gradient = np.empty(at.shape)
    for index in np.ndindex(at.shape):
        gradient[index] = derivative(function, at, index, step)
    return gradient


class AgainstDifferences(NamedTuple):
    """A gradient and the differences that it should equal, and the function that they are of."""

    what: str  # "dx", "W.grad"
    given: Array
    numeric: Array
    function: Callable[[], float]
    at: Array


def require_equal(compared: AgainstDifferences, mend: str, batch: int) -> bool:
    """Whether a gradient equals its differences; False where the differences themselves are in doubt, as there is a
    kink or a jump close by.

    Raises:
        CheckFailed: it does not, with where, by how much, and what that looks like.
    """
    what, given, numeric, function, at = compared
    if relative_error(given, numeric) < RIGHT:
        return True
    noise = rounding(function, at)
    error = relative_error(given, numeric, blur(noise, STEP))
    if error < RIGHT:
        return True
    if relative_error(numeric_gradient(function, at, STEP / 4), numeric, 2 * blur(noise, STEP / 4)) > RIGHT / 4:
        return False
    index = np.unravel_index(np.nanargmax(np.abs(given - numeric)), given.shape)
    place = f"[{', '.join(map(str, index))}]" if index else ""
    raise CheckFailed(
        f"{what} is off by {error:.2g} of its largest number (allowed: {RIGHT:g}): number {place} is "
        f"{given[index]:.6g}, and by differences {numeric[index]:.6g}. {_looks_like(given, numeric, batch)}",
        mend,
    )


def _looks_like(given: Array, numeric: Array, batch: int) -> str:
    """What kind of mistake the numbers speak of."""
    if not given.any():
        return "It is zero everywhere: was it forgotten?"
    large = np.abs(numeric) > 1e-3 * np.abs(numeric).max()
    ratios = given[large] / numeric[large]
    if ratios.size and np.ptp(ratios) <= 1e-4 * np.abs(ratios).max():
        ratio = float(ratios.mean())
        causes = {
            float(batch): f"{batch}, the batch size: do not multiply by it",
            1 / batch: f"1/{batch}, one over the batch size: do not divide by it",
            -1.0: "-1: turn the sign",
        }
        cause = next((text for value, text in causes.items() if np.isclose(ratio, value, rtol=1e-3)), f"{ratio:.4g}")
        return f"Everywhere it is the right one times {cause}."
    right = np.isclose(given, numeric, rtol=1e-5, atol=1e-6 * np.abs(numeric).max())
    return f"{np.count_nonzero(~right)} of its {given.size} numbers are wrong."


def not_smooth() -> CheckFailed:
    """What to say where no point was found at which the differences can be trusted."""
    return CheckFailed(
        f"at {ATTEMPTS} random points the differences do not settle when their step shrinks: the function has a kink "
        "or a jump near each of them, or is not the same when computed again",
        "declare where the derivative does not exist, check_kinks = (0.0, ...), so that the check stays away; "
        "randomness must come from self.rng alone",
    )
