import { signal } from "@preact/signals";
import type { FileMap } from "../engine/protocol.ts";
import { keptRun } from "./kept-run.ts";
import { pause, runState, train } from "./store.ts";

/** Where this visit takes place: what the browser and its other tabs allow. */
export const place = signal({
  otherTab: false,
  hiddenPause: false,
  threads: globalThis.crossOriginIsolated ? ("many" as const) : "one",
  noEngine: false,
});

const set = (change: Partial<typeof place.value>): void => {
  place.value = { ...place.value, ...change };
};

const LOCK = "tessera-playground";
/** Resolved to give the lock back. */
let release: (() => void) | null = null;

const hold = async (options: LockOptions): Promise<void> => {
  await navigator.locks
    .request(LOCK, options, async (lock) => {
      if (!lock) return set({ otherTab: true });
      set({ otherTab: false });
      await new Promise<void>((done) => (release = done));
    })
    // Another tab took it.
    .catch(async () => {
      set({ otherTab: true });
      await pause();
    });
};

/** One tab trains: the first one, until another takes over. */
export const holdTheOnlyTab = (): void => {
  if ("locks" in navigator) void hold({ ifAvailable: true });
};

/** Trains in this tab; the other one pauses, and says why. */
export const takeOver = async (): Promise<void> => {
  release?.();
  void hold({ steal: true });
};

/** Pauses while nobody looks: a phone's battery and a laptop's fan are not ours to spend. */
export const pauseWhenHidden = (): void => {
  document.addEventListener("visibilitychange", () => {
    if (document.hidden && runState.value === "training") {
      set({ hiddenPause: true });
      void pause();
    } else if (!document.hidden && place.value.hiddenPause) {
      set({ hiddenPause: false });
      if (runState.value === "paused") void train();
    }
  });
};

/** The smallest module with a SIMD instruction: `v128.const` dropped. */
const SIMD = Uint8Array.of(
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 10, 23, 1, 21, 0, 253, 12],
  ...new Array<number>(16).fill(0),
  ...[26, 11],
);

/** Whether this engine can train at all. */
export const checkEngine = (): boolean => {
  const able = typeof WebAssembly === "object" && WebAssembly.validate(SIMD);
  if (!able) set({ noEngine: true });
  return able;
};

const TRIED = "tessera-isolation";

/**
 * Makes the page cross-origin isolated on a host that does not send the headers: a service worker adds them, and the page loads once
 * more. Where that does not work, the page stays as it is: on one thread.
 *
 * @returns whether the page is about to load again
 */
export const isolate = async (): Promise<boolean> => {
  if (globalThis.crossOriginIsolated || !globalThis.isSecureContext || !("serviceWorker" in navigator)) return false;
  try {
    if (sessionStorage.getItem(TRIED)) return false;
    sessionStorage.setItem(TRIED, "1");
    await navigator.serviceWorker.register("./isolate.js");
    await navigator.serviceWorker.ready;
    location.reload();
    return true;
  } catch {
    return false;
  }
};

export const keptFiles = (): Promise<FileMap | null> => keptRun();
