import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { bundled } from "../support/bundled.ts";
import { uniforms } from "../support/generate.ts";
import { STEPS } from "./tiny-model.ts";

const script = await bundled(
  fileURLToPath(new URL("train-in-child.ts", import.meta.url)),
  fileURLToPath(new URL("..", import.meta.url)),
);

interface Life {
  readonly steps: readonly number[];
  readonly hash: string | undefined;
  readonly errors: string;
  readonly killed: boolean;
}

/** Lives until a number of milliseconds after its first step, or up to a moment of a write that the script knows. */
interface Death {
  readonly after?: number;
  readonly moment?: readonly [moment: "open" | "write" | "sync" | "rename", count: number];
}

/** Runs the training in a process, to its end or its death. */
const live = async (folder: string, { after, moment = [] as never }: Death = {}): Promise<Life> => {
  const child = spawn(process.execPath, [script, folder, ...moment.map(String)]);
  let [output, errors] = ["", ""];
  let timer: NodeJS.Timeout | undefined;
  child.stderr.on("data", (chunk) => (errors += String(chunk)));
  child.stdout.on("data", (chunk) => {
    output += String(chunk);
    if (after !== undefined) timer ??= setTimeout(() => child.kill("SIGKILL"), after);
  });
  await new Promise((done) => child.once("close", done));
  clearTimeout(timer);
  const hash = /^hash (\w+)$/m.exec(output)?.[1];
  return {
    steps: [...output.matchAll(/^step (\d+)$/gm)].map(([, step]) => Number(step)),
    hash,
    errors,
    killed: hash === undefined,
  };
};

let path: string;
beforeAll(async () => {
  path = await mkdtemp(join(tmpdir(), "tessera-kill-"));
});
afterAll(async () => {
  await rm(path, { recursive: true, force: true });
});

it("a training that is killed again and again, while it saves too, ends with the very same weights", async () => {
  const undisturbed = await live(await mkdtemp(join(path, "whole-")));
  expect(undisturbed).toMatchObject({
    errors: "",
    killed: false,
    steps: Array.from({ length: STEPS }, (_, i) => i + 1),
  });

  const uniform = uniforms(17);
  const parts = await mkdtemp(join(path, "parts-"));
  // The first file that is written and renamed is the log, cut back; the others are checkpoints.
  const deaths: Death[] = [
    ...(["rename", "sync", "write", "open"] as const).map((moment) => ({
      moment: [moment, 2 + Math.floor(4 * uniform())] as const,
    })),
    ...Array.from({ length: 4 }, () => ({ after: Math.floor(60 * uniform()) })),
  ];
  let reached = 0;
  for (const death of deaths) {
    const life = await live(parts, death);
    expect(life).toMatchObject({ errors: "", killed: true });
    // It went on at the step after the last checkpoint, which is that of its last step or the one before.
    const [first = reached + 1, last = first] = [life.steps[0], life.steps.at(-1)];
    expect([reached, reached + 1]).toContain(first);
    reached = Math.max(reached, last);
  }
  expect(reached).toBeGreaterThan(4);
  const last = await live(parts);
  expect(last).toMatchObject({ errors: "", hash: undisturbed.hash });
}, 120_000);
