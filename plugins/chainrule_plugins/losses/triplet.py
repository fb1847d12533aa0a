"""The loss of embeddings: not which class, but what is like what."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from chainrule import Array, ConfigError, Loss, Shape, Task


@dataclass
class Triplet(Loss):
    r"""Draws samples of one class together, and apart from all others: the network gives places, not classes.

    A triplet is a sample i, another one j of its class, and one k of another class. All triplets of a batch are taken;
    or, of each sample, the hardest: the farthest j and the nearest k. Those teach most once the classes are told apart
    roughly; at first they may draw all samples to one place. A batch must be large enough to hold several samples of a
    class; one without a triplet teaches nothing.

    Places lie on a sphere, $u = x / \|x\|$, and $D_{i,j} = \|u_i - u_j\|^2$.

    Forward:
        $loss = \frac{1}{T} \sum_{i,j,k} \max(0, D_{i,j} - D_{i,k} + margin)$ over the T triplets

    Backward:
        $C_{i,j} = \frac{1}{T}$ for each triplet above 0 with i and j, $\frac{-1}{T}$ for each with i and k, added up
        $S = C + C^T$
        $du_i = -2 \sum_j S_{i,j} u_j$, less what is along $u_i$, in which direction nothing changes:
        $dx = (du - u \, (u \cdot du)) / \|x\|$

    Shapes:
        x (prediction): (batch, dimensions), not all 0
        t (target): (batch,), integer classes

    Args:
        margin: by how much k is to be farther away than j, above 0 and at most 4, which is the largest D; default 0.2.
        mining: which triplets are taken, all or hard; default all.
        dimensions: of the places, the number of the network's outputs, at least 1; default 128.

    Raises:
        FieldError: a field is out of range.
        ConfigError: the task is not multiclass, or samples have weights.

    Reference:
        Schroff, Kalenichenko, Philbin (2015), "FaceNet: A Unified Embedding for Face Recognition and Clustering", CVPR,
        equation 3; the choice of triplets: Hermans, Beyer, Leibe (2017), "In Defense of the Triplet Loss for Person
        Re-Identification", equations 5 and 6.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> places, t = np.array([[1.0, 0.0], [0.0, 2.0], [-3.0, 0.0]]), np.array([0, 0, 1])
        >>> cr.make("loss", "triplet", margin=0.5).forward(places, t)  # of 2 - 4 + 0.5 and 2 - 2 + 0.5
        0.25
    """

    margin: float = 0.2
    mining: Literal["all", "hard"] = "all"
    dimensions: int = 128

    target_dtype = "int64"
    check_examples = ({"dimensions": 3}, {"dimensions": 2, "margin": 1.0, "mining": "hard"})
    checks_not_applicable = {
        "rows": "the loss of a row depends on the other rows of its batch",
        "mean_over_batch": "a row that is taken twice makes triplets with itself",
    }

    def __post_init__(self) -> None:
        self.require("margin", 0 < self.margin <= 4, "above 0 and at most 4")
        self.require("dimensions", self.dimensions >= 1, "at least 1")

    def reference(self, prediction: Array, target: Array) -> float:
        places = [x / math.sqrt(sum(x**2)) for x in prediction]
        losses = []
        for i, u in enumerate(places):
            D = [sum((u - v) ** 2) for v in places]
            own = [D[j] for j in range(len(D)) if target[j] == target[i] and j != i]
            others = [D[k] for k in range(len(D)) if target[k] != target[i]]
            if self.mining == "hard" and own and others:
                own, others = [max(own)], [min(others)]
            losses += [max(0.0, near - far + self.margin) for near in own for far in others]
        return sum(losses) / len(losses) if losses else 0.0

    def output(self, task: Task, classes: int) -> tuple[int, str]:
        if task != "multiclass":
            raise ConfigError(f"triplet is for multiclass tasks, and the data is {task}: it tells classes apart")
        return self.dimensions, "linear"

    def target_shape(self, output_shape: Shape) -> Shape:
        return ()

    def forward(self, prediction: Array, target: Array) -> float:
        length = np.hypot.reduce(prediction, axis=1, keepdims=True)  # of which no square leaves the dtype
        length[length == 0] = 1
        self.length = length
        self.u = u = prediction / length
        same = target[:, None] == target
        own = same & ~np.eye(len(u), dtype=bool)
        D = (2 - 2 * (u @ u.T)).astype(np.float64)
        loss, C = (self._of_all if self.mining == "all" else self._of_hardest)(D, own, ~same)
        self.C: Array = C.astype(u.dtype)
        return loss

    def _of_hardest(self, D: Array, own: Array, others: Array) -> tuple[float, Array]:
        """The mean over the hardest triplet of each sample, and its gradient with respect to ``D``."""
        i = np.flatnonzero(own.any(axis=1) & others.any(axis=1))
        T = max(len(i), 1)
        j, k = np.where(own, D, -np.inf)[i].argmax(axis=1), np.where(others, D, np.inf)[i].argmin(axis=1)
        missed = D[i, j] - D[i, k] + self.margin
        C = np.zeros_like(D)
        C[i, j] = (missed > 0) / T
        C[i, k] = -C[i, j]
        return float(np.maximum(missed, 0).sum()) / T, C

    def _of_all(self, D: Array, own: Array, others: Array) -> tuple[float, Array]:
        """The mean over all triplets, and its gradient with respect to ``D``.

        Of a row, the goals $D_{i,j} + margin$ and the distances $D_{i,k}$ are put in one order: those that lie before a
        goal miss it.
        """
        n = len(D)
        order = np.concatenate([D + self.margin, D], axis=1).argsort(axis=1)
        back = order.argsort(axis=1)
        goals, distances = np.hstack([own, np.zeros_like(own)]), np.hstack([np.zeros_like(own), others])
        goals, distances = (np.take_along_axis(which, order, axis=1) for which in (goals, distances))
        before = np.take_along_axis(distances.cumsum(axis=1), back, axis=1)[:, :n] * own
        later = goals.sum(axis=1, keepdims=True) - goals.cumsum(axis=1)
        after = np.take_along_axis(later, back, axis=1)[:, n:] * others
        T = max(int((own.sum(axis=1) * others.sum(axis=1)).sum()), 1)
        C = (before - after) / T
        return float((C * D).sum() + self.margin * before.sum() / T), C

    def backward(self) -> Array:
        u, S = self.u, self.C + self.C.T
        du = -2 * (S @ u)
        dx: Array = du - u * (u * du).sum(axis=1, keepdims=True)
        dx /= self.length
        return dx

    def rows(self) -> Array:
        raise ConfigError(
            "triplet compares the samples of a batch with one another, and cannot weigh them one by one: leave weights "
            "and masks out, or take categorical_cross_entropy"
        )
