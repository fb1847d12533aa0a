"""What samples weigh by their class."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.contract.arrays import Array
from chainrule.contract.split import Split
from chainrule.errors import FieldError, did_you_mean, within
from chainrule.words import as_written


def weighed_by_class(split: Split, given: Any, names: Sequence[Any]) -> Split:
    """A split whose samples, or steps, weigh by their class, beside what they weigh already; ``given`` as
    ``Data.with_class_weights`` takes it, ``names`` those of the classes.

    Raises:
        FieldError: it is neither a word for weights nor a weight for each class.
    """
    y: Array = split.y
    own = np.ones(y.shape)
    for factor in (split.weight, split.mask):
        if factor is not None and factor.shape == y.shape[: factor.ndim]:
            own = own * factor.reshape(factor.shape + (1,) * (y.ndim - factor.ndim))
    if isinstance(given, str) and given == "balanced":
        counts = np.bincount(y.ravel(), own.ravel(), len(names))
        weights = counts.sum() / (len(names) * np.where(counts > 0, counts, 1))
    elif isinstance(given, Mapping):
        with within("class_weight"):
            weights = _named([str(name) for name in names], given)
    else:
        raise FieldError(
            f'got {as_written(given)}, expected "balanced", or a weight for each class', key="class_weight"
        )
    weight, its_own = weights[y], split.weight
    if its_own is not None:
        weight = weight * its_own.reshape(its_own.shape + (1,) * (y.ndim - its_own.ndim))
    return Split(split.x, y, weight, split.mask)


def _named(names: Sequence[str], given: Mapping[Any, Any]) -> Array:
    weights = np.ones(len(names))
    for key, weight in given.items():
        number = names.index(str(key)) if str(key) in names else key
        if isinstance(number, bool) or number not in range(len(names)):
            raise FieldError(f"there is no class {as_written(key)}. {did_you_mean(str(key), names, ordered=True)}")
        number_given = isinstance(weight, numbers.Real) and not isinstance(weight, bool)
        if not (number_given and 0 <= weight < math.inf):
            raise FieldError(f"got {as_written(weight)}, expected a number, 0 or more, and finite", key=str(key))
        weights[number] = weight
    return weights
