"""Metrics of what is found: of the yeses that are found, how many are right, and of those there are, how many found."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from chainrule import Array, Metric


@dataclass
class Counted(Metric):
    """What these metrics share: of each class, how many yeses are found and there (TP), found, and there.

    Of several classes each is asked for against all others, and the metric is the mean over them, however rare they are
    (macro). Several outputs of yes or no are taken as such classes.
    """

    threshold: float = 0.5

    tasks = ("binary", "multiclass")
    default = False
    check_examples = ({}, {"threshold": 0.3})

    def __post_init__(self) -> None:
        self.require("threshold", 0 <= self.threshold <= 1, "at least 0 and at most 1")

    def of_classes(self, hits: Array, found: Array, there: Array) -> Array:
        """The value of each class of which there is one, ``(some,)``."""
        raise NotImplementedError

    def answers(self, prediction: Array, target: Array) -> tuple[Array, Array]:
        """What is found, and what is there: yes or no, ``(n, classes)``."""
        found, there = prediction > self.threshold, target > 0.5
        if target.ndim < prediction.ndim:
            classes = np.eye(prediction.shape[-1], dtype=bool)
            found, there = classes[prediction.argmax(axis=-1)], classes[target]
        return found.reshape(-1, found.shape[-1]), there.reshape(-1, there.shape[-1])

    def reset(self) -> None:
        self.counts: Array | None = None  # (3, classes): TP, found, there

    def update(self, prediction: Array, target: Array, weight: Array | None = None) -> None:
        columns = prediction.shape[-1]
        rows = target.size if target.ndim < prediction.ndim else target.size // columns
        each = np.ones(rows) if weight is None else np.repeat(weight, rows // len(weight))
        if target.ndim < prediction.ndim:
            guess, truth = prediction.argmax(axis=-1).ravel(), target.ravel()
            hits = np.bincount(truth, each * (guess == truth), columns)
            counts = np.stack([hits, np.bincount(guess, each, columns), np.bincount(truth, each, columns)])
        else:
            found, there = (prediction > self.threshold).reshape(rows, columns), (target > 0.5).reshape(rows, columns)
            counts = np.stack([each @ (found & there), each @ found, each @ there])
        self.counts = counts if self.counts is None else self.counts + counts

    def compute(self) -> float:
        if self.counts is None:
            return math.nan
        values = self.of_classes(*self.counts)
        return float(values.mean()) if values.size else 0.0


@dataclass
class Precision(Counted):
    r"""How much of what is found is right.

    Value:
        $precision = TP / found$: TP yeses are found and there, of all that are found

    Of several classes it is the mean over the classes, each asked for against all others (macro); one that neither is
    there nor is found is left out, and one that is there and never found has 0. Several outputs of yes or no are taken
    as such classes. 0 where nothing is found; NaN where nothing was seen.

    Shapes:
        prediction: (batch, *steps, classes) of classes, (batch, *outputs) of yes or no
        target: (batch, *steps), integer classes; or shaped as prediction, 0 or 1

    Args:
        threshold: of yes or no, predictions above it mean yes; at least 0 and at most 1, default 0.5. Of several
            classes, the one with the highest score is found.

    Raises:
        FieldError: threshold is out of range.

    Reference:
        van Rijsbergen (1979), "Information Retrieval", chapter 7.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> precision = cr.make("metric", "precision")
        >>> precision.reset()
        >>> precision.update(np.array([[0.9], [0.8], [0.1], [0.2]]), np.array([[1.0], [0.0], [0.0], [1.0]]))
        >>> precision.compute()
        0.5
    """

    def reference(self, prediction: Array, target: Array) -> float:
        values = []
        for found, there in zip(*(array.T for array in self.answers(prediction, target))):
            if sum(found | there):
                values.append(sum(found & there) / max(sum(found), 1))
        return sum(values) / len(values) if values else 0.0

    def of_classes(self, hits: Array, found: Array, there: Array) -> Array:
        return shares(hits, found)[found + there > 0]


@dataclass
class Recall(Counted):
    r"""How much of what there is is found.

    Value:
        $recall = TP / there$: TP yeses are found and there, of all that there are

    Of several classes it is the mean over the classes, each asked for against all others (macro); one that neither is
    there nor is found is left out, and one that is found and never there has 0. Several outputs of yes or no are taken
    as such classes. 0 where there is no yes; NaN where nothing was seen.

    Shapes:
        prediction: (batch, *steps, classes) of classes, (batch, *outputs) of yes or no
        target: (batch, *steps), integer classes; or shaped as prediction, 0 or 1

    Args:
        threshold: of yes or no, predictions above it mean yes; at least 0 and at most 1, default 0.5. Of several
            classes, the one with the highest score is found.

    Raises:
        FieldError: threshold is out of range.

    Reference:
        van Rijsbergen (1979), "Information Retrieval", chapter 7.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> recall = cr.make("metric", "recall")
        >>> recall.reset()
        >>> recall.update(np.array([[0.9], [0.8], [0.1], [0.2]]), np.array([[1.0], [0.0], [0.0], [1.0]]))
        >>> recall.compute()
        0.5
    """

    def reference(self, prediction: Array, target: Array) -> float:
        columns = zip(*(array.T for array in self.answers(prediction, target)))
        values = [sum(found & there) / max(sum(there), 1) for found, there in columns if sum(found | there)]
        return sum(values) / len(values) if values else 0.0

    def of_classes(self, hits: Array, found: Array, there: Array) -> Array:
        return shares(hits, there)[found + there > 0]


@dataclass
class F1(Counted):
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

    def reference(self, prediction: Array, target: Array) -> float:
        values = []
        for found, there in zip(*(array.T for array in self.answers(prediction, target))):
            hits = sum(found & there)
            if sum(found | there):
                values.append(2 / (sum(found) / hits + sum(there) / hits) if hits else 0.0)
        return sum(values) / len(values) if values else 0.0

    def of_classes(self, hits: Array, found: Array, there: Array) -> Array:
        return shares(2 * hits, found + there)[found + there > 0]


def shares(part: Array, whole: Array) -> Array:
    """How much of each is that part; 0 of nothing."""
    return np.divide(part, whole, out=np.zeros(len(whole)), where=whole > 0)
