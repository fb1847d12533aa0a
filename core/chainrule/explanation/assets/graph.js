// The network as a row of boxes, values going on above, gradients coming back below.

import { element } from "dom";

const WIDTH = 114, HEIGHT = 52, GAP = 28;
const STEPS = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
const SVG = "http://www.w3.org/2000/svg";

export function drawGraph(place, data, go) {
  const boxes = [{ name: "x", of: data.batch.shape }, ...data.operations.map((o) => ({ name: o.name, of: o.shape, parameters: o.count, operation: o })), { name: "loss", of: data.loss.name.replaceAll("_", " ") }];
  const width = boxes.length * (WIDTH + GAP), grouped = data.operations.some((operation) => operation.inside);
  const TOP = grouped ? 26 : 8;  // room for the names of what has layers within
  const svg = element("svg", { width, height: HEIGHT + TOP + 12, role: "group", "aria-label": "the network" }, [], SVG);
  boxes.forEach((box, i) => {
    const x = i * (WIDTH + GAP) + 4;
    if (i) {
      const from = x - GAP;
      svg.append(element("path", { class: "forward", d: `M${from} ${TOP + 14}H${x - 7}m-6 -4l6 4l-6 4` }, [], SVG));
      svg.append(element("path", { class: "backward", d: `M${x} ${TOP + HEIGHT - 14}H${from + 7}m6 -4l-6 4l6 4` }, [], SVG));
    }
    const inside = box.operation?.inside;
    if (inside) svg.append(element("rect", { class: "group", x: x - 4, y: TOP - 20, width: WIDTH + 8, height: HEIGHT + 28 }, [], SVG));
    const label = short(box.name, 17);
    const parts = [
      element("rect", { x, y: TOP, width: WIDTH, height: HEIGHT, rx: 4 }, [], SVG),
      element("text", { x: x + WIDTH / 2, y: TOP + 22, "text-anchor": "middle" }, [label], SVG),
      element("text", { class: "small", x: x + WIDTH / 2, y: TOP + 40, "text-anchor": "middle" }, [short(`${box.of}${box.parameters ? `, ${box.parameters}` : ""}`, 18)], SVG),
    ];
    if (inside) parts.push(element("text", { class: "small", x, y: TOP - 7 }, [`in ${inside}`], SVG));
    const link = element("a", { href: "#", "aria-label": `${box.name}, ${box.of}${box.parameters ? `, ${box.parameters} parameters` : ""}`, "data-box": box.name, tabindex: i ? -1 : 0 }, parts, SVG);
    link.addEventListener("click", (event) => { event.preventDefault(); go(box.name); });
    svg.append(link);
  });
  // The keyboard comes to one box, and goes on among them by arrows.
  svg.addEventListener("keydown", (event) => {
    const links = [...svg.querySelectorAll("a")], at = links.indexOf(document.activeElement), by = STEPS[event.key];
    if (by === undefined || at < 0) return;
    const next = links[Math.min(links.length - 1, Math.max(0, at + by))];
    reached(links, next);
    next.focus();
    event.preventDefault();
  });
  place.replaceChildren(svg);
}

function short(text, most) {
  return text.length > most ? `…${text.slice(1 - most)}` : text;
}

function reached(links, one) {
  for (const link of links) link.setAttribute("tabindex", link === one ? 0 : -1);
}

export function markBox(place, name) {
  const links = [...place.querySelectorAll("a")];
  for (const link of links) {
    if (link.dataset.box === name) {
      link.setAttribute("aria-current", "step");
      reached(links, link);
      place.scrollLeft = Math.max(0, link.getBBox().x - place.clientWidth / 2);
    } else link.removeAttribute("aria-current");
  }
}
