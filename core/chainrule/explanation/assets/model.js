// The data of the page: arrays decoded when they are first asked for, and what stands before and after a step.

import { decoded } from "arrays";

const ARRAYS = ["x", "y", "dy", "dx"];
const OF_PARAMETERS = ["value", "grad", "update", "after"];

function lazily(owner, name, number, array) {
  Object.defineProperty(owner, name, { get: () => array(number) });
}

export function modelOf(data) {
  const arrays = data.arrays.map(() => null);
  const array = (number) => (number === null || number === undefined ? null : (arrays[number] ??= decoded(data.arrays[number])));
  for (const operation of data.operations) {
    for (const name of ARRAYS) lazily(operation, name, operation[name], array);
    for (const [name, slopes] of Object.entries(operation.structure.by_parameter)) lazily(operation, `slopes of ${name}`, slopes, array);
    for (const name of ["slope", "slopes"]) lazily(operation, name, operation.structure[name], array);
  }
  for (const parameter of Object.values(data.parameters)) {
    for (const name of OF_PARAMETERS) lazily(parameter, name, parameter[name], array);
    for (const slot of Object.values(parameter.slots)) for (const when of ["before", "after"]) lazily(slot, when, slot[when], array);
  }
  lazily(data.batch, "target", data.batch.target, array);
  // Those that are not looked at yet are decoded while nothing else is to be done, so that a step does not wait for it.
  let next = 0;
  const ahead = (deadline) => {
    while (next < arrays.length && deadline.timeRemaining() > 4) array(next++);
    if (next < arrays.length) requestIdleCallback(ahead);
  };
  globalThis.requestIdleCallback?.(ahead);
  const outer = data.operations.filter((operation) => !operation.inside);
  const beside = (operation, by) => {
    const among = operation.inside ? data.operations.filter((o) => o.inside === operation.inside) : outer;
    return among[among.indexOf(operation) + by] ?? null;
  };
  return {
    data,
    array,
    operation: (name) => data.operations.find((operation) => operation.name === name),
    parameter: (name) => data.parameters[name],
    before: (operation) => linked(beside(operation, -1), operation, "y", "x"),
    after: (operation) => linked(beside(operation, 1), operation, "dx", "dy"),
    valueAt: (place) => arrayOf(data, place)?.values[place.index],
    arrayAt: (place) => arrayOf(data, place),
  };
}

// Only a neighbour whose numbers are these: within branches the one beside is not the one before.
function linked(other, operation, theirs, own) {
  if (!other?.[theirs] || !operation[own] || other[theirs].values.length !== operation[own].values.length) return null;
  if (other[theirs] === operation[own]) return other; // the page carries it once
  return other[theirs].values.every((value, i) => Object.is(value, operation[own].values[i])) ? other : null;
}

function arrayOf(data, place) {
  if (place.parameter) {
    const [name, when] = place.array.split(":");
    const parameter = data.parameters[place.parameter];
    return when ? parameter.slots[name][when] : parameter[name];
  }
  return data.operations.find((operation) => operation.name === place.operation)[place.array];
}

// What the slider goes through: forward, the loss, back, each parameter's update, the loss again.
export function momentsOf(data) {
  const forward = data.operations.map((operation) => ({ phase: "forward", operation, box: operation.name }));
  const back = [...data.operations].reverse().map((operation) => ({ phase: "backward", operation, box: operation.name }));
  const updates = Object.keys(data.parameters).map((parameter) => ({ phase: "update", parameter, box: data.parameters[parameter].box }));
  return [...forward, { phase: "loss", box: "loss" }, ...back, ...updates, ...(data.optimizer ? [{ phase: "after", box: "loss" }] : [])];
}
