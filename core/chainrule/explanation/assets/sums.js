// What a number was made of: a sum whose terms say where they came from. Arrays are named as in the data:
// {array: "y", operation: "0.dense"} or {array: "value", parameter: "0.dense.W"}.

import { gradientOfKernel, windowBackward, windowForward } from "kernels";

const at = (array, operation, index) => ({ array, operation, index });
const of = (parameter, array, index) => ({ array, parameter, index });
const ROUNDING = 1e-3;

// Returns {rule, terms: [{factors: [place, ...]}], exact, together} or null where it is not known; together adds the
// terms up, or takes the largest.
export function madeOf(model, place) {
  const made = told(model, place);
  // What found no room in the page cannot be added up.
  if (!made?.terms.every((term) => term.factors.every((factor) => model.arrayAt(factor)))) return null;
  if (made.exact === false || !made.terms.length) return made;
  // Where the terms do not come to the number, it was made otherwise: of a tie, which of two was taken cannot be seen.
  const value = model.valueAt(place), products = made.terms.map((term) => productOf(model, term));
  const size = products.reduce((most, product) => Math.max(most, Math.abs(product)), 1e-12);
  return Math.abs(together(made, products) - value) <= ROUNDING * Math.max(size, Math.abs(value)) ? made : null;
}

export function productOf(model, term) {
  return term.factors.reduce((total, factor) => total * model.valueAt(factor), 1) * (term.share ?? 1);
}

export function together(made, products) {
  return made.largest ? Math.max(...products) : products.reduce((total, product) => total + product, 0);
}

function told(model, place) {
  if (place.parameter) return ofParameter(model, place);
  const operation = model.operation(place.operation), { array, index } = place;
  if (!operation.x || !operation.y) return null;
  if (array === "x") return cameFrom(model, operation, index);
  if (array === "dy") return wentTo(model, operation, index);
  if (array.startsWith("slope")) return { rule: "by how much that output changes with that input: the derivative, by the formula of the way back", terms: [], exact: false };
  const made = makers[operation.structure.how];
  if (!made) return null;
  return array === "y" ? made.forward(operation, index) : operation.dy || operation.fused ? made.backward(operation, index) : null;
}

const ends = (operation) => [operation.x.shape.at(-1), operation.y.shape.at(-1)];

const makers = {
  product: {
    forward(operation, index) {
      const { weights, bias } = operation.structure, [inner, outer] = ends(operation);
      const row = Math.floor(index / outer), j = index % outer;
      const terms = Array.from({ length: inner }, (_, k) => ({ factors: [at("x", operation.name, row * inner + k), of(weights, "value", k * outer + j)] }));
      if (bias) terms.push({ factors: [of(bias, "value", j)] });
      return { rule: bias ? "y = Σ x·W + b" : "y = Σ x·W", terms };
    },
    backward(operation, index) {
      if (!operation.dy) return null;
      const [inner, outer] = ends(operation), row = Math.floor(index / inner), k = index % inner;
      return {
        rule: "dx = Σ dy·W: how far the loss changes by each output, times how far that output changes by this input",
        terms: Array.from({ length: outer }, (_, j) => ({ factors: [at("dy", operation.name, row * outer + j), of(operation.structure.weights, "value", k * outer + j)] })),
      };
    },
  },
  convolution: {
    forward(operation, index) {
      const { weights, bias } = operation.structure, [channels, filters] = ends(operation), filter = index % filters;
      const terms = windowForward(operation, Math.floor(index / filters)).flatMap(({ input, offset }) => Array.from({ length: channels }, (_, c) => ({ factors: [at("x", operation.name, input * channels + c), of(weights, "value", (offset * channels + c) * filters + filter)] })));
      if (bias) terms.push({ factors: [of(bias, "value", filter)] });
      return { rule: `y = Σ x·W${bias ? " + b" : ""}, over the window and its channels; beyond the border there are zeros`, terms };
    },
    backward(operation, index) {
      const [channels, filters] = ends(operation), channel = index % channels;
      const terms = windowBackward(operation, Math.floor(index / channels)).flatMap(({ output, offset }) => Array.from({ length: filters }, (_, f) => ({ factors: [at("dy", operation.name, output * filters + f), of(operation.structure.weights, "value", (offset * channels + channel) * filters + f)] })));
      return { rule: "dx = Σ dy·W, over the windows that this number lies in, and their filters", terms };
    },
  },
  pooled: {
    forward(operation, index) {
      const channels = operation.x.shape.at(-1), found = windowForward(operation, Math.floor(index / channels));
      const terms = found.map(({ input }) => ({ factors: [at("x", operation.name, input * channels + (index % channels))] }));
      return operation.structure.of === "max" ? { rule: "y = the largest of its window", terms, largest: true } : { rule: "y = the mean of its window", terms: terms.map((term) => ({ ...term, share: 1 / terms.length })) };
    },
    backward(operation, index) {
      const channels = operation.x.shape.at(-1), channel = index % channels, { of: which, kernel } = operation.structure;
      const outputs = windowBackward(operation, Math.floor(index / channels)).map(({ output }) => output * channels + channel);
      if (which === "mean") return { rule: "dx = Σ dy / size of a window, over the windows that this number lies in", terms: outputs.map((k) => ({ factors: [at("dy", operation.name, k)], share: 1 / kernel.reduce((a, b) => a * b, 1) })) };
      const chosen = outputs.filter((k) => operation.y.values[k] === operation.x.values[index]);
      if (!chosen.length) return { rule: "0, as it is the largest of no window", terms: [], exact: false };
      return { rule: "dx = Σ dy, over the windows whose largest number it is", terms: chosen.map((k) => ({ factors: [at("dy", operation.name, k)] })) };
    },
  },
  reshaped: {
    forward: (operation, index) => ({ rule: "the same number, in another place", terms: [{ factors: [at("x", operation.name, index)] }] }),
    backward: (operation, index) => (operation.dy ? { rule: "the same number, in another place", terms: [{ factors: [at("dy", operation.name, index)] }] } : null),
  },
  elementwise: {
    forward: (operation, index) => ({ rule: "computed from one number, by the formula above", terms: [{ factors: [at("x", operation.name, index)], of: "f" }], exact: false }),
    backward: (operation, index) => (operation.dy ? { rule: "dx = dy · f'(x)", terms: [{ factors: [at("dy", operation.name, index), at("slope", operation.name, index)] }] } : byTheLoss()),
  },
  scaled: {
    forward: (operation, index) => ({ rule: "y = x times its scale", terms: [{ factors: [at("x", operation.name, index), at("slope", operation.name, index)] }] }),
    backward: (operation, index) => ({ rule: "dx = dy times the same scale", terms: [{ factors: [at("dy", operation.name, index), at("slope", operation.name, index)] }] }),
  },
  mixed: {
    forward(operation, index) {
      const size = operation.x.values.length / operation.x.shape[0], row = Math.floor(index / (operation.y.values.length / operation.y.shape[0]));
      return { rule: "computed from all numbers of the example, by the formula above", terms: Array.from({ length: size }, (_, k) => ({ factors: [at("x", operation.name, row * size + k)], of: k ? null : "f" })), exact: false };
    },
    backward(operation, index) {
      if (!operation.dy) return byTheLoss();
      const [, outer, inner] = operation.slopes.shape, row = Math.floor(index / inner), k = index % inner;
      return {
        rule: "dx = Σ dy·∂y/∂x: every output depends on this input, each by a slope of its own",
        terms: Array.from({ length: outer }, (_, j) => ({ factors: [at("dy", operation.name, row * outer + j), at("slopes", operation.name, (row * outer + j) * inner + k)] })),
      };
    },
  },
};

function byTheLoss() {
  return { rule: "the loss goes back through this step by itself: see the loss's formula", terms: [], exact: false };
}

function ofParameter(model, place) {
  const parameter = model.parameter(place.parameter);
  if (place.array === "after") return { rule: "what it was, plus the update", terms: [{ factors: [of(place.parameter, "value", place.index)] }, { factors: [of(place.parameter, "update", place.index)] }] };
  if (place.array === "update") return { rule: "what the optimizer makes of the gradient and of what it has gathered, by the formula above; in numbers, the difference that it makes", terms: [{ factors: [of(place.parameter, "after", place.index)] }, { factors: [of(place.parameter, "value", place.index)], share: -1 }] };
  if (place.array === "value") return { rule: "what the training, or the initializer before it, has left here: a number to begin this step with", terms: [], exact: false };
  if (place.array !== "grad") return { rule: "what the optimizer gathers from step to step, by the formula above: of the gradient, and of what it had before", terms: [{ factors: [of(place.parameter, "grad", place.index)], of: "of" }], exact: false };
  const mixed = model.data.operations.find((o) => place.parameter in o.structure.by_parameter);
  if (mixed) return gradientThroughAll(mixed, parameter, place);
  const operation = model.data.operations.find((o) => o.structure.weights === place.parameter || o.structure.bias === place.parameter);
  if (!operation || !operation.x || !operation.dy || !parameter.plain) return null;
  const [inner, outer] = ends(operation), count = operation.y.values.length / outer;
  if (operation.structure.bias === place.parameter) {
    return { rule: "db = Σ dy, over the examples and all places", terms: Array.from({ length: count }, (_, n) => ({ factors: [at("dy", operation.name, n * outer + place.index)] })) };
  }
  const j = place.index % outer, k = Math.floor(place.index / outer) % inner;
  const pairs = operation.structure.how === "convolution"
    ? gradientOfKernel(operation, Math.floor(place.index / (outer * inner)))
    : Array.from({ length: count }, (_, n) => ({ input: n, output: n }));
  return {
    rule: operation.structure.how === "convolution" ? "dW = Σ x·dy, over the examples and all places of the window" : "dW = Σ x·dy, over the examples",
    terms: pairs.map(({ input, output }) => ({ factors: [at("x", operation.name, input * inner + k), at("dy", operation.name, output * outer + j)] })),
  };
}

function gradientThroughAll(operation, parameter, { parameter: name, index }) {
  const slopes = operation[`slopes of ${name}`];
  if (!slopes || !operation.dy || !parameter.plain) return null;
  const size = slopes.shape[2], outputs = slopes.values.length / size;
  return {
    rule: "dθ = Σ dy·∂y/∂θ, over the examples and all outputs: each depends on this number by a slope of its own",
    terms: Array.from({ length: outputs }, (_, j) => ({ factors: [at("dy", operation.name, j), at(`slopes of ${name}`, operation.name, j * size + index)] })),
  };
}

// An input is the output of the step before it; a gradient came from the input of the step after it.
function cameFrom(model, operation, index) {
  const before = model.before(operation);
  return before ? { rule: `what ${before.name} gave`, terms: [{ factors: [at("y", before.name, index)] }] } : { rule: "a number of the data", terms: [], exact: false };
}

function wentTo(model, operation, index) {
  const after = model.after(operation);
  if (!after) return { rule: "what the loss hands back", terms: [], exact: false };
  return { rule: `what ${after.name} hands back`, terms: [{ factors: [at("dx", after.name, index)] }] };
}
