import { createInterface } from "node:readline";

/** A lock of this version, or of one before it. */
export type Lock = (() => void) | { release(): void };
export type LockFolder = (folder: string, self?: { place: string; pid: number; start: string }) => Promise<Lock>;

/** What a contender is told, one JSON a line. */
export interface Order {
  folder: string;
  /** When to take the lock, in milliseconds since 1970: those of a pair get the same. */
  at: number;
  /** Whether it says that it is another machine's. */
  elsewhere?: boolean;
  /** So long its main thread stands still once it has the lock. */
  blocks?: number;
}

/**
 * One process of a lock trial. It says `ready`, takes the lock at the moment that it is told, says `won` or `refused`, and holds the
 * lock until it is told anything more.
 */
export const contend = async (lockFolder: LockFolder): Promise<void> => {
  const say = (text: string): void => void process.stdout.write(`${text}\n`);
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  say("ready");
  const { folder, at, elsewhere = false, blocks = 0 } = JSON.parse((await lines.next()).value as string) as Order;
  while (Date.now() < at);
  try {
    const lock = await (elsewhere
      ? lockFolder(folder, { place: "e15e00000000", pid: process.pid, start: "1" })
      : lockFolder(folder));
    say("won");
    if (blocks > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, blocks);
    await lines.next();
    if (typeof lock === "function") lock();
    else lock.release();
  } catch (error) {
    say(/got one in use/.test(String(error)) ? "refused" : `failed: ${String(error)}`);
  }
  process.exit(0);
};
