// A matrix on the page: small ones as tables of buttons, large ones as a picture with a value under the pointer.

import { largest, rows, shown } from "arrays";
import { element } from "dom";
import { table } from "table";

const SMALL = 420;  // numbers of a table at most
const ALL = 400;  // and of all that are shown at once: more takes a browser too long, and nobody reads them

// choose(index) is told which number of the array was chosen; tiles: how many pictures of height and width stand beside
// one another, whose numbers alternate in the array, as channels do.
export function matrix(array, { title, height, width, offset = 0, chosen = null, choose, rowName = "", columnName = "", small = SMALL, most: across = 560, tiles = 1 }) {
  const cells = height * width * tiles;
  const most = largest(array.values.subarray(offset, offset + cells));
  const body = cells <= small
    ? table(array.values, { height, width: width * tiles, offset, most, chosen, choose, title, rowName, columnName })
    : picture(array, tiles > 1 ? tiled(height, width, tiles) : plain(height, width), offset, most, chosen, choose, title, across);
  return element("div", { class: "array" }, [element("h3", {}, [title]), body]);
}

// Where the numbers of a picture stand: at(cell) is the position of the number there, or -1; cell(position) the way back.
function plain(height, width) {
  return { height, width, at: (cell) => cell, cell: (position) => position, told: (cell) => [Math.floor(cell / width), cell % width] };
}

function tiled(height, width, tiles) {
  let beside = Math.ceil(Math.sqrt(tiles));
  while (tiles % beside) beside++;
  const down = height + 1, along = width + 1, across = beside * along - 1;  // with a line between two of them
  const parts = (cell) => {
    const row = Math.floor(cell / across), column = cell % across;
    return [row % down, column % along, Math.floor(row / down) * beside + Math.floor(column / along)];
  };
  return {
    height: (tiles / beside) * down - 1,
    width: across,
    at(cell) { const [i, j, tile] = parts(cell); return i === height || j === width ? -1 : (i * width + j) * tiles + tile; },
    cell(position) {
      const tile = position % tiles, pixel = Math.floor(position / tiles);
      return (Math.floor(tile / beside) * down + Math.floor(pixel / width)) * across + (tile % beside) * along + (pixel % width);
    },
    told: parts,
  };
}

// A picture is drawn when it comes near to what is seen: of dozens on a stage most never do.
const drawing = new WeakMap();
const near = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) if (isIntersecting) { near.unobserve(target); drawing.get(target)(); }
}, { rootMargin: "300px" });

function picture(array, layout, offset, most, chosen, choose, title, across) {
  const { height, width } = layout;
  const size = Math.max(1, Math.min(10, Math.floor(across / Math.max(width, height))));
  const canvas = element("canvas", { width, height, tabindex: 0, role: "img", class: chosen === null ? null : "chosen", style: `width:${width * size}px;height:${height * size}px` });
  drawing.set(canvas, () => paint(canvas, array, layout, offset, most));
  near.observe(canvas);
  const told = element("p", { class: "quiet", "aria-live": "polite" });
  let at = layout.cell(chosen === null ? 0 : chosen - offset);
  const say = () => { told.textContent = `[${layout.told(at).join(", ")}] = ${shown(array.values[offset + layout.at(at)], 6)}`; canvas.setAttribute("aria-label", `${title}, ${height} by ${width}, at ${told.textContent}`); };
  const under = (event) => {
    const box = canvas.getBoundingClientRect();
    const column = Math.min(width - 1, Math.floor((event.clientX - box.left) / box.width * width));
    const row = Math.min(height - 1, Math.floor((event.clientY - box.top) / box.height * height));
    const cell = Math.max(0, row) * width + Math.max(0, column);
    return layout.at(cell) < 0 ? at : cell;  // a line between two pictures is none of them
  };
  const moved = (by) => {
    let to = at + by;
    while (to >= 0 && to < height * width && layout.at(to) < 0) to += by;
    return to >= 0 && to < height * width ? to : at;
  };
  canvas.addEventListener("pointermove", (event) => { at = under(event); say(); });
  canvas.addEventListener("click", (event) => { at = under(event); choose?.(offset + layout.at(at)); });
  canvas.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -width, ArrowDown: width }[event.key];
    if (by !== undefined) { at = moved(by); say(); event.preventDefault(); }
    if (event.key === "Enter") choose?.(offset + layout.at(at));
  });
  say();
  return element("div", {}, [element("div", { class: "scroll" }, [canvas]), told]);
}

function paint(canvas, array, { height, width, at }, offset, most) {
  const context = canvas.getContext("2d"), from = matchMedia("(prefers-color-scheme: dark)").matches ? 22 : 253;
  const image = context.createImageData(width, height), pixels = image.data;  // which is slow to be asked for each time
  for (let k = 0; k < height * width; k++) {
    const position = at(k);
    if (position < 0) continue;
    const share = array.values[offset + position] / most, to = share >= 0 ? [38, 110, 190] : [214, 120, 20];
    for (let c = 0; c < 3; c++) pixels[4 * k + c] = from + (to[c] - from) * Math.min(Math.abs(share), 1);
    pixels[4 * k + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

// How many numbers a table may have, so that those of all these arrays, each of so many, are not too many; what is
// larger is a picture. Arrays of one size are all the same.
export function smallOf(sizes) {
  let total = 0;
  for (const size of sizes.filter((one) => one <= SMALL).sort((a, b) => a - b)) {
    total += size;
    if (total > ALL) return size - 1;
  }
  return SMALL;
}

// So many numbers are drawn of (batch, ...).
export function drawnOfBatch(array) {
  const [count, size] = rows(array);
  return wholeBatch(array) ? count * size : size;
}

const wholeBatch = (array) => array.values.length <= SMALL && array.shape.length <= 2;

// What is drawn of (batch, ...): all rows, or one example as its own shape has it.
export function ofBatch(array, example, options) {
  const [count, size] = rows(array);
  if (wholeBatch(array)) return matrix(array, { ...options, height: count, width: size, rowName: "example " });
  const sample = array.shape.slice(1);
  if (sample.length === 3 && sample[2] > 1) return matrix(array, { ...options, title: `${options.title}, example ${example}, its ${sample[2]} channels beside one another`, height: sample[0], width: sample[1], tiles: sample[2], offset: example * size });
  const width = sample.length > 1 ? sample.slice(1).reduce((a, b) => a * b, 1) : folded(size);
  const folds = sample.length === 1 && width < size ? `, in rows of ${width}` : "";
  return matrix(array, { ...options, title: `${options.title}, example ${example}${folds}`, height: size / width, width, offset: example * size });
}

// A long row is folded: into as many numbers a line as divide it, about a square.
function folded(size) {
  if (size <= 40) return size;
  let width = Math.ceil(Math.sqrt(size));
  while (size % width) width++;
  return width;
}

export function ofParameter(array, options) {
  const size = array.values.length;
  if (array.shape.length === 4) return matrix(array, { ...options, height: array.shape[0], width: array.shape[1], tiles: array.shape[2] * array.shape[3] });
  const width = array.shape.length > 1 ? array.shape[array.shape.length - 1] : folded(size);
  const folds = array.shape.length === 1 && width < size ? `, in rows of ${width}` : "";
  return matrix(array, { ...options, title: `${options.title}${folds}`, height: size / Math.max(width, 1), width });
}
