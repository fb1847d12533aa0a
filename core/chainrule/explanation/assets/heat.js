// A matrix on the page: small ones as tables of buttons, large ones as a picture with a value under the pointer.

import { colour, largest, rows, shown } from "arrays";
import { element } from "dom";

const SMALL = 420;

// place: how a cell is called in words; choose(index) is told which number of the array was chosen.
export function matrix(array, { title, height, width, offset = 0, chosen = null, choose, rowName = "", columnName = "", picture: asPicture = false, most: across = 560 }) {
  const cells = height * width;
  const most = largest(array.values.subarray(offset, offset + cells));
  const body = cells <= SMALL && !asPicture
    ? table(array, height, width, offset, most, chosen, choose, title, rowName, columnName)
    : picture(array, height, width, offset, most, chosen, choose, title, across);
  return element("div", { class: "array" }, [element("h3", {}, [title]), body]);
}

function table(array, height, width, offset, most, chosen, choose, title, rowName, columnName) {
  const head = element("tr", {}, [element("td"), ...Array.from({ length: width }, (_, j) => element("th", { scope: "col" }, [`${columnName}${j}`]))]);
  const lines = Array.from({ length: height }, (_, i) => element("tr", {}, [
    element("th", { scope: "row" }, [`${rowName}${i}`]),
    ...Array.from({ length: width }, (_, j) => {
      const index = offset + i * width + j, value = array.values[index];
      const label = `${title}, ${rowName}${i}, ${columnName}${j}: ${shown(value, 6)}`;
      if (!choose) return element("td", { class: "plain", style: `background:${colour(value / most)}` }, [shown(value)]);
      const button = element("button", { "aria-label": label, "data-index": index, onclick: () => choose(index) }, [shown(value)]);
      return element("td", { style: `background:${colour(value / most)}`, class: index === chosen ? "chosen" : null }, [button]);
    }),
  ]));
  return element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": title }, [element("table", {}, [element("tbody", {}, [head, ...lines])])]);
}

function picture(array, height, width, offset, most, chosen, choose, title, across) {
  const size = Math.max(1, Math.min(10, Math.floor(across / Math.max(width, height))));
  const canvas = element("canvas", { width, height, tabindex: 0, role: "img", style: `width:${width * size}px;height:${height * size}px` });
  const context = canvas.getContext("2d");
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const image = context.createImageData(width, height);
  for (let k = 0; k < height * width; k++) {
    const share = array.values[offset + k] / most, to = share >= 0 ? [38, 110, 190] : [214, 120, 20], from = dark ? 22 : 253;
    for (let c = 0; c < 3; c++) image.data[4 * k + c] = from + (to[c] - from) * Math.min(Math.abs(share), 1);
    image.data[4 * k + 3] = 255;
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

// What is drawn of (batch, ...): all rows, or one example as its own shape has it.
export function ofBatch(array, example, options) {
  const [count, size] = rows(array);
  if (count * size <= SMALL && array.shape.length <= 2) return matrix(array, { ...options, height: count, width: size, rowName: "example " });
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
