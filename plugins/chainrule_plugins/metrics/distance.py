"""Metrics of numbers: how far predictions are from their targets."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from chainrule import Array, Metric
from chainrule_plugins.metrics._mean import Mean


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
    check_sizes = (8e37,)

    def reference(self, prediction: Array, target: Array) -> float:
        return math.fsum(abs(p - t) for p, t in zip(prediction.flat, target.flat)) / target.size

    def update(self, prediction: Array, target: Array, weight: Array | None = None) -> None:
        self.gather(np.abs(prediction - target), weight)


@dataclass
class MeanSquaredError(Mean):
    r"""How far predictions are off, squared: a few that are far off weigh more than many that are nearly right.

    Value:
        $error = \frac{1}{n} \sum_i (prediction_i - target_i)^2$

    It is in the target's unit squared, also where the loss mse is computed from standardized targets.

    Shapes:
        prediction, target: (batch, *outputs); each output counts

    Example:
        >>> import numpy as np, chainrule as cr
        >>> error = cr.make("metric", "mean_squared_error")
        >>> error.reset()
        >>> error.update(np.array([[1.0], [5.0]]), np.array([[2.0], [2.0]]))
        >>> error.compute()
        5.0
    """

    tasks = ("regression",)
    default = False
    goal = "min"
    check_sizes = (1e30,)

    def reference(self, prediction: Array, target: Array) -> float:
        return math.fsum((p - t) ** 2 for p, t in zip(prediction.flat, target.flat)) / target.size

    def update(self, prediction: Array, target: Array, weight: Array | None = None) -> None:
        self.gather(np.square(np.subtract(prediction, target, dtype=np.float64)), weight)


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
    check_sizes = (1e30,)

    def reference(self, prediction: Array, target: Array) -> float:
        explained = []
        for p, t in zip(prediction.reshape(len(prediction), -1).T, target.reshape(len(target), -1).T):
            errors, variation = np.sum((p - t) ** 2), np.sum((t - np.mean(t)) ** 2)
            explained.append(1 - errors / variation if variation else float(errors == 0))
        return float(np.mean(explained))

    def reset(self) -> None:
        self.count = 0.0
        self.first: Array | None = None  # a target, around which all are summed: around 0 years would lose digits
        self.sum = self.squares = self.errors = np.zeros(1)

    def update(self, prediction: Array, target: Array, weight: Array | None = None) -> None:
        target, prediction = (array.reshape(len(array), -1).astype(np.float64) for array in (target, prediction))
        if self.first is None:
            self.first = next(iter(target))
        deviation, error = target - self.first, prediction - target
        if weight is None:
            self.count += len(target)
            self.sum = self.sum + deviation.sum(axis=0)
            self.squares = self.squares + np.square(deviation).sum(axis=0)
            self.errors = self.errors + np.square(error).sum(axis=0)
            return
        self.count += float(weight.sum())
        self.sum = self.sum + weight @ deviation
        self.squares = self.squares + weight @ np.square(deviation)
        self.errors = self.errors + weight @ np.square(error)

    def compute(self) -> float:
        if not self.count:
            return math.nan
        variation = self.squares - np.square(self.sum) / self.count
        wrong = (self.errors != 0).astype(np.float64)  # what is not explained, where all targets are equal
        unexplained = np.divide(self.errors, variation, out=wrong, where=self.squares != 0)
        return float((1 - unexplained).mean())
