// A weight changed by hand, and what becomes of the loss of the batch, which was before; null where there is none.

import { largest, shown } from "arrays";
import { element } from "dom";
import { lossOf } from "forward";
import { ofParameter } from "heat";

export function weightsOf(graph, model, before, changed) {
  const first = Object.fromEntries(Object.entries(graph.parameters).map(([name, { values }]) => [name, values.slice()]));
  const names = Object.keys(first);
  if (!names.length) return { place: element("p", { class: "quiet" }, ["It has no weights."]), again() {} };
  // A weight that matters: of a picture's corner none does.
  const foremost = (name) => first[name].reduce((most, value, k, all) => (Math.abs(value) > Math.abs(all[most]) ? k : most), 0);
  const state = { name: names[0], entry: foremost(names[0]) };
  const which = element("select", { id: "weight-of" }, names.map((name) => element("option", { value: name }, [name])));
  const entry = element("input", { id: "weight-entry", type: "number", min: 0, step: 1, value: 0 }), where = element("span", { class: "quiet" });
  const slider = element("input", { type: "range", step: "any", "aria-label": "the weight's value, as a slider" });
  const value = element("input", { id: "weight-value", type: "number", step: "any" });
  const array = element("div"), loss = element("p", { id: "batch-loss", role: "status", "aria-live": "polite" }), count = element("span", { class: "quiet" });
  const values = () => graph.parameters[state.name].values;

  function show() {
    const { shape } = graph.parameters[state.name], most = 3 * largest(first[state.name]), now = values()[state.entry];
    entry.max = values().length - 1;
    entry.value = state.entry;
    where.textContent = `[${placeOf(state.entry, shape).join(", ")}] of ${state.name}, of shape ${shape.join(" by ")}`;
    slider.min = Math.min(-most, now);
    slider.max = Math.max(most, now);
    slider.value = now;
    if (document.activeElement !== value) value.value = Number(now.toPrecision(7));
    const within = array.contains(document.activeElement);
    array.replaceChildren(ofParameter(graph.parameters[state.name], { title: `value of ${state.name}`, chosen: state.entry, choose: (index) => { state.entry = index; show(); } }));
    if (within) (array.querySelector(`[data-index="${state.entry}"]`) ?? array.querySelector("canvas"))?.focus();
    const moved = names.reduce((total, name) => total + graph.parameters[name].values.reduce((n, one, k) => n + (one !== first[name][k]), 0), 0);
    count.textContent = moved ? `${moved} number${moved > 1 ? "s" : ""} changed` : "";
  }
  // What the loss is now, of which before is what it was.
  function tell(after) {
    if (before === null) { loss.textContent = `The loss of this batch cannot be computed here: ${graph.noLoss}.`; return; }
    loss.dataset.before = before;
    loss.dataset.after = after;
    loss.replaceChildren("The loss of this batch: was ", element("strong", {}, [shown(before, 5)]), ", is now ", element("strong", {}, [shown(after, 5)]), after === before ? "." : after < before ? ": less." : ": more.");
  }
  const set = (number) => { if (Number.isFinite(number)) { values()[state.entry] = number; show(); changed(); } };
  which.addEventListener("change", () => { state.name = which.value; state.entry = foremost(state.name); show(); });
  entry.addEventListener("change", () => { entry.value = state.entry; });
  entry.addEventListener("input", () => { const k = Number(entry.value); if (entry.value !== "" && Number.isInteger(k) && k >= 0 && k < values().length) { state.entry = k; show(); } });
  slider.addEventListener("input", () => set(Number(slider.value)));
  value.addEventListener("input", () => { if (value.value !== "") set(Number(value.value)); });
  value.addEventListener("change", () => { value.value = Number(values()[state.entry].toPrecision(7)); });
  const reset = () => { for (const name of names) graph.parameters[name].values.set(first[name]); show(); changed(); };
  const { value: trained } = model.data.loss, otherwise = before !== null && Math.abs(trained - before) > 1e-4 * Math.abs(before);
  show();
  tell(before);
  const place = element("section", { "aria-label": "weights changed by hand" }, [
    element("h3", {}, ["Weights changed by hand"]),
    element("div", { class: "steps" }, [
      element("label", { for: "weight-of" }, ["parameter"]), which, element("label", { for: "weight-entry" }, ["number"]), entry, where,
    ]),
    element("div", { class: "steps" }, [element("label", { for: "weight-value" }, ["value"]), value, slider, element("button", { onclick: reset }, ["all as they were"]), count]),
    loss,
    ...(otherwise ? [element("p", { class: "quiet" }, [`That is as the network predicts; the loss of the training step, ${shown(trained, 5)}, was taken as it trains, when layers such as dropout do otherwise.`])] : []),
    array,
  ]);
  const again = () => tell(before === null ? null : lossOf(graph));
  return { place, again };
}

function placeOf(entry, shape) {
  const place = [];
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    place.unshift(entry % shape[axis]);
    entry = Math.floor(entry / shape[axis]);
  }
  return place;
}
