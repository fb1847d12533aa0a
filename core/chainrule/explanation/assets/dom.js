// Elements, made in one line.

export function element(tag, attributes = {}, children = [], namespace = null) {
  const made = namespace ? document.createElementNS(namespace, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") made.addEventListener("click", value);
    else if (value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

// What the page's maker typeset: MathML, or escaped text.
export function markup(html, tag = "div", attributes = {}) {
  const made = element(tag, attributes);
  made.innerHTML = html;
  return made;
}

const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

// A text as it stands in HTML.
export function escaped(text) {
  return String(text).replace(/[&<>"]/g, (letter) => ESCAPES[letter]);
}
