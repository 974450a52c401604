import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FileStoreError, makeFolder, MemoryFolder, openFolder, type FileStore } from "@tessera/models";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const files = (all: Record<string, string>): Map<string, Uint8Array> =>
  new Map(Object.entries(all).map(([name, text]) => [name, bytes(text)]));
const textOf = async (folder: FileStore, name: string): Promise<string> =>
  new TextDecoder().decode(await folder.read(name));

let path: string;
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), "tessera-folder-"));
});
afterEach(async () => {
  await rm(path, { recursive: true, force: true });
});

const kinds: [string, () => Promise<FileStore>][] = [
  ["on a disk", () => openFolder(join(path, "deep", "down"))],
  ["in memory", async () => new MemoryFolder("mem")],
];

describe.each(kinds)("a folder %s", (_, open) => {
  it("is empty before anything is written", async () => {
    const folder = await open();
    expect(await folder.list()).toEqual([]);
    expect(await folder.exists("a")).toBe(false);
    await expect(folder.read("a")).rejects.toThrow(/a: expected a file/);
    await expect(folder.read("a")).rejects.toThrow(FileStoreError);
  });

  it("reads what was written, and replaces it", async () => {
    const folder = await open();
    await folder.write(files({ b: "1", a: "22" }));
    await folder.write(files({ a: "3", c: "" }));
    expect(await folder.list()).toEqual(["a", "b", "c"]);
    expect(await Promise.all(["a", "b", "c"].map((name) => textOf(folder, name)))).toEqual(["3", "1", ""]);
    expect(await folder.exists("c")).toBe(true);
  });

  it("appends, to a file that is not there too", async () => {
    const folder = await open();
    await folder.append("log", bytes("one\n"));
    await folder.append("log", bytes("two\n"));
    expect(await textOf(folder, "log")).toBe("one\ntwo\n");
  });
});

it("a folder in memory gives copies", async () => {
  const folder = new MemoryFolder("mem", { a: bytes("old") });
  (await folder.read("a"))[0] = 0;
  expect(await textOf(folder, "a")).toBe("old");
});

describe("a folder on a disk", () => {
  it("does not show half-written files, and removes them at the next write", async () => {
    const folder = await openFolder(path);
    await folder.write(files({ "model.bin": "old" }));
    // What a process leaves behind that was killed while it wrote.
    await writeFile(join(path, ".tessera-model.bin-1.tmp"), "ne");
    expect(await folder.list()).toEqual(["model.bin"]);
    expect(await textOf(folder, "model.bin")).toBe("old");
    await folder.write(files({ other: "x" }));
    expect(await readdir(path)).toEqual(["model.bin", "other"]);
  });

  it("finishes a write of several files that had been decided when its process died", async () => {
    const folder = await openFolder(path);
    await folder.write(files({ config: "old", weights: "old" }));
    const moves = [
      { from: ".tessera-config-1.tmp", to: "config" },
      { from: ".tessera-weights-1.tmp", to: "weights" },
    ];
    for (const { from } of moves) await writeFile(join(path, from), "new");
    await writeFile(join(path, ".tessera-commit.json"), JSON.stringify(moves));
    // The first rename had been done.
    await rename(join(path, moves[0]!.from), join(path, "config"));
    // Several readers come at once, and each finds the journal.
    const again = await openFolder(path);
    const texts = [
      textOf(folder, "weights"),
      textOf(again, "config"),
      textOf(folder, "config"),
      textOf(again, "weights"),
    ];
    expect(await Promise.all(texts)).toEqual(["new", "new", "new", "new"]);
    expect(await readdir(path)).toEqual(["config", "weights"]);
  });

  it("undoes a write of several files that had not been decided", async () => {
    const folder = await openFolder(path);
    await folder.write(files({ config: "old", weights: "old" }));
    await writeFile(join(path, ".tessera-config-1.tmp"), "new");
    expect(await textOf(folder, "config")).toBe("old");
    expect(await textOf(folder, "weights")).toBe("old");
  });

  it("keeps all old files when one of the new ones cannot be written", async () => {
    const folder = await openFolder(path);
    await folder.write(files({ config: "old" }));
    const tooLong = "n".repeat(300);
    await expect(folder.write(files({ config: "new", [tooLong]: "x" }))).rejects.toThrow(
      /expected to write config, n{300} \(4 bytes\), got ENAMETOOLONG; the files that were there are unchanged/,
    );
    expect(await readdir(path)).toEqual(["config"]);
    expect(await readFile(join(path, "config"), "utf8")).toBe("old");
  });

  it.runIf(process.platform === "linux")("ends below /proc, where Node's recursive mkdir never does", async () => {
    const folder = await openFolder("/proc/none/deep");
    const said = /expected to write a \(1 bytes\), got ENOENT/;
    await expect(folder.write(files({ a: "1" }))).rejects.toThrow(said);
    await expect(folder.append("a", bytes("1"))).rejects.toThrow(/expected to add 1 bytes, got ENOENT/);
    await expect(makeFolder("/proc/none")).rejects.toThrow(
      "/proc/none: expected a folder that can be made, got ENOENT",
    );
  });

  it("says whether it was made, also by several at once", async () => {
    const deep = join(path, "a", "b", "c");
    expect((await Promise.all([1, 2, 3].map(() => makeFolder(deep)))).filter(Boolean)).toHaveLength(1);
    expect(await makeFolder(deep)).toBe(false);
    await writeFile(join(path, "file"), "");
    await expect(makeFolder(join(path, "file", "in"))).rejects.toThrow(FileStoreError);
  });

  it("says so when a path is no folder", async () => {
    await writeFile(join(path, "file"), "");
    const folder = await openFolder(join(path, "file"));
    await expect(folder.write(files({ a: "1" }))).rejects.toThrow(
      /expected to write a \(1 bytes\), got (EEXIST|ENOTDIR)/,
    );
    await expect(folder.append("a", bytes("1"))).rejects.toThrow(FileStoreError);
  });

  it("keeps the old file when the new one cannot take its place", async () => {
    const folder = await openFolder(path);
    await mkdir(join(path, "taken", "inside"), { recursive: true });
    await expect(folder.write(files({ taken: "1" }))).rejects.toThrow(
      /expected to put taken in place, got \w+; the file that was there is unchanged/,
    );
    expect(await readdir(join(path, "taken"))).toEqual(["inside"]);
  });
});
