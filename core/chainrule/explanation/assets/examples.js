// Examples with what the network said of each by then: pictures or numbers, the right answer, and probabilities.

import { shown } from "arrays";
import { bar } from "charts";
import { element } from "dom";

const CARDS = 36, TOLD = 3;

// told: the examples of a training; choose(i): one is chosen; at(frame, chosen) shows them as they were then.
export function examplesView(told, choose) {
  const place = element("section", { "aria-labelledby": "examples-title" });
  const count = told.y.values.length, units = told.prediction.shape[2];
  const summary = element("p", { id: "examples-summary", "aria-live": "polite" });
  const choice = element("select", { id: "which" }, (told.labels ? [["wrong", "wrong at this epoch"], ["end", "wrong at the end"], ["all", "all"]] : [["all", "all"]]).map(([value, text]) => element("option", { value }, [text])));
  const cards = Array.from({ length: count }, (_, i) => card(told, i, () => choose(i)));
  const list = element("ul", { class: "cards" }, cards.map((one) => one.item));
  const frames = told.prediction.shape[0];
  let frame = 0, chosen = null;
  const said = (i, at = frame) => told.prediction.values.subarray((at * count + i) * units, (at * count + i + 1) * units);
  const isWrong = (i, at) => told.labels && classOf(said(i, at)) !== told.y.values[i];
  const show = () => {
    let left = CARDS;
    cards.forEach((one, i) => {
      const wanted = choice.value === "all" || isWrong(i, choice.value === "end" ? frames - 1 : frame);
      one.item.hidden = !((wanted || i === chosen) && left-- > 0);
      one.choose(i === chosen);
      if (!one.item.hidden) one.show(said(i), isWrong(i));
    });
    const some = told.wrong ? `${told.wrong[frame]} of ${told.of} examples of the ${told.split} data that were watched are wrong at this epoch` : `${told.of} examples of the ${told.split} data were watched`;
    summary.textContent = `${some}; at most ${CARDS} are shown.`;
  };
  choice.addEventListener("change", show);
  place.append(element("h2", { id: "examples-title" }, ["Examples"]), summary, element("p", {}, [element("label", { for: "which" }, ["show "]), choice]), list);
  return { place, at: (next, which) => { frame = next; chosen = which; show(); }, said, isWrong };
}

export function classOf(said) {
  if (said.length === 1) return Number(said[0] >= 0.5);
  return said.indexOf(Math.max(...said));
}

function card(told, i, onclick) {
  const parts = [], name = (label) => told.classes[label] ?? String(label);
  const size = told.x.values.length / told.y.values.length;
  const own = told.x.values.subarray(i * size, (i + 1) * size);
  if (told.image) parts.push(picture(own, told.image));
  const right = told.labels ? name(told.y.values[i]) : shown(told.y.values[i]);
  const button = element("button", { onclick, title: "mark it in the drawings" }, [`example ${told.positions[i]}`]);
  const words = element("div", {}, [element("p", {}, [button, ": ", element("strong", {}, [right])])]);
  if (!told.image && size <= 8) words.append(element("p", { class: "quiet" }, [[...own].map((value) => shown(value)).join(", ")]));
  const answer = element("div");
  words.append(answer);
  const item = element("li", {}, [...parts, words]);
  const show = (said, wrong) => {
    if (!told.labels) return answer.replaceChildren(`said ${[...said].slice(0, TOLD).map((value) => shown(value)).join(", ")}`);
    const shares = said.length === 1 ? [1 - said[0], said[0]] : [...said];
    const best = shares.map((share, label) => [share, label]).sort((a, b) => b[0] - a[0]).slice(0, TOLD);
    answer.replaceChildren(element("p", { class: wrong ? "wrong" : "" }, [wrong ? `✗ said ${name(best[0][1])}` : `✓ said ${name(best[0][1])}`]), ...best.map(([share, label]) => bar(share, `${name(label)} ${(100 * share).toFixed(1)} %`)));
  };
  const choose = (chosen) => { button.setAttribute("aria-pressed", chosen); item.classList.toggle("current", chosen); };
  return { item, show, choose };
}

export function picture(values, [height, width], across = 56) {
  const canvas = element("canvas", { width, height, class: "picture", style: `width:${across}px;height:${(across * height) / width}px`, "aria-hidden": true });
  const context = canvas.getContext("2d"), image = context.createImageData(width, height), pixels = image.data;
  const channels = values.length / (height * width), spread = values instanceof Uint8Array ? 1 : 255;
  for (let k = 0; k < height * width; k++) {
    for (let c = 0; c < 3; c++) pixels[4 * k + c] = values[k * channels + Math.min(c, channels - 1)] * spread;
    pixels[4 * k + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return canvas;
}
