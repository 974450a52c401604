import { Worker } from "node:worker_threads";

/** Between two beats. */
export const BEAT_MILLISECONDS = 1000;

/** CommonJS as text: it runs from the sources and from the bundle alike, and without the loaders of the process. */
const code = `
const { utimesSync } = require("node:fs");
const { workerData } = require("node:worker_threads");
const lost = new Int32Array(workerData.lost);
setInterval(() => {
  const now = new Date();
  try {
    utimesSync(workerData.path, now, now);
  } catch (error) {
    if (error.code === "ENOENT") Atomics.store(lost, 0, 1);
  }
}, workerData.milliseconds);
`;

export interface Heartbeat {
  /** Whether the file was seen to be gone. */
  readonly isLost: boolean;
  stop(): void;
}

/** Touches a file every second, in a thread of its own: a long step of the main thread does not stop it. It keeps no process alive. */
export const startHeartbeat = (path: string): Heartbeat => {
  const lost = new Int32Array(new SharedArrayBuffer(4));
  const workerData = { path, milliseconds: BEAT_MILLISECONDS, lost: lost.buffer };
  const worker = new Worker(code, { eval: true, execArgv: [], env: {}, workerData });
  worker.unref();
  return {
    get isLost() {
      return Atomics.load(lost, 0) === 1;
    },
    stop: () => void worker.terminate(),
  };
};
