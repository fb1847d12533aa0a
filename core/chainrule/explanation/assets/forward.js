// The forward pass in the page: the graph that a network gave, computed operator by operator.

import { OPERATORS } from "operators";
import { tensor } from "tensors";

// What the page was given, with its arrays decoded: array(number) gives one. Parameters are copies, to be changed.
export function graphOf(forward, array) {
  const graph = { ...forward };
  for (const part of ["constants", "parameters", "batch", "targets", "predictions"]) {
    graph[part] = Object.fromEntries(Object.entries(forward[part]).map(([name, number]) => [name, wide(array(number))]));
  }
  return graph;
}

// In float64, so that a sum is as exact as NumPy's, in whatever order its terms are added.
function wide(given) {
  return tensor(given.shape, Float64Array.from(given.values));
}

// The first of these operators that this page has not, in words; null where it can compute them all.
export function cannot(nodes) {
  for (const { op_type: name, attributes, step } of nodes) {
    if (!OPERATORS[name]) return `${step} is made of an operator, ${name}, that this page does not know`;
    const strange = Object.keys(attributes).find((attribute) => !(OPERATORS[name].attributes ?? []).includes(attribute));
    if (strange) return `${step} has an operator, ${name}, whose attribute ${strange} this page does not know`;
  }
  return null;
}

// The value of every name, for these inputs by name.
export function computed(graph, inputs) {
  return through(graph.nodes, { ...graph.constants, ...graph.parameters, ...inputs });
}

// The mean loss of the page's batch, from the values of its forward pass.
export function lossOf(graph, values = computed(graph, graph.batch)) {
  return through(graph.lossNodes, { ...values, ...graph.targets })[graph.loss].values[0];
}

function through(nodes, values) {
  for (const { op_type: name, inputs, outputs, attributes, step } of nodes) {
    let made;
    try {
      made = OPERATORS[name].of(inputs.map((one) => (one === "" ? null : values[one])), attributes);
    } catch (error) {
      throw new Error(`${step}, ${name}: ${error.message}`);
    }
    outputs.forEach((output, k) => { values[output] = Array.isArray(made) ? made[k] : made; });
  }
  return values;
}
