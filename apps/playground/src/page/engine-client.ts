import type { Answer, Engine, Report } from "../engine/protocol.ts";

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

/** The worker as an object: each method is a message, its promise the answer to it. */
export const startEngine = (listen: (report: Report) => void, fail: (message: string) => void): Engine => {
  const worker = new Worker(new URL("../engine/worker.ts", import.meta.url), { type: "module", name: "engine" });
  const waiting = new Map<number, Waiting>();
  let next = 0;
  worker.onmessage = ({ data }: MessageEvent<Answer | Report>) => {
    if ("type" in data) return listen(data);
    const asked = waiting.get(data.id);
    waiting.delete(data.id);
    if ("error" in data) asked?.reject(new Error(data.error));
    else asked?.resolve(data.value as never);
  };
  worker.onerror = ({ message }) => fail(message || "the engine could not be loaded");
  const ask = (name: keyof Engine, args: unknown[]): Promise<never> =>
    new Promise((resolve, reject) => {
      const id = next++;
      waiting.set(id, { resolve, reject });
      worker.postMessage({ id, name, args });
    });
  return new Proxy({} as Engine, {
    get:
      (_, name: keyof Engine) =>
      (...args: unknown[]) =>
        ask(name, args),
  });
};
