/** Up to here V8 copies a slice; a longer one points into its text. */
const COPIED = 12;

/** A part of a text as a string of its own: a slice kept in a table would keep the whole text alive. */
export const ownString = (text: string, start: number, end: number): string => {
  if (end - start <= COPIED) return text.slice(start, end);
  let own = "";
  for (let at = start; at < end; at += 4096) {
    const codes = Array.from({ length: Math.min(4096, end - at) }, (_, i) => text.charCodeAt(at + i));
    own += String.fromCharCode(...codes);
  }
  return own;
};
