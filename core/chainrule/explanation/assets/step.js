// The view of one step: a slider over the operations, the stage that shows one, and the number that is looked at.

import { numberIn, setAddress } from "address";
import { rows, shown } from "arrays";
import { element, markup } from "dom";
import { markBox } from "graph";
import { drawnOfBatch, matrix, ofBatch, ofParameter, smallOf } from "heat";
import { momentsOf } from "model";
import { madeOf, productOf, together } from "sums";

export function stepView(model) {
  const { data } = model, moments = momentsOf(data);
  const slider = document.getElementById("moment"), stage = document.getElementById("stage");
  const graph = document.getElementById("graph"), examples = document.getElementById("example");
  const state = { moment: 0, example: 0, place: null };
  // A formula that is wider than its place can be scrolled by the keyboard too.
  const reach = () => { for (const line of stage.querySelectorAll(".formula")) line.tabIndex = line.scrollWidth > line.clientWidth ? 0 : -1; };
  slider.max = moments.length - 1;
  for (let i = 0; i < data.batch.size; i++) examples.append(element("option", { value: i }, [data.batch.names[i]]));

  const rule = data.optimizer ? `: update number ${data.optimizer.step} of ${data.optimizer.name}, at learning rate ${shown(data.optimizer.rate)}` : ", with its gradients alone";
  document.getElementById("which-step").textContent = `One step of learning on ${data.batch.size} examples${rule}${data.training ? ", as it would come next, after the training" : ""}. Nothing of it is kept.`;
  const show = () => {
    const moment = moments[state.moment];
    slider.value = state.moment;
    slider.setAttribute("aria-valuetext", told(moment, data));
    examples.value = state.example;
    stage.replaceChildren(...views[moment.phase]({ model, data, moment, state, choose, small: smallOf(sizesOf(data, moment)) }));
    reach();
    markBox(graph, moment.box);
    setAddress({ m: state.moment, e: state.example, n: state.place ? JSON.stringify(state.place) : null });
  };
  const go = (to) => { state.moment = Math.min(moments.length - 1, Math.max(0, to)); show(); };
  function choose(place) {
    const within = stage.contains(document.activeElement);
    state.place = place;
    show();
    // All of the stage is new: the keyboard goes on at the number that was chosen.
    if (within) stage.querySelector("td.chosen button, canvas.chosen")?.focus({ preventScroll: true });
    stage.querySelector(".number")?.scrollIntoView({ block: "nearest" });
  }
  // To where a number stands, and to it.
  const visit = (place) => {
    const phase = place.parameter ? "update" : /^(dx|dy|slope)/.test(place.array) ? "backward" : "forward";
    const found = moments.findIndex((m) => m.phase === phase && (place.parameter ? m.parameter === place.parameter : m.operation.name === place.operation));
    state.moment = found < 0 ? state.moment : found;
    if (!place.parameter) {
      const array = model.arrayAt(place), [, size] = rows(array);
      state.example = Math.floor(place.index / size);
    }
    choose(place);
  };
  choose.visit = visit;

  slider.addEventListener("input", () => go(Number(slider.value)));
  document.getElementById("back").addEventListener("click", () => go(state.moment - 1));
  document.getElementById("on").addEventListener("click", () => go(state.moment + 1));
  examples.addEventListener("change", () => { state.example = Number(examples.value); show(); });
  addEventListener("resize", reach);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { if (!stage.hidden) show(); });
  return {
    read(given) {
      state.moment = numberIn(given, "m", moments.length - 1);
      state.example = numberIn(given, "e", data.batch.size - 1);
      try { state.place = JSON.parse(given.get("n")); } catch { state.place = null; }
      show();
    },
    go: (name) => go(name === "loss" ? moments.findIndex((m) => m.phase === "loss") : Math.max(0, moments.findIndex((m) => m.box === name))),
  };
}

// What a moment shows, as the number of numbers of each array.
function sizesOf({ parameters, optimizer }, { phase, operation, parameter }) {
  if (phase === "update") return ["value", "grad", ...(optimizer ? [...slotsOf(parameters[parameter]), "update", "after"] : [])].map(() => parameters[parameter].value?.values.length ?? 0);
  if (!operation) return [];
  const flowing = (phase === "forward" ? ["x", "y"] : ["dy", "slope", "dx"]).filter((name) => operation[name]);
  const own = operation.parameters.filter((name) => parameters[name]?.value);
  return [...flowing.map((name) => drawnOfBatch(operation[name])), ...own.map((name) => parameters[name].value.values.length)];
}

function slotsOf(parameter) {
  return Object.keys(parameter.slots).flatMap((name) => [`${name}:before`, `${name}:after`]);
}

function told(moment, data) {
  if (moment.operation) return `${moment.phase}: ${moment.operation.name}`;
  return moment.parameter ? `update: ${moment.parameter}` : moment.phase === "loss" ? `the loss, ${data.loss.name}` : "the loss after the step";
}

function heading(word, phase, rest) {
  return element("h2", {}, [element("span", { class: `${phase}-word` }, [word]), ` ${rest}`]);
}

function documented(part, names, methods) {
  const lines = names.flatMap((name) => part.formulas[name] ?? []).map((line) => markup(line, "div", { class: "formula" }));
  const sources = methods.filter((name) => part.sources[name]).map((name) => element("details", {}, [element("summary", {}, [`the lines that compute it: ${name}`]), element("pre", { tabindex: 0 }, [part.sources[name]])]));
  return [...lines, ...sources];
}

function arraysOf(view, operation, names) {
  const { state, choose } = view;
  const shownOf = (name) => ofBatch(operation[name], state.example, {
    title: `${name} of ${operation.name}`,
    small: view.small,
    chosen: state.place?.operation === operation.name && state.place.array === name ? state.place.index : null,
    choose: (index) => choose({ array: name, operation: operation.name, index }),
  });
  const without = operation.left_out.filter((name) => names.includes(name));
  const note = without.length ? [element("p", { class: "quiet" }, [`Left out: ${without.join(", ")} of ${operation.name}, whose numbers would make this page too large; fewer examples leave room for them.`])] : [];
  return element("div", { class: "arrays" }, [...names.filter((name) => operation[name]).map(shownOf), ...note]);
}

function parameterArray(view, name, array) {
  const { model, state, choose } = view;
  const [own, when] = array.split(":"), numbers = model.arrayAt({ parameter: name, array });
  const title = `${when ? `${own}, ${when}` : own} of ${name}`;
  if (!numbers) return element("p", { class: "quiet" }, [`${title}: left out, as ${model.parameter(name).size} numbers more would make this page too large`]);
  return ofParameter(numbers, {
    title,
    small: view.small,
    chosen: state.place?.parameter === name && state.place.array === array ? state.place.index : null,
    choose: (index) => choose({ array, parameter: name, index }),
  });
}

// What a number is called: by its place along each axis, the first of which counts the examples of a batch.
function called(model, place) {
  const array = model.arrayAt(place), at = [];
  let left = place.index;
  for (const size of [...(array?.shape ?? [])].reverse()) { at.unshift(left % size); left = Math.floor(left / size); }
  const name = place.array.replace(":", ", ");
  return `${name} of ${place.parameter ?? place.operation}, at [${at.join(", ")}]`;
}

// The number that was chosen, and what it was made of.
function number(view) {
  const { model, state, choose } = view, place = state.place;
  if (!place) return element("p", { class: "quiet" }, ["Choose a number to see what it was made of."]);
  const value = model.valueAt(place), made = madeOf(model, place);
  const where = called(model, place);
  const parts = [element("p", {}, [element("strong", {}, [`${where} = ${shown(value, 8)}`])])];
  if (!made) parts.push(element("p", { class: "quiet" }, ["How this one was made cannot be told from here: the formula and the lines above say it."]));
  else {
    parts.push(element("p", {}, [made.rule]));
    const button = (factor) => element("button", { onclick: () => choose.visit(factor), title: called(model, factor) }, [shown(model.valueAt(factor), 5)]);
    const many = made.terms.length > 40;
    const sized = made.terms.map((term) => ({ term, product: productOf(model, term) }));
    const listed = many ? [...sized].sort((a, b) => Math.abs(b.product) - Math.abs(a.product)).slice(0, 40) : sized;
    const between = made.largest || made.exact === false ? ", " : " + ";
    const line = listed.flatMap(({ term }, i) => [i ? between : "", ...(term.of ? [`${term.of}(`] : []), ...term.factors.flatMap((factor, k) => [k ? " · " : "", button(factor)]), ...(term.share ? [` · ${shown(term.share)}`] : []), ...(term.of && made.terms.length === 1 ? [")"] : [])]);
    if (made.terms.length > 1 && made.terms[0].of) line.push(")");
    parts.push(element("div", { class: "sum" }, line));
    if (made.exact !== false && made.terms.length) {
      const sum = together(made, sized.map(({ product }) => product));
      const others = many ? `, the 40 largest of ${made.terms.length} terms are shown` : "";
      parts.push(element("p", { class: "quiet", id: "sum", "data-sum": sum }, [`${made.largest ? "the largest" : "together"} ${shown(sum, 8)}${others}`]));
    }
  }
  return element("section", { class: "number", "aria-label": "the number that was chosen" }, parts);
}

const views = {
  forward(view) {
    const { operation } = view.moment;
    const parameters = operation.parameters.filter((name) => view.data.parameters[name]);
    return [
      heading("Forward", "forward", `${operation.name}${operation.inside ? `, within ${operation.inside}` : ""}`),
      element("p", { class: "quiet" }, [operation.description]),
      ...documented(operation, ["Forward"], ["rule", "forward"]),
      number(view),
      arraysOf(view, operation, ["x", "y"]),
      element("div", { class: "arrays" }, parameters.map((name) => parameterArray(view, name, "value"))),
    ];
  },
  loss(view) {
    const { data, state } = view, { loss } = data, last = data.operations.filter((operation) => !operation.inside).at(-1);
    const rowsOf = loss.rows ? [matrix({ values: Float64Array.from(loss.rows), shape: [loss.rows.length] }, { title: "the loss of each example", height: loss.rows.length, width: 1, rowName: "example " })] : [];
    return [
      heading("The loss", "forward", loss.name),
      element("p", { class: "quiet" }, [loss.description]),
      ...documented(loss, ["Forward"], ["forward", "forward_logits"]),
      element("p", {}, [element("strong", { id: "loss" }, [`loss ${shown(loss.value, 6)}`]), loss.penalty ? `, and the penalty ${shown(loss.penalty, 6)}` : ""]),
      ...(data.regularizer ? [element("h3", {}, [data.regularizer.name]), ...documented(data.regularizer, ["Penalty", "Gradient"], ["penalty", "add_gradient"])] : []),
      element("div", { class: "arrays" }, [
        ...(last.y ? [ofBatch(last.y, state.example, { title: `what the network gave: y of ${last.name}` })] : []),
        ...(data.batch.target ? [ofBatch(data.batch.target, state.example, { title: "target" })] : []),
        ...rowsOf,
      ]),
    ];
  },
  backward(view) {
    const { operation } = view.moment;
    const parameters = operation.parameters.filter((name) => view.data.parameters[name]);
    const through = operation.fused ? [element("p", {}, [`${view.data.loss.name} goes back through ${operation.name} by itself: dx is the gradient of the loss with respect to what this step was given.`]), ...documented(view.data.loss, ["Backward"], ["backward_logits"])] : documented(operation, ["Backward"], ["derivative", "backward"]);
    return [
      heading("Backward", "backward", `${operation.name}${operation.inside ? `, within ${operation.inside}` : ""}`),
      ...through,
      number(view),
      arraysOf(view, operation, operation.dy && operation.slope ? ["dy", "slope", "dx"] : ["dy", "dx"]),
      element("div", { class: "arrays" }, parameters.map((name) => parameterArray(view, name, "grad"))),
    ];
  },
  update(view) {
    const { data, moment } = view, parameter = data.parameters[moment.parameter];
    const lines = parameter.estimates.map(([at, grad, estimate]) => element("tr", {}, [at, grad, estimate, Math.abs(grad - estimate) / Math.max(Math.abs(estimate), parameter.scale, 1e-30)].map((value, i) => element("td", { class: "plain" }, [i ? (i === 3 ? value.toExponential(1) : shown(value, 6)) : String(value)]))));
    const table = element("table", {}, [element("thead", {}, [element("tr", {}, ["number", "gradient", "by differences", "relative error"].map((name) => element("th", { scope: "col" }, [name])))]), element("tbody", {}, lines)]);
    const slots = slotsOf(parameter);
    return [
      ...(data.optimizer ? [
        heading("Update", "backward", `${moment.parameter}, by ${data.optimizer.name}`),
        element("p", { class: "quiet" }, [`${data.optimizer.description} Learning rate ${shown(data.optimizer.rate, 6)}, update number ${data.optimizer.step}.`]),
        ...documented(data.optimizer, ["Update"], ["rule", "update"]),
      ] : [heading("Gradient", "backward", moment.parameter)]),
      number(view),
      element("div", { class: "arrays" }, ["value", "grad", ...(data.optimizer ? [...slots, "update", "after"] : [])].map((array) => parameterArray(view, moment.parameter, array))),
      element("h3", {}, ["The gradient, and what finite differences say of it"]),
      element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "gradients and differences" }, [table]),
    ];
  },
  after({ data }) {
    const { loss } = data;
    return [
      heading("After the step", "forward", ""),
      element("p", {}, [`The loss was ${shown(loss.value + loss.penalty, 6)}; on the same batch it is now `, element("strong", { id: "after" }, [shown(loss.after, 6)]), ` : a change of ${shown(loss.change, 4)}.`]),
      element("p", {}, [`Had the slope stayed as it was, the gradient promised a change of ${shown(loss.promised, 4)}: the sum of each gradient times its update. The rest is the curve of the loss between the two places.`]),
    ];
  },
};
