// A matrix on the page: small ones as tables of buttons, large ones as a picture with a value under the pointer.

import { largest, rows, shown } from "arrays";
import { element } from "dom";
import { table } from "table";

const SMALL = 420;  // numbers of a table at most
const ALL = 400;  // and of all that are shown at once: more takes a browser too long, and nobody reads them

// place: how a cell is called in words; choose(index) is told which number of the array was chosen.
export function matrix(array, { title, height, width, offset = 0, chosen = null, choose, rowName = "", columnName = "", small = SMALL, most: across = 560 }) {
  const cells = height * width;
  const most = largest(array.values.subarray(offset, offset + cells));
  const body = cells <= small
    ? table(array.values, { height, width, offset, most, chosen, choose, title, rowName, columnName })
    : picture(array, height, width, offset, most, chosen, choose, title, across);
  return element("div", { class: "array" }, [element("h3", {}, [title]), body]);
}

function picture(array, height, width, offset, most, chosen, choose, title, across) {
  const size = Math.max(1, Math.min(10, Math.floor(across / Math.max(width, height))));
  const canvas = element("canvas", { width, height, tabindex: 0, role: "img", class: chosen === null ? null : "chosen", style: `width:${width * size}px;height:${height * size}px` });
  const context = canvas.getContext("2d");
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const image = context.createImageData(width, height), pixels = image.data;  // which is slow to be asked for each time
  for (let k = 0; k < height * width; k++) {
    const share = array.values[offset + k] / most, to = share >= 0 ? [38, 110, 190] : [214, 120, 20], from = dark ? 22 : 253;
    for (let c = 0; c < 3; c++) pixels[4 * k + c] = from + (to[c] - from) * Math.min(Math.abs(share), 1);
    pixels[4 * k + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  const told = element("p", { class: "quiet", "aria-live": "polite" });
  let at = chosen === null ? 0 : chosen - offset;
  const say = () => { told.textContent = `[${Math.floor(at / width)}, ${at % width}] = ${shown(array.values[offset + at], 6)}`; canvas.setAttribute("aria-label", `${title}, ${height} by ${width}, at ${told.textContent}`); };
  const under = (event) => {
    const box = canvas.getBoundingClientRect();
    const column = Math.min(width - 1, Math.floor((event.clientX - box.left) / box.width * width));
    const row = Math.min(height - 1, Math.floor((event.clientY - box.top) / box.height * height));
    return Math.max(0, row) * width + Math.max(0, column);
  };
  canvas.addEventListener("pointermove", (event) => { at = under(event); say(); });
  canvas.addEventListener("click", (event) => { at = under(event); choose?.(offset + at); });
  canvas.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -width, ArrowDown: width }[event.key];
    if (by !== undefined) { at = Math.min(height * width - 1, Math.max(0, at + by)); say(); event.preventDefault(); }
    if (event.key === "Enter") choose?.(offset + at);
  });
  say();
  return element("div", {}, [element("div", { class: "scroll" }, [canvas]), told]);
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
  const width = array.shape.length > 1 ? array.shape[array.shape.length - 1] : folded(size);
  const folds = array.shape.length === 1 && width < size ? `, in rows of ${width}` : "";
  return matrix(array, { ...options, title: `${options.title}${folds}`, height: size / Math.max(width, 1), width });
}
