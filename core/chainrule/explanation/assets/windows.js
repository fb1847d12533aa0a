// What slides over images, (batch, channels, height, width), and over sequences, (batch, channels, length), which are
// images of one row: convolution, its transpose, pooling.

import { addProduct, matrixAt, tensor } from "tensors";

// The sizes of a window on two axes.
function sized(x, kernel, { strides, dilations, pads }) {
  const flat = x.shape.length === 3, ones = kernel.map(() => 1), zeros = [...kernel, ...kernel].map(() => 0);
  const two = (given, first) => (flat ? [first, ...given] : given);
  const of = { kernel: two(kernel, 1), stride: two(strides ?? ones, 1), dilation: two(dilations ?? ones, 1) };
  const around = pads ?? zeros, half = around.length / 2;
  of.before = two(around.slice(0, half), 0);
  of.behind = two(around.slice(half), 0);
  of.image = two(x.shape.slice(2), 1);
  of.places = of.image.map((n, k) => Math.floor((n + of.before[k] + of.behind[k] - (of.kernel[k] - 1) * of.dilation[k] - 1) / of.stride[k]) + 1);
  of.shape = (places) => (flat ? places.slice(1) : places);
  return of;
}

// The places, first and last, at which element u of a window lies within an axis.
function inside(of, axis, u) {
  const shift = u * of.dilation[axis] - of.before[axis], stride = of.stride[axis];
  return [Math.max(0, Math.ceil(-shift / stride)), Math.min(of.places[axis] - 1, Math.floor((of.image[axis] - 1 - shift) / stride)), shift];
}

// visit(from, to, count): of each row of places, where the first of its pixels and its own first place lie, and how many
// there are; the pixels lie a stride apart.
function rowsUnder(of, u, v, visit) {
  const [top, bottom, down] = inside(of, 0, u), [left, right, across] = inside(of, 1, v);
  for (let i = top; i <= bottom; i++) {
    visit((i * of.stride[0] + down) * of.image[1] + left * of.stride[1] + across, i * of.places[1] + left, right - left + 1);
  }
}

function elements(of, visit) {
  for (let u = 0; u < of.kernel[0]; u++) for (let v = 0; v < of.kernel[1]; v++) visit(u, v);
}

// y[n, f, i, j] = b[f] + sum of x[n, c, s i + d u, s j + d v] W[f, c, u, v], as a matrix product (im2col): of the filters
// of a group, and the pixels under each element of the kernel, a row for each element and a column for each place.
export function convolution([x, W, b], attributes) {
  const of = sized(x, W.shape.slice(2), attributes), [batch] = x.shape, [filters, channels] = W.shape, groups = attributes.group ?? 1;
  const pixels = of.image[0] * of.image[1], places = of.places[0] * of.places[1], step = of.stride[1];
  const under = channels * of.kernel[0] * of.kernel[1], X = new Float64Array(under * places), y = tensor([batch, filters, ...of.shape(of.places)]);
  if (b) for (let k = 0; k < batch * filters; k++) matrixAt(y.values, k, places).fill(b.values[k % filters]);
  for (let g = 0; g < batch * groups; g++) {
    let row = 0;
    for (let c = 0; c < channels; c++) {
      const image = matrixAt(x.values, g * channels + c, pixels);
      elements(of, (u, v) => {
        rowsUnder(of, u, v, (from, to, count) => { for (let j = 0; j < count; j++) X[row + to + j] = image[from + j * step]; });
        row += places;
      });
    }
    const own = filters / groups;
    addProduct(matrixAt(W.values, g % groups, own * under), X, matrixAt(y.values, g, own * places), own, under, places);
  }
  return y;
}

// Each pixel of x paints the patterns of its channels: the places of a convolution over y are the pixels of x.
export function transposedConvolution([x, W, b], attributes) {
  const [batch, channels] = x.shape, [, filters] = W.shape, of = sized(x, W.shape.slice(2), attributes);
  const beyond = attributes.output_padding ?? [0, 0];
  of.places = of.image;
  of.image = of.places.map((n, k) => (n - 1) * of.stride[k] + (of.kernel[k] - 1) * of.dilation[k] + 1 + beyond[k] - of.before[k] - of.behind[k]);
  const pixels = of.image[0] * of.image[1], places = of.places[0] * of.places[1], step = of.stride[1];
  const y = tensor([batch, filters, ...of.shape(of.image)]);
  for (let n = 0; n < batch; n++) for (let f = 0; f < filters; f++) {
    const out = y.values.subarray((n * filters + f) * pixels, (n * filters + f + 1) * pixels);
    if (b) out.fill(b.values[f]);
    for (let c = 0; c < channels; c++) {
      const image = x.values.subarray((n * channels + c) * places, (n * channels + c + 1) * places);
      let at = (c * filters + f) * of.kernel[0] * of.kernel[1];
      elements(of, (u, v) => {
        const w = W.values[at++];
        rowsUnder(of, u, v, (to, from, count) => { for (let j = 0; j < count; j++) out[to + j * step] += w * image[from + j]; });
      });
    }
  }
  return y;
}

// What f makes of what was found so far and one more pixel, at each place; then finish(found, count of pixels).
export function pooling(x, attributes, start, f, finish) {
  const of = sized(x, attributes.kernel_shape, attributes), [batch, channels] = x.shape, step = of.stride[1];
  const pixels = of.image[0] * of.image[1], places = of.places[0] * of.places[1];
  const y = tensor([batch, channels, ...of.shape(of.places)]), count = new Float64Array(places);
  y.values.fill(start);
  elements(of, (u, v) => rowsUnder(of, u, v, (from, to, many) => {
    for (let j = 0; j < many; j++) count[to + j]++;
    for (let k = 0; k < batch * channels; k++) for (let j = 0; j < many; j++) {
      y.values[k * places + to + j] = f(y.values[k * places + to + j], x.values[k * pixels + from + j * step]);
    }
  }));
  for (let k = 0; k < y.values.length; k++) y.values[k] = finish(y.values[k], count[k % places]);
  return y;
}
