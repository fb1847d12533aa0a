// The network tried out: an input that is changed by hand, what each step makes of it, weights that are changed by hand.

import { shown } from "arrays";
import { element } from "dom";
import { cannot, computed, graphOf, lossOf } from "forward";
import { markBox } from "graph";
import { matrix, ofParameter } from "heat";
import { numberEditor } from "numbers";
import { isImage, normalised, padEditor } from "pad";
import { pointEditor } from "point";
import { predictionOf, sampleOf } from "prediction";
import { tensor, transposed } from "tensors";
import { weightsOf } from "weights";

const AGREES = 1e-3;

// The view, as the page knows it: nothing of it stands in the address, and the map does not lead within it.
export function tryView(model) {
  tryIt(document.getElementById("try"), model);
  return { read() { markBox(document.getElementById("graph"), null); } };
}

function tryIt(place, model) {
  const { forward } = model.data;
  const graph = forward.cannot ? null : graphOf(forward, model.array), { why, apart, loss } = examined(forward, graph);
  place.classList.add("try");
  if (why) {
    place.replaceChildren(element("h2", {}, ["Try it"]), element("p", { class: "cannot" }, [`This network cannot be computed in the page: ${why}.`]));
    return;
  }
  const inputs = Object.fromEntries(Object.entries(graph.inputs).map(([name, { shape }]) => [name, tensor([1, ...shape])]));
  const example = element("select", { id: "try-example" }, Array.from({ length: model.data.batch.size }, (_, i) => element("option", { value: i }, [model.data.batch.names[i]])));
  const predictions = Object.fromEntries(Object.keys(graph.outputs).map((name) => [name, { said: element("strong"), parts: element("div") }]));
  const steps = element("div", { class: "arrays" }), unfolded = element("details", {}, [element("summary", {}, ["What each step gives"]), steps]);
  const weights = weightsOf(graph, model, loss, () => soon(true));

  // Once for a picture of the screen, however often something changes meanwhile.
  let waiting = null;
  const soon = (changed) => {
    if (waiting === null) requestAnimationFrame(() => { const all = waiting; waiting = null; show(all); });
    waiting = waiting || changed;
  };
  function show(weightsChanged) {
    const values = computed(graph, inputs);
    for (const [name, { said, parts }] of Object.entries(predictions)) {
      const found = predictionOf(values[graph.outputs[name]], { task: graph.tasks[name], classes: graph.classes });
      said.textContent = found.said;
      parts.replaceChildren(...found.parts);
    }
    if (unfolded.open) steps.replaceChildren(...stepsOf(graph, values));
    if (weightsChanged) {
      for (const editor of editors) editor.redraw?.();
      weights.again();
    }
  }
  unfolded.addEventListener("toggle", () => soon(false));

  const several = Object.keys(predictions).length > 1;
  const predicted = element("div", { class: "prediction" }, Object.entries(predictions).map(([name, { said, parts }]) => element("div", {}, [
    element("h3", {}, [several ? `The prediction, ${name}` : "The prediction"]),
    element("p", { class: "predicted", role: "status", "aria-live": "polite" }, [said]),
    parts,
  ])));
  const editors = Object.entries(graph.inputs).map(([name, input]) => editorOf(name, input, graph, inputs[name], () => soon(false), model));
  const start = () => {
    for (const [name, { shape, values }] of Object.entries(graph.batch)) {
      const size = values.length / shape[0], at = Number(example.value) * size;
      inputs[name].values.set(values.subarray(at, at + size));
    }
    for (const editor of editors) editor.taken();
    soon(false);
  };
  example.addEventListener("change", start);
  place.replaceChildren(
    element("h2", {}, ["Try it"]),
    element("p", { class: "quiet" }, ["The network at work in this page, as it predicts: change the input, or a weight. ", element("span", { id: "agreement", "data-difference": apart }, [`For the batch NumPy's prediction and this one are at most ${apart.toExponential(0)} apart.`])]),
    element("div", { class: "steps" }, [element("label", { for: "try-example" }, ["start from example"]), example, element("button", { onclick: start }, ["as it is"])]),
    element("div", { class: "columns" }, [...editors.map((editor) => editor.place), predicted]),
    unfolded,
    weights.place,
  );
  start();
  hook(graph);
}

// Why the page cannot compute it; or by how much its prediction of the batch and NumPy's are apart, and the batch's loss,
// null where there is none: then graph.noLoss says why.
function examined(forward, graph) {
  const why = forward.cannot ?? cannot(graph.nodes);
  if (why) return { why };
  try {
    const values = computed(graph, graph.batch), apart = difference(graph, values);
    if (apart <= AGREES) return { apart, loss: firstLoss(graph, values) };
    return { why: `its predictions of the batch and NumPy's are ${shown(apart, 3)} apart, as to_onnx of a component says another function than its forward` };
  } catch (error) {
    return { why: error.message };
  }
}

function firstLoss(graph, values) {
  graph.noLoss ??= cannot(graph.lossNodes);
  if (graph.noLoss) return null;
  try {
    return lossOf(graph, values);
  } catch (error) {
    graph.noLoss = error.message;
    return null;
  }
}

// As a share of the largest number, or of 1.
function difference(graph, values) {
  let apart = 0;
  for (const [name, { values: expected }] of Object.entries(graph.predictions)) {
    const found = values[graph.outputs[name]].values, largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
    if (found.length !== expected.length) throw new Error(`it gives ${found.length} numbers for the batch, and NumPy ${expected.length}`);
    expected.forEach((value, k) => { if (!Object.is(found[k], value)) apart = Math.max(apart, Math.abs(found[k] - value) / largest); });
  }
  return apart;
}

function editorOf(name, input, graph, x, changed, model) {
  const single = Object.keys(graph.inputs).length === 1, batch = graph.batch[name];
  const given = { name: single ? "the input" : name, input, x, changed, graph, batch, labels: model.data.batch.labels, corners: model.data.training?.plane?.corners };
  if (!input.whole && input.shape.length === 1 && input.shape[0] === 2 && single) return pointEditor(given);
  if (!input.whole && isImage(input.shape, batch.values)) return padEditor(given);
  return numberEditor(given);
}

function stepsOf(graph, values) {
  return Object.entries(graph.values).flatMap(([step, value]) => {
    const named = typeof value === "string" ? { [step]: value } : Object.fromEntries(Object.entries(value).map(([name, one]) => [`${step}, ${name}`, one]));
    return Object.entries(named).map(([title, one]) => drawn(sampleOf(values[one], 0), `y of ${title}`));
  });
}

// Of an image each channel is a picture, and they stand beside and below one another.
function drawn(y, title) {
  if (y.shape.length !== 3) return ofParameter(y, { title });
  const [height, width, channels] = y.shape;
  let beside = Math.ceil(Math.sqrt(channels));
  while (channels % beside) beside++;
  const pictures = transposed(tensor([height, width, channels / beside, beside], y.values), [2, 0, 3, 1]);
  return matrix(pictures, { title: channels > 1 ? `${title}, its ${channels} channels as pictures` : title, height: channels / beside * height, width: beside * width });
}

// For programs, such as tests: predict(numbers) of one sample as one flat list, or by name of several inputs, gives the
// prediction likewise; normalised(pixels, height, width, to, across) makes of a drawing what the network is given.
function hook(graph) {
  window.chainrule = {
    predict(given) {
      const named = Array.isArray(given) || ArrayBuffer.isView(given) ? { [Object.keys(graph.inputs)[0]]: given } : given;
      const inputs = Object.fromEntries(Object.entries(named).map(([name, numbers]) => [name, tensor([1, ...graph.inputs[name].shape], Float64Array.from(numbers))]));
      const values = computed(graph, inputs), found = Object.entries(graph.outputs).map(([name, value]) => [name, Array.from(values[value].values)]);
      return found.length > 1 ? Object.fromEntries(found) : found[0][1];
    },
    normalised: (pixels, height, width, to = height, across = width) => Array.from(normalised(Float64Array.from(pixels), height, width, to, across)),
  };
}
