"""Losses of numbers: how far a prediction is from its target."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chainrule import Array, Graph, Loss, Task
from chainrule_plugins.losses._stable import mean, squared_length


@dataclass
class MeanSquaredError(Loss):
    r"""The mean of the squared errors: few large errors weigh more than many small ones.

    Forward:
        $loss = \frac{1}{batch \cdot outputs} \sum (prediction - target)^2$

    Backward:
        $d\_prediction = \frac{2}{batch \cdot outputs} (prediction - target)$

    Shapes:
        prediction, target: (batch, *outputs)

    Reference:
        Goodfellow, Bengio, Courville (2016), "Deep Learning", section 5.1.4.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> cr.make("loss", "mse").forward(np.array([[1.0, 2.0]]), np.array([[0.0, 0.0]]))
        2.5
    """

    default_for = ("regression",)
    of_differences = True
    check_sizes = (1e25,)

    def reference(self, prediction: Array, target: Array) -> float:
        return float(np.mean((prediction - target) ** 2))

    def output(self, task: Task, classes: int) -> tuple[int, str]:
        if task == "binary":
            return 1, "sigmoid"
        return classes, "softmax" if task == "multiclass" else "linear"

    def forward(self, prediction: Array, target: Array) -> float:
        self.error = np.subtract(prediction, target, out=self.work("error", prediction.shape, prediction.dtype))
        return squared_length(self.error) / self.error.size

    def to_onnx(self, graph: Graph, prediction: str, target: str) -> str:
        error = graph.add("Sub", prediction, target)
        return graph.add("ReduceMean", graph.add("Mul", error, error), keepdims=0)

    def backward(self) -> Array:
        out = self.work("d_prediction", self.error.shape, self.error.dtype)
        return np.multiply(self.error, 2 / self.error.size, out=out)

    def rows(self) -> Array:
        return np.square(self.error)


@dataclass
class HalfSquaredError(Loss):
    r"""Half the squared distance from prediction to target: the quadratic cost of the classic texts.

    Forward:
        $loss = \frac{1}{batch} \sum \frac{1}{2} (prediction - target)^2$

    Backward:
        $d\_prediction = \frac{1}{batch} (prediction - target)$

    Shapes:
        prediction, target: (batch, *outputs)

    Reference:
        Rumelhart, Hinton, Williams (1986), "Learning representations by back-propagating errors", Nature 323,
        equation 3; as a mean over the batch: Nielsen (2015), "Neural Networks and Deep Learning", equation 6.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> cr.make("loss", "half_squared_error").forward(np.array([[1.0, 2.0]]), np.array([[0.0, 0.0]]))
        2.5
    """

    of_differences = True
    check_sizes = (1e25,)

    def reference(self, prediction: Array, target: Array) -> float:
        return float(np.mean([0.5 * np.sum((p - t) ** 2) for p, t in zip(prediction, target)]))

    def output(self, task: Task, classes: int) -> tuple[int, str]:
        if task == "binary":
            return 1, "sigmoid"
        return classes, "sigmoid" if task == "multiclass" else "linear"

    def forward(self, prediction: Array, target: Array) -> float:
        self.error = np.subtract(prediction, target, out=self.work("error", prediction.shape, prediction.dtype))
        return squared_length(self.error) / (2 * len(self.error))

    def to_onnx(self, graph: Graph, prediction: str, target: str) -> str:
        error = graph.add("Flatten", graph.add("Sub", prediction, target), axis=1)
        squares = graph.add("ReduceSum", graph.add("Mul", error, error), graph.constant([1]), keepdims=0)
        return graph.add("Div", graph.add("ReduceMean", squares, keepdims=0), 2.0)

    def backward(self) -> Array:
        out = self.work("d_prediction", self.error.shape, self.error.dtype)
        return np.divide(self.error, len(self.error), out=out)

    def rows(self) -> Array:
        # Of a sequence, forward is a mean over the batch and a sum over steps: each of these stands for all of them.
        steps = math.prod(self.error.shape[1:-1])
        rows: Array = np.square(self.error).sum(axis=-1)
        return rows * (steps / 2)


@dataclass
class MeanAbsoluteError(Loss):
    r"""The mean of the errors' sizes: an error twice as large weighs twice as much, and no more.

    Where the squared error draws predictions to the mean of the targets, it draws them to their median: a few targets
    that are far off hardly matter.

    Forward:
        $loss = \frac{1}{batch \cdot outputs} \sum |prediction - target|$

    Backward:
        $d\_prediction = \frac{1}{batch \cdot outputs} sign(prediction - target)$

    Shapes:
        prediction, target: (batch, *outputs)

    Reference:
        Hastie, Tibshirani, Friedman (2009), "The Elements of Statistical Learning", section 10.6.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> cr.make("loss", "mae").forward(np.array([[1.0, 2.0]]), np.array([[0.0, 0.0]]))
        1.5
    """

    of_differences = True
    check_kinks = (0.0,)

    def reference(self, prediction: Array, target: Array) -> float:
        return float(np.mean(np.abs(prediction - target)))

    def output(self, task: Task, classes: int) -> tuple[int, str]:
        if task == "binary":
            return 1, "sigmoid"
        return classes, "softmax" if task == "multiclass" else "linear"

    def forward(self, prediction: Array, target: Array) -> float:
        self.error = np.subtract(prediction, target, out=self.work("error", prediction.shape, prediction.dtype))
        return mean(np.abs(self.error), self.error.size)

    def to_onnx(self, graph: Graph, prediction: str, target: str) -> str:
        return graph.add("ReduceMean", graph.add("Abs", graph.add("Sub", prediction, target)), keepdims=0)

    def backward(self) -> Array:
        # Where there is no error, any slope from -1 to 1 is a subgradient. Taking 0 leaves what is right alone.
        d_prediction = np.sign(self.error, out=self.work("d_prediction", self.error.shape, self.error.dtype))
        d_prediction /= self.error.size
        return d_prediction

    def rows(self) -> Array:
        return np.abs(self.error)


@dataclass
class Huber(Loss):
    r"""The squared error for small errors, and the absolute error for large ones: smooth, and not led astray by a few.

    With $c$, the error cut off at $\pm delta$, both are one formula.

    Forward:
        $error = prediction - target$
        $c = \min(\max(error, -delta), delta)$
        $loss = \frac{1}{batch \cdot outputs} \sum c \, (error - c / 2)$,
        which is $\frac{1}{2} error^2$ while $|error| \le delta$, and $delta \, (|error| - delta / 2)$ beyond

    Backward:
        $d\_prediction = \frac{1}{batch \cdot outputs} c$

    Shapes:
        prediction, target: (batch, *outputs)

    Args:
        delta: where an error begins to be large, above 0 and finite, in standard deviations of the target where the
            dataset standardizes it, else in its unit; default 1.0.

    Raises:
        FieldError: delta is out of range.

    Reference:
        Huber (1964), "Robust Estimation of a Location Parameter", Annals of Mathematical Statistics 35.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> huber = cr.make("loss", "huber", delta=2.0)
        >>> [huber.forward(np.array([[error]]), np.array([[0.0]])) for error in (1.0, 2.0, 3.0, 4.0)]
        [0.5, 2.0, 4.0, 6.0]
    """

    delta: float = 1.0

    of_differences = True
    check_examples = ({}, {"delta": 0.3})

    @property
    def check_kinks(self) -> Sequence[float]:
        return -self.delta, self.delta

    def __post_init__(self) -> None:
        self.require("delta", 0 < self.delta < math.inf, "above 0 and finite")

    def reference(self, prediction: Array, target: Array) -> float:
        size = np.abs(prediction - target)
        return float(np.mean(np.where(size <= self.delta, size**2 / 2, self.delta * (size - self.delta / 2))))

    def output(self, task: Task, classes: int) -> tuple[int, str]:
        if task == "binary":
            return 1, "sigmoid"
        return classes, "softmax" if task == "multiclass" else "linear"

    def forward(self, prediction: Array, target: Array) -> float:
        error = np.subtract(prediction, target, out=self.work("error", prediction.shape, prediction.dtype))
        self.c = np.clip(error, -self.delta, self.delta, out=self.work("c", error.shape, error.dtype))
        self.losses = self.c * (error - self.c / 2)
        return mean(self.losses, error.size)

    def to_onnx(self, graph: Graph, prediction: str, target: str) -> str:
        error = graph.add("Sub", prediction, target)
        c = graph.add("Min", graph.add("Max", error, -self.delta), self.delta)
        losses = graph.add("Mul", c, graph.add("Sub", error, graph.add("Div", c, 2.0)))
        return graph.add("ReduceMean", losses, keepdims=0)

    def backward(self) -> Array:
        return np.divide(self.c, self.c.size, out=self.work("d_prediction", self.c.shape, self.c.dtype))

    def rows(self) -> Array:
        return self.losses
