// An input that is an image, as a pad to draw on. What is drawn is centred and scaled as the digits of MNIST were.

import { element } from "dom";

const PAD = 280;  // pixels across
const INK = 20 / 28, LINE = 2 / 28;  // of the image: how large what is drawn becomes in MNIST, and how wide the pen is
const SEEN = 112;  // pixels across of what the network sees

export function isImage(shape, values) {
  const [height, width, channels = 1] = shape;
  const image = (shape.length === 2 || shape.length === 3) && channels === 1 && Math.min(height, width) >= 5;
  return image && values.every((value) => value >= 0 && value <= 1);
}

// The drawing as MNIST's authors made their images: what there is of ink is cut out, scaled into 20 of 28 pixels with its
// proportions kept, each new pixel the mean of what it covers, and laid so that its centre of mass is in the middle.
export function normalised(pixels, height, width, to = height, across = width, ink = INK) {
  const image = new Float64Array(to * across);
  let top = height, bottom = -1, left = width, right = -1;
  for (let i = 0; i < height; i++) for (let j = 0; j < width; j++) {
    if (pixels[i * width + j] > 0) { top = Math.min(top, i); bottom = Math.max(bottom, i); left = Math.min(left, j); right = Math.max(right, j); }
  }
  if (bottom < 0) return image;
  const tall = bottom - top + 1, wide = right - left + 1, scale = Math.min(Math.round(ink * to) / tall, Math.round(ink * across) / wide);
  const rows = Math.max(1, Math.round(tall * scale)), columns = Math.max(1, Math.round(wide * scale));
  const small = new Float64Array(rows * columns);
  let mass = 0, down = 0, along = 0;
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) {
    const value = meanOver(pixels, width, top + i / rows * tall, top + (i + 1) / rows * tall, left + j / columns * wide, left + (j + 1) / columns * wide);
    small[i * columns + j] = value;
    mass += value;
    down += value * i;
    along += value * j;
  }
  // By whole pixels, which blurs nothing; the middle is where MNIST has it, a pixel's corner.
  // Nothing is moved out of the image, as what fills most of it would be.
  const inside = (place, room) => Math.min(Math.max(place, 0), Math.max(room, 0));
  const first = inside(Math.round(to / 2 - down / mass), to - rows), second = inside(Math.round(across / 2 - along / mass), across - columns);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) {
    const row = first + i, column = second + j;
    if (row >= 0 && row < to && column >= 0 && column < across) image[row * across + column] = small[i * columns + j];
  }
  return image;
}

// The mean of the pixels within these borders, each by the share of it that lies there.
function meanOver(pixels, width, top, bottom, left, right) {
  let total = 0;
  for (let i = Math.floor(top); i < bottom - 1e-9; i++) {
    const high = Math.min(i + 1, bottom) - Math.max(i, top);
    for (let j = Math.floor(left); j < right - 1e-9; j++) total += pixels[i * width + j] * high * (Math.min(j + 1, right) - Math.max(j, left));
  }
  return total / ((bottom - top) * (right - left));
}

// How large the images of a batch are drawn, as a share of their size: in MNIST 20 of 28 pixels.
export function inkOf({ shape: [count, height, width], values }) {
  let most = 0;
  for (let n = 0; n < count; n++) {
    const rows = new Set(), columns = new Set();
    for (let k = 0; k < height * width; k++) if (values[n * height * width + k] > 0) { rows.add(Math.floor(k / width)); columns.add(k % width); }
    if (rows.size) most = Math.max(most, (Math.max(...rows) - Math.min(...rows) + 1) / height, (Math.max(...columns) - Math.min(...columns) + 1) / width);
  }
  return most || INK;
}

export function padEditor({ name, input, x, changed, batch }) {
  const [height, width] = input.shape, tall = Math.round(PAD * height / Math.max(height, width)), wide = Math.round(PAD * width / Math.max(height, width));
  const pad = element("canvas", { width: wide, height: tall, tabindex: 0, role: "application", "aria-roledescription": "drawing pad", class: "pad", "aria-label": `draw ${name} here; with the keyboard: arrow keys move the pen, the space bar sets it down and lifts it` });
  const small = element("canvas", { width, height, role: "img", "aria-label": "what the network sees", class: "seen", style: `width:${SEEN}px;height:${(SEEN * height) / width}px` });
  const [pen, screen] = [pad, small].map((canvas) => canvas.getContext("2d", { willReadFrequently: true })), told = element("p", { class: "quiet", "aria-live": "polite" });
  let at = [wide / 2, tall / 2], down = false;
  const line = LINE * Math.max(wide, tall), ink = inkOf(batch);
  let borrowed = false;  // whether the pad shows an example

  const wipe = () => { pen.fillStyle = "black"; pen.fillRect(0, 0, wide, tall); };
  function stroke(to) {
    if (borrowed) { wipe(); borrowed = false; }
    pen.strokeStyle = "white";
    pen.lineWidth = line;
    pen.lineCap = pen.lineJoin = "round";
    pen.beginPath();
    pen.moveTo(...at);
    pen.lineTo(...to);
    pen.stroke();
    at = to;
    const { data } = pen.getImageData(0, 0, wide, tall), drawn = new Float64Array(wide * tall);
    for (let k = 0; k < drawn.length; k++) drawn[k] = data[4 * k] / 255;
    x.values.set(normalised(drawn, tall, wide, height, width, ink));
    told.textContent = "What the network sees is your drawing, centred, and scaled to the size that the examples have.";
    see();
    changed();
  }
  function see() {
    const image = new ImageData(width, height);
    x.values.forEach((value, k) => { const grey = Math.round(255 * Math.max(0, Math.min(1, value))); image.data.set([grey, grey, grey, 255], 4 * k); });
    screen.putImageData(image, 0, 0);
  }
  const under = (event) => { const box = pad.getBoundingClientRect(); return [(event.clientX - box.left) / box.width * wide, (event.clientY - box.top) / box.height * tall]; };
  pad.addEventListener("pointerdown", (event) => { pad.setPointerCapture(event.pointerId); at = under(event); stroke(at); });
  pad.addEventListener("pointermove", (event) => { if (pad.hasPointerCapture(event.pointerId)) stroke(under(event)); });
  pad.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.key === " ") { down = !down; if (down) stroke(at); told.textContent = down ? "The pen is down." : "The pen is up."; }
    else if (!by) return;
    else {
      const to = [Math.max(0, Math.min(wide, at[0] + by[0] * line)), Math.max(0, Math.min(tall, at[1] + by[1] * line))];
      if (down) stroke(to); else { at = to; told.textContent = `The pen is at row ${Math.round(at[1] / line)}, column ${Math.round(at[0] / line)}.`; }
    }
    event.preventDefault();
  });
  const clear = () => { wipe(); borrowed = false; x.values.fill(0); told.textContent = "The pad is empty."; see(); changed(); };
  wipe();
  const place = element("div", { class: "editor" }, [
    element("h3", {}, [name === "the input" ? "The input" : name]),
    element("div", { class: "drawing" }, [
      element("div", {}, [pad, element("div", { class: "steps" }, [element("button", { onclick: clear }, ["clear"])])]),
      element("div", {}, [small, element("p", { class: "quiet" }, ["what the network sees"])]),
    ]),
    told,
  ]);
  return { place, taken() { see(); wipe(); pen.imageSmoothingEnabled = false; pen.drawImage(small, 0, 0, wide, tall); borrowed = true; told.textContent = "The pixels of the example, as they are. Draw on the pad for an image of your own: it is wiped first."; } };
}
