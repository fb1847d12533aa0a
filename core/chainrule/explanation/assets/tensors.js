// Arrays of numbers with a shape, { shape, values }, the last axis running fastest; whole numbers are kept as numbers.

export const sizeOf = (shape) => shape.reduce((product, n) => product * n, 1);

export function tensor(shape, values = new Float64Array(sizeOf(shape))) {
  return { shape, values };
}

// By how many numbers apart two neighbours along each axis lie.
export function stridesOf(shape) {
  const strides = new Array(shape.length);
  let apart = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = apart;
    apart *= shape[axis];
  }
  return strides;
}

// The numbers of x laid out anew: the one at [i, j, ...] is x.values[i * strides[0] + j * strides[1] + ...].
export function laidOut(x, shape, strides) {
  const y = tensor(shape), last = shape.length - 1;
  if (last < 0) { y.values[0] = x.values[0]; return y; }
  const width = shape[last], apart = strides[last], at = new Array(last).fill(0);
  for (let to = 0, from = 0; to < y.values.length;) {
    for (let j = 0; j < width; j++) y.values[to++] = x.values[from + j * apart];
    for (let axis = last - 1; axis >= 0; axis--) {  // on to the next row, as an odometer goes on
      from += strides[axis];
      if (++at[axis] < shape[axis]) break;
      from -= at[axis] * strides[axis];
      at[axis] = 0;
    }
  }
  return y;
}

export function transposed(x, perm) {
  const strides = stridesOf(x.shape);
  return laidOut(x, perm.map((axis) => x.shape[axis]), perm.map((axis) => strides[axis]));
}

// The shape that two of them give together: shapes are aligned at their last axes, and an axis of 1 goes with any.
export function together(a, b) {
  const axes = Math.max(a.length, b.length);
  return Array.from({ length: axes }, (_, k) => {
    const n = a[a.length - axes + k] ?? 1, m = b[b.length - axes + k] ?? 1;
    if (n !== m && n !== 1 && m !== 1) throw new Error(`shapes ${a} and ${b} do not fit together`);
    return n === 1 ? m : n;
  });
}

// x repeated along axes of 1, and along those that it has not.
export function stretched(x, shape) {
  if (x.values.length === sizeOf(shape)) return tensor(shape, x.values);
  const own = stridesOf(x.shape), more = shape.length - x.shape.length;
  return laidOut(x, shape, shape.map((_, axis) => (axis < more || x.shape[axis - more] === 1 ? 0 : own[axis - more])));
}

export function each(x, f) {
  return tensor(x.shape, x.values.map((value) => f(value)));
}

export function both(a, b, f) {
  const shape = together(a.shape, b.shape), y = tensor(shape);
  const left = stretched(a, shape).values, right = stretched(b, shape).values;
  for (let k = 0; k < y.values.length; k++) y.values[k] = f(left[k], right[k]);
  return y;
}

export const counted = (axis, axes) => (axis < 0 ? axis + axes : axis);

// f of the numbers along these axes, which come as one piece of memory: of all of them by default.
export function reduced(x, axes, keep, f) {
  const all = x.shape.map((_, axis) => axis);
  const over = axes === null ? all : axes.map((axis) => counted(axis, all.length));
  const rest = all.filter((axis) => !over.includes(axis));
  const rows = transposed(x, [...rest, ...over]), count = sizeOf(over.map((axis) => x.shape[axis]));
  const y = tensor(keep ? all.map((axis) => (over.includes(axis) ? 1 : x.shape[axis])) : rest.map((axis) => x.shape[axis]));
  for (let k = 0; k < y.values.length; k++) y.values[k] = f(rows.values.subarray(k * count, (k + 1) * count));
  return y;
}

// x with each row along an axis replaced by what f makes of it, in place in a copy.
export function byRow(x, axis, f) {
  const order = x.shape.map((_, k) => k), at = counted(axis, order.length);
  [order[at], order[order.length - 1]] = [order[order.length - 1], order[at]];
  const rows = transposed(x, order), count = x.shape[at];
  for (let k = 0; k < rows.values.length; k += count) f(rows.values.subarray(k, k + count));
  return transposed(rows, order);
}

// out += a b, of matrices (n, k) and (k, m). Four rows of b at a time: so each sum is fetched and stored once for them.
export function addProduct(a, b, out, n, k, m) {
  for (let i = 0; i < n; i++) {
    const row = i * m;
    let l = 0;
    for (; l + 3 < k; l += 4) {
      const at = i * k + l, from = l * m, a0 = a[at], a1 = a[at + 1], a2 = a[at + 2], a3 = a[at + 3];
      for (let j = 0; j < m; j++) out[row + j] += a0 * b[from + j] + a1 * b[from + m + j] + a2 * b[from + 2 * m + j] + a3 * b[from + 3 * m + j];
    }
    for (; l < k; l++) {
      const factor = a[i * k + l], from = l * m;
      for (let j = 0; j < m; j++) out[row + j] += factor * b[from + j];
    }
  }
}

// The numbers of the matrix at place p, of (..., rows, columns).
export const matrixAt = (values, p, size) => values.subarray(p * size, (p + 1) * size);

// (..., n, k) times (..., k, m)
export function product(a, b) {
  const [n, k] = a.shape.slice(-2), m = b.shape[b.shape.length - 1];
  if (b.shape[b.shape.length - 2] !== k) throw new Error(`shapes ${a.shape} and ${b.shape} cannot be multiplied`);
  const outer = together(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const left = stretched(a, [...outer, n, k]).values, right = stretched(b, [...outer, k, m]).values;
  const y = tensor([...outer, n, m]);
  for (let p = 0; p < sizeOf(outer); p++) {
    addProduct(matrixAt(left, p, n * k), matrixAt(right, p, k * m), matrixAt(y.values, p, n * m), n, k, m);
  }
  return y;
}
