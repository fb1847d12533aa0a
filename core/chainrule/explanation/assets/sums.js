// What a number was made of: a sum whose terms say where they came from. Arrays are named as in the data:
// {array: "y", operation: "0.dense"} or {array: "value", parameter: "0.dense.W"}.

const at = (array, operation, index) => ({ array, operation, index });
const of = (parameter, array, index) => ({ array, parameter, index });

// Returns {rule, terms: [{factors: [place, ...]}], note} or null where it is not known.
export function madeOf(model, place) {
  const made = told(model, place);
  // What found no room in the page cannot be added up.
  return made?.terms.every((term) => term.factors.every((factor) => model.arrayAt(factor))) ? made : null;
}

function told(model, place) {
  if (place.parameter) return ofParameter(model, place);
  const operation = model.operation(place.operation);
  const how = operation.structure.how;
  if (!operation.x || !operation.y) return null;
  if (place.array === "x") return cameFrom(model, operation, place.index);
  if (place.array === "dy") return wentTo(model, operation, place.index);
  if (how === "reshaped") return { rule: "the same number, in another place", terms: [{ factors: [at(place.array === "y" ? "x" : "dy", place.operation, place.index)] }] };
  if (how === "product" && place.array !== "y" && !operation.dy) return null;
  if (how === "product") return place.array === "y" ? forward(model, operation, place.index) : backward(model, operation, place.index);
  if (how === "elementwise") return elementwise(model, operation, place);
  return null;
}

function forward(model, operation, index) {
  const { weights, bias } = operation.structure;
  const inner = operation.x.shape[operation.x.shape.length - 1], outer = operation.y.shape[operation.y.shape.length - 1];
  const row = Math.floor(index / outer), j = index % outer;
  const terms = Array.from({ length: inner }, (_, k) => ({ factors: [at("x", operation.name, row * inner + k), of(weights, "value", k * outer + j)] }));
  if (bias) terms.push({ factors: [of(bias, "value", j)] });
  return { rule: bias ? "y = Σ x·W + b" : "y = Σ x·W", terms };
}

function backward(model, operation, index) {
  const inner = operation.x.shape[operation.x.shape.length - 1], outer = operation.y.shape[operation.y.shape.length - 1];
  const row = Math.floor(index / inner), k = index % inner;
  return {
    rule: "dx = Σ dy·W: how far the loss changes by each output, times how far that output changes by this input",
    terms: Array.from({ length: outer }, (_, j) => ({ factors: [at("dy", operation.name, row * outer + j), of(operation.structure.weights, "value", k * outer + j)] })),
  };
}

function elementwise(model, operation, place) {
  if (place.array === "y") return { rule: "computed from one number, by the formula above", terms: [{ factors: [at("x", operation.name, place.index)], of: "f" }], exact: false };
  if (!operation.dy) return { rule: "the loss goes back through this step by itself: see the loss's formula", terms: [], exact: false };
  return { rule: "dx = dy · f'(x)", terms: [{ factors: [at("dy", operation.name, place.index), at("slope", operation.name, place.index)] }] };
}

function ofParameter(model, place) {
  const parameter = model.parameter(place.parameter);
  if (place.array === "after") return { rule: "what it was, plus the update", terms: [{ factors: [of(place.parameter, "value", place.index)] }, { factors: [of(place.parameter, "update", place.index)] }] };
  if (place.array !== "grad") return null;
  const operation = model.data.operations.find((o) => o.structure.how === "product" && (o.structure.weights === place.parameter || o.structure.bias === place.parameter));
  if (!operation || !operation.x || !operation.dy || !parameter.plain) return null;
  const inner = operation.x.shape[operation.x.shape.length - 1], outer = operation.y.shape[operation.y.shape.length - 1];
  const count = operation.y.values.length / outer;
  if (operation.structure.bias === place.parameter) {
    return { rule: "db = Σ dy, over the examples", terms: Array.from({ length: count }, (_, n) => ({ factors: [at("dy", operation.name, n * outer + place.index)] })) };
  }
  const k = Math.floor(place.index / outer), j = place.index % outer;
  return {
    rule: "dW = Σ x·dy, over the examples",
    terms: Array.from({ length: count }, (_, n) => ({ factors: [at("x", operation.name, n * inner + k), at("dy", operation.name, n * outer + j)] })),
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
