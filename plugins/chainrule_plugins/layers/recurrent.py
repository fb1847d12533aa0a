from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import Array
from chainrule_plugins.layers._recurrent import Recurrent
from chainrule_plugins.layers._references import before_step


@dataclass
class SimpleRNN(Recurrent):
    r"""Reads a sequence step by step, and keeps a state: what it sees of a step is mixed with what it saw before.

    A state that must last for many steps is lost in it, or its gradient is: see lstm and gru.

    Forward:
        $h_0 = 0$
        $h_t = \tanh(x_t W + h_{t-1} U + b)$, and $h_t = h_{t-1}$ at a step that is masked
        $y = h_{steps}$, or all of $h_1, h_2, ...$

    Backward:
        $dh_t = dy_t + dz_{t+1} \, U^T$, where $dy_t$ is 0 for what is not shown
        $dz_t = dh_t \odot (1 - h_t^2)$; at a masked step $dz_t = 0$, and $dh_t$ goes on to $dh_{t-1}$ as it is
        $dW = \sum_t x_t^T \, dz_t$
        $dU = \sum_t h_{t-1}^T \, dz_t$
        $db = \sum_t \sum_{batch} dz_t$
        $dx_t = dz_t \, W^T$

    Shapes:
        x: (batch, steps, features)
        mask: (batch, steps), true where a step counts; or none, where all do
        W: (features, units)
        U: (units, units)
        b: (units,)
        y: (batch, units), or (batch, steps, units) with sequences

    Args:
        units: the numbers of a state, at least 1.
        sequences: whether to give the state after each step, or only the last one; default false.
        truncate: over how many steps the gradient of a state reaches at most, its own among them, at least 1; null,
            the default, is over all. The steps that count are cut into pieces of so many, from the last one on, and the
            state before a piece is taken as given, like x; no gradient flows from a piece into the one before it.
        initializer: what W holds at first; any initializer, default "glorot_uniform".
        recurrent_initializer: what U holds at first; any initializer, default "orthogonal": a state keeps its length.
        bias_initializer: what b holds at first; any initializer, default "zeros". Weight decay spares b.
        bias: whether there is a b; default true.

    Raises:
        FieldError: units or truncate is less than 1.
        ShapeError: the input is not a sequence of vectors.

    Reference:
        Elman (1990), "Finding Structure in Time", Cognitive Science 14, whose units are logistic in place of tanh;
        truncate: Williams, Peng (1990), "An Efficient Gradient-Based Algorithm for On-Line Training of Recurrent
        Network Trajectories", Neural Computation 2, whose BPTT(h; h') it is with h = h'.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> echo = cr.make("layer", "simple_rnn", units=1, initializer={"name": "constant", "value": 1.0})
        >>> network = cr.Network([echo], input_shape=(3, 1), loss="mse")
        >>> network.parameters["0.simple_rnn.U"].value = 0.5
        >>> network.predict([[[1.0], [0.0], [0.0]]]).round(4)  # tanh(0.5 tanh(0.5 tanh(1)))
        array([[0.1797]], dtype=float32)
    """

    def reference(self, x: Array, training: bool, mask: Array | None = None, given: Any = None) -> Array:
        W, U, b = self.W[0].value, self.U[0].value, self.b[0].value if self.bias else 0
        counts = np.ones(x.shape[:2], bool) if mask is None else mask
        h = np.zeros((len(x), self.units))
        seen = []
        for t in range(x.shape[1]):
            [h] = before_step(t, [h], counts, self.truncate, given)
            h = np.where(counts[:, t, None], np.tanh(x[:, t] @ W + h @ U + b), h)
            seen.append(h)
        return np.stack(seen, axis=1) if self.sequences else h

    def step(self, t: int, given: Array, V: Array) -> None:
        [h], [V] = self.carried, V
        np.tanh(np.dot(given, V), out=h[t + 1])

    def step_back(self, t: int, dz: Array, U_T: Array, d_states: Sequence[Array]) -> None:
        [h], [dh], [dz], [U_T] = self.carried, d_states, dz, U_T
        np.multiply(h[t + 1], h[t + 1], out=dz)
        np.subtract(1, dz, out=dz)
        dz *= dh
        np.dot(dz, U_T, out=dh)
