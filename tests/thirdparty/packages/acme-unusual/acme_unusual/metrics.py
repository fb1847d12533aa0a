"""Metrics: fair where scores tie, and where classes are rare."""

import math
from dataclasses import dataclass

import numpy as np

from chainrule import Metric


@dataclass
class FairTopK(Metric):
    r"""How often the true class is among the k best, if those that tie are put in order by lot.

    $value = \frac{1}{n} \sum_i \min(1, \max(0, (k - better_i) / equal_i))$: of the classes better_i have a higher score
    than the true one, and equal_i, itself among them, have the same

    Args:
        k: at least 1; default 2.
    """

    k: int = 2

    tasks = ("multiclass",)
    default = False

    def __post_init__(self):
        self.require("k", self.k >= 1, "at least 1")

    def reference(self, prediction, target):
        shares = []
        for scores, t in zip(prediction, target):
            better, equal = sum(s > scores[t] for s in scores), sum(s == scores[t] for s in scores)
            shares.append(min(1, max(0, (self.k - better) / equal)))
        return np.mean(shares)

    def reset(self):
        self.total = self.weight = 0.0

    def update(self, prediction, target, weight=None):
        true = prediction[np.arange(len(target)), target][:, None]
        better, equal = ((compared).sum(axis=1) for compared in (prediction > true, prediction == true))
        share = np.clip((self.k - better) / np.maximum(equal, 1), 0, 1)
        weight = np.ones(len(target)) if weight is None else weight
        self.total += float(weight @ share)
        self.weight += float(weight.sum())

    def compute(self):
        return self.total / self.weight if self.weight else math.nan


@dataclass
class BalancedAccuracy(Metric):
    r"""How often the best score is that of the true class, with all classes weighing the same, however rare they are.

    $value = \frac{1}{|K|} \sum_{k \in K} \frac{right_k}{n_k}$ over the classes K that there are

    Brodersen, Ong, Stephan, Buhmann (2010).
    """

    tasks = ("multiclass",)
    default = False

    def reference(self, prediction, target):
        best = prediction.argmax(axis=1)
        return np.mean([np.mean(best[target == k] == k) for k in np.unique(target)])

    def reset(self):
        self.right = self.count = np.zeros(0)

    def update(self, prediction, target, weight=None):
        classes = prediction.shape[1]
        weight = np.ones(len(target)) if weight is None else weight
        right = weight * (prediction.argmax(axis=1) == target)
        before = (np.zeros(classes), np.zeros(classes)) if not self.count.size else (self.right, self.count)
        self.right = before[0] + np.bincount(target, right, classes)
        self.count = before[1] + np.bincount(target, weight, classes)

    def compute(self):
        there = self.count > 0
        return float((self.right[there] / self.count[there]).mean()) if there.any() else math.nan


COMPONENTS = (FairTopK, BalancedAccuracy)
