"""The built-in metrics. Each gathers sums, so that the value does not depend on how the data is cut into batches."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import Array, Metric, hookimpl


@dataclass
class Mean(Metric):
    """What metrics share that are a mean: a running ``total`` over a running ``count``. NaN where nothing was seen."""

    def reset(self) -> None:
        self.total = 0.0
        self.count = 0

    def compute(self) -> float:
        return self.total / self.count if self.count else math.nan


@dataclass
class Accuracy(Mean):
    r"""How often the class with the highest score is the true one.

    Value:
        $accuracy = \frac{1}{n} \sum_i [\arg\max_k prediction_{i,k} = target_i]$

    Shapes:
        prediction: (batch, classes)
        target: (batch,), integer classes

    Example:
        >>> import numpy as np, chainrule as cr
        >>> accuracy = cr.make("metric", "accuracy")
        >>> accuracy.reset()
        >>> accuracy.update(np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([0, 1]))
        >>> accuracy.compute()
        0.5
    """

    tasks = ("multiclass",)

    def update(self, prediction: Array, target: Array) -> None:
        # Where scores tie, argmax takes the first class.
        self.total += int(np.count_nonzero(prediction.argmax(axis=1) == target))
        self.count += len(target)


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

    def update(self, prediction: Array, target: Array) -> None:
        # A target between 0 and 1, as in label smoothing, stands for the nearer one.
        self.total += int(np.count_nonzero((prediction > self.threshold) == (target > 0.5)))
        self.count += target.size


@dataclass
class MeanAbsoluteError(Mean):
    r"""How far predictions are off, in the unit of the target.

    Value:
        $error = \frac{1}{n} \sum_i |prediction_i - target_i|$

    Shapes:
        prediction, target: (batch, *outputs); each output counts

    Example:
        >>> import numpy as np, chainrule as cr
        >>> error = cr.make("metric", "mean_absolute_error")
        >>> error.reset()
        >>> error.update(np.array([[1.0], [5.0]]), np.array([[2.0], [2.0]]))
        >>> error.compute()
        2.0
    """

    tasks = ("regression",)
    goal = "min"

    def update(self, prediction: Array, target: Array) -> None:
        self.total += float(np.abs(prediction - target).sum(dtype=np.float64))
        self.count += target.size


@dataclass
class RSquared(Metric):
    r"""How much of the targets' variance the predictions explain: 1 is all of it, 0 what their mean explains.

    Value:
        $R^2 = 1 - \frac{\sum_i (prediction_i - target_i)^2}{\sum_i (target_i - \bar{target})^2}$

    It is below 0 where predictions are worse than the mean of the targets that they are measured by. Of several outputs
    it is the mean of each one's value. Where all targets of an output are equal there is nothing to explain: it is 1 if
    all predictions are right, else 0. NaN where nothing was seen.

    Shapes:
        prediction, target: (batch, *outputs)

    Reference:
        Draper, Smith (1998), Applied Regression Analysis, section 1.3.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> explained = cr.make("metric", "r_squared")
        >>> explained.reset()
        >>> explained.update(np.array([[1.0], [2.0], [2.0]]), np.array([[1.0], [2.0], [3.0]]))
        >>> explained.compute()
        0.5
    """

    tasks = ("regression",)

    def reset(self) -> None:
        self.count = 0
        self.first: Array = np.zeros(0)  # a target, around which all are summed: around 0 years would lose digits
        self.sum = self.squares = self.errors = self.first

    def update(self, prediction: Array, target: Array) -> None:
        if not len(target):
            return
        target, prediction = (array.reshape(len(array), -1).astype(np.float64) for array in (target, prediction))
        if not self.count:
            self.first = target[0]
            self.sum = self.squares = self.errors = np.zeros(target.shape[1])
        deviation = target - self.first
        self.count += len(target)
        self.sum = self.sum + deviation.sum(axis=0)
        self.squares = self.squares + np.square(deviation).sum(axis=0)
        self.errors = self.errors + np.square(prediction - target).sum(axis=0)

    def compute(self) -> float:
        if not self.count:
            return math.nan
        variation = self.squares - np.square(self.sum) / self.count
        alike = self.squares == 0
        explained = np.where(alike, self.errors == 0, 1 - self.errors / np.where(alike, 1, variation))
        return float(explained.mean())


@dataclass
class ConfusionMatrix(Metric):
    r"""Which class is taken for which: a row for each true class, a column for each predicted one.

    Value:
        $matrix_{j,k} = \sum_i [target_i = j] [\arg\max_l prediction_{i,l} = k]$

    Shapes:
        prediction: (batch, classes)
        target: (batch,), integer classes
        matrix: (classes, classes), integers

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

    def reset(self) -> None:
        self.matrix: Array = np.zeros((0, 0), np.int64)  # the number of classes is known from the first batch on

    def update(self, prediction: Array, target: Array) -> None:
        shape = (prediction.shape[1],) * 2
        cells = np.ravel_multi_index((target, prediction.argmax(axis=1)), shape)
        counts = np.bincount(cells, minlength=math.prod(shape)).reshape(shape)
        self.matrix = self.matrix + counts if self.matrix.size else counts

    def compute(self) -> Array:
        return self.matrix


@hookimpl
def register_components(registry: Any) -> None:
    for cls in (Accuracy, BinaryAccuracy, MeanAbsoluteError, RSquared, ConfusionMatrix):
        registry.add(cls)
