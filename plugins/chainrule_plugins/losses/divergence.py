"""The loss that compares two distributions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule import Array, ConfigError, Graph, Loss, Task
from chainrule_plugins.losses._stable import clipped, log_in_onnx, mean
from chainrule_plugins.losses.cross_entropy import CategoricalCrossEntropy


@dataclass
class KLDivergence(Loss):
    r"""How much more surprised the network is than one that knows the target distribution: 0 where it is matched.

    It is the cross-entropy less the target's entropy, which no prediction can go below. The two have the same gradient,
    and for one-hot targets they are the same.

    Forward:
        $loss = \frac{1}{rows} \sum_n \sum_k t_{n,k} \log (t_{n,k} / p_{n,k})$, where $0 \log 0 = 0$
        $loss = H(t, p) - H(t, t)$ with $H(t, p) = \frac{-1}{rows} \sum_n \sum_k t_{n,k} \log p_{n,k}$

    Backward:
        $dp = \frac{-1}{rows} t / p$
        fused: $dz = \frac{1}{rows} (p - t)$, where each row of t sums to 1

    A row n is a sample or, of sequences, a sample's step: rows is the batch size times the number of steps.

    Shapes:
        p (prediction), z (logits), t (target): (batch, *steps, classes); each row of t is a distribution

    Raises:
        ConfigError: the task is not multiclass.

    Reference:
        Kullback, Leibler (1951), "On Information and Sufficiency", Annals of Mathematical Statistics 22; with the
        cross-entropy: Goodfellow, Bengio, Courville (2016), "Deep Learning", section 3.13.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> kl_divergence, t = cr.make("loss", "kl_divergence"), np.array([[0.5, 0.5, 0.0]])
        >>> round(kl_divergence.forward(np.array([[0.25, 0.25, 0.5]]), t), 4)  # log 2
        0.6931
        >>> kl_divergence.forward(t, t)
        0.0
    """

    fuses_with = "softmax"

    def __post_init__(self) -> None:
        self._cross_entropy = CategoricalCrossEntropy()

    def reference(self, prediction: Array, target: Array) -> float:
        losses = []
        for row in np.ndindex(prediction.shape[:-1]):
            p, t = prediction[row], target[row]
            losses.append(sum(t[k] * np.log(t[k] / p[k]) for k in range(len(p)) if t[k] > 0))
        return float(np.mean(losses))

    def output(self, task: Task, classes: int) -> tuple[int, str]:
        if task != "multiclass":
            instead = "binary_cross_entropy" if task == "binary" else "mse, mae or huber"
            raise ConfigError(f"kl_divergence is for multiclass tasks, and the data is {task}: take {instead}")
        return classes, "softmax"

    def forward(self, prediction: Array, target: Array) -> float:
        self.target = target
        return self._cross_entropy.forward(prediction, target) - entropy(target)

    def to_onnx(self, graph: Graph, prediction: str, target: str) -> str:
        apart = graph.add("Sub", log_in_onnx(graph, target), log_in_onnx(graph, prediction))
        rows = graph.add("ReduceSum", graph.add("Mul", target, apart), graph.constant([-1]))
        return graph.add("ReduceMean", rows, keepdims=0)

    def backward(self) -> Array:
        return self._cross_entropy.backward()

    def forward_logits(self, logits: Array, target: Array) -> float:
        self.target = target
        return self._cross_entropy.forward_logits(logits, target) - entropy(target)

    def backward_logits(self) -> Array:
        return self._cross_entropy.backward_logits()

    def activated(self) -> Array:
        return self._cross_entropy.activated()

    def rows(self) -> Array:
        plogp: Array = self.target * np.log(clipped(self.target))
        rows: Array = self._cross_entropy.rows() + plogp.sum(axis=-1)
        return rows


def entropy(t: Array) -> float:
    """The mean entropy of the rows of ``t``."""
    return -mean(t * np.log(clipped(t)), t.size // t.shape[-1])
