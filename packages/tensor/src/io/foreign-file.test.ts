import { expect, it } from "vitest";
import { foreignFile } from "./foreign-file.ts";
import { readSafetensors, writeSafetensors } from "./safetensors.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const binary = (...start: number[]): Uint8Array => new Uint8Array([...start, ...new Array<number>(40).fill(1)]);

it.each([
  ["a pointer of Git LFS", bytes("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n")],
  ["a web page (HTML)", bytes("\n <!DOCTYPE html><html></html>")],
  ["a web page (HTML)", bytes("<html lang=en>")],
  ["an XML document", bytes('<?xml version="1.0"?><Error/>')],
  ["a zip archive, as torch.save writes (pickle inside)", binary(0x50, 0x4b, 3, 4)],
  ["a pickle, as torch.save wrote before 1.6", binary(0x80, 2, 0x8a, 0x0a)],
  ["a gzip archive", binary(0x1f, 0x8b, 8)],
  ["an HDF5 file, as Keras writes", binary(0x89, 0x48, 0x44, 0x46)],
  ["a GGUF file, as llama.cpp reads", binary(0x47, 0x47, 0x55, 0x46)],
  ["a JSON text", bytes('{"error":"Repository not found"}')],
  ['a text, "Not Found"', bytes("Not Found")],
  ["an empty file", new Uint8Array()],
])("%s in place of safetensors is called by its name", (what, file) => {
  expect(() => readSafetensors(file)).toThrow(what);
  expect(() => readSafetensors(file)).toThrow(/^safetensors: expected .*, got .*; /);
});

it("what is right is nothing foreign, whatever its length begins with", () => {
  // Header lengths whose lowest byte is that of {, < and P.
  for (let pad = 0; pad < 40; pad++) {
    const file = writeSafetensors(
      new Map([["n".repeat(pad), { shape: [], dtype: "float32", data: Float32Array.of(pad) }]]),
    );
    expect(readSafetensors(file).tensors.size).toBe(1);
  }
  expect(foreignFile(bytes("PK is how it begins, and BZh"))).toBeNull();
  expect(foreignFile(bytes("a < b"))).toBeNull();
});
