// The view of a training: a scrubber over its frames, what is to be said of it, and how everything moved.

import { numberIn, setAddress } from "address";
import { decoded, shown } from "arrays";
import { curves, histogram } from "charts";
import { element } from "dom";
import { examplesView } from "examples";
import { markBox } from "graph";
import { matrix } from "heat";
import { bounds, drawPlane, drawScatter, key, within } from "plane";

const LINES = 4;
const EACH = 450; // milliseconds that a frame is shown while it plays

export function trainingView(model) {
  const place = document.getElementById("training"), scrubber = document.getElementById("scrubber");
  const told = model.data.training;
  if (!told) {
    place.append(element("h2", {}, ["The training"]), element("p", {}, ["This page shows one step only: no film was kept of the training. To have one: ", element("code", {}, ["chainrule train ... explain=true"]), ", or in Python ", element("code", {}, ["cr.Film"]), " among the callbacks."]));
    return { read() { markBox(document.getElementById("graph"), null); } };
  }
  const get = (number) => (number === null ? null : decoded(model.data.arrays[number]));
  const frames = told.frames, state = { frame: frames.length - 1, weight: null, unit: 0, example: null };

  const range = element("input", { type: "range", id: "frame", min: 0, max: frames.length - 1, value: state.frame });
  // Where motion is not wanted, nothing plays by itself: the button goes on by one frame. The slider says where it is.
  const still = matchMedia("(prefers-reduced-motion: reduce)"), begin = () => (still.matches ? "▶ next" : "▶ play");
  const play = element("button", { id: "play" }, [begin()]), where = element("output", { for: "frame", id: "where", "aria-live": "off" });
  scrubber.append(play, element("label", { for: "frame" }, ["epoch"]), range, where);
  let timer = null;
  const stop = () => { clearInterval(timer); timer = null; play.textContent = begin(); place.removeAttribute("aria-busy"); };
  still.addEventListener("change", stop);
  play.addEventListener("click", () => {
    if (timer) return stop();
    if (still.matches) return go(state.frame === frames.length - 1 ? 0 : state.frame + 1);
    play.textContent = "❚❚ pause";
    place.setAttribute("aria-busy", true);  // what changes is not read out meanwhile
    if (state.frame === frames.length - 1) go(0);
    timer = setInterval(() => (state.frame === frames.length - 1 ? stop() : go(state.frame + 1)), EACH);
  });
  range.addEventListener("input", () => { stop(); go(Number(range.value)); });
  const toEpoch = (epoch) => go(frames.reduce((best, frame, i) => (Math.abs(frame.epoch - epoch) < Math.abs(frames[best].epoch - epoch) ? i : best), 0));

  const beside = element("div", { class: "arrays" });
  const parts = [findings(told, toEpoch), lossView(told, toEpoch, beside)];
  // What found no room in the page is not shown.
  const found = told.examples && { ...told.examples, x: get(told.examples.x), y: get(told.examples.y), prediction: get(told.examples.prediction) };
  const examples = found && found.x && found.y && found.prediction ? found : null;
  const cards = examples && examplesView(examples, (i) => { state.example = state.example === i ? null : i; show(); });
  // How an example is drawn at a frame.
  const marksOf = (frame) => (i) => ({ kind: examples.labels ? examples.y.values[i] : 0, wrong: cards.isWrong(i, frame), large: i === state.example });
  if (told.plane && get(told.plane.share)) parts.push(planeView(told, get, examples, beside, marksOf));
  if (told.hidden && examples && get(told.hidden.points)) parts.push(hiddenView(told, get, examples, beside, marksOf));
  parts.push(unitsView(told, get), weightsView(told, get, state, () => show()));
  if (cards) parts.push(cards);
  place.append(...parts.map((part) => part.place).filter(Boolean));

  const show = () => {
    const frame = frames[state.frame];
    range.value = state.frame;
    where.textContent = `${frame.epoch} of ${told.epochs}, learning rate ${shown(frame.learning_rate)}, loss of ${told.probe} training examples ${shown(frame.loss)}`;
    range.setAttribute("aria-valuetext", `epoch ${where.textContent}`);
    for (const part of parts) part.at(state.frame, state.example);
    setAddress({ f: state.frame, w: state.weight, u: state.weight ? state.unit : null, p: state.example });
  };
  const go = (to) => { state.frame = Math.min(frames.length - 1, Math.max(0, to)); show(); };
  return {
    read(given) {
      state.frame = numberIn(given, "f", frames.length - 1, frames.length - 1);
      state.weight = given.get("w") in told.weights ? given.get("w") : null;
      state.unit = numberIn(given, "u", Infinity);
      state.example = cards && given.has("p") ? numberIn(given, "p", examples.y.values.length - 1) : null;
      markBox(document.getElementById("graph"), null);
      show();
    },
    go(box) {
      state.weight = Object.keys(told.weights).find((name) => name.startsWith(`${box}.`)) ?? state.weight;
      show();
      place.querySelector(`[data-step="${CSS.escape(box)}"]`)?.scrollIntoView({ block: "center" });
      markBox(document.getElementById("graph"), box);
    },
  };

  function numbersAt(series) { return frames.map((frame, i) => [frame.epoch, series[i]]); }

  function unitsView(all) {
    const names = Object.keys(all.units);
    const rows = names.map((name) => element("tr", { "data-step": name }, [element("th", { scope: "row" }, [name]), ...Array.from({ length: 5 }, () => element("td", { class: "plain" }))]));
    const counts = Object.fromEntries(names.map((name) => [name, get(all.units[name].counts)]));
    const axes = Object.fromEntries(names.map((name) => [name, span(all.units[name].edges.flat())]));
    const head = element("tr", {}, ["step", "its outputs", "their size", "gradient coming back", "dead units", "saturated"].map((text) => element("th", { scope: "col" }, [text])));
    const table = element("table", {}, [element("thead", {}, [head]), element("tbody", {}, rows)]);
    return {
      place: element("section", {}, [
        element("h2", {}, ["What each step gives"]),
        element("p", { class: "quiet" }, ["Sizes are root mean squares. The gradient is that of one example's loss with respect to the outputs. A dead unit gives 0 to every example; saturated is the share of outputs at which the slope is under 5 % of the activation's steepest."]),
        element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "what each step gives" }, [table]),
      ]),
      at(i) {
        names.forEach((name, row) => {
          const unit = all.units[name], cells = rows[row].querySelectorAll("td");
          const own = counts[name];
          if (own) cells[0].replaceChildren(histogram(`outputs of ${name}`, own.values.subarray(i * own.shape[1], (i + 1) * own.shape[1]), unit.edges[i], axes[name]));
          cells[1].textContent = shown(unit.output[i]);
          cells[2].textContent = Number.isNaN(unit.gradient[i]) ? "through the loss" : shown(unit.gradient[i]);
          cells[3].textContent = unit.dead ? `${unit.dead[i]} of ${unit.units}` : "";
          cells[4].textContent = unit.flat ? `${(100 * unit.flat[i]).toFixed(0)} %` : "";
        });
      },
    };
  }

  function weightsView(all, take, chosen, changed) {
    const names = Object.keys(all.weights);
    const rows = names.map((name) => {
      const button = element("button", { onclick: () => { chosen.weight = name; chosen.unit = 0; changed(); } }, [name]);
      return element("tr", {}, [element("th", { scope: "row" }, [button]), ...Array.from({ length: 5 }, () => element("td", { class: "plain" }))]);
    });
    const head = element("tr", {}, ["parameter", "numbers", "size", "gradient", "update", "update / size"].map((text) => element("th", { scope: "col" }, [text])));
    const detail = element("div", { class: "arrays", id: "weight" });
    const counts = Object.fromEntries(names.map((name) => [name, get(all.weights[name].counts)]));
    const shares = (weight) => weight.update.map((update, i) => (weight.value[i] ? update / weight.value[i] : NaN));
    return {
      place: element("section", {}, [
        element("h2", {}, ["How the weights move"]),
        element("p", { class: "quiet" }, ["Root mean squares of one number of each parameter, so that a large layer does not look stronger than a small one. While it learns, a healthy training has about 0.001 for update / size; far more is a rate that is too high, far less one that is too low. At the end it may be less: little is left to learn, or the schedule has brought the rate to 0. Choose a parameter to see it."]),
        element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "how the weights move" }, [element("table", {}, [element("thead", {}, [head]), element("tbody", {}, rows)])]),
        detail,
      ]),
      at(i) {
        names.forEach((name, row) => {
          const weight = all.weights[name], cells = rows[row].querySelectorAll("td");
          rows[row].classList.toggle("current", name === chosen.weight);
          [weight.size.toLocaleString("en"), ...[weight.value, weight.gradient, weight.update].map((values) => shown(values[i])), Number.isNaN(shares(weight)[i]) ? "of 0" : shown(shares(weight)[i], 2)].forEach((text, k) => { cells[k].textContent = text; });
        });
        const name = chosen.weight;
        if (!name) return detail.replaceChildren();
        const weight = all.weights[name], own = counts[name], epoch = frames[i].epoch;
        detail.replaceChildren(
          curves(`Gradient and update of ${name}`, [{ name: "gradient", points: numbersAt(weight.gradient) }, { name: "update / size", points: frames.map((frame, k) => [frame.epoch, shares(weight)[k]]) }], { marker: epoch, log: true, go: toEpoch }),
          ...(own ? [element("div", {}, [element("h3", {}, [`Numbers of ${name}`]), histogram(`numbers of ${name}`, own.values.subarray(i * own.shape[1], (i + 1) * own.shape[1]), weight.edges[i], span(weight.edges.flat()), { width: 300, height: 90 })])] : []),
          unitOf(name, take(weight.shown), chosen, epoch, changed),
          ...pictured(take(weight.shown), name, i, weight.size, all.input),
        );
      },
    };
  }

  // One unit of a parameter: the largest numbers that lead into it, as they moved.
  function unitOf(name, array, chosen, epoch, changed) {
    const shape = array.shape.slice(1), units = shape.at(-1) ?? 1, each = shape.reduce((a, b) => a * b, 1);
    const unit = Math.min(chosen.unit, units - 1), count = each / units;
    const at = (frame, k) => array.values[frame * each + k * units + unit];
    const largest = Array.from({ length: count }, (_, k) => k).sort((a, b) => Math.abs(at(frames.length - 1, b)) - Math.abs(at(frames.length - 1, a))).slice(0, LINES);
    const input = element("input", { type: "number", id: "unit", min: 0, max: units - 1, value: unit });
    input.addEventListener("change", () => { chosen.unit = Math.min(units - 1, Math.max(0, Math.round(Number(input.value)) || 0)); changed(); document.getElementById("unit").focus(); });
    const title = count > LINES ? `The ${LINES} largest of ${count.toLocaleString("en")} numbers of unit ${unit}` : `The numbers of unit ${unit}`;
    return element("div", {}, [
      element("p", {}, [element("label", { for: "unit" }, ["unit "]), input, ` of ${units.toLocaleString("en")} that are kept`]),
      curves(title, largest.map((k) => ({ name: count > 1 ? `from ${k}` : name, points: frames.map((frame, i) => [frame.epoch, at(i, k)]) })), { marker: epoch, go: toEpoch }),
    ]);
  }
}

// The numbers of a parameter at a frame: those that lead from an image into a unit as a picture each.
function pictured(array, name, frame, size, input) {
  if (!array) return [];
  const shape = array.shape.slice(1), each = shape.reduce((a, b) => a * b, 1);
  const values = array.values.subarray(frame * each, (frame + 1) * each);
  const title = each < size ? `${name}, its first ${each.toLocaleString("en")} numbers of ${size.toLocaleString("en")}` : name;
  const units = shape[shape.length - 1];
  if (input?.length >= 2 && shape.length === 2 && shape[0] === input[0] * input[1]) {
    return Array.from({ length: Math.min(units, 12) }, (_, unit) => {
      const own = Float32Array.from({ length: shape[0] }, (_, k) => values[k * units + unit]);
      return matrix({ shape: input, values: own }, { title: `into unit ${unit}`, height: input[0], width: input[1], small: 0, most: 112 });
    });
  }
  return [matrix({ shape, values }, { title, height: each / units, width: units })];
}

// From the least to the largest.
function span(values) {
  return [Math.min(...values), Math.max(...values)];
}

function findings(told, toEpoch) {
  const items = told.findings.map((finding) => element("li", {}, [
    element("p", {}, [element("strong", {}, [finding.what])]),
    element("p", {}, [finding.figure, " ", ...(finding.epoch === null ? [] : [element("button", { onclick: () => toEpoch(finding.epoch) }, [`see epoch ${finding.epoch}`])])]),
    element("p", { class: "quiet" }, [`It is told where there is ${finding.threshold}. Source: ${finding.source}.`]),
    element("p", {}, finding.tries.join(" ")),
    ...(finding.command ? [element("p", {}, ["Try: ", element("code", { class: "command" }, [finding.command])])] : []),
  ]));
  const none = "Nothing stands out: no units that died or saturated beyond measure, no gradients that vanish or explode, no learning rate that is far off, and no sign that it learned by heart or too little.";
  return { place: element("section", { id: "findings" }, [element("h2", {}, ["What is to be said of this training"]), ...(told.error ? [element("p", {}, [`It was ended by: ${told.error}`])] : []), items.length ? element("ol", {}, items) : element("p", {}, [none])]), at() {} };
}

function lossView(told, toEpoch, beside) {
  const series = ["train/loss", "validation/loss"].filter((name) => told.curves[name]).map((name) => ({ name, points: told.curves[name] }));
  const others = Object.keys(told.curves).filter((name) => /^(train|validation)\//.test(name) && !name.endsWith("/loss"));
  const groups = [...new Set(others.map((name) => name.split("/").slice(1).join("/")))];
  const loss = element("div"), place = element("div", { class: "arrays" });
  beside.append(loss);
  return {
    place: element("section", {}, [element("h2", {}, ["How it went"]), beside, place]),
    at(i) {
      const marker = told.frames[i].epoch || null;
      const positive = series.every((one) => one.points.every(([, y]) => !(y <= 0)));
      loss.replaceChildren(curves("Loss", series, { marker, log: positive, go: toEpoch }));
      place.replaceChildren(...groups.map((group) => curves(group, others.filter((name) => name.endsWith(`/${group}`)).map((name) => ({ name, points: told.curves[name] })), { marker, go: toEpoch })));
    },
  };
}

function planeView(told, get, examples, beside, marksOf) {
  const share = get(told.plane.share), kind = told.plane.class === undefined ? null : get(told.plane.class);
  const canvas = element("canvas", { role: "img" });
  const [low, high] = told.plane.range, classes = examples?.classes ?? [];
  const ofClasses = kind || examples?.labels;
  const note = ofClasses ? "A colour, and its shape, stand for the class that is the likeliest there, the stronger the surer." : `Blue where it says more than ${shown((low + high) / 2, 3)}, orange where less.`;
  const marks = examples?.labels ? "Points are examples; a black edge marks one that is wrong, a white one that is right." : "Points are examples.";
  beside.append(element("div", { class: "drawing" }, [element("h3", {}, ["What it says everywhere"]), canvas, element("p", { class: "quiet" }, [`${note} ${marks}`]), key(classes)]));
  const each = share.shape.slice(1).reduce((a, b) => a * b, 1);
  return {
    at(i) {
      const of = marksOf(i), count = examples ? examples.y.values.length : 0;
      const points = Array.from({ length: count }, (_, k) => ({ at: [examples.x.values[2 * k], examples.x.values[2 * k + 1]], ...of(k) }));
      drawPlane(canvas, told.plane.corners, { share: share.values.subarray(i * each, (i + 1) * each), kind: kind?.values.subarray(i * each, (i + 1) * each), ofClasses }, points);
      canvas.setAttribute("aria-label", `what the network says in the plane ${within(told.plane.corners)}, with ${count} examples, ${points.filter((point) => point.wrong).length} of them wrong`);
    },
  };
}

function hiddenView(told, get, examples, beside, marksOf) {
  const points = get(told.hidden.points), canvas = element("canvas", { role: "img" });
  const note = element("p", { class: "quiet" });
  beside.append(element("div", { class: "drawing" }, [element("h3", {}, ["What the last hidden step makes of the examples"]), canvas, note, ...(told.plane ? [] : [key(examples.classes)])]));
  const count = points.shape[1];
  return {
    at(i) {
      const own = points.values.subarray(i * 2 * count, (i + 1) * 2 * count), of = marksOf(i);
      const corners = [bounds(own.filter((_, k) => k % 2 === 0)), bounds(own.filter((_, k) => k % 2 === 1))];
      drawScatter(canvas, corners, Array.from({ length: count }, (_, k) => ({ at: [own[2 * k], own[2 * k + 1]], ...of(k) })));
      const share = told.hidden.share[i];
      note.textContent = Number.isNaN(share) ? "It gives the same for every example: there is nothing to tell them apart by." : `Its first two principal components, which hold ${(100 * share).toFixed(0)} % of the variance; ${within(corners)}. From epoch to epoch they are turned so that points move as little as can be.`;
      canvas.setAttribute("aria-label", `the last hidden step in two dimensions, ${count} examples`);
    },
  };
}
