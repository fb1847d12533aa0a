// An input as a table of numbers, where there are few; else its examples are all that can be chosen.

import { element } from "dom";

const MOST = 64;

export function numberEditor({ name, input, x, changed }) {
  const count = x.values.length, width = input.shape[input.shape.length - 1] ?? 1;
  const head = element("h3", {}, [name === "the input" ? "The input" : name]);
  if (count > MOST) {
    const told = `${count.toLocaleString("en")} numbers, too many to be changed one by one: choose another example.`;
    return { place: element("div", { class: "editor" }, [head, element("p", { class: "quiet" }, [told])]), taken() {} };
  }
  const fields = Array.from({ length: count }, (_, k) => {
    const limits = input.whole ? { min: input.whole[0], max: input.whole[1], step: 1 } : { step: "any" };
    const field = element("input", { type: "number", "aria-label": `${name}, number ${k}`, ...limits });
    field.addEventListener("input", () => {
      const value = Number(field.value);
      const fits = field.value !== "" && Number.isFinite(value) && (!input.whole || (Number.isInteger(value) && value >= input.whole[0] && value <= input.whole[1]));
      field.setAttribute("aria-invalid", String(!fits));
      if (!fits) return;
      x.values[k] = value;
      changed();
    });
    return field;
  });
  const row = (i) => element("tr", {}, fields.slice(i * width, (i + 1) * width).map((field) => element("td", {}, [field])));
  const body = input.shape.length < 2
    ? element("div", { class: "fields" }, fields)
    : element("div", { class: "scroll" }, [element("table", {}, [element("tbody", {}, Array.from({ length: count / width }, (_, i) => row(i)))])]);
  const range = input.whole ? [element("p", { class: "quiet" }, [`whole numbers from ${input.whole[0]} to ${input.whole[1]}`])] : [];
  const place = element("div", { class: "editor" }, [head, ...range, body]);
  const taken = () => fields.forEach((field, k) => { field.value = input.whole ? x.values[k] : Number(x.values[k].toPrecision(6)); field.removeAttribute("aria-invalid"); });
  return { place, taken };
}
