// Drawings of numbers: curves over epochs, histograms. Lines differ by dash as well as by colour, and say their names.

import { shown } from "arrays";
import { element } from "dom";

const SVG = "http://www.w3.org/2000/svg";
const LEFT = 58, RIGHT = 12, TOP = 10, BOTTOM = 26;
const DASHES = ["", "6 4", "2 3", "9 3 2 3"];

// series: [{name, points: [[x, y], ...]}]; marker: the x that is looked at; log: whether y goes by powers of ten.
export function curves(title, series, { marker = null, log = false, width = 460, height = 200, go = null, xName = "epoch" } = {}) {
  const usable = (y) => Number.isFinite(y) && (!log || y > 0);
  const all = series.flatMap((one) => one.points.filter(([, y]) => usable(y)));
  const figure = element("figure", { class: "chart" }, [element("figcaption", {}, [title])]);
  if (!all.length) return element("figure", { class: "chart" }, [element("figcaption", {}, [`${title}: nothing to draw`])]);
  const scale = log ? Math.log10 : (y) => y;
  const xs = all.map(([x]) => x), ys = all.map(([, y]) => scale(y));
  const [x0, x1] = [Math.min(...xs), Math.max(...xs)], [low, high] = [Math.min(...ys), Math.max(...ys)];
  const room = (high - low || Math.abs(high) || 1) * 0.06;
  const atX = (x) => LEFT + ((x - x0) / (x1 - x0 || 1)) * (width - LEFT - RIGHT);
  const atY = (y) => height - BOTTOM - ((scale(y) - low + room) / (high - low + 2 * room)) * (height - TOP - BOTTOM);
  const last = series.map((one) => `${one.name} ends at ${shown(one.points.at(-1)?.[1] ?? NaN)}`).join(", ");
  const svg = element("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": `${title}: ${last}` }, [], SVG);
  for (const y of ticks(low, high, log)) {
    const at = atY(log ? 10 ** y : y);
    svg.append(element("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: at, y2: at }, [], SVG));
    svg.append(element("text", { x: LEFT - 6, y: at + 4, "text-anchor": "end" }, [shown(log ? 10 ** y : y, 3)], SVG));
  }
  for (const x of [x0, x1]) svg.append(element("text", { x: atX(x), y: height - 8, "text-anchor": x === x0 ? "start" : "end" }, [`${xName} ${x}`], SVG));
  series.forEach((one, i) => {
    const drawn = one.points.filter(([, y]) => usable(y));
    // Of one epoch there is no line.
    if (drawn.length === 1) svg.append(element("circle", { class: `line line-${i % 4}`, cx: atX(drawn[0][0]), cy: atY(drawn[0][1]), r: 4 + 3 * i }, [], SVG));
    const path = drawn.map(([x, y], k) => `${k ? "L" : "M"}${atX(x).toFixed(1)} ${atY(y).toFixed(1)}`).join("");
    svg.append(element("path", { class: `line line-${i % 4}`, "stroke-dasharray": DASHES[i % 4], d: path }, [], SVG));
  });
  if (marker !== null) svg.append(element("line", { class: "marker", x1: atX(marker), x2: atX(marker), y1: TOP, y2: height - BOTTOM }, [], SVG));
  if (go) svg.addEventListener("click", (event) => {
    const box = svg.getBoundingClientRect();
    go(x0 + (((event.clientX - box.left) / box.width) * width - LEFT) / (width - LEFT - RIGHT) * (x1 - x0));
  });
  figure.append(svg, legend(series.map((one) => one.name)));
  return figure;
}

function legend(names) {
  return element("p", { class: "legend" }, names.map((name, i) => element("span", {}, [
    element("svg", { width: 30, height: 10, "aria-hidden": true }, [element("path", { class: `line line-${i % 4}`, "stroke-dasharray": DASHES[i % 4], d: "M0 5H30" }, [], SVG)], SVG), ` ${name}`,
  ])));
}

function ticks(low, high, log) {
  if (log) {
    const from = Math.ceil(low), to = Math.floor(high), by = Math.max(1, Math.ceil((to - from) / 4));
    const whole = Array.from({ length: Math.max(0, Math.floor((to - from) / by) + 1) }, (_, i) => from + i * by);
    if (whole.length > 1) return whole;
    const within = ticks(10 ** low, 10 ** high, false).filter((y) => y > 0).map(Math.log10);
    return within.length > 1 ? within : [low, high];
  }
  const span = high - low || 1, unit = 10 ** Math.floor(Math.log10(span / 4));
  const step = [1, 2, 5, 10].map((k) => k * unit).find((size) => span / size <= 5);
  const found = [];
  for (let y = Math.ceil(low / step) * step; y <= high + step * 1e-6; y += step) found.push(Math.abs(y) < step * 1e-6 ? 0 : y);
  return found.length ? found : [low];
}

// counts of equal bins between edges; from, to: the axis, the same in all frames.
export function histogram(title, counts, edges, [from, to], { width = 150, height = 46 } = {}) {
  const most = Math.max(...counts, 1), each = (edges[1] - edges[0]) / counts.length;
  const at = (x) => ((x - from) / (to - from || 1)) * width;
  const bars = [...counts].map((count, i) => element("rect", {
    x: at(edges[0] + i * each).toFixed(2), width: Math.max(0.8, at(from + each) - 0.4).toFixed(2),
    y: (height - 12) * (1 - count / most), height: (height - 12) * (count / most),
  }, [], SVG));
  const label = `${title}: from ${shown(edges[0])} to ${shown(edges[1])}, most near ${shown(edges[0] + (counts.indexOf(Math.max(...counts)) + 0.5) * each)}`;
  return element("svg", { class: "histogram", viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label }, [
    ...bars,
    element("text", { x: 0, y: height - 1 }, [shown(from, 3)], SVG),
    element("text", { x: width, y: height - 1, "text-anchor": "end" }, [shown(to, 3)], SVG),
  ], SVG);
}

// A share of 0 to 1 as a bar beside its number.
export function bar(share, text) {
  const filled = Number.isFinite(share) ? Math.min(Math.max(share, 0), 1) : 0;
  return element("span", { class: "share" }, [element("span", { class: "fill", style: `width:${(100 * filled).toFixed(1)}%`, "aria-hidden": true }), element("span", { class: "value" }, [text])]);
}
