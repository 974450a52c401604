import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { lockFolder } from "./folder-lock.ts";
import { readCheckedJson, shapes } from "./read-checked-json.ts";
import { RunState, type OpenOptions, type PhaseSchemas } from "./run-state.ts";

interface Phases {
  first: { n: number };
  second: { text: string };
}

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tessera-state-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const settings = { seed: 1, tokens: 100 };
const { count, object, text } = shapes;
const phases: PhaseSchemas<Phases> = { first: object({ n: count }), second: object({ text }) };
const open = (other: object = {}, options: OpenOptions = {}): Promise<RunState<Phases>> =>
  RunState.open(join(folder, "run"), { ...settings, ...other }, phases, options);

test("a phase that was entered is there when the run is opened again", async () => {
  const run = await open();
  expect(run.isResumed).toBe(false);
  await run.complete("first", { n: 3 });
  const again = await open();
  expect(again.isResumed).toBe(true);
  expect(again.get("first")).toEqual({ n: 3 });
  expect(again.get("second")).toBeUndefined();
  expect(await readdir(join(folder, "run"))).toEqual(["state.json"]);
});

test("other settings are refused with their names, and the run stays", async () => {
  await (await open()).complete("first", { n: 3 });
  await expect(open({ seed: 2 })).rejects.toThrow(
    "expected a run with seed 2, got one with seed 1; start over with --fresh, or name another --out",
  );
  expect((await open()).get("first")).toEqual({ n: 3 });
});

test("fresh starts over, and removes nothing that is not a run", async () => {
  await (await open()).complete("first", { n: 3 });
  expect((await open({ seed: 2 }, { fresh: true })).get("first")).toBeUndefined();
  await writeFile(join(folder, "precious.txt"), "keep me");
  await expect(RunState.open(folder, settings, phases, { fresh: true })).rejects.toThrow(
    "expected a run to start over",
  );
  expect(await readFile(join(folder, "precious.txt"), "utf8")).toBe("keep me");
});

test("a run that must be new is refused where there is one", async () => {
  await open({}, { mustBeNew: true });
  await expect(open({}, { mustBeNew: true })).rejects.toThrow("expected no run, got one; go on with --resume");
});

test("a state that is not one is refused", async () => {
  await open();
  await writeFile(join(folder, "run", "state.json"), '{"version": 1');
  await expect(open()).rejects.toThrow("expected the state of a run, got something else; start over with --fresh");
});

test("a folder has one owner at a time", async () => {
  const release = await lockFolder(folder);
  await expect(lockFolder(folder)).rejects.toThrow("expected a folder that no one writes to, got one in use");
  release();
  await expect(lockFolder(folder)).resolves.toBeTypeOf("function");
});
