import { expect, test } from "vitest";
import { byteToChar, bytesByChar, tokenBytes, writeUtf8 } from "./byte-alphabet.ts";

test("the 256 characters are GPT-2's", () => {
  expect(new Set(byteToChar).size).toBe(256);
  expect([0x00, 0x0a, 0x20, 0x21, 0x7e, 0x7f, 0xa0, 0xa1, 0xad, 0xff].map((byte) => byteToChar[byte])).toEqual([
    ..."ĀĊĠ!~ġł¡Ńÿ",
  ]);
  expect(bytesByChar.map((byte) => byteToChar[byte])).toEqual([...byteToChar].sort());
});

test.each(["", "abc", "é߿", "ࠀ日￿", "😀\u{10ffff}", "\ud800", "a\udc00b", "\ud83d\ud83d\ude00", "\ude00\ud83d"])(
  "UTF-8 of %j is the platform's",
  (text) => {
    const bytes = new Uint8Array(3 * text.length);
    expect(bytes.slice(0, writeUtf8(text, 0, text.length, bytes))).toEqual(new TextEncoder().encode(text));
  },
);

test("a token over the alphabet stands for its bytes, any other for its own UTF-8", () => {
  expect([...tokenBytes("Ġaÿ")]).toEqual([0x20, 0x61, 0xff]);
  expect([...tokenBytes("a é")]).toEqual([0x61, 0x20, 0xc3, 0xa9]);
});
