"""The metric of probabilities."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from chainrule import Array
from chainrule_plugins.metrics._mean import Mean


@dataclass
class LogLoss(Mean):
    r"""How surprised the network is by the true answers: it tells a sure answer from a lucky one.

    It is the mean cross-entropy, also where the network learns by another loss, or by one with label smoothing.

    Value:
        $loss = \frac{-1}{n} \sum_i \log p_{i, target_i}$
        of yes or no: $loss = \frac{-1}{n} \sum_i t_i \log p_i + (1 - t_i) \log(1 - p_i)$

    A probability of 0 counts as the smallest normal number of its dtype: the surprise at a true class that was ruled
    out is 87 in float32.

    Shapes:
        prediction (p): (batch, *steps, classes) of classes; (batch, *outputs) of yes or no, where each output counts
        target (t): (batch, *steps), integer classes; or shaped as prediction, 0 or 1

    Reference:
        Good (1952), "Rational Decisions", JRSS B 14; as a cross-entropy: Goodfellow, Bengio, Courville (2016), "Deep
        Learning", section 5.5.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> log_loss = cr.make("metric", "log_loss")
        >>> log_loss.reset()
        >>> log_loss.update(np.array([[0.5, 0.5], [0.25, 0.75]]), np.array([0, 0]))
        >>> float(round(log_loss.compute() / np.log(2), 4))  # in bits
        1.5
    """

    tasks = ("binary", "multiclass")
    default = False
    goal = "min"

    def reference(self, prediction: Array, target: Array) -> float:
        if target.ndim < prediction.ndim:
            rows = prediction.reshape(target.size, -1)
            return -math.fsum(math.log(row[k]) for row, k in zip(rows, target.ravel())) / target.size
        pairs = zip(prediction.flat, target.flat)
        return -math.fsum(t * math.log(p) + (1 - t) * math.log1p(-p) for p, t in pairs) / target.size

    def update(self, prediction: Array, target: Array, weight: Array | None = None) -> None:
        least = float(np.finfo(prediction.dtype).smallest_normal)
        if target.ndim < prediction.ndim:
            p = np.take_along_axis(prediction, target[..., None], -1)
            self.gather(-np.log(np.maximum(p, least, dtype=np.float64)), weight)
            return
        p = prediction.astype(np.float64)
        self.gather(-target * np.log(np.maximum(p, least)) - (1 - target) * np.log(np.maximum(1 - p, least)), weight)
