// The address of a view: what stands behind # in the page's own, so that it can be copied and opened again.

export function address() {
  return new URLSearchParams(location.hash.slice(1));
}

// Take in some values, and leave the others; null takes one away.
export function setAddress(values) {
  const given = address();
  for (const [name, value] of Object.entries(values)) {
    if (value === null || value === undefined || value === "") given.delete(name);
    else given.set(name, value);
  }
  history.replaceState(null, "", `#${given}`);
}

// A whole number of the address from 0 to the last one; what is none of these is the default.
export function numberIn(given, name, last, otherwise = 0) {
  const value = given.has(name) ? Number(given.get(name)) : otherwise;
  return Number.isInteger(value) ? Math.min(last, Math.max(0, value)) : otherwise;
}
