// A vitest setup file, for files that share a process. The GPU is opened with the toggles of the tests, before a file opens it without. Tensors that
// a file has left to the garbage collector are collected after it, not in the middle of another's test, which counts tensors.
import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll } from "vitest";
import "./devices.ts";
import { counts } from "./leaks.ts";

/** Collections after which what is still alive is held by something. */
const ROUNDS = 3;

const before = JSON.stringify(counts());
afterAll(async () => {
  if (JSON.stringify(counts()) === before) return;
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  for (let round = 0; round < ROUNDS; round++) {
    collect();
    // Finalizers run in a task of their own.
    await setImmediate();
  }
});
