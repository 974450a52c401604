import { describe, expect, it } from "vitest";
import { FormatError } from "../error.ts";
import { decodeUtf8, TextEncodingError, Utf8Reader } from "./utf8.ts";

const utf8 = new TextEncoder();
const caught = (run: () => unknown): TextEncodingError => {
  try {
    run();
  } catch (error) {
    if (error instanceof TextEncodingError) return error;
    throw error;
  }
  return expect.fail("no error came");
};

describe("text is UTF-8 or an error", () => {
  it("skips a byte order mark at the beginning, and only there", () => {
    expect(decodeUtf8(utf8.encode("\ufeffa\ufeff \ufffd 🙂"), "x")).toBe("a\ufeff \ufffd 🙂");
    expect(decodeUtf8(new Uint8Array(), "x")).toBe("");
  });

  it("Latin-1 is refused with line and byte offset", () => {
    const error = caught(() => decodeUtf8(new Uint8Array(Buffer.from("one\ncafé au lait\n", "latin1")), "menu.txt"));
    expect(error.message).toBe(
      "menu.txt: expected a text in UTF-8, got 0xe9 where no character has it (line 2, byte 7); is it Latin-1 or Windows-1252? Save the file as UTF-8",
    );
    expect([error.line, error.offset]).toEqual([2, 7]);
  });

  it.each([
    ["UTF-16 (little endian)", new Uint8Array(Buffer.from("\ufeffhi\n", "utf16le"))],
    ["UTF-16 (big endian)", new Uint8Array([0xfe, 0xff, 0, 0x68, 0, 0x69])],
    ["UTF-32 (little endian)", new Uint8Array([0xff, 0xfe, 0, 0, 0x68, 0, 0, 0])],
    ["UTF-32 (big endian)", new Uint8Array([0, 0, 0xfe, 0xff, 0, 0, 0, 0x68])],
    ["UTF-16 (little endian, without its mark)", new Uint8Array(Buffer.from("hello", "utf16le"))],
    ["UTF-16 (big endian, without its mark)", new Uint8Array([0, 0x68, 0, 0x69, 0, 0x0a])],
  ])("%s is called by its name", (name, bytes) => {
    expect(caught(() => decodeUtf8(bytes, "x")).message).toContain(
      `got ${name} (line 1, byte 0); save the file as UTF-8`,
    );
  });

  it("a text that ends inside of a character is cut short", () => {
    expect(caught(() => decodeUtf8(utf8.encode("日本").slice(0, 5), "x")).message).toMatch(
      /ends inside of a character \(line 1, byte 3\); is the file cut short\?/,
    );
  });

  it.each([
    ["an overlong form", [0xc0, 0x80]],
    ["half of a UTF-16 pair", [0xed, 0xa0, 0x80]],
    ["a character beyond Unicode", [0xf4, 0x90, 0x80, 0x80]],
    ["a continuation without a beginning", [0x80]],
    ["a beginning without a continuation", [0xe2, 0x82, 0x41]],
  ])("%s is refused at its place, as the platform's decoder does", (_, wrong) => {
    const bytes = new Uint8Array([...utf8.encode("a\né\n"), ...wrong, 0x41]);
    expect(() => new TextDecoder("utf-8", { fatal: true }).decode(bytes)).toThrow();
    const error = caught(() => decodeUtf8(bytes, "x"));
    expect([error.line, error.offset]).toEqual([3, 5]);
  });

  it("reads the same in chunks of any size, and counts lines and bytes across them", () => {
    const text = `\ufeff${"line é 日 🙂\n".repeat(20)}`;
    const bytes = utf8.encode(text);
    const broken = bytes.slice();
    const place = 3 + 5 * 17 + 5;
    broken[place] = 0xff;
    for (const size of [1, 2, 3, 5, 64, 1000]) {
      const read = (given: Uint8Array): string => {
        const reader = new Utf8Reader("x");
        let out = "";
        for (let at = 0; at < given.length; at += size) out += reader.read(given.subarray(at, at + size));
        return out + reader.end();
      };
      expect(read(bytes)).toBe(text.slice(1));
      const error = caught(() => read(broken));
      expect([error.line, error.offset]).toEqual([6, place]);
    }
  });

  it("archives and pointers of Git LFS are no text", () => {
    const gzip = new Uint8Array([0x1f, 0x8b, 8, 0]);
    expect(() => decodeUtf8(gzip, "x")).toThrow("x: expected a text, got a gzip archive; unpack it first");
    expect(() => decodeUtf8(utf8.encode("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"), "x")).toThrow(
      /^x: expected a text, got a pointer of Git LFS/,
    );
    expect(() => decodeUtf8(gzip, "x")).toThrow(FormatError);
  });
});
