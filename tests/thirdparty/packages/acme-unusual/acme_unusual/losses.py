"""Losses: with targets of their own form, of pairs, of directions, of several quantiles at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chainrule import ConfigError, Loss

NEVER = -1e300  # the logarithm of what cannot be: finite, so that differences of it are


@dataclass
class AlignedLabels(Loss):
    r"""How surprised a network is by a row of labels that last for some steps each, of which nobody knows how many.

    $loss = \frac{-1}{batch} \sum_n \log \sum_{paths} \prod_t p_{t, label(path_t)}$, over all paths through the labels
    from the first to the last (as in Graves et al. 2006, section 4.1, without blanks)

    Args:
        labels: how many a sample has, at least 1; default 2.
    """

    labels: int = 2
    target_dtype = "int64"
    check_input_shapes = ((5, 4),)

    def __post_init__(self):
        self.require("labels", self.labels >= 1, "at least 1")

    def output(self, task, classes):
        if task != "multiclass":
            raise ConfigError(f"aligned_labels is for classes, and the task is {task}")
        return classes, "softmax"

    def target_shape(self, output_shape):
        return (self.labels,)

    def forward(self, prediction, target):
        self.p = np.maximum(prediction, np.finfo(prediction.dtype).smallest_normal)
        self.at = target[:, None].repeat(prediction.shape[1], axis=1)
        emit = np.take_along_axis(np.log(self.p.astype(np.float64)), self.at, axis=2)
        ahead, back = reached(emit), reached(emit[:, ::-1, ::-1])[:, ::-1, ::-1]
        total = ahead[:, -1:, -1:]
        self.share = np.exp(np.minimum(ahead + back - emit - total, 0))
        return float(-total.mean())

    def backward(self):
        slope, (n, steps, _) = np.zeros(self.p.shape), self.p.shape
        np.add.at(slope, (np.arange(n)[:, None, None], np.arange(steps)[:, None], self.at), self.share)
        return (-slope / self.p / n).astype(self.p.dtype)


def reached(emit):
    found = [np.where(np.arange(emit.shape[2]) == 0, emit[:, 0], NEVER)]
    for t in range(1, emit.shape[1]):
        on = np.pad(found[-1], ((0, 0), (1, 0)), constant_values=NEVER)[:, :-1]
        found.append(np.maximum(np.logaddexp(found[-1], on) + emit[:, t], NEVER))
    return np.stack(found, axis=1)  # the logarithm of how likely it is to be at each label at each step


@dataclass
class ContrastivePairs(Loss):
    r"""Draws the two halves of a pair together where they are of a kind, and apart up to a margin where they are not.

    $loss = \frac{1}{batch} \sum [t] d^2 + [not t] \max(0, margin - d)^2$ with $d = |a - b|$ for the pair a, b

    Hadsell, Chopra, LeCun (2006), equation 4. The network gives both with the same weights, as (2, features).

    Args:
        margin: the distance from which on two are far enough apart, above 0 and finite; default 1.0.
    """

    margin: float = 1.0

    target_dtype = "int64"
    check_input_shapes = ((2, 4),)

    def __post_init__(self):
        self.require("margin", 0 < self.margin < np.inf, "above 0 and finite")

    def output(self, task, classes):
        if task != "binary":
            raise ConfigError(f"contrastive_pairs is for a yes or no of each pair, and the task is {task}")
        return 4, "linear"

    def target_shape(self, output_shape):
        return ()

    def reference(self, prediction, target):
        d = [np.sqrt(((a - b) ** 2).sum()) for a, b in prediction]
        return np.mean([x**2 if t > 0 else max(0, self.margin - x) ** 2 for x, t in zip(d, target)])

    def forward(self, prediction, target):
        self.apart, self.same = prediction[:, 0] - prediction[:, 1], target > 0
        self.d = np.sqrt(np.square(self.apart).sum(axis=1))
        self.short = np.where(self.same, self.d, -np.maximum(self.margin - self.d, 0))
        return float(self.rows().mean(dtype=np.float64))

    def rows(self):
        return np.square(self.short)

    def backward(self):
        slope = 2 * self.short / np.where(self.d > 0, self.d, 1) / len(self.d)
        da = slope[:, None] * self.apart
        return np.stack([da, -da], axis=1).astype(self.apart.dtype)


@dataclass
class CosineDistance(Loss):
    r"""How far the direction of a prediction is from that of its target, however long both are.

    $loss = \frac{1}{batch} \sum 1 - \frac{p \cdot t}{|p| |t|}$, with lengths of at least $10^{-6}$
    """

    def output(self, task, classes):
        if task != "regression":
            raise ConfigError(f"cosine_distance is for a regression, and the task is {task}")
        return classes, "linear"

    def reference(self, prediction, target):
        p, t = (array.reshape(len(array), -1) for array in (prediction, target))
        return np.mean([1 - a @ b / max(np.sqrt(a @ a), 1e-6) / max(np.sqrt(b @ b), 1e-6) for a, b in zip(p, t)])

    def forward(self, prediction, target):
        self.shape = prediction.shape
        p, t = (array.reshape(len(array), -1) for array in (prediction, target))
        self.length, its = (np.sqrt(np.square(a).sum(axis=1, keepdims=True)) for a in (p, t))
        self.p, self.t = p / np.maximum(self.length, 1e-6), t / np.maximum(its, 1e-6)
        self.cosine = (self.p * self.t).sum(axis=1, keepdims=True)
        return float(self.rows().mean(dtype=np.float64))

    def rows(self):
        return 1 - self.cosine[:, 0]

    def backward(self):
        turned = self.t - np.where(self.length > 1e-6, self.cosine, 0) * self.p
        return (-turned / np.maximum(self.length, 1e-6) / len(self.p)).reshape(self.shape)


@dataclass
class QuantileFan(Loss):
    r"""Several quantiles of one number at once: what is missed on one side costs more than on the other.

    $loss = \frac{1}{batch \cdot K} \sum_k \max(q_k (t - p_k), (q_k - 1) (t - p_k))$

    Koenker, Bassett (1978). The network gives K numbers; a target is one.

    Args:
        quantiles: each above 0 and below 1; default 0.1, 0.5 and 0.9.
    """

    quantiles: Sequence[float] = (0.1, 0.5, 0.9)

    def __post_init__(self):
        right = len(self.quantiles) > 0 and all(0 < q < 1 for q in self.quantiles)
        self.require("quantiles", right, "a list of numbers above 0 and below 1")

    def output(self, task, classes):
        if task != "regression" or classes > 2:
            raise ConfigError(f"quantile_fan is for a regression of one number, and the task is {task}")
        return len(self.quantiles), "linear"

    def target_shape(self, output_shape):
        return output_shape[:-1]

    def reference(self, prediction, target):
        errors = (target[..., None] - prediction).reshape(-1, len(self.quantiles))
        return np.mean([max(q * e, (q - 1) * e) for row in errors for q, e in zip(self.quantiles, row)])

    def forward(self, prediction, target):
        error, q = target[..., None] - prediction, np.array(self.quantiles, prediction.dtype)
        self.slope = np.where(error > 0, q, q - 1)
        self.losses = self.slope * error
        return float(self.losses.mean(dtype=np.float64))

    def rows(self):
        return self.losses.mean(axis=-1)

    def backward(self):
        return -self.slope / self.slope.size


COMPONENTS = (AlignedLabels, ContrastivePairs, CosineDistance, QuantileFan)
