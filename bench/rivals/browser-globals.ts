import { resolveObjectURL } from "node:buffer";
import { Worker as NodeWorker } from "node:worker_threads";

/** Makes a worker of Node's look like a browser's to the script in it. */
const prelude = `
  const { parentPort } = require("node:worker_threads");
  globalThis.self = globalThis;
  globalThis.postMessage = (message) => parentPort.postMessage(message);
  parentPort.on("message", (data) => globalThis.onmessage({ data }));
`;

/** A browser's Worker on Node's threads: as much of it as jax-js uses. */
class BrowserWorker {
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onerror: ((event: { message: string }) => void) | null = null;
  private readonly ready: Promise<NodeWorker>;

  constructor(url: string) {
    const script = resolveObjectURL(url);
    if (!script) throw new Error(`bench: a worker was started from ${url}, which is no blob`);
    this.ready = script.text().then((text) => this.start(text));
  }

  postMessage(message: unknown): void {
    void this.ready.then((worker) => worker.postMessage(message));
  }

  private start(text: string): NodeWorker {
    const worker = new NodeWorker(prelude + text, { eval: true, execArgv: [] });
    worker.on("message", (data: unknown) => this.onmessage?.({ data }));
    worker.on("error", ({ message }) => this.onerror?.({ message }));
    worker.unref();
    return worker;
  }
}

/**
 * What libraries made for browsers look for: `navigator`, and `Worker` when they are to have several threads. Without it jax-js
 * runs on one.
 */
export const provideBrowserGlobals = (threads: number): void => {
  const provide = (name: string, value: unknown): void =>
    void Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  provide("navigator", { userAgent: "node", hardwareConcurrency: threads });
  if (threads > 1) provide("Worker", BrowserWorker);
  // jax-js asks again later, and others put Node's own Worker there: without threads it stays away.
  else Object.defineProperty(globalThis, "Worker", { get: () => undefined, set: () => {}, configurable: true });
};
