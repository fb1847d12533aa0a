// Arrays as the page carries them: base64 of the machine's numbers, with a shape.

const TYPES = { f4: Float32Array, f8: Float64Array, i8: BigInt64Array, u1: Uint8Array };

export function decoded(packed) {
  if (packed === null || packed === undefined) return null;
  const raw = new TYPES[packed.type](bytesOf(packed.data).buffer);
  const values = packed.type === "i8" ? Float64Array.from(raw, Number) : raw;
  return { shape: packed.shape, values };
}

// Newer browsers read base64 themselves, some ten times as fast.
function bytesOf(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const letters = atob(text), bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  return bytes;
}

// A sample is a row: (batch, ...) as (batch, size of a sample).
export function rows(array) {
  const count = array.shape.length ? array.shape[0] : 1;
  return [count, array.values.length / Math.max(count, 1)];
}

// With so many digits that a float32 is told from its neighbours only where it is asked for.
export function shown(value, digits = 4) {
  if (!Number.isFinite(value)) return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return String(value);
  const text = value.toPrecision(digits);
  return text.includes("e") ? text : String(Number(text));
}

export function largest(values) {
  let most = 0;
  for (const value of values) if (Number.isFinite(value) && Math.abs(value) > most) most = Math.abs(value);
  return most || 1;
}

// Blue for what is above 0, orange below: told apart without red and green; the number stands beside it.
export function colour(share, alpha = 0.45) {
  const strength = Math.min(Math.abs(share), 1) * alpha;
  return share >= 0 ? `rgba(38, 110, 190, ${strength})` : `rgba(214, 120, 20, ${strength})`;
}
