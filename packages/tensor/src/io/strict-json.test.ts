import { describe, expect, it } from "vitest";
import { checkDepth, parseStrictJson, showJson } from "./strict-json.ts";

describe("JSON of others", () => {
  it("is read as JSON.parse reads it", () => {
    for (const text of ['{"a":[1,{"b":"x,\\"}{"}],"c":{"a":null}}', "[]", '"x"', " 3 ", '{"a\\"b":1,"a\\\\":2,"":3}'])
      expect(parseStrictJson(text)).toEqual(JSON.parse(text));
  });

  it("a key that stands twice in one object is refused, however it is written", () => {
    expect(() => parseStrictJson('{\n"a": 1,\n"b": {"a": 2},\n"a": 3}')).toThrow(
      'the key "a" stands twice in one object, again at line 4',
    );
    expect(() => parseStrictJson('[{"x":{"\\u0061":1,"a":2}}]')).toThrow(/the key "a" stands twice/);
    expect(parseStrictJson('[{"a":1},{"a":"a"},{"b":["a","a"]}]')).toHaveLength(3);
  });

  it("names that every object has are keys like any others", () => {
    const read = parseStrictJson('{"__proto__":1,"constructor":2,"toString":3}') as object;
    expect(Object.entries(read)).toEqual([
      ["__proto__", 1],
      ["constructor", 2],
      ["toString", 3],
    ]);
    expect(() => parseStrictJson('{"__proto__":1,"__proto__":2}')).toThrow(/"__proto__" stands twice/);
  });

  it("values that lie 20,000 deep are refused, not run into the end of the stack", () => {
    const deep = `${"[".repeat(20_000)}${"]".repeat(20_000)}`;
    expect(() => parseStrictJson(deep)).toThrow("values lie deeper in one another than 100 levels");
    expect(() => checkDepth(JSON.parse(deep))).toThrow("values lie deeper in one another than 100 levels");
    const round: { self?: unknown } = {};
    round.self = round;
    expect(() => checkDepth(round)).toThrow(SyntaxError);
    expect(showJson(JSON.parse(deep)).length).toBeLessThanOrEqual(80);
  });

  it("is shown in errors as it is written, cut off", () => {
    for (const value of [null, 1, "a\nb", [1, "x"], { a: [true], b: {} }])
      expect(showJson(value)).toBe(JSON.stringify(value));
    expect(showJson("x".repeat(1e6))).toHaveLength(80);
    expect(showJson(Array.from({ length: 1e6 }, () => 0))).toMatch(/^\[0,0.*…$/);
  });
});
