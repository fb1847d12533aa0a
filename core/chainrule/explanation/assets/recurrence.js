// Layers that read a sequence step by step, as ONNX has them: X is (steps, batch, features), W (1, gates * units,
// features), R (1, gates * units, units), B (1, 2 * gates * units), those of x before those of h.

import { tensor } from "tensors";

export const sigmoid = (z) => 1 / (1 + Math.exp(-z));

// step(sums of x, the part of R with h, states): the next states of one unit after the other, h first.
function through([X, W, R, B], units, gates, states, step) {
  const [steps, batch, features] = X.shape, rows = gates * units;
  const Y = tensor([steps, 1, batch, units]), last = Array.from({ length: states }, () => tensor([1, batch, units]));
  const ofX = new Float64Array(rows), ofH = new Float64Array(rows);
  for (let n = 0; n < batch; n++) {
    const now = last.map((state) => state.values.subarray(n * units, (n + 1) * units));
    for (let t = 0; t < steps; t++) {
      times(W.values, X.values, (t * batch + n) * features, features, ofX, B?.values, 0);
      times(R.values, now[0], 0, units, ofH, B?.values, rows);
      step(ofX, ofH, now);
      Y.values.set(now[0], (t * batch + n) * units);
    }
  }
  return [Y, ...last];
}

// out = M x + b, of what stands from these places on
function times(M, x, from, width, out, b, ofB) {
  for (let i = 0; i < out.length; i++) {
    let sum = b ? b[ofB + i] : 0;
    for (let j = 0; j < width; j++) sum += M[i * width + j] * x[from + j];
    out[i] = sum;
  }
}

export function simple(inputs, { hidden_size: units }) {
  return through(inputs, units, 1, 1, (x, h, [state]) => { for (let k = 0; k < units; k++) state[k] = Math.tanh(x[k] + h[k]); });
}

export function lstm(inputs, { hidden_size: units }) {
  return through(inputs, units, 4, 2, (x, h, [state, memory]) => {
    for (let k = 0; k < units; k++) {
      const [i, o, f, g] = [0, 1, 2, 3].map((gate) => x[gate * units + k] + h[gate * units + k]);
      memory[k] = sigmoid(f) * memory[k] + sigmoid(i) * Math.tanh(g);
      state[k] = sigmoid(o) * Math.tanh(memory[k]);
    }
  });
}

export function gru(inputs, { hidden_size: units, linear_before_reset: after }) {
  const [, , R, B] = inputs, reset = new Float64Array(units), ofReset = new Float64Array(units);
  const last = R.values.subarray(2 * units * units), bias = B?.values;
  return through(inputs, units, 3, 1, (x, h, [state]) => {
    for (let k = 0; k < units; k++) reset[k] = sigmoid(x[units + k] + h[units + k]) * (after ? h[2 * units + k] : state[k]);
    if (after) ofReset.set(reset);
    else times(last, reset, 0, units, ofReset, bias, 5 * units);
    for (let k = 0; k < units; k++) {
      const u = sigmoid(x[k] + h[k]), g = Math.tanh(x[2 * units + k] + ofReset[k]);
      state[k] = u * state[k] + (1 - u) * g;
    }
  });
}
