"""The loss that asks for a quantile: how much, with what certainty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chainrule import Array, ConfigError, Graph, Loss, Task
from chainrule_plugins.losses._stable import mean


@dataclass
class Quantile(Loss):
    r"""Too low costs something else than too high, so that a given share of the targets will lie below the prediction.

    With 0.5 it is half the mean absolute error, and asks for the median. Networks for 0.05 and 0.95 give a range in
    which nine of ten targets lie.

    Forward:
        $e = target - prediction$
        $loss = \frac{1}{batch \cdot outputs} \sum \max(q \, e, (q - 1) \, e)$

    Backward:
        $d\_prediction = \frac{1}{batch \cdot outputs} (1 - q)$ where $e < 0$, $-q$ where $e > 0$

    Shapes:
        prediction, target: (batch, *outputs)

    Args:
        quantile: q, the share of targets that shall lie below the prediction, above 0 and less than 1; or a list with
            one for each output; default 0.5.

    Raises:
        FieldError: a quantile is out of range.
        ConfigError: the task is not regression, or there are not as many quantiles as outputs.

    Reference:
        Koenker, Bassett (1978), "Regression Quantiles", Econometrica 46, equation 3.1.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> nine_of_ten = cr.make("loss", "quantile", quantile=0.9)
        >>> [round(nine_of_ten.forward(np.array([[p]]), np.array([[1.0]])), 3) for p in (0.0, 2.0)]
        [0.9, 0.1]
    """

    quantile: float | Sequence[float] = 0.5

    of_differences = True
    check_examples = ({}, {"quantile": 0.9}, {"quantile": [0.1, 0.7]})
    check_kinks = (0.0,)

    def __post_init__(self) -> None:
        self.q = np.atleast_1d(np.asarray(self.quantile, np.float64))
        between = self.q.size > 0 and bool(((self.q > 0) & (self.q < 1)).all())
        self.require("quantile", between, "above 0 and less than 1")

    def reference(self, prediction: Array, target: Array) -> float:
        losses = []
        for index in np.ndindex(prediction.shape):
            q = self.quantile[index[-1]] if isinstance(self.quantile, Sequence) else self.quantile
            e = target[index] - prediction[index]
            losses.append(max(q * e, (q - 1) * e))
        return float(np.mean(losses))

    def output(self, task: Task, classes: int) -> tuple[int, str]:
        if task != "regression":
            instead = "binary_cross_entropy" if task == "binary" else "categorical_cross_entropy"
            raise ConfigError(f"quantile is for regression tasks, and the data is {task}: take {instead}")
        if isinstance(self.quantile, Sequence) and len(self.quantile) != classes:
            raise ConfigError(f"quantile has {len(self.quantile)} of them, and the data {classes} target columns")
        return classes, "linear"

    def forward(self, prediction: Array, target: Array) -> float:
        over = np.subtract(prediction, target, out=self.work("over", prediction.shape, prediction.dtype))
        # At the kink, any slope from -q to 1 - q is a subgradient. Taking 0 leaves what is right alone.
        self.slope = np.sign(over, out=self.work("slope", over.shape, over.dtype))
        self.slope += 1 - 2 * self.q.astype(over.dtype)
        self.slope *= over != 0
        self.slope /= 2
        self.losses = np.multiply(self.slope, over, out=over)
        return mean(self.losses, over.size)

    def to_onnx(self, graph: Graph, prediction: str, target: str) -> str:
        e, q = graph.add("Sub", target, prediction), self.q.astype(graph.dtype)
        losses = graph.add("Max", graph.add("Mul", e, q), graph.add("Mul", e, q - 1))
        return graph.add("ReduceMean", losses, keepdims=0)

    def backward(self) -> Array:
        out = self.work("d_prediction", self.slope.shape, self.slope.dtype)
        return np.divide(self.slope, self.slope.size, out=out)

    def rows(self) -> Array:
        return self.losses
