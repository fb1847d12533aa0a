// What a network says everywhere in a plane of two numbers, and points of examples in it: told apart by shape too.

import { shown } from "arrays";
import { element } from "dom";

const SIZE = 320, MARKED = 12;  // a place in so many of the plane has its class's shape, so that colour is not all that tells
export const COLOURS = [[0, 114, 178], [213, 94, 0], [0, 158, 115], [204, 121, 167], [86, 180, 233], [230, 159, 0], [120, 94, 240], [110, 110, 110], [140, 70, 40], [160, 160, 30]];

// values: {kind: Uint8Array or null, share: Uint8Array, ofClasses}, a square grid from below: of two classes, share is
// how probable the second is; points: [{at: [x, y], kind, wrong}].
export function drawPlane(canvas, corners, values, points) {
  canvas.width = canvas.height = SIZE;
  const context = canvas.getContext("2d"), side = Math.sqrt(values.share.length);
  const image = new ImageData(side, side), pixels = image.data;
  for (let row = 0; row < side; row++) for (let column = 0; column < side; column++) {
    const from = row * side + column, to = 4 * ((side - 1 - row) * side + column);
    const share = values.share[from] / 255;
    const colour = COLOURS[classAt(values, from) % COLOURS.length];
    const strength = values.kind ? 0.15 + 0.55 * share : 0.1 + 1.2 * Math.abs(share - 0.5);
    for (let c = 0; c < 3; c++) pixels[to + c] = 255 + (colour[c] - 255) * strength;
    pixels[to + 3] = 255;
  }
  const small = new OffscreenCanvas(side, side);
  small.getContext("2d").putImageData(image, 0, 0);
  context.imageSmoothingEnabled = true;
  context.drawImage(small, 0, 0, SIZE, SIZE);
  context.fillStyle = "rgba(0, 0, 0, 0.6)";
  const apart = side / MARKED;
  for (let i = 0; values.ofClasses && i < MARKED * MARKED; i++) {
    const row = Math.floor((Math.floor(i / MARKED) + 0.5) * apart), column = Math.floor((i % MARKED + 0.5) * apart);
    context.beginPath();
    shape(context, classAt(values, row * side + column), (column + 0.5) / side * SIZE, SIZE - (row + 0.5) / side * SIZE, 2);
    context.fill();
  }
  drawPoints(context, corners, points);
}

// Where there are no classes, the first colour is for more and the second for less.
function classAt({ kind, share, ofClasses }, place) {
  return kind ? kind[place] : Number((share[place] >= 127.5) === Boolean(ofClasses));
}

export function drawScatter(canvas, corners, points) {
  canvas.width = canvas.height = SIZE;
  const context = canvas.getContext("2d");
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, SIZE, SIZE);
  drawPoints(context, corners, points);
}

function drawPoints(context, corners, points) {
  const at = (value, [low, high]) => ((value - low) / (high - low || 1)) * SIZE;
  for (const { at: [x, y], kind = 0, wrong = false, large = false } of points) {
    const px = at(x, corners[0]), py = SIZE - at(y, corners[1]), r = large ? 8 : 4;
    const [red, green, blue] = COLOURS[kind % COLOURS.length];
    context.fillStyle = `rgb(${red},${green},${blue})`;
    context.strokeStyle = wrong ? "#000" : "#fff";
    context.lineWidth = wrong ? 2.5 : 1;
    context.beginPath();
    shape(context, kind, px, py, r);
    context.fill();
    context.stroke();
  }
}

// A class has a shape of its own: circle, square, triangle, diamond, and so on; of more than ten they begin again.
const ring = (count, inner = 1, turn = 0) => Array.from({ length: count }, (_, k) => {
  const angle = (2 * Math.PI * k) / count - Math.PI / 2 + turn, size = k % 2 ? 1.35 * inner : 1.35;
  return [size * Math.cos(angle), size * Math.sin(angle)];
});
const PLUS = [[-1.3, -0.45], [-0.45, -0.45], [-0.45, -1.3], [0.45, -1.3], [0.45, -0.45], [1.3, -0.45], [1.3, 0.45], [0.45, 0.45], [0.45, 1.3], [-0.45, 1.3], [-0.45, 0.45], [-1.3, 0.45]];
const SHAPES = [
  null, [[-1.1, -1.1], [1.1, -1.1], [1.1, 1.1], [-1.1, 1.1]], ring(3), ring(4), PLUS, ring(3, 1, Math.PI), ring(10, 0.45), ring(5),
  PLUS.map(([x, y]) => [(x - y) * Math.SQRT1_2, (x + y) * Math.SQRT1_2]), [[-1.4, -0.6], [1.4, -0.6], [1.4, 0.6], [-1.4, 0.6]],
];

function shape(context, kind, x, y, r) {
  const corners = SHAPES[kind % SHAPES.length];
  if (!corners) context.arc(x, y, 0.95 * r, 0, 2 * Math.PI);
  else corners.forEach(([dx, dy], i) => context[i ? "lineTo" : "moveTo"](x + dx * r, y + dy * r));
  context.closePath();
}

export function key(classes) {
  return element("p", { class: "legend" }, classes.map((name, kind) => {
    const canvas = element("canvas", { width: 14, height: 14, class: "key", "aria-hidden": true });
    const context = canvas.getContext("2d"), [red, green, blue] = COLOURS[kind % COLOURS.length];
    context.fillStyle = `rgb(${red},${green},${blue})`;
    context.beginPath();
    shape(context, kind, 7, 7, 4.5);
    context.fill();
    return element("span", {}, [canvas, ` ${name}`]);
  }));
}

export function bounds(values) {
  let low = Infinity, high = -Infinity;
  for (const value of values) if (Number.isFinite(value)) { low = Math.min(low, value); high = Math.max(high, value); }
  if (low > high) return [-1, 1];
  const room = (high - low || 1) * 0.06;
  return [low - room, high + room];
}

export function within(corners) {
  return `from ${corners.map(([low]) => shown(low, 3)).join(", ")} to ${corners.map(([, high]) => shown(high, 3)).join(", ")}`;
}
