// What the network predicts, in words, numbers and bars.

import { shown } from "arrays";
import { element } from "dom";
import { ofBatch } from "heat";
import { tensor } from "tensors";

const MOST = 30;  // classes that are listed, the likeliest of them

// y: (1, *output). Of a sequence of classes, bars are for its last step.
export function predictionOf(y, { title, task, classes }) {
  const width = y.shape[y.shape.length - 1] ?? 1, sequence = y.shape.length > 2;
  const parts = title ? [element("h3", {}, [title])] : [element("h3", {}, ["The prediction"])];
  if (task === "regression" || !task) {
    parts.push(sequence || width > MOST ? ofBatch(y, 0, { title: "prediction" }) : values(y.values));
  } else {
    if (sequence) parts.push(ofBatch(y, 0, { title: "prediction for each step" }), element("p", { class: "quiet" }, ["After the last step:"]));
    parts.push(bars(sequence ? y.values.subarray(-width) : y.values, task, classes));
  }
  return element("div", {}, parts);
}

function values(numbers) {
  return element("ul", { class: "values" }, Array.from(numbers, (value, k) => element("li", { "data-value": value }, [`${numbers.length > 1 ? `output ${k}: ` : ""}${shown(value, 6)}`])));
}

export function nameOf(k, classes) {
  return classes[k] ?? `class ${k}`;
}

// A score above 0 is a yes of a network that gives no probability.
export function chosen(numbers, task) {
  if (task === "binary" || numbers.length === 1) return Number(numbers[0] > (probable(numbers) ? 0.5 : 0));
  let most = 0;
  numbers.forEach((value, k) => { if (value > numbers[most]) most = k; });
  return most;
}

const probable = (numbers) => numbers.every((value) => value >= -1e-9 && value <= 1 + 1e-9);

function bars(numbers, task, classes) {
  const two = numbers.length === 1 && probable(numbers), listed = two ? [1 - numbers[0], numbers[0]] : Array.from(numbers);
  const best = chosen(numbers, task), order = listed.map((_, k) => k), shares = probable(numbers);
  if (order.length > MOST) order.sort((a, b) => listed[b] - listed[a]).splice(MOST);
  const rows = order.map((k) => {
    const share = Math.max(0, Math.min(1, listed[k]));
    const bar = shares ? [element("span", { class: "bar", style: `width:${(100 * share).toFixed(2)}%` })] : [];
    const predicted = k === best && (two || numbers.length > 1);
    return element("tr", { "data-class": k, "data-value": listed[k], class: predicted ? "best" : null }, [
      element("th", { scope: "row" }, [`${predicted ? "▸ " : ""}${numbers.length === 1 && !two ? "score" : nameOf(k, classes)}`]),
      element("td", { class: "plain" }, [shares ? share.toFixed(4) : shown(listed[k], 5)]),
      element("td", { class: "track", "aria-hidden": "true" }, bar),
    ]);
  });
  return element("div", {}, [
    element("p", {}, [element("strong", { id: "predicted" }, [nameOf(best, classes)])]),
    element("table", { class: "bars" }, [element("tbody", {}, rows)]),
  ]);
}

export const sampleOf = (y, row) => tensor(y.shape.slice(1), y.values.subarray(row * y.values.length / y.shape[0], (row + 1) * y.values.length / y.shape[0]));
