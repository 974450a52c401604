import { expect, test } from "vitest";
import { hashRecipe } from "./recipes.ts";

test("AdamW's recipe is that of versions without Muon, whose runs go on", () => {
  expect(hashRecipe("adamw")).toBe("eb0e17df");
  expect(hashRecipe("muon")).not.toBe(hashRecipe("adamw"));
});
