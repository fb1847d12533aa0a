// Windows that slide over an input of (n, *size, channels): which numbers stand in which. Places are counted without
// the channels: example, row and column as one number.

// The inputs that lie in the window of an output, each with its place within the window.
export function windowForward(operation, output) {
  const { kernel, stride, low } = operation.structure, [n, out, size] = spaces(operation);
  const [example, ...o] = unravel(output, [n, ...out]);
  return offsets(kernel).flatMap((a, offset) => {
    const i = a.map((k, axis) => o[axis] * stride + k - low[axis]);
    return within(i, size) ? [{ input: ravel([example, ...i], [n, ...size]), offset }] : [];
  });
}

// The outputs in whose window an input lies.
export function windowBackward(operation, input) {
  const { kernel, stride, low } = operation.structure, [n, out, size] = spaces(operation);
  const [example, ...i] = unravel(input, [n, ...size]);
  return offsets(kernel).flatMap((a, offset) => {
    const o = i.map((at, axis) => (at + low[axis] - a[axis]) / stride);
    return o.every(Number.isInteger) && within(o, out) ? [{ output: ravel([example, ...o], [n, ...out]), offset }] : [];
  });
}

// Every input that stands at one place of the window, with the output that it goes into.
export function gradientOfKernel(operation, offset) {
  const { kernel, stride, low } = operation.structure, [n, out, size] = spaces(operation);
  const a = unravel(offset, kernel), count = out.reduce((x, y) => x * y, n);
  return Array.from({ length: count }, (_, output) => output).flatMap((output) => {
    const [example, ...o] = unravel(output, [n, ...out]), i = o.map((at, axis) => at * stride + a[axis] - low[axis]);
    return within(i, size) ? [{ input: ravel([example, ...i], [n, ...size]), output }] : [];
  });
}

function spaces({ x, y }) {
  return [x.shape[0], y.shape.slice(1, -1), x.shape.slice(1, -1)];
}

function offsets(kernel) {
  return Array.from({ length: kernel.reduce((a, b) => a * b, 1) }, (_, offset) => unravel(offset, kernel));
}

function within(place, size) {
  return place.every((at, axis) => at >= 0 && at < size[axis]);
}

function unravel(index, shape) {
  const found = [];
  for (let axis = shape.length - 1; axis >= 0; axis--) { found.unshift(index % shape[axis]); index = Math.floor(index / shape[axis]); }
  return found;
}

function ravel(place, shape) {
  return place.reduce((index, at, axis) => index * shape[axis] + at, 0);
}
