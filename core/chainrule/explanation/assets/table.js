// A small matrix as a table of numbers, each a button where it can be chosen. It is written as text, which the browser
// reads much faster than it makes so many elements one by one.

import { colour, shown } from "arrays";
import { element, escaped } from "dom";

// The keyboard comes to one button of a table, and goes on among them by arrows, so that Tab leads past a table.
const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0], Home: [0, -Infinity], End: [0, Infinity] };

export function table(values, { height, width, offset, most, chosen, choose, title, rowName, columnName }) {
  const within = chosen !== null && chosen >= offset && chosen < offset + height * width;
  const first = within ? chosen : offset;
  const [called, row, column] = [title, rowName, columnName].map(escaped);
  const cell = (i, j) => {
    const index = offset + i * width + j, value = values[index], paint = `style="background:${colour(value / most)}"`;
    if (!choose) return `<td class="plain" ${paint}>${shown(value)}</td>`;
    const marked = within && index === chosen ? ' class="chosen"' : "", pressed = marked ? ' aria-current="true"' : "";
    return `<td ${paint}${marked}><button data-index="${index}" tabindex="${index === first ? 0 : -1}"${pressed} aria-label="${called}, ${row}${i}, ${column}${j}: ${shown(value, 6)}">${shown(value)}</button></td>`;
  };
  const columns = Array.from({ length: width }, (_, j) => j), rows = Array.from({ length: height }, (_, i) => i);
  const head = `<tr><td></td>${columns.map((j) => `<th scope="col">${column}${j}</th>`).join("")}</tr>`;
  const body = rows.map((i) => `<tr><th scope="row">${row}${i}</th>${columns.map((j) => cell(i, j)).join("")}</tr>`);
  const made = element("table");
  made.innerHTML = `<tbody>${head}${body.join("")}</tbody>`;
  if (choose) listen(made, { height, width, offset, choose });
  // What has no button of its own is scrolled by the keyboard as a whole.
  return element("div", { class: "scroll", tabindex: choose ? null : 0, role: "region", "aria-label": title }, [made]);
}

function listen(made, { height, width, offset, choose }) {
  const buttons = () => made.querySelectorAll("button");
  made.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button) choose(Number(button.dataset.index));
  });
  made.addEventListener("keydown", (event) => {
    const by = STEPS[event.key], button = event.target.closest("button");
    if (!by || !button) return;
    const at = Number(button.dataset.index) - offset;
    const i = clamp(Math.floor(at / width) + by[0], height), j = clamp(at % width + by[1], width);
    const next = buttons()[i * width + j];
    button.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
    event.preventDefault();
  });
}

function clamp(at, count) {
  return Math.min(count - 1, Math.max(0, at));
}
