"""The metric of how scores are ranked."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from chainrule import Array, Metric


@dataclass
class RocAuc(Metric):
    r"""How often a yes has a higher score than a no, of all pairs of them: 1/2 is chance, whatever the threshold.

    It is the area under the curve of true against false positives (receiver operating characteristic).

    Value:
        $auc = \frac{1}{P N} \sum_{i: yes} \sum_{j: no} [s_i > s_j] + \frac{1}{2} [s_i = s_j]$, with P yeses and N noes
        $auc = (\sum_{i: yes} rank_i - P (P + 1) / 2) / (P N)$, where equal scores share the mean of their ranks

    Of several classes it is the mean over the classes, each asked for against all others (macro); one that all samples
    or none are of is left out. Several outputs of yes or no are taken as such classes. NaN where that leaves none,
    where nothing was seen, or where a score is NaN. All scores are kept until the end: it is exact.

    Shapes:
        prediction: (batch, *steps, classes) of classes, (batch, *outputs) of yes or no; scores of any size
        target: (batch, *steps), integer classes; or shaped as prediction, 0 or 1

    Reference:
        Hanley, McNeil (1982), "The Meaning and Use of the Area under a Receiver Operating Characteristic (ROC) Curve",
        Radiology 143; one class against the others: Fawcett (2006), "An introduction to ROC analysis", section 9.2,
        with equal weights.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> auc = cr.make("metric", "roc_auc")
        >>> auc.reset()
        >>> auc.update(np.array([[0.9], [0.4], [0.6], [0.1]]), np.array([[1.0], [1.0], [0.0], [0.0]]))
        >>> auc.compute()
        0.75
    """

    tasks = ("binary", "multiclass")
    default = False

    def reference(self, prediction: Array, target: Array) -> float:
        classes = target.ndim < prediction.ndim
        yes = np.eye(prediction.shape[-1])[target] if classes else target
        areas = []
        for scores, answers in zip(prediction.reshape(-1, yes.shape[-1]).T, yes.reshape(-1, yes.shape[-1]).T):
            pairs = [(s, t) for s in scores[answers > 0.5] for t in scores[answers <= 0.5]]
            if pairs:
                areas.append(sum(1.0 if s > t else 0.5 if s == t else 0.0 for s, t in pairs) / len(pairs))
        return sum(areas) / len(areas) if areas else math.nan

    def reset(self) -> None:
        self.scores: list[Array] = []  # (n, columns) of each batch
        self.answers: list[Array] = []  # (n,), classes; or (n, columns), yes or no
        self.weights: list[Array] = []  # (n,)

    def update(self, prediction: Array, target: Array, weight: Array | None = None) -> None:
        columns = prediction.shape[-1]
        classes = target.ndim < prediction.ndim
        scores = prediction.reshape(-1, columns).copy()  # the network's own array, which it computes in again
        self.scores.append(scores)
        self.answers.append(target.reshape(-1).copy() if classes else target.reshape(-1, columns) > 0.5)
        steps = math.prod(target.shape[1:] if classes else target.shape[1:-1])
        self.weights.append(np.repeat(np.ones(len(target)) if weight is None else weight, steps))

    def compute(self) -> float:
        if not self.scores:
            return math.nan
        scores, answers, weights = (np.concatenate(parts) for parts in (self.scores, self.answers, self.weights))
        if np.isnan(scores).any():
            return math.nan
        of_classes = answers.ndim == 1
        areas = [
            area(scores[:, k], answers == k if of_classes else answers[:, k], weights) for k in range(scores.shape[1])
        ]
        known = [value for value in areas if value is not None]
        return sum(known) / len(known) if known else math.nan


def area(scores: Array, yes: Array, weights: Array) -> float | None:
    """The share of pairs, a yes and a no, in which the yes has the higher score; None where there is no such pair."""
    _, place = np.unique(scores, return_inverse=True)  # equal scores have one place
    of_yes, of_no = np.bincount(place, weights * yes), np.bincount(place, weights * ~yes)
    lower = np.cumsum(of_no) - of_no
    pairs = float(of_yes.sum() * of_no.sum())
    return float(of_yes @ (lower + of_no / 2)) / pairs if pairs else None
