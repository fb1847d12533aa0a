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
        $matrix_{j,k} = \sum_i [target_i = j] [\arg\max_l prediction_{i,l} = k]$

    Empty where nothing was seen.

    Shapes:
        prediction: (batch, *steps, classes)
        target: (batch, *steps), integer classes
        matrix: (classes, classes), integers; where samples have weights, sums of them

    Example:
        >>> import numpy as np, chainrule as cr
        >>> confusion = cr.make("metric", "confusion_matrix")
        >>> confusion.reset()
        >>> confusion.update(np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([0, 1]))
        >>> confusion.compute()
        array([[1, 0],
               [1, 0]])
    """

    tasks = ("multiclass",)
    array = True

    def reference(self, prediction: Array, target: Array) -> Array:
        classes = prediction.shape[-1]
        matrix = np.zeros((classes, classes), int)
        for row, j in zip(prediction.reshape(-1, classes), target.ravel()):
            matrix[j, row.argmax()] += 1
        return matrix

    def reset(self) -> None:
        self.matrix: Array | None = None  # the number of classes is known from the first batch on

    def update(self, prediction: Array, target: Array, weight: Array | None = None) -> None:
        shape = (prediction.shape[-1],) * 2
        cells = np.ravel_multi_index((target.ravel(), prediction.argmax(axis=-1).ravel()), shape)
        of_cells = None if weight is None else np.repeat(weight, math.prod(target.shape[1:]))
        counts = np.bincount(cells, of_cells, minlength=math.prod(shape)).reshape(shape)
        self.matrix = counts if self.matrix is None else self.matrix + counts

    def compute(self) -> Array:
        return np.identity(0, np.int64) if self.matrix is None else self.matrix


@dataclass
class F1(Metric):
    r"""How well yes is found, where it is rare: many of what is found are right, and many of what there is are found.

    Value:
        $F_1 = 2 \, precision \cdot recall / (precision + recall) = 2 \, TP / (found + there)$
        $precision = TP / found$, $recall = TP / there$: TP yeses are found and there, of all that are found and of all
        that there are

    Of several classes it is the mean over the classes, each asked for against all others, however rare it is (macro);
    one that neither is there nor is found is left out. Several outputs of yes or no are taken as such classes. 0 where
    there is no yes, and none is found; NaN where nothing was seen.

    Shapes:
        prediction: (batch, *steps, classes) of classes, (batch, *outputs) of yes or no
        target: (batch, *steps), integer classes; or shaped as prediction, 0 or 1

    Args:
        threshold: of yes or no, predictions above it mean yes; at least 0 and at most 1, default 0.5. Of several
            classes, the one with the highest score is found.

    Raises:
        FieldError: threshold is out of range.

    Reference:
        van Rijsbergen (1979), "Information Retrieval", chapter 7: its E is 1 - F; the mean over classes: Yang, Liu
        (1999), "A re-examination of text categorization methods", SIGIR.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> f1 = cr.make("metric", "f1")
        >>> f1.reset()
        >>> f1.update(np.array([[0.9], [0.8], [0.1], [0.2]]), np.array([[1.0], [0.0], [0.0], [1.0]]))
        >>> f1.compute()
        0.5
    """

    threshold: float = 0.5

    tasks = ("binary", "multiclass")
    default = False
    check_examples = ({}, {"threshold": 0.3})

    def __post_init__(self) -> None:
        self.require("threshold", 0 <= self.threshold <= 1, "at least 0 and at most 1")

    def reference(self, prediction: Array, target: Array) -> float:
        found, there = prediction > self.threshold, target > 0.5
        if target.ndim < prediction.ndim:
            classes = np.eye(prediction.shape[-1], dtype=bool)
            found, there = classes[prediction.argmax(axis=-1)], classes[target]
        values = []
        for f, t in zip(found.reshape(-1, found.shape[-1]).T, there.reshape(-1, there.shape[-1]).T):
            hits = sum(f & t)
            if sum(f | t):
                values.append(2 / (sum(f) / hits + sum(t) / hits) if hits else 0.0)
        return sum(values) / len(values) if values else 0.0

    def reset(self) -> None:
        self.counts: Array | None = None  # for each class: TP, and found and there together

    def update(self, prediction: Array, target: Array, weight: Array | None = None) -> None:
        columns = prediction.shape[-1]
        rows = target.size if target.ndim < prediction.ndim else target.size // columns
        each = np.ones(rows) if weight is None else np.repeat(weight, rows // len(weight))
        if target.ndim < prediction.ndim:
            guess, truth = prediction.argmax(axis=-1).ravel(), target.ravel()
            hits = np.bincount(truth, each * (guess == truth), columns)
            both = np.bincount(guess, each, columns) + np.bincount(truth, each, columns)
        else:
            found, there = (prediction > self.threshold).reshape(rows, columns), (target > 0.5).reshape(rows, columns)
            hits, both = each @ (found & there), each @ found + each @ there
        counts = np.stack([hits, both])
        self.counts = counts if self.counts is None else self.counts + counts

    def compute(self) -> float:
        if self.counts is None:
            return math.nan
        hits, both = self.counts
        values = 2 * hits[both > 0] / both[both > 0]
        return float(values.mean()) if values.size else 0.0
