// The page: views as tabs, the map of the network above them, and the address of what is shown.

import { address, setAddress } from "address";
import { drawGraph } from "graph";
import { modelOf } from "model";
import { stepView } from "step";
import { trainingView } from "training";
import { tryView } from "try";

const NOT_FINITE = new Map([["~nan", NaN], ["~inf", Infinity], ["~-inf", -Infinity]]);

export function start() {
  const data = JSON.parse(document.getElementById("data").textContent, (key, value) => NOT_FINITE.get(value) ?? value);
  const model = modelOf(data);
  const makers = { step: stepView, training: trainingView, try: tryView };
  const tabs = [...document.querySelectorAll("[role=tab]")];
  const made = {};
  let current = null;

  // A view is made when it is first looked at; it gives {read(address), go(box)}, or no go where the map does not lead.
  const show = (name) => {
    current = name;
    for (const tab of tabs) {
      const chosen = tab.dataset.view === name;
      tab.setAttribute("aria-selected", chosen);
      tab.tabIndex = chosen ? 0 : -1;
      document.getElementById(tab.getAttribute("aria-controls")).hidden = !chosen;
    }
    for (const part of document.querySelectorAll("[data-of]")) part.hidden = part.dataset.of !== name;
    setAddress({ v: name });
    made[name] ??= makers[name](model);
    made[name].read(address());
  };
  const views = Object.keys(makers);
  const wanted = () => (views.includes(address().get("v")) ? address().get("v") : address().has("m") || !data.training ? "step" : "training");

  drawGraph(document.getElementById("graph"), data, (box) => {
    if (!made[current].go) show("step");
    made[current].go(box);
  });
  for (const tab of tabs) {
    tab.addEventListener("click", () => show(tab.dataset.view));
    tab.addEventListener("keydown", (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!by) return;
      const next = tabs[(tabs.indexOf(tab) + by + tabs.length) % tabs.length];
      next.focus();
      show(next.dataset.view);
    });
  }
  show(wanted());
  addEventListener("hashchange", () => show(wanted()));
}
