"""Recurrent layers whose gates decide what is kept of a state, so that it can last for many steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import Array
from chainrule_plugins.layers._recurrent import Recurrent, squash
from chainrule_plugins.layers._references import before_step


@dataclass
class LSTM(Recurrent):
    r"""Reads a sequence step by step, with a memory that lasts: three gates say what goes in, what stays, what shows.

    Along the memory c the gradient is multiplied by the forget gate alone. While that is near 1, it does not fade.

    Forward:
        $h_0 = c_0 = 0$
        $i_t = \sigma(x_t W_i + h_{t-1} U_i + b_i)$, the input gate, with $\sigma(z) = 1 / (1 + e^{-z})$
        $f_t = \sigma(x_t W_f + h_{t-1} U_f + b_f)$, the forget gate
        $o_t = \sigma(x_t W_o + h_{t-1} U_o + b_o)$, the output gate
        $g_t = \tanh(x_t W_g + h_{t-1} U_g + b_g)$, what may be remembered of this step
        $c_t = f_t \odot c_{t-1} + i_t \odot g_t$
        $h_t = o_t \odot \tanh(c_t)$; at a step that is masked, $c_t = c_{t-1}$ and $h_t = h_{t-1}$
        $y = h_{steps}$, or all of $h_1, h_2, ...$

    Backward:
        $dh_t = dy_t + \sum_k dz_{k,t+1} \, U_k^T$, over the gates $k = i, f, o, g$
        $dc_t = dc_{t+1} \odot f_{t+1} + dh_t \odot o_t \odot (1 - \tanh^2(c_t))$
        $dz_{i,t} = dc_t \odot g_t \odot i_t (1 - i_t)$
        $dz_{f,t} = dc_t \odot c_{t-1} \odot f_t (1 - f_t)$
        $dz_{o,t} = dh_t \odot \tanh(c_t) \odot o_t (1 - o_t)$
        $dz_{g,t} = dc_t \odot i_t \odot (1 - g_t^2)$
        $dz_{k,t} = 0$ at a masked step, and $dh_t, dc_t$ go on to the step before as they are
        $dW_k = \sum_t x_t^T \, dz_{k,t}$
        $dU_k = \sum_t h_{t-1}^T \, dz_{k,t}$
        $db_k = \sum_t \sum_{batch} dz_{k,t}$
        $dx_t = \sum_k dz_{k,t} \, W_k^T$

    Shapes:
        x: (batch, steps, features)
        mask: (batch, steps), true where a step counts; or none, where all do
        W_i, W_f, W_o, W_g: (features, units)
        U_i, U_f, U_o, U_g: (units, units)
        b_i, b_f, b_o, b_g: (units,)
        y: (batch, units), or (batch, steps, units) with sequences

    Args:
        units: the numbers of a state, at least 1.
        sequences: whether to give h after each step, or only the last one; default false.
        truncate: over how many steps the gradient of a state reaches at most, its own among them, at least 1; null,
            the default, is over all. The steps that count are cut into pieces of so many, from the last one on, and the
            state before a piece is taken as given, like x; no gradient flows from a piece into the one before it.
        initializer: what each W holds at first; any initializer, default "glorot_uniform".
        recurrent_initializer: what each U holds at first; any initializer, default "orthogonal".
        bias_initializer: what each b but b_f holds at first; any initializer, default "zeros". Weight decay spares b.
        bias: whether there are biases; default true.
        forget_bias: what b_f holds at first, any finite number; default 1.0: at first most is kept.

    Raises:
        FieldError: units or truncate is less than 1, or forget_bias not finite.
        ShapeError: the input is not a sequence of vectors.

    Reference:
        Hochreiter, Schmidhuber (1997), "Long Short-Term Memory", Neural Computation 9; with the forget gate of Gers,
        Schmidhuber, Cummins (2000), "Learning to Forget: Continual Prediction with LSTM", Neural Computation 12, and
        the whole gradient, as in Graves, Schmidhuber (2005), "Framewise phoneme classification with bidirectional LSTM
        and other neural network architectures", Neural Networks 18; forget_bias: Jozefowicz, Zaremba, Sutskever (2015),
        "An Empirical Exploration of Recurrent Network Architectures", ICML; truncate: as in simple_rnn.

    Example:
        >>> import chainrule as cr
        >>> network = cr.Network([cr.make("layer", "lstm", units=8)], input_shape=(28, 28), loss="mse")
        >>> network.output_shape, network.parameters["0.lstm.b_f"].value.tolist()
        ((8,), [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    """

    forget_bias: float = 1.0

    gates = ("i", "f", "o", "g")
    in_onnx = ("LSTM", (0, 2, 1, 3))
    carries = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("forget_bias", math.isfinite(self.forget_bias), "a finite number")

    def reference(self, x: Array, training: bool, mask: Array | None = None, given: Any = None) -> Array:
        counts = np.ones(x.shape[:2], bool) if mask is None else mask
        h = c = np.zeros((len(x), self.units))
        seen = []
        for t in range(x.shape[1]):
            h, c = before_step(t, [h, c], counts, self.truncate, given)
            z = [x[:, t] @ W.value + h @ U.value for W, U in zip(self.W, self.U)]
            if self.bias:
                z = [part + b.value for part, b in zip(z, self.b)]
            i, f, o = (1 / (1 + np.exp(-part)) for part in z[:3])
            new_c = f * c + i * np.tanh(z[3])
            new_h = o * np.tanh(new_c)
            h, c = (np.where(counts[:, t, None], new, old) for new, old in ((new_h, h), (new_c, c)))
            seen.append(h)
        return np.stack(seen, axis=1) if self.sequences else h

    def bias_initializer_of(self, gate: str) -> Any:
        return {"name": "constant", "value": self.forget_bias} if gate == "f" else self.bias_initializer

    def prepare(self, steps: int, batch: int) -> None:
        self.opened = self.work("opened", (steps, 4, batch, self.units), self.given.dtype)
        self.tanh_c = self.work("tanh_c", (steps, batch, self.units), self.given.dtype)

    def step(self, t: int, given: Array, V: Array) -> None:
        h, c = self.carried
        gates = np.matmul(given, V, out=self.opened[t])
        i, f, o, g = gates
        squash(gates[:3])
        np.tanh(g, out=g)
        np.multiply(f, c[t], out=c[t + 1])
        c[t + 1] += i * g
        np.tanh(c[t + 1], out=self.tanh_c[t])
        np.multiply(o, self.tanh_c[t], out=h[t + 1])

    def step_back(self, t: int, dz: Array, U_T: Array, d_states: Sequence[Array]) -> None:
        (_, c), (dh, dc) = self.carried, d_states
        (i, f, o, g), tanh_c = self.opened[t], self.tanh_c[t]
        dc += dh * o * (1 - tanh_c * tanh_c)
        np.multiply(dc * g, i * (1 - i), out=dz[0])
        np.multiply(dc * c[t], f * (1 - f), out=dz[1])
        np.multiply(dh * tanh_c, o * (1 - o), out=dz[2])
        np.multiply(dc * i, 1 - g * g, out=dz[3])
        dc *= f
        np.matmul(dz, U_T, out=self.work("dh_of_gates", dz.shape, dz.dtype)).sum(axis=0, out=dh)


@dataclass
class GRU(Recurrent):
    r"""Reads a sequence step by step; two gates say how much of the state is looked at, and how much of it stays.

    It is an LSTM with one state in place of two. The reset gate acts before the product with U, as in the paper (in
    Keras, reset_after=False); cuDNN and PyTorch have it after.

    Forward:
        $h_0 = 0$
        $u_t = \sigma(x_t W_u + h_{t-1} U_u + b_u)$, the update gate, with $\sigma(z) = 1 / (1 + e^{-z})$
        $r_t = \sigma(x_t W_r + h_{t-1} U_r + b_r)$, the reset gate
        $g_t = \tanh(x_t W_g + (r_t \odot h_{t-1}) U_g + b_g)$, what may take the place of the state
        $h_t = u_t \odot h_{t-1} + (1 - u_t) \odot g_t$, and $h_t = h_{t-1}$ at a step that is masked
        $y = h_{steps}$, or all of $h_1, h_2, ...$

    Backward:
        $dz_{g,t} = dh_t \odot (1 - u_t) \odot (1 - g_t^2)$
        $dz_{u,t} = dh_t \odot (h_{t-1} - g_t) \odot u_t (1 - u_t)$
        $dz_{r,t} = dz_{g,t} \, U_g^T \odot h_{t-1} \odot r_t (1 - r_t)$
        $dh_{t-1} = dy_{t-1} + dh_t \odot u_t + dz_{g,t} \, U_g^T \odot r_t + dz_{u,t} \, U_u^T + dz_{r,t} \, U_r^T$
        $dz_{k,t} = 0$ at a masked step, and $dh_{t-1} = dy_{t-1} + dh_t$
        $dW_k = \sum_t x_t^T \, dz_{k,t}$, for $k = u, r, g$
        $dU_k = \sum_t h_{t-1}^T \, dz_{k,t}$ for $k = u, r$, and $dU_g = \sum_t (r_t \odot h_{t-1})^T \, dz_{g,t}$
        $db_k = \sum_t \sum_{batch} dz_{k,t}$
        $dx_t = \sum_k dz_{k,t} \, W_k^T$

    Shapes:
        x: (batch, steps, features)
        mask: (batch, steps), true where a step counts; or none, where all do
        W_u, W_r, W_g: (features, units)
        U_u, U_r, U_g: (units, units)
        b_u, b_r, b_g: (units,)
        y: (batch, units), or (batch, steps, units) with sequences

    Args:
        units: the numbers of a state, at least 1.
        sequences: whether to give the state after each step, or only the last one; default false.
        truncate: over how many steps the gradient of a state reaches at most, its own among them, at least 1; null,
            the default, is over all. The steps that count are cut into pieces of so many, from the last one on, and the
            state before a piece is taken as given, like x; no gradient flows from a piece into the one before it.
        initializer: what each W holds at first; any initializer, default "glorot_uniform".
        recurrent_initializer: what each U holds at first; any initializer, default "orthogonal".
        bias_initializer: what each b holds at first; any initializer, default "zeros". Weight decay spares b.
        bias: whether there are biases; default true.

    Raises:
        FieldError: units or truncate is less than 1.
        ShapeError: the input is not a sequence of vectors.

    Reference:
        Cho, van Merriënboer, Gulcehre, Bahdanau, Bougares, Schwenk, Bengio (2014), "Learning Phrase Representations
        using RNN Encoder-Decoder for Statistical Machine Translation", EMNLP, section 2.3, equations 5 to 8; truncate:
        as in simple_rnn.

    Example:
        >>> import chainrule as cr
        >>> network = cr.Network([cr.make("layer", "gru", units=8, sequences=True)], input_shape=(28, 28), loss="mse")
        >>> network.output_shape, network.parameters.theta.size
        ((28, 8), 888)
    """

    gates = ("u", "r", "g")
    in_onnx = ("GRU", (0, 1, 2))

    def reference(self, x: Array, training: bool, mask: Array | None = None, given: Any = None) -> Array:
        (W_u, W_r, W_g), (U_u, U_r, U_g) = ([p.value for p in matrices] for matrices in (self.W, self.U))
        b_u, b_r, b_g = (b.value for b in self.b) if self.bias else (0, 0, 0)
        counts = np.ones(x.shape[:2], bool) if mask is None else mask
        h = np.zeros((len(x), self.units))
        seen = []
        for t in range(x.shape[1]):
            [h] = before_step(t, [h], counts, self.truncate, given)
            u = 1 / (1 + np.exp(-(x[:, t] @ W_u + h @ U_u + b_u)))
            r = 1 / (1 + np.exp(-(x[:, t] @ W_r + h @ U_r + b_r)))
            g = np.tanh(x[:, t] @ W_g + (r * h) @ U_g + b_g)
            h = np.where(counts[:, t, None], u * h + (1 - u) * g, h)
            seen.append(h)
        return np.stack(seen, axis=1) if self.sequences else h

    def stacked(self) -> Array:
        V = super().stacked()
        V[2, self.places[1]] = 0  # U_g is not multiplied with h, but with what is left of it
        return V

    def backward_parameters(self, dy: Array) -> None:
        super().backward_parameters(dy)
        np.dot(self.reset_h[self.first :].reshape(-1, self.units).T, self.dz[2], out=self.U[2].grad)

    def prepare(self, steps: int, batch: int) -> None:
        self.opened = self.work("opened", (steps, 3, batch, self.units), self.given.dtype)
        self.reset_h = self.work("reset_h", (steps, batch, self.units), self.given.dtype)

    def step(self, t: int, given: Array, V: Array) -> None:
        [h] = self.carried
        gates = np.matmul(given, V, out=self.opened[t])
        u, r, g = gates
        squash(gates[:2])
        np.multiply(r, h[t], out=self.reset_h[t])
        g += np.dot(self.reset_h[t], self.U[2].value)
        np.tanh(g, out=g)
        np.multiply(u, h[t] - g, out=h[t + 1])
        h[t + 1] += g

    def step_back(self, t: int, dz: Array, U_T: Array, d_states: Sequence[Array]) -> None:
        [h], [dh] = self.carried, d_states
        u, r, g = self.opened[t]
        np.multiply(dh * (1 - u), 1 - g * g, out=dz[2])
        d_reset_h = np.dot(dz[2], U_T[2])
        np.multiply(dh * (h[t] - g), u * (1 - u), out=dz[0])
        np.multiply(d_reset_h * h[t], r * (1 - r), out=dz[1])
        dh *= u
        dh += d_reset_h * r
        dh += np.matmul(dz[:2], U_T[:2]).sum(axis=0)
