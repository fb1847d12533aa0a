"""Losses of scores: a class is chosen by the larger one, and no probability is asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule import Array, ConfigError, Graph, Loss, Task
from chainrule_plugins.losses._stable import mean


@dataclass
class Hinge(Loss):
    r"""Being right by a margin of 1 costs nothing; less costs the more, the farther a score is from it.

    The scores are what the last layer gives, without an activation. A binary answer is yes where its score is above 0:
    such a network wants the metric binary_accuracy with threshold 0. Of several classes each is asked for by itself,
    against all others, and the highest score wins.

    Forward:
        $s = 2 t - 1$, which is 1 for yes and -1 for no
        $loss = \frac{1}{batch \cdot outputs} \sum \max(0, 1 - s \cdot prediction)$

    Backward:
        $d\_prediction = \frac{-1}{batch \cdot outputs} s$ where $s \cdot prediction < 1$, else $0$

    Shapes:
        prediction: (batch, *outputs), any numbers
        t (target): (batch, *outputs), 0 or 1; for several classes one-hot

    Raises:
        ConfigError: the task is regression.

    Reference:
        Cortes, Vapnik (1995), "Support-Vector Networks", Machine Learning 20; as the loss of a neural network, one
        class against the others: Tang (2013), "Deep Learning using Linear Support Vector Machines".

    Example:
        >>> import numpy as np, chainrule as cr
        >>> hinge = cr.make("loss", "hinge")
        >>> [hinge.forward(np.array([[score]]), np.array([[1.0]])) for score in (2.0, 1.0, 0.5, -1.0)]
        [0.0, 0.0, 0.5, 2.0]
    """

    scores = True
    check_kinks = (-1.0, 0.0)  # of prediction - target: at a margin of 1, for no and for yes

    def reference(self, prediction: Array, target: Array) -> float:
        each = [max(0.0, 1 - (2 * t - 1) * y) for y, t in zip(prediction.ravel(), target.ravel())]
        return float(np.mean(each))

    def output(self, task: Task, classes: int) -> tuple[int, str]:
        if task == "regression":
            raise ConfigError(
                "hinge is for binary and multiclass tasks, and the data is regression: take mse, mae or huber"
            )
        return (classes if task == "multiclass" else 1), "linear"

    def forward(self, prediction: Array, target: Array) -> float:
        s = self.s = np.multiply(2, target, out=self.work("s", target.shape, target.dtype))
        s -= 1
        short = np.multiply(s, prediction, out=self.work("short", s.shape, s.dtype))
        self.short = np.subtract(1, short, out=short)  # by how much the margin is missed
        return mean(np.maximum(short, 0), short.size)

    def to_onnx(self, graph: Graph, prediction: str, target: str) -> str:
        s = graph.add("Sub", graph.add("Mul", target, 2.0), 1.0)
        short = graph.add("Sub", 1.0, graph.add("Mul", s, prediction))
        return graph.add("ReduceMean", graph.add("Relu", short), keepdims=0)

    def backward(self) -> Array:
        # At the kink, a margin of just 1, any slope from -s to 0 is a subgradient. Taking 0 leaves what suffices alone.
        d_prediction = np.multiply(self.s, self.short > 0, out=self.work("d_prediction", self.s.shape, self.s.dtype))
        d_prediction /= -self.s.size
        return d_prediction

    def rows(self) -> Array:
        return np.maximum(self.short, 0)
