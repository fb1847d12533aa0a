"""What stands between sequences and the rest of a network: a dense layer for each step, and their mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule import Array, Graph, Layer, Shape, ShapeError
from chainrule_plugins.layers.dense import Dense


@dataclass
class DensePerStep(Dense):
    r"""The same dense layer at each step of a sequence: it sees one step at a time.

    Forward:
        $y_t = x_t W + b$

    Backward:
        $dW = \sum_t x_t^T \, dy_t$
        $db = \sum_t \sum_{batch} dy_t$
        $dx_t = dy_t \, W^T$

    Shapes:
        x: (batch, steps, features), or more axes of steps
        W: (features, units)
        b: (units,)
        y: (batch, steps, units)

    Args:
        units: the number of outputs of a step, at least 1.
        activation: what the network applies to y; any activation, default "linear".
        initializer: what W holds at first; any initializer, default "glorot_uniform".
        bias_initializer: what b holds at first; any initializer, default "zeros". Weight decay spares b.
        bias: whether there is a b; default true.

    Raises:
        FieldError: units is less than 1.
        ShapeError: the input has no steps.

    Reference:
        Vaswani and others (2017), "Attention Is All You Need", NIPS, section 3.3, "applied to each position separately
        and identically".

    Example:
        >>> import numpy as np, chainrule as cr
        >>> sums = cr.make("layer", "dense_per_step", units=1, initializer={"name": "constant", "value": 1.0})
        >>> network = cr.Network([sums], input_shape=(2, 3), loss="mse")
        >>> network.predict(np.array([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]))
        array([[[ 6.],
                [15.]]], dtype=float32)
    """

    check_input_shapes = ((3, 4), (2, 3, 2))

    def reference(self, x: Array, training: bool) -> Array:
        y: Array = np.einsum("...i,io->...o", x, self.W.value)
        return y if self.b is None else y + self.b.value

    def build(self, input_shape: Shape) -> Shape:
        if len(input_shape) < 2:
            raise ShapeError(
                f"dense_per_step takes sequences, of shape (steps, features), got input of shape {input_shape}: take "
                "dense for vectors"
            )
        return (*input_shape[:-1], *super().build(input_shape[-1:]))

    def forward(self, x: Array, training: bool) -> Array:
        self.steps = x.shape[:-1]
        y = super().forward(x.reshape(-1, x.shape[-1]), training)
        return y.reshape(*self.steps, self.units)

    def backward(self, dy: Array) -> Array:
        self.backward_parameters(dy)
        rows = dy.reshape(-1, self.units)
        dx = np.dot(rows, self.W.value.T, out=self.work("dx", self.x.shape, dy.dtype))
        return dx.reshape(*self.steps, -1)

    def backward_parameters(self, dy: Array) -> None:
        super().backward_parameters(dy.reshape(-1, self.units))


@dataclass
class MeanOverSteps(Layer):
    r"""Makes one vector of a sequence of them: the mean of the steps that count.

    Forward:
        $y = \frac{1}{m} \sum_t x_t$, over the m steps that count; $0$ where none does

    Backward:
        $dx_t = \frac{1}{m} dy$ for steps that count, else $0$

    Shapes:
        x: (batch, steps, features)
        mask: (batch, steps), true where a step counts; or none, where all do
        y: (batch, features)

    Raises:
        ShapeError: the input is not a sequence of vectors.

    Reference:
        Lin, Chen, Yan (2014), "Network in Network", ICLR, section 3.2, for images.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> network = cr.Network(["mean_over_steps"], input_shape=(3, 1), loss="mse")
        >>> network.predict(np.array([[[1.0], [2.0], [6.0]]]), mask=[[True, True, False]])
        array([[1.5]], dtype=float32)
    """

    check_input_shapes = ((4, 3), (1, 2))

    def reference(self, x: Array, training: bool, mask: Array | None = None) -> Array:
        counting = [sample if mask is None else sample[mask[n]] for n, sample in enumerate(x)]
        return np.array([steps.mean(axis=0) if len(steps) else np.zeros(x.shape[2]) for steps in counting])

    def build(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 2:
            raise ShapeError(
                f"mean_over_steps takes sequences, of shape (steps, features), got input of shape {input_shape}"
            )
        return input_shape[1:]

    def forward(self, x: Array, training: bool, mask: Array | None = None) -> Array:
        counts = np.ones((1, x.shape[1]), x.dtype) if mask is None else mask.astype(x.dtype)
        share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        self.share = np.broadcast_to(share, x.shape[:2])[:, None, :]
        y: Array = np.matmul(self.share, x)[:, 0]
        return y

    def to_onnx(self, graph: Graph, x: str) -> str:
        return graph.add("ReduceMean", x, graph.constant([1]), keepdims=0)

    def backward(self, dy: Array) -> Array:
        shape = (len(dy), self.share.shape[-1], dy.shape[-1])
        dx = self.work("dx", shape, dy.dtype)
        np.multiply(self.share.mT, dy[:, None], out=dx)
        return dx
