import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Terminal } from "./terminal.ts";

/** A stream that is no terminal, and what was written to it. */
const pipe = (): { stream: NodeJS.WriteStream; text: () => string } => {
  let text = "";
  const stream = { isTTY: false, write: (chunk: string) => ((text += chunk), true) } as unknown as NodeJS.WriteStream;
  return { stream, text: () => text };
};

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

test("without a terminal, progress is a plain line now and then", () => {
  const { stream, text } = pipe();
  const bar = new Terminal({}, stream).startProgress("training", 100);
  for (let step = 1; step <= 100; step++) {
    vi.advanceTimersByTime(300);
    bar.update(step, `loss ${step}`);
  }
  bar.stop();
  const lines = text().split("\n").slice(0, -1);
  expect(lines).toHaveLength(10);
  expect(lines[0]).toBe(`  ${"training".padEnd(22)}  10 %  loss 10`);
  expect(lines[9]).toContain("100 %  loss 100");
});

test("what is quickly done has no progress at all", () => {
  const { stream, text } = pipe();
  const bar = new Terminal({}, stream).startProgress("training", 10);
  for (let step = 1; step <= 10; step++) bar.update(step);
  expect(text()).toBe("");
});

test("work that was begun before goes on from there", () => {
  const { stream, text } = pipe();
  const bar = new Terminal({}, stream).startProgress("training", 100);
  vi.advanceTimersByTime(3000);
  bar.update(71);
  expect(text()).toContain(" 71 %");
});

test("quiet leaves the result alone, and json makes it one line", () => {
  const speak = (options: object): string => {
    const { stream, text } = pipe();
    const terminal = new Terminal(options, stream);
    terminal.printLine("narration");
    terminal.startProgress("training", 1).update(1);
    terminal.printResult({ accuracy: 0.5 }, ["accuracy 50 %", "saved"]);
    return text();
  };
  expect(speak({})).toBe("narration\naccuracy 50 %\nsaved\n");
  expect(speak({ quiet: true })).toBe("accuracy 50 %\nsaved\n");
  expect(speak({ json: true })).toBe('{"accuracy":0.5}\n');
});
