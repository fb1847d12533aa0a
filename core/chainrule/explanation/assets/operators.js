// The operators of ONNX (opset 20) that this page computes: for each, what it makes of its inputs, and which attributes
// it minds. An input that is left out is null.

import { gru, lstm, sigmoid, simple } from "recurrence";
import { both, byRow, counted, each, laidOut, product, reduced, sizeOf, stretched, stridesOf, tensor, together, transposed } from "tensors";
import { convolution, pooling, transposedConvolution } from "windows";

const softplus = (z) => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));
const elu = (z, alpha) => (z > 0 ? z : alpha * Math.expm1(z));

// The error function by its series of terms that all have one sign: 2 / sqrt(pi) e^(-x^2) sum 2^n x^(2n+1) / (2n+1)!!
export function erf(x) {
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x, sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) sum += term *= 2 * x * x / (2 * n + 1);
  return 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * sum;
}

const UNARY = {
  Identity: (z) => z, Neg: (z) => -z, Abs: Math.abs, Sign: Math.sign, Exp: Math.exp, Log: Math.log, Sqrt: Math.sqrt,
  Reciprocal: (z) => 1 / z, Floor: Math.floor, Ceil: Math.ceil, Sin: Math.sin, Cos: Math.cos, Tanh: Math.tanh, Erf: erf,
  Not: (z) => Number(!z), Sigmoid: sigmoid, Relu: (z) => Math.max(z, 0), Softplus: softplus, Softsign: (z) => z / (1 + Math.abs(z)),
  Mish: (z) => z * Math.tanh(softplus(z)),
};
const BINARY = {
  Add: (a, b) => a + b, Sub: (a, b) => a - b, Mul: (a, b) => a * b, Div: (a, b) => a / b, Pow: Math.pow,
  PRelu: (z, slope) => (z >= 0 ? z : slope * z), Equal: (a, b) => Number(a === b),
  Less: (a, b) => Number(a < b), LessOrEqual: (a, b) => Number(a <= b),
  Greater: (a, b) => Number(a > b), GreaterOrEqual: (a, b) => Number(a >= b),
  And: (a, b) => Number(a && b), Or: (a, b) => Number(a || b),
};
const sum = (row) => row.reduce((total, value) => total + value, 0);
const REDUCED = {
  ReduceSum: sum, ReduceMean: (row) => sum(row) / row.length, ReduceMax: (row) => row.reduce((a, b) => Math.max(a, b), -Infinity),
  ReduceMin: (row) => row.reduce((a, b) => Math.min(a, b), Infinity), ReduceSumSquare: (row) => row.reduce((a, b) => a + b * b, 0),
};
const many = (inputs, f) => inputs.reduce((a, b) => both(a, b, f));

const OPERATORS = {
  MatMul: { of: ([a, b]) => product(a, b) },
  Sum: { of: (inputs) => many(inputs, (a, b) => a + b) },
  Mean: { of: (inputs) => each(many(inputs, (a, b) => a + b), (total) => total / inputs.length) },
  Max: { of: (inputs) => many(inputs, Math.max) },
  Min: { of: (inputs) => many(inputs, Math.min) },
  Clip: { of: ([x, least, most]) => each(x, (z) => Math.min(Math.max(z, least ? least.values[0] : -Infinity), most ? most.values[0] : Infinity)) },
  Where: { of: ([which, a, b]) => {
    const shape = together(which.shape, together(a.shape, b.shape)), [w, left, right] = [which, a, b].map((x) => stretched(x, shape).values);
    return tensor(shape, Float64Array.from(w, (yes, k) => (yes ? left[k] : right[k])));
  } },
  LeakyRelu: { attributes: ["alpha"], of: ([x], { alpha = 0.01 }) => each(x, (z) => (z >= 0 ? z : alpha * z)) },
  Elu: { attributes: ["alpha"], of: ([x], { alpha = 1 }) => each(x, (z) => elu(z, alpha)) },
  Selu: { attributes: ["alpha", "gamma"], of: ([x], { alpha = 1.6732632423543772, gamma = 1.0507009873554805 }) => each(x, (z) => gamma * elu(z, alpha)) },
  Gelu: { attributes: ["approximate"], of: ([x], { approximate = "none" }) => each(x, (z) => z / 2 * (1 + (approximate === "none" ? erf(z / Math.SQRT2) : Math.tanh(Math.sqrt(2 / Math.PI) * (z + 0.044715 * z ** 3))))) },
  HardSigmoid: { attributes: ["alpha", "beta"], of: ([x], { alpha = 0.2, beta = 0.5 }) => each(x, (z) => Math.max(0, Math.min(1, alpha * z + beta))) },
  HardSwish: { of: ([x]) => each(x, (z) => z * Math.max(0, Math.min(1, z / 6 + 0.5))) },
  Softmax: { attributes: ["axis"], of: ([x], { axis = -1 }) => byRow(x, axis, (row) => {
    const most = row.reduce((a, b) => Math.max(a, b));  // so that no exponential overflows
    row.forEach((z, k) => { row[k] = Math.exp(z - most); });
    const total = sum(row);
    row.forEach((e, k) => { row[k] = e / total; });
  }) },
  LogSoftmax: { attributes: ["axis"], of: ([x], { axis = -1 }) => byRow(x, axis, (row) => {
    const most = row.reduce((a, b) => Math.max(a, b)), rest = most + Math.log(row.reduce((total, z) => total + Math.exp(z - most), 0));
    row.forEach((z, k) => { row[k] = z - rest; });
  }) },
  LayerNormalization: { attributes: ["axis", "epsilon"], of: ([x, scale, bias], { axis = -1, epsilon = 1e-5 }) => {
    if (counted(axis, x.shape.length) !== x.shape.length - 1) throw new Error("over several axes");
    const normal = byRow(x, -1, (row) => {
      const mean = sum(row) / row.length, std = Math.sqrt(row.reduce((total, z) => total + (z - mean) ** 2, 0) / row.length + epsilon);
      row.forEach((z, k) => { row[k] = (z - mean) / std; });
    });
    const scaled = both(normal, scale, (a, b) => a * b);
    return bias ? both(scaled, bias, (a, b) => a + b) : scaled;
  } },
  Conv: { attributes: ["kernel_shape", "strides", "dilations", "pads", "group"], of: convolution },
  ConvTranspose: { attributes: ["kernel_shape", "strides", "dilations", "pads", "output_padding"], of: transposedConvolution },
  MaxPool: { attributes: ["kernel_shape", "strides", "dilations", "pads"], of: ([x], attributes) => pooling(x, attributes, -Infinity, Math.max, (most) => most) },
  AveragePool: { attributes: ["kernel_shape", "strides", "dilations", "pads"], of: ([x], attributes) => pooling(x, attributes, 0, (a, b) => a + b, (total, count) => total / count) },
  RNN: { attributes: ["hidden_size"], of: simple },
  LSTM: { attributes: ["hidden_size"], of: lstm },
  GRU: { attributes: ["hidden_size", "linear_before_reset"], of: gru },
  // Of a shape, 0 is as long as the axis was, and -1 as long as the rest leaves room for.
  Reshape: { of: ([x, to]) => {
    const shape = Array.from(to.values, (n, axis) => (n === 0 ? x.shape[axis] : n)), open = shape.indexOf(-1);
    if (open >= 0) shape[open] = x.values.length / -sizeOf(shape);
    return tensor(shape, x.values);
  } },
  Flatten: { attributes: ["axis"], of: ([x], { axis = 1 }) => { const rows = sizeOf(x.shape.slice(0, axis)); return tensor([rows, x.values.length / rows], x.values); } },
  Transpose: { attributes: ["perm"], of: ([x], { perm = x.shape.map((_, k) => x.shape.length - 1 - k) }) => transposed(x, perm) },
  Unsqueeze: { of: ([x, axes]) => {
    const total = x.shape.length + axes.values.length, added = Array.from(axes.values, (axis) => counted(axis, total)), left = [...x.shape];
    return tensor(Array.from({ length: total }, (_, axis) => (added.includes(axis) ? 1 : left.shift())), x.values);
  } },
  Squeeze: { of: ([x, axes]) => {
    const gone = axes ? Array.from(axes.values, (axis) => counted(axis, x.shape.length)) : x.shape.flatMap((n, axis) => (n === 1 ? [axis] : []));
    return tensor(x.shape.filter((_, axis) => !gone.includes(axis)), x.values);
  } },
  Expand: { of: ([x, to]) => stretched(x, together(x.shape, Array.from(to.values))) },
  Concat: { attributes: ["axis"], of: (inputs, { axis }) => {
    const at = counted(axis, inputs[0].shape.length), outer = sizeOf(inputs[0].shape.slice(0, at));
    const shape = [...inputs[0].shape];
    shape[at] = inputs.reduce((total, x) => total + x.shape[at], 0);
    const y = tensor(shape);
    for (let row = 0, to = 0; row < outer; row++) for (const x of inputs) {
      const width = x.values.length / outer;
      y.values.set(x.values.subarray(row * width, (row + 1) * width), to);
      to += width;
    }
    return y;
  } },
  Gather: { attributes: ["axis"], of: ([x, index], { axis = 0 }) => {
    const at = counted(axis, x.shape.length), inner = sizeOf(x.shape.slice(at + 1)), outer = sizeOf(x.shape.slice(0, at)), n = x.shape[at];
    const y = tensor([...x.shape.slice(0, at), ...index.shape, ...x.shape.slice(at + 1)]);
    let to = 0;
    for (let row = 0; row < outer; row++) for (const k of index.values) {
      const from = (row * n + counted(k, n)) * inner;
      y.values.set(x.values.subarray(from, from + inner), to);
      to += inner;
    }
    return y;
  } },
  Slice: { of: ([x, starts, ends, axes, steps]) => {
    const shape = [...x.shape], strides = stridesOf(x.shape);
    let first = 0;
    Array.from(starts.values).forEach((start, k) => {
      const axis = axes ? counted(axes.values[k], shape.length) : k, n = x.shape[axis], step = steps ? steps.values[k] : 1;
      if (step < 1) throw new Error("backwards");
      const from = Math.min(Math.max(counted(start, n), 0), n), to = Math.min(Math.max(counted(ends.values[k], n), 0), n);
      shape[axis] = Math.max(0, Math.ceil((to - from) / step));
      first += from * strides[axis];
      strides[axis] *= step;
    });
    return laidOut(tensor([x.values.length - first], x.values.subarray(first)), shape, strides);
  } },
  // Zeros, or another number, before each axis and behind it.
  Pad: { attributes: ["mode"], of: ([x, pads, value], { mode = "constant" }) => {
    if (mode !== "constant") throw new Error(`by ${mode}`);
    const axes = x.shape.length, y = tensor(x.shape.map((n, axis) => n + pads.values[axis] + pads.values[axes + axis]));
    if (value) y.values.fill(value.values[0]);
    const strides = stridesOf(y.shape), own = stridesOf(x.shape), width = x.shape[axes - 1];
    for (let from = 0; from < x.values.length; from += width) {
      let to = pads.values[axes - 1];
      for (let axis = 0; axis < axes - 1; axis++) to += (Math.floor(from / own[axis]) % x.shape[axis] + pads.values[axis]) * strides[axis];
      y.values.set(x.values.subarray(from, from + width), to);
    }
    return y;
  } },
  Cast: { attributes: ["to"], of: ([x], { to }) => ([1, 10, 11, 16].includes(to) ? x : each(x, to === 9 ? (z) => Number(z !== 0) : Math.trunc)) },
};
for (const [name, f] of Object.entries(UNARY)) OPERATORS[name] = { of: ([x]) => each(x, f) };
for (const [name, f] of Object.entries(BINARY)) OPERATORS[name] = { of: ([a, b]) => both(a, b, f) };
for (const [name, f] of Object.entries(REDUCED)) {
  OPERATORS[name] = { attributes: ["keepdims"], of: ([x, axes], { keepdims = 1 }) => reduced(x, axes ? Array.from(axes.values) : null, keepdims, f) };
}

export { OPERATORS };
