import { provideBrowserGlobals } from "./browser-globals.ts";
import { loadJax } from "./jax.ts";
import { loadOnnxRuntime } from "./onnxruntime.ts";
import type { Rival } from "./rival.ts";
import { loadTfjs } from "./tfjs.ts";

/** jax-js comes first: those after it put Node's own Worker in the place of a browser's. */
const loaders = [loadJax, loadTfjs, loadOnnxRuntime];

/** Starts the rivals. One that does not start is left out, with a remark. */
export const loadRivals = async (threads: number, say: (text: string) => void): Promise<Rival[]> => {
  provideBrowserGlobals(threads);
  const rivals: Rival[] = [];
  for (const load of loaders) {
    try {
      rivals.push(await load(threads));
    } catch (error) {
      say(`a rival did not start and is left out: ${(error as Error).message}`);
    }
  }
  return rivals;
};
