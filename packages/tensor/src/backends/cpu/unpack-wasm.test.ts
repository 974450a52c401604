import { describe, expect, it } from "vitest";
import { difference } from "../../../bin/difference.mjs";
import { pack } from "../../../bin/packed-text.mjs";
import { wasm } from "../../generated/kernels.ts";
import { applyDifference, unpack } from "./unpack-wasm.ts";
import { fusesMultiplyAdd } from "./wasm-build.ts";

/** Bytes that repeat, as code does. */
const bytesOf = (length: number, seed: number): Uint8Array => {
  let state = seed;
  const next = (n: number): number => (state = (state * 48271) % 2147483647) % n;
  const words = Array.from({ length: 20 }, () => Array.from({ length: 1 + next(12) }, () => next(256)));
  const bytes: number[] = [];
  while (bytes.length < length) bytes.push(...words[next(20)]!);
  return Uint8Array.from(bytes.slice(0, length));
};

describe("packed text", () => {
  it("gives the bytes back", () => {
    for (const bytes of [
      new Uint8Array(0),
      Uint8Array.from({ length: 256 }, (_, i) => i),
      Uint8Array.from({ length: 256 }, (_, i) => 255 - i),
      bytesOf(5000, 7),
    ])
      expect(unpack(pack(bytes))).toEqual(bytes);
  });

  it("is fit for every kind of literal, and for a page", () => {
    const text = pack(Uint8Array.from({ length: 65536 }, (_, i) => (i & 1 ? i >> 8 : i) & 255));
    expect(text).toMatch(/^[ -~]*$/);
    expect(text).not.toMatch(/["'`\\$<]/);
  });
});

describe("a difference", () => {
  it("makes one list of bytes from another", () => {
    const from = bytesOf(4000, 3);
    const replaced = from.map((byte, i) => (i % 97 === 0 ? byte ^ 255 : byte));
    for (const to of [
      from,
      new Uint8Array(0),
      bytesOf(3000, 5),
      replaced,
      from.slice(1000),
      Uint8Array.of(...from.slice(2000), ...from.slice(0, 2500)),
      Uint8Array.of(1, 2, 3, ...from, 4, 5),
    ])
      expect(applyDifference(from, difference(from, to))).toEqual(to);
    expect(applyDifference(new Uint8Array(0), difference(new Uint8Array(0), from))).toEqual(from);
  });

  it("is small where little differs", () => {
    const from = bytesOf(4000, 3);
    const to = from.map((byte, i) => (i === 2000 ? byte ^ 255 : byte));
    expect(difference(from, to).length).toBeLessThan(12);
  });
});

describe("the builds of a module", () => {
  it("are three valid modules with the same exports", () => {
    const exportsOf = (build: "base" | "relaxed" | "wide"): string[] =>
      WebAssembly.Module.exports(new WebAssembly.Module(wasm.bytes(build))).map(({ name }) => name);
    // Asking lets Node 20 compile the others.
    expect(fusesMultiplyAdd()).toBe(true);
    expect(exportsOf("base")).toContain("pool_start");
    for (const build of ["relaxed", "wide"] as const) expect(exportsOf(build)).toEqual(exportsOf("base"));
  });
});
