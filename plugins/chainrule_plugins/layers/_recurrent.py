"""What the recurrent layers share: the way through the steps and back, and the gradients, of all steps at once.

A step is given $[x_t, h_{t-1}, 1]$, one beside the other, and multiplies it with $V = [W; U; b]$, one upon the other:
that is $x_t W + h_{t-1} U + b$ as one product. (A product for the x of all steps, and one more for each h, takes a
quarter longer.) Steps come first in memory, then gates: the numbers of one gate at one step lie in one piece.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from chainrule import Array, Graph, Initializer, Layer, Parameter, Shape, ShapeError


@dataclass
class Recurrent(Layer):
    """A layer that reads a sequence step by step. One such writes ``step`` and ``step_back``.

    Attributes:
        gates: the names of its matrices: ``W_i`` for ``"i"``, and ``W`` for ``""``.
        in_onnx: what ONNX calls the layer, and for each gate, in its order there, the place in ``gates``.
        carries: how many states go on from step to step; the first one, h, is what the layer shows.
        carried: one array of (steps + 1, batch, units) for each of them: before step t it is at t, after it at t + 1.
        given: (steps, batch, features + units + 1), what each step is given.
    """

    units: int
    sequences: bool = False
    truncate: int | None = None
    initializer: str | Mapping[str, Any] | Initializer = "glorot_uniform"
    recurrent_initializer: str | Mapping[str, Any] | Initializer = "orthogonal"
    bias_initializer: str | Mapping[str, Any] | Initializer = "zeros"
    bias: bool = True

    gates: ClassVar[tuple[str, ...]] = ("",)
    in_onnx: ClassVar[tuple[str, tuple[int, ...]]] = ("RNN", (0,))
    carries = 1
    check_examples = ({"units": 3}, {"units": 2, "sequences": True, "bias": False})
    check_input_shapes = ((4, 3), (1, 2))

    def __post_init__(self) -> None:
        self.require("units", self.units >= 1, "at least 1")
        self.require("truncate", self.truncate is None or self.truncate >= 1, "at least 1, or null")

    @property
    def checks_not_applicable(self) -> Mapping[str, str]:
        if self.truncate is None:
            return {}
        checks = ("gradient_of_input", "gradient_of_parameters", "gradient_at_inference", "gradient_elsewhere")
        return dict.fromkeys(checks, "a truncated gradient is on purpose not that of what forward computes")

    def prepare(self, steps: int, batch: int) -> None:
        """Make room for what ``step`` keeps for ``step_back``."""

    def step(self, t: int, given: Array, V: Array) -> None:
        """Write each state after step t. ``V``: (gates, features + units + 1, units)."""
        raise NotImplementedError

    def step_back(self, t: int, dz: Array, U_T: Array, d_states: Sequence[Array]) -> None:
        """Write ``dz``, (gates, batch, units), the gradient with respect to each gate's sum, and turn that with respect
        to each state after step t into that with respect to the one before it, in place. ``U_T``: each gate's U,
        transposed."""
        raise NotImplementedError

    def build(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 2:
            raise ShapeError(
                f"a recurrent layer takes sequences, of shape (steps, features), got input of shape {input_shape}"
            )
        steps, features = input_shape
        self.places = (slice(features), slice(features, features + self.units), -1)  # of W, U and b in V
        self.W, self.U, self.b = [], [], []
        for gate in self.gates:
            ending = f"_{gate}" if gate else ""
            self.W.append(self.parameter(f"W{ending}", (features, self.units), self.initializer))
            self.U.append(self.parameter(f"U{ending}", (self.units, self.units), self.recurrent_initializer))
            if self.bias:
                initial = self.bias_initializer_of(gate)
                self.b.append(self.parameter(f"b{ending}", (self.units,), initial, decay=False))
        self.of_gates = list(zip(self.W, self.U, self.b) if self.bias else zip(self.W, self.U))
        return (steps, self.units) if self.sequences else (self.units,)

    def bias_initializer_of(self, gate: str) -> Any:
        return self.bias_initializer

    def stacked(self) -> Array:
        """V of each gate."""
        return np.stack([np.vstack([part.value for part in gate]) for gate in self.of_gates])

    def forward(self, x: Array, training: bool, mask: Array | None = None) -> Array:
        batch, steps, features = x.shape
        given = self.work("given", (steps + 1, batch, features + self.units + self.bias), x.dtype)
        given[:, :, -1] = 1  # without biases, it is of h, and is written over
        given[:-1, :, self.places[0]] = x.transpose(1, 0, 2)
        h = given[:, :, self.places[1]]
        others = [f"carried_{k}" for k in range(1, self.carries)]
        self.given, self.carried = given[:-1], [h, *(self.work(name, h.shape, x.dtype) for name in others)]
        for state in self.carried:
            state[0] = 0
        self.counts = None if mask is None else np.asarray(mask, bool).T[:, :, None]
        self.prepare(steps, batch)
        V = self.stacked()
        for t in range(steps):
            self.step(t, given[t], V)
            if self.counts is not None:
                for state in self.carried:
                    np.copyto(state[t + 1], state[t], where=~self.counts[t])
        return h[1:].transpose(1, 0, 2) if self.sequences else h[-1]

    def to_onnx(self, graph: Graph, x: str) -> str:
        """As the operator that ``in_onnx`` names, which takes the gates in its own order, one under the other, and
        transposed; for x it has a bias as well as for h."""
        operator, order = self.in_onnx

        def stacked(parts: Sequence[Parameter]) -> str:
            rows = [graph.add("Transpose", parts[gate], perm=(1, 0)) for gate in order]
            return graph.add("Unsqueeze", graph.add("Concat", *rows, axis=0), graph.constant([0]))

        b = None
        if self.bias:
            none = np.zeros(len(order) * self.units, self.dtype)
            b = graph.add("Concat", *(self.b[gate] for gate in order), none, axis=0)
            b = graph.add("Unsqueeze", b, graph.constant([0]))
        steps_first = graph.add("Transpose", x, perm=(1, 0, 2))
        inputs = (steps_first, stacked(self.W), stacked(self.U), b)
        seen, last = graph.add(operator, *inputs, outputs=2, hidden_size=self.units)[:2]
        if self.sequences:
            return graph.add("Transpose", graph.add("Squeeze", seen, graph.constant([1])), perm=(1, 0, 2))
        return graph.add("Squeeze", last, graph.constant([0]))

    def backward(self, dy: Array) -> Array:
        self.backward_parameters(dy)
        steps, batch, _ = self.given.shape
        W_T = np.array([W.value.T for W in self.W])
        parts = self.work("dx_of_gates", (*self.dz.shape[:2], W_T.shape[-1]), dy.dtype)
        dx = self.work("dx", (steps, batch, W_T.shape[-1]), dy.dtype)
        dx[: self.first] = 0
        np.matmul(self.dz, W_T, out=parts).sum(axis=0, out=dx[self.first :].reshape(parts.shape[1:]))
        return dx.transpose(1, 0, 2)

    def backward_parameters(self, dy: Array) -> None:
        dz = self._back_through_time(dy)
        self.dz = dz.reshape(len(dz), -1, self.units)
        given = self.given[self.first :].reshape(-1, self.given.shape[-1])
        for gate, rows in zip(self.of_gates, self.dz):
            dV = np.dot(given.T, rows)
            for part, place in zip(gate, self.places):
                part.grad = dV[place]

    def _back_through_time(self, dy: Array) -> Array:
        """dz of all steps from ``self.first`` on, before which it is 0: (gates, steps, batch, units)."""
        steps, batch, _ = self.given.shape
        self.first, cut = self._cuts(steps)
        dz = self.work("dz", (len(self.gates), steps, batch, self.units), dy.dtype)
        U_T = np.array([U.value.T for U in self.U])  # laid out anew: products with views of U would take longer
        d_states = [self.work(f"d_carried_{k}", (batch, self.units), dy.dtype) for k in range(self.carries)]
        for d_state in d_states:
            d_state[...] = 0
        shown = d_states[0]
        if not self.sequences:
            shown += dy
        for t in reversed(range(self.first, steps)):
            if self.sequences:
                shown += dy[:, t]
            if self.counts is None:
                self.step_back(t, dz[:, t], U_T, d_states)
            else:  # where the step does not count, the gradient passes by it
                passing = [np.where(self.counts[t], 0, d_state) for d_state in d_states]
                for d_state in d_states:
                    d_state *= self.counts[t]
                self.step_back(t, dz[:, t], U_T, d_states)
                for d_state, past in zip(d_states, passing):
                    d_state += past
            if cut is not None:
                for d_state in d_states:
                    np.copyto(d_state, 0, where=cut[t])
            if t % 16 == 0 and faded(d_states) and not self.sequences:
                self.first = t
                break
        return dz[:, self.first :]

    def _cuts(self, steps: int) -> tuple[int, Array | None]:
        """The first step that any gradient reaches, and, by step, for which samples it goes no further than it."""
        if self.truncate is None:
            return 0, None
        counts = np.ones((steps, 1, 1), bool) if self.counts is None else self.counts
        from_the_end = counts[::-1].cumsum(axis=0)[::-1]
        reached = (from_the_end <= self.truncate).any(axis=(1, 2))
        return 0 if self.sequences else int(reached.argmax()), counts & (from_the_end % self.truncate == 0)


def squash(z: Array) -> None:
    r"""The sigmoid $1 / (1 + e^{-z}) = (1 + \tanh(z / 2)) / 2$, in place: so no exponential can overflow."""
    z *= 0.5
    np.tanh(z, out=z)
    z *= 0.5
    z += 0.5


def faded(gradients: Sequence[Array]) -> bool:
    """Sets to 0, in place, what of gradients has all but vanished, and says whether that was the last of them. Left as
    it is, it would become subnormal on its way back, and processors take many times as long for such numbers."""
    for gradient in gradients:
        np.copyto(gradient, 0, where=np.abs(gradient) < 1e8 * np.finfo(gradient.dtype).tiny)
    return not any(gradient.any() for gradient in gradients)
