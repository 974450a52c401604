import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CommandError } from "../terminal/command-error.ts";
import { lockFolder } from "./folder-lock.ts";
import { shapes } from "./read-checked-json.ts";
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
  await expect(open()).rejects.toThrow(
    "state.json: expected the state of a run, got text that is no JSON; start over with --fresh",
  );
});

/** A state as a kill, a bad disk or a curious user leaves it, and what is said of it. */
test.each([
  ["[]", "version: expected a value, got nothing"],
  ['{"version": 2, "settings": {}, "phases": {}}', "version: expected 1, got 2"],
  ['{"version": 1, "settings": null, "phases": {}}', "settings: expected an object, got null"],
  [
    '{"version": 1, "settings": {"seed": [1]}, "phases": {}}',
    "settings.seed: expected a text, a number, true or false, got an array",
  ],
  ['{"version": 1, "settings": {}, "phases": 7}', "phases: expected an object, got 7"],
  ['{"version": 1, "settings": {}, "phases": {"first": null}}', "phases.first: expected an object, got null"],
  ['{"version": 1, "settings": {}, "phases": {"first": {}}}', "phases.first.n: expected a value, got nothing"],
  [
    '{"version": 1, "settings": {}, "phases": {"first": {"n": "Infinity"}}}',
    'phases.first.n: expected a whole number from 0, got "Infinity"',
  ],
  [
    '{"version": 1, "settings": {}, "phases": {"first": {"n": 1.5}}}',
    "phases.first.n: expected a whole number from 0, got 1.5",
  ],
  ['{"version": 1, "settings": {}, "phases": {"second": {"text": 5}}}', "phases.second.text: expected a text, got 5"],
  [
    '{"version": 1, "settings": {}, "inputs": {"--text": "x"}, "phases": {}}',
    'inputs.--text: expected 64 hexadecimal digits, got "x"',
  ],
  [
    `{"version": 1, "settings": ${"[".repeat(20_000)}${"]".repeat(20_000)}, "phases": {}}`,
    "got values nested more than 64 deep",
  ],
])("a state like %.60s is refused by its key", async (text, message) => {
  await open();
  await writeFile(join(folder, "run", "state.json"), text);
  const error = await open().catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(CommandError);
  expect((error as Error).message).toContain(message);
  expect((error as Error).message).toMatch(/^[^\n]*state\.json: [^\n]*; start over with --fresh$/);
  // And the advice works.
  expect((await open({}, { fresh: true })).get("first")).toBeUndefined();
});

test("a run whose text has changed is refused with the option and the file, until the text is back", async () => {
  const path = join(folder, "texts.txt");
  await writeFile(path, "as it was");
  const inputs = { "--text": path };
  await (await open({ text: path }, { inputs })).complete("first", { n: 3 });
  await writeFile(path, "as it is");
  await expect(open({ text: path }, { inputs })).rejects.toThrow(
    /run: expected --text .*texts\.txt as it was when the run began \(SHA-256 [0-9a-f]{8}…\), got other contents \([0-9a-f]{8}…\); restore the file, or start over with --fresh$/,
  );
  await writeFile(path, "as it was");
  expect((await open({ text: path }, { inputs })).get("first")).toEqual({ n: 3 });
  await rm(path);
  await expect(open({ text: path }, { inputs })).rejects.toThrow("expected a file that can be read, got ENOENT");
});

test("a run of an older version, which wrote no hashes, goes on, and has them from then on", async () => {
  const path = join(folder, "texts.txt");
  await writeFile(path, "one");
  await (await open()).complete("first", { n: 3 });
  expect((await open({}, { inputs: { "--text": path } })).get("first")).toEqual({ n: 3 });
  await writeFile(path, "two");
  await expect(open({}, { inputs: { "--text": path } })).rejects.toThrow("got other contents");
});

test("fresh leaves the lock of the folder where it is", async () => {
  await (await open()).complete("first", { n: 3 });
  const lock = await lockFolder(join(folder, "run"));
  await open({}, { fresh: true, lock });
  expect(() => lock.assertOwned()).not.toThrow();
  lock.release();
  expect(await readdir(join(folder, "run"))).toEqual(["state.json"]);
});

test("nothing is recorded once the folder is another's", async () => {
  const lock = await lockFolder(join(folder, "run"));
  const run = await open({}, { lock });
  const claim = (await readdir(join(folder, "run"))).find((file) => file.startsWith(".tessera-lock-"))!;
  await rm(join(folder, "run", claim));
  await expect(run.complete("first", { n: 3 })).rejects.toThrow(
    "expected a folder that this process owns, its lock is gone",
  );
  lock.release();
  expect((await open()).get("first")).toBeUndefined();
});

test("a run of a version without a setting goes on under what that version did, and no other", async () => {
  await (await open()).complete("first", { n: 3 });
  const earlier = { optimizer: "adamw" };
  await expect(open({ optimizer: "muon" }, { earlier })).rejects.toThrow(
    "expected a run with optimizer muon, got one with optimizer adamw; start over with --fresh",
  );
  expect((await open({ optimizer: "adamw" }, { earlier })).get("first")).toEqual({ n: 3 });
});
