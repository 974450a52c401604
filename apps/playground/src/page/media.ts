import { signal, type ReadonlySignal } from "@preact/signals";

const follow = (query: string): ReadonlySignal<boolean> => {
  const list = matchMedia(query);
  const matches = signal(list.matches);
  list.addEventListener("change", () => (matches.value = list.matches));
  return matches;
};

/** What the visitor's system asks for. */
export const darkMode = follow("(prefers-color-scheme: dark)");
export const reducedMotion = follow("(prefers-reduced-motion: reduce)");
