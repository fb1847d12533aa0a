"""Between classes as users name them, and the whole numbers that a network is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from chainrule.contract.arrays import Array
from chainrule.contract.class_weights import weighed_by_class
from chainrule.contract.split import Split
from chainrule.errors import DataError, FieldError, did_you_mean
from chainrule.words import as_written

LABELS = "multilabel-indicator"
KNOWN = ("binary", "multiclass", LABELS)


def required_labels(y: Any) -> tuple[Array, bool]:
    """``y``, ``(n,)``; or whether there are several labels side by side, each there or not: 0 or 1, ``(n, labels)``.

    Raises:
        ValueError: it holds numbers that are no classes. DataError: several targets, each with classes of its own.
    """
    check_classification_targets(y)
    kind = type_of_target(y, input_name="y")
    if kind not in KNOWN:
        raise DataError(f"y is {kind}: give one class for each sample, or labels side by side, each 0 or 1")
    if kind == LABELS:
        return (y.toarray() if hasattr(y, "toarray") else np.asarray(y)).astype(np.int64), True
    return column_or_1d(y, warn=True), False


def positions(y: Array, classes: Array) -> Array:
    """Which of the sorted classes each sample is of.

    Raises:
        DataError: one is of another.
    """
    found = np.searchsorted(classes, y).clip(max=len(classes) - 1)
    other = classes[found] != y
    if other.any():
        raise DataError(
            f"y holds {as_written(y[other].tolist()[0])}, and the classes are {', '.join(map(str, classes))}"
        )
    return found.astype(np.int64)


def class_weights(given: Any, y: Array, classes: Array, weight: Array | None) -> Array | None:
    """What samples weigh by their class, times what they weigh already.

    Args:
        given: as ``NetworkClassifier`` takes it. y: positions among the classes.

    Raises:
        FieldError: it is neither of both; a weight is none; there is no such class.
    """
    if given is None:
        return weight
    names = [str(one) for one in classes]
    if isinstance(given, Mapping):
        for key in given:
            if not any(key == one for one in classes):
                known = did_you_mean(key, names, ordered=True)
                raise FieldError(f"there is no class {as_written(key)}. {known}", key="class_weight")
        given = {str(classes.dtype.type(key)): value for key, value in given.items()}
    found: Array | None = weighed_by_class(Split(y, y, weight), given, names).weight
    return found


def label_weights(given: Any, y: Array, weight: Array | None) -> Array | None:
    """The same of labels side by side: the product of what a sample weighs by each.

    Raises:
        ValueError: it is not as scikit-learn's ``compute_sample_weight`` takes it.
    """
    if given is None:
        return weight
    found: Array = compute_sample_weight(given, y)
    return found if weight is None else found * weight
