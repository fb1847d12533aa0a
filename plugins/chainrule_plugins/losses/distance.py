"""Losses of numbers: how far a prediction is from its target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule import Array, Loss, Task


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

    def output(self, task: Task, classes: int) -> tuple[int, str]:
        if task == "binary":
            return 1, "sigmoid"
        return classes, "softmax" if task == "multiclass" else "linear"

    def forward(self, prediction: Array, target: Array) -> float:
        self.error = np.subtract(prediction, target, out=self.work("error", prediction.shape, prediction.dtype))
        return float(np.vdot(self.error, self.error)) / self.error.size

    def backward(self) -> Array:
        out = self.work("d_prediction", self.error.shape, self.error.dtype)
        return np.multiply(self.error, 2 / self.error.size, out=out)


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

    def output(self, task: Task, classes: int) -> tuple[int, str]:
        if task == "binary":
            return 1, "sigmoid"
        return classes, "sigmoid" if task == "multiclass" else "linear"

    def forward(self, prediction: Array, target: Array) -> float:
        self.error = np.subtract(prediction, target, out=self.work("error", prediction.shape, prediction.dtype))
        return float(np.vdot(self.error, self.error)) / (2 * len(self.error))

    def backward(self) -> Array:
        out = self.work("d_prediction", self.error.shape, self.error.dtype)
        return np.divide(self.error, len(self.error), out=out)
