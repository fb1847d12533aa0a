"""The penalty of a regularizer on a network's weights, and its gradient."""

from __future__ import annotations

from collections.abc import Iterator

from chainrule.contract.arrays import Array
from chainrule.contract.kinds import Regularizer
from chainrule.contract.parameters import Parameters


def penalty_of(regularizer: Regularizer | None, parameters: Parameters) -> float:
    """Of all weights; 0 without a regularizer."""
    if regularizer is None:
        return 0.0
    return sum(float(regularizer.penalty(theta)) for theta, _ in _seen_by(regularizer, parameters))


def add_its_gradient(regularizer: Regularizer, parameters: Parameters) -> None:
    """Add it to the gradient of the loss."""
    for theta, grad in _seen_by(regularizer, parameters):
        regularizer.add_gradient(theta, grad)


def _seen_by(regularizer: Regularizer, parameters: Parameters) -> Iterator[tuple[Array, Array]]:
    if regularizer.whole_parameters:
        yield from ((parameter.value, parameter.grad) for parameter in parameters if parameter.decay)
    else:
        yield parameters.theta[parameters.decaying], parameters.grad[parameters.decaying]
