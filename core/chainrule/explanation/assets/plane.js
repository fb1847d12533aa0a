// What a network says everywhere in a plane of two numbers, and points of examples in it: told apart by shape too.

import { shown } from "arrays";
import { element } from "dom";

const SIZE = 320;
export const COLOURS = [[0, 114, 178], [213, 94, 0], [0, 158, 115], [204, 121, 167], [86, 180, 233], [230, 159, 0], [120, 94, 240], [110, 110, 110], [140, 70, 40], [160, 160, 30]];

// values: {kind: Uint8Array or null, share: Uint8Array}, a square grid from below; points: [{at: [x, y], kind, wrong}].
export function drawPlane(canvas, corners, values, points) {
  canvas.width = canvas.height = SIZE;
  const context = canvas.getContext("2d"), side = Math.sqrt(values.share.length);
  const image = new ImageData(side, side);
  for (let row = 0; row < side; row++) for (let column = 0; column < side; column++) {
    const from = row * side + column, to = 4 * ((side - 1 - row) * side + column);
    const share = values.share[from] / 255;
    const colour = values.kind ? COLOURS[values.kind[from] % COLOURS.length] : share >= 0.5 ? COLOURS[0] : COLOURS[1];
    const strength = values.kind ? 0.15 + 0.55 * share : 0.1 + 1.2 * Math.abs(share - 0.5);
    for (let c = 0; c < 3; c++) image.data[to + c] = 255 + (colour[c] - 255) * strength;
    image.data[to + 3] = 255;
  }
  const small = new OffscreenCanvas(side, side);
  small.getContext("2d").putImageData(image, 0, 0);
  context.imageSmoothingEnabled = true;
  context.drawImage(small, 0, 0, SIZE, SIZE);
  drawPoints(context, corners, points);
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

// A class has a shape of its own: circle, square, triangle, diamond, and so on again.
function shape(context, kind, x, y, r) {
  const corners = { 1: [[-1, -1], [1, -1], [1, 1], [-1, 1]], 2: [[0, -1.3], [1.2, 0.9], [-1.2, 0.9]], 3: [[0, -1.4], [1.2, 0], [0, 1.4], [-1.2, 0]] }[kind % 4];
  if (!corners) context.arc(x, y, r, 0, 2 * Math.PI);
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
