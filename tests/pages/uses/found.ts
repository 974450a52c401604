declare global {
  /** What the page found when it used the package. */
  var found: Promise<unknown>;
}

/** Starts what a page does; the test waits for it. An error is told by its name and message. */
export const find = (use: () => Promise<unknown>): void => {
  globalThis.found = use().catch((error: unknown) => String(error));
};
