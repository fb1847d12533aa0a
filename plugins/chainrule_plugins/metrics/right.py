"""Metrics of how often an answer is right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule import Array
from chainrule_plugins.metrics._mean import Mean


@dataclass
class Accuracy(Mean):
    r"""How often the class with the highest score is the true one.

    Value:
        $accuracy = \frac{1}{n} \sum_i [\arg\max_k prediction_{i,k} = target_i]$

    Shapes:
        prediction: (batch, *steps, classes)
        target: (batch, *steps), integer classes

    Example:
        >>> import numpy as np, chainrule as cr
        >>> accuracy = cr.make("metric", "accuracy")
        >>> accuracy.reset()
        >>> accuracy.update(np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([0, 1]))
        >>> accuracy.compute()
        0.5
    """

    tasks = ("multiclass",)

    def reference(self, prediction: Array, target: Array) -> float:
        rows = [row.tolist() for row in prediction.reshape(target.size, -1)]
        right = [bool(row.index(max(row)) == k) for row, k in zip(rows, target.ravel())]
        return right.count(True) / len(right)

    def update(self, prediction: Array, target: Array, weight: Array | None = None) -> None:
        # Where scores tie, argmax takes the first class.
        self.gather(prediction.argmax(axis=-1) == target, weight)


@dataclass
class BinaryAccuracy(Mean):
    r"""How often a yes-or-no answer is right.

    Value:
        $accuracy = \frac{1}{n} \sum_i [(prediction_i > threshold) = target_i]$

    Shapes:
        prediction, target: (batch, *outputs); each output counts

    Args:
        threshold: predictions above it mean 1, others 0; at least 0 and at most 1, default 0.5.

    Raises:
        FieldError: threshold is out of range.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> accuracy = cr.make("metric", "binary_accuracy")
        >>> accuracy.reset()
        >>> accuracy.update(np.array([[0.9], [0.6]]), np.array([[1.0], [0.0]]))
        >>> accuracy.compute()
        0.5
    """

    threshold: float = 0.5

    tasks = ("binary",)

    def __post_init__(self) -> None:
        self.require("threshold", 0 <= self.threshold <= 1, "at least 0 and at most 1")

    def reference(self, prediction: Array, target: Array) -> float:
        right = [bool(p > self.threshold) == bool(t > 0.5) for p, t in zip(prediction.flat, target.flat)]
        return right.count(True) / len(right)

    def update(self, prediction: Array, target: Array, weight: Array | None = None) -> None:
        # A target between 0 and 1, as in label smoothing, stands for the nearer one.
        self.gather((prediction > self.threshold) == (target > 0.5), weight)


@dataclass
class TopK(Mean):
    r"""How often the true class is among the k with the highest scores: near misses among many classes count too.

    Value:
        $top_k = \frac{1}{n} \sum_i [rank_i < k]$
        $rank_i = \sum_j [prediction_{i,j} > prediction_{i,t}]$ plus $[prediction_{i,j} = prediction_{i,t}]$ for
        $j < t = target_i$: of equal scores the first class is the highest, so that with k 1 it is the accuracy

    Shapes:
        prediction: (batch, *steps, classes)
        target: (batch, *steps), integer classes

    Args:
        k: how many guesses there are, at least 1; default 5. With as many as there are classes all is right.

    Raises:
        FieldError: k is out of range.

    Reference:
        Krizhevsky, Sutskever, Hinton (2012), "ImageNet Classification with Deep Convolutional Neural Networks",
        section 2.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> top_2 = cr.make("metric", "top_k", k=2)
        >>> top_2.reset()
        >>> top_2.update(np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]]), np.array([1, 2]))
        >>> top_2.compute()
        0.5
    """

    k: int = 5

    tasks = ("multiclass",)
    default = False
    check_examples = ({}, {"k": 1})

    def __post_init__(self) -> None:
        self.require("k", self.k >= 1, "at least 1")

    def reference(self, prediction: Array, target: Array) -> float:
        right = []
        for row, t in zip(prediction.reshape(target.size, -1).tolist(), target.ravel()):
            ranked = sorted(range(len(row)), key=lambda j: -row[j])  # a sort keeps the order of what is equal
            right.append(t in ranked[: self.k])
        return right.count(True) / len(right)

    def update(self, prediction: Array, target: Array, weight: Array | None = None) -> None:
        of_target = np.take_along_axis(prediction, target[..., None], -1)
        ahead = ~(prediction <= of_target)  # of NaN, which is not right, all scores are ahead
        before = np.arange(prediction.shape[-1]) < target[..., None]
        ahead |= (prediction == of_target) & before
        self.gather(np.count_nonzero(ahead, axis=-1) < self.k, weight)
