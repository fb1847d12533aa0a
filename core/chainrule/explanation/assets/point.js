// An input of two numbers as a point in the plane, over what the network says of every place around it.

import { shown } from "arrays";
import { element } from "dom";
import { computed } from "forward";
import { COLOURS } from "plane";
import { chosen, sampleOf } from "prediction";
import { tensor } from "tensors";

const CELLS = 50, SIZE = 400, LABELLED = 7;  // a place in so many is labelled, so that colour is not all that tells

export function pointEditor({ name, x, changed, graph, batch, labels, corners }) {
  const canvas = element("canvas", { width: SIZE, height: SIZE, tabindex: 0, role: "application", "aria-roledescription": "plane", class: "plane" });
  const context = canvas.getContext("2d"), background = new OffscreenCanvas(CELLS, CELLS);
  const points = Array.from({ length: batch.shape[0] }, (_, i) => [batch.values[2 * i], batch.values[2 * i + 1]]);
  // Where the training data lay, if that is known, else where the batch does.
  const range = corners ?? [0, 1].map((axis) => around(points.map((point) => point[axis])));
  const span = Math.max(range[0][1] - range[0][0], range[1][1] - range[1][0]);  // of a square
  const low = range.map(([least, most]) => (least + most - span) / 2);
  const output = Object.keys(graph.outputs)[0], task = graph.tasks[output];
  let told = [];  // what stands at the labelled places

  const toPixel = ([a, b]) => [(a - low[0]) / span * SIZE, SIZE - (b - low[1]) / span * SIZE];
  const fields = [0, 1].map((axis) => {
    const field = element("input", { type: "number", step: "any", "aria-label": `${name}, number ${axis}` });
    field.addEventListener("input", () => { if (field.value !== "" && Number.isFinite(Number(field.value))) { x.values[axis] = Number(field.value); moved(); } });
    return field;
  });

  function paint() {
    const grid = tensor([CELLS * CELLS, 2]);
    for (let i = 0; i < CELLS; i++) for (let j = 0; j < CELLS; j++) {
      grid.values.set([low[0] + (j + 0.5) / CELLS * span, low[1] + (CELLS - i - 0.5) / CELLS * span], 2 * (i * CELLS + j));
    }
    const y = computed(graph, { [Object.keys(graph.inputs)[0]]: grid })[graph.outputs[output]];
    const image = new ImageData(CELLS, CELLS);
    const largest = task ? 1 : y.values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-9);
    told = [];
    for (let k = 0; k < CELLS * CELLS; k++) {
      const numbers = sampleOf(y, k).values, { colour, strength, word } = seen(numbers, largest);
      image.data.set([...colour, 40 + 140 * strength], 4 * k);
      const row = Math.floor(k / CELLS), column = k % CELLS;
      if (row % LABELLED === 3 && column % LABELLED === 3) told.push([word, (column + 0.5) / CELLS * SIZE, (row + 0.5) / CELLS * SIZE]);
    }
    background.getContext("2d").putImageData(image, 0, 0);
    draw();
  }
  // How sure it is of what, as colour and word.
  function seen(numbers, largest) {
    if (task === "binary" || task === "multiclass") {
      const k = chosen(numbers, task), p = numbers.length === 1 ? (k ? numbers[0] : 1 - numbers[0]) : numbers[k];
      return { colour: COLOURS[k % COLOURS.length], strength: Math.min(1, Math.max(0, 2 * p - 1)), word: String(k) };
    }
    return { colour: COLOURS[numbers[0] >= 0 ? 0 : 1], strength: Math.abs(numbers[0]) / largest, word: shown(numbers[0], 2) };
  }
  function draw() {
    const [ink, paper, focus] = matchMedia("(prefers-color-scheme: dark)").matches ? ["#e8e8e4", "#16181c", "#d9a5f0"] : ["#1b1d21", "#fdfdfb", "#7a1fa2"];
    context.fillStyle = paper;
    context.fillRect(0, 0, SIZE, SIZE);
    context.imageSmoothingEnabled = false;
    context.drawImage(background, 0, 0, SIZE, SIZE);
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillStyle = ink;
    context.strokeStyle = paper;
    context.lineWidth = 2.5;
    context.lineJoin = "round";
    context.font = "11px system-ui";
    for (const [word, a, b] of told) { context.strokeText(word, a, b); context.fillText(word, a, b); }
    context.lineWidth = 1;
    context.font = "bold 12px system-ui";
    points.forEach((point, i) => {
      const [a, b] = toPixel(point);
      disc(a, b, 9, paper, ink);
      context.fillStyle = ink;
      context.fillText(marks[i], a, b);
    });
    const [a, b] = toPixel(x.values);
    context.lineWidth = 3;
    disc(a, b, 7, focus, ink);
    context.lineWidth = 1;
  }
  function disc(a, b, radius, fill, line) {
    context.beginPath();
    context.arc(a, b, radius, 0, 2 * Math.PI);
    context.fillStyle = fill;
    context.strokeStyle = line;
    context.fill();
    context.stroke();
  }
  // Each of the batch by its class, or by its number where it has none.
  const marks = points.map((_, i) => { const k = graph.classes.indexOf(labels[i]); return k >= 0 ? String(k) : labels[i] || String(i); });

  function moved() {
    canvas.setAttribute("aria-label", `the point, at ${shown(x.values[0], 3)}, ${shown(x.values[1], 3)}; arrow keys move it`);
    draw();
    changed();
  }
  const to = (a, b) => { x.values.set([a, b]); fields.forEach((field, k) => { field.value = Number(x.values[k].toPrecision(4)); }); moved(); };
  const under = (event) => {
    const box = canvas.getBoundingClientRect();
    to(low[0] + (event.clientX - box.left) / box.width * span, low[1] + (1 - (event.clientY - box.top) / box.height) * span);
  };
  canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); under(event); });
  canvas.addEventListener("pointermove", (event) => { if (canvas.hasPointerCapture(event.pointerId)) under(event); });
  canvas.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!by) return;
    event.preventDefault();
    to(x.values[0] + by[0] * span / CELLS, x.values[1] + by[1] * span / CELLS);
  });
  const named = graph.classes.flatMap((called, k) => (called === String(k) ? [] : [`${k} is ${called}`]));
  const legend = task === "binary" || task === "multiclass"
    ? element("p", { class: "quiet" }, [`The numbers are classes${named.length ? `: ${named.join(", ")}` : ""}; in circles ${labels.some(Boolean) ? "those of the batch" : "the examples of the batch"}.`])
    : element("p", { class: "quiet" }, ["The numbers are predictions; in circles the examples of the batch."]);
  const place = element("div", { class: "editor" }, [element("h3", {}, ["The input"]), canvas, element("div", { class: "steps" }, fields), legend]);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  let painted = false;
  return { place, redraw: paint, taken() { if (!painted) { painted = true; paint(); } to(...x.values); } };
}

// From the least to the largest, and some more on either side.
function around(numbers) {
  const least = Math.min(...numbers), most = Math.max(...numbers), more = (most - least || 2) * 0.25;
  return [least - more, most + more];
}
