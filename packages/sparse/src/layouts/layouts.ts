import { ArgumentError } from "@tessera/tensor";
import { balanced } from "./balanced.ts";
import { banded } from "./banded.ts";
import { best } from "./best.ts";
import { butterfly } from "./butterfly.ts";
import type { LayoutRule } from "./layout-rule.ts";
import { localGlobal } from "./local-global.ts";
import { nOfM } from "./n-of-m.ts";

/**
 * Rules that say which blocks of a layer are stored, by the names that `addPattern` and the command line take. Those that need to be told
 * something (`perHead`, `ownMask`, other groups for `nOfM`) are made with it and passed as values.
 */
export const layouts = { best, balanced, nOfM, banded, butterfly, localGlobal } as const;

export type LayoutName = keyof typeof layouts;

/** A rule by its name, or as it is. @throws ArgumentError with the names that exist, for any other. */
export const layoutRuleOf = (rule: LayoutRule | LayoutName): LayoutRule => {
  if (typeof rule !== "string") return rule;
  if (Object.hasOwn(layouts, rule)) return layouts[rule]();
  const names = Object.keys(layouts).map((name) => `"${name}"`);
  throw new ArgumentError(
    `addPattern: expected the layout ${names.join(" or ")}, got "${String(rule)}"; pass any other as a value`,
  );
};
