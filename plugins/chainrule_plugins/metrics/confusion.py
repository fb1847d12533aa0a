"""Metrics of which class is taken for which."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from chainrule import Array, Metric


@dataclass
class ConfusionMatrix(Metric):
    r"""Which class is taken for which: a row for each true class, a column for each predicted one.

    Value:
        $matrix_{j,k} = \sum_i [target_i = j] [answer_i = k]$
        $answer_i = \arg\max_l prediction_{i,l}$, or of yes or no $[prediction_i > threshold]$

    Several outputs of yes or no are counted together. Empty where nothing was seen.

    Shapes:
        prediction: (batch, *steps, classes) of classes, (batch, *outputs) of yes or no
        target: (batch, *steps), integer classes; or shaped as prediction, 0 or 1
        matrix: (classes, classes), of yes or no (2, 2), integers; where samples have weights, sums of them

    Args:
        threshold: of yes or no, predictions above it mean yes; at least 0 and at most 1, default 0.5.

    Raises:
        FieldError: threshold is out of range.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> confusion = cr.make("metric", "confusion_matrix")
        >>> confusion.reset()
        >>> confusion.update(np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([0, 1]))
        >>> confusion.compute()
        array([[1, 0],
               [1, 0]])
    """

    threshold: float = 0.5

    tasks = ("binary", "multiclass")
    array = True
    check_examples = ({}, {"threshold": 0.3})

    def __post_init__(self) -> None:
        self.require("threshold", 0 <= self.threshold <= 1, "at least 0 and at most 1")

    def reference(self, prediction: Array, target: Array) -> Array:
        of_classes = target.ndim < prediction.ndim
        classes = prediction.shape[-1] if of_classes else 2
        matrix = np.zeros((classes, classes), int)
        if of_classes:
            for row, j in zip(prediction.reshape(-1, classes), target.ravel()):
                matrix[j, row.argmax()] += 1
        else:
            for p, t in zip(prediction.flat, target.flat):
                matrix[int(t > 0.5), int(p > self.threshold)] += 1
        return matrix

    def reset(self) -> None:
        self.matrix: Array | None = None  # the number of classes is known from the first batch on

    def update(self, prediction: Array, target: Array, weight: Array | None = None) -> None:
        if target.ndim < prediction.ndim:
            classes, truth, answer = prediction.shape[-1], target.ravel(), prediction.argmax(axis=-1).ravel()
        else:
            classes, truth, answer = 2, (target > 0.5).ravel(), (prediction > self.threshold).ravel()
        cells = truth.astype(np.int64) * classes + answer
        of_cells = None if weight is None else np.repeat(weight, math.prod(target.shape[1:]))
        counts = np.bincount(cells, of_cells, minlength=classes**2).reshape(classes, classes)
        self.matrix = counts if self.matrix is None else self.matrix + counts

    def compute(self) -> Array:
        return np.identity(0, np.int64) if self.matrix is None else self.matrix
