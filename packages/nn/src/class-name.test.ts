import { expect, test } from "vitest";
import { classNameOf } from "./class-name.ts";

test("classNameOf is the class's name in its source, though a bundler put an underscore before it", () => {
  class Layer {}
  const bundled = { _Layer: class {} }._Layer;
  expect(classNameOf(new Layer())).toBe("Layer");
  expect(bundled.name).toBe("_Layer");
  expect(classNameOf(new bundled())).toBe("Layer");
});
