// What the network predicts, in words, numbers and bars.

import { shown } from "arrays";
import { element } from "dom";
import { ofParameter } from "heat";
import { tensor } from "tensors";

const MOST = 12;  // classes or numbers that are listed, of more classes the likeliest

// y: (1, *output). Gives { said, parts }: a sentence, and elements. Of a sequence of classes, bars are for its last step.
export function predictionOf(y, { task, classes }) {
  const width = y.shape[y.shape.length - 1] ?? 1, sequence = y.shape.length > 2;
  if (task !== "binary" && task !== "multiclass") {
    const few = Array.from(y.values.subarray(0, MOST), (value) => shown(value, 6)).join(", ");
    const said = y.values.length > MOST ? `${y.values.length} numbers, which begin ${few}` : few;
    return { said, parts: y.values.length > MOST ? [ofParameter(sampleOf(y, 0), { title: "prediction" })] : [values(y.values)] };
  }
  const numbers = sequence ? y.values.subarray(-width) : y.values, best = chosen(numbers, task);
  const share = numbers.length === 1 && best === 0 && probable(numbers) ? 1 - numbers[0] : numbers[numbers.length === 1 ? 0 : best];
  const said = `${sequence ? "after the last step " : ""}${nameOf(best, classes)}, ${shown(share, 4)}`;
  return { said, parts: [...(sequence ? [ofParameter(sampleOf(y, 0), { title: "prediction for each step" })] : []), ...bars(numbers, task, classes, best)] };
}

function values(numbers) {
  return element("ul", { class: "values" }, Array.from(numbers, (value, k) => element("li", { "data-value": value }, [`${numbers.length > 1 ? `output ${k}: ` : ""}${shown(value, 6)}`])));
}

export const nameOf = (k, classes) => classes[k] ?? `class ${k}`;

const probable = (numbers) => numbers.every((value) => value >= -1e-9 && value <= 1 + 1e-9);

// The class that is predicted; one score alone that is no probability says yes above 0.
export function chosen(numbers, task) {
  if (task === "binary" && numbers.length === 1) return Number(numbers[0] > (probable(numbers) ? 0.5 : 0));
  let most = 0;
  numbers.forEach((value, k) => { if (value > numbers[most]) most = k; });
  return most;
}

function bars(numbers, task, classes, best) {
  const shares = probable(numbers), two = numbers.length === 1 && shares, listed = two ? [1 - numbers[0], numbers[0]] : Array.from(numbers);
  const order = listed.map((_, k) => k), more = order.length - MOST;
  if (more > 0) order.sort((a, b) => listed[b] - listed[a]).splice(MOST);
  const rows = order.map((k) => {
    const share = Math.max(0, Math.min(1, listed[k])), predicted = k === best && listed.length > 1;
    return element("tr", { "data-class": k, "data-value": listed[k], class: predicted ? "best" : null }, [
      element("th", { scope: "row" }, [`${predicted ? "▸ " : ""}${listed.length > 1 ? nameOf(k, classes) : "score"}`]),
      element("td", { class: "plain" }, [shares ? share.toFixed(4) : shown(listed[k], 5)]),
      element("td", { class: "track", "aria-hidden": "true" }, shares ? [element("span", { class: "bar", style: `width:${(100 * share).toFixed(2)}%` })] : []),
    ]);
  });
  const others = more > 0 ? [element("p", { class: "quiet" }, [`and ${more} more classes, each less likely`])] : [];
  return [element("table", { class: "bars" }, [element("tbody", {}, rows)]), ...others];
}

// That of one sample of a batch, without the axis of the batch.
export function sampleOf(y, row) {
  const size = y.values.length / y.shape[0];
  return tensor(y.shape.slice(1), y.values.subarray(row * size, (row + 1) * size));
}
