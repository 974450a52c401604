// The arrow between the packages holds only as long as the rule that guards it fires.
import { ESLint } from "eslint";
import tseslint from "typescript-eslint";
import { describe, expect, test } from "vitest";
import { arrow, layerPatterns, mayImport } from "../../scripts/layers.mjs";

/** Messages of the import rule for one line of code in a package. */
const complaints = async (name: string, code: string): Promise<string[]> => {
  const eslint = new ESLint({
    overrideConfigFile: true,
    overrideConfig: {
      files: ["**/*.ts"],
      languageOptions: { parser: tseslint.parser },
      rules: { "no-restricted-imports": ["error", { patterns: layerPatterns(name) }] },
    },
  });
  const results = await eslint.lintText(`${code}\n`, { filePath: "layer.ts" });
  return results.flatMap((result) => result.messages.map((message) => message.message));
};

describe.each(arrow)("a file of @tessera/%s", (name) => {
  const allowed = mayImport(name);
  const forbidden = arrow.filter((other) => other !== name && !allowed.includes(other));

  test(`may import ${allowed.join(", ") || "nothing of ours"}`, async () => {
    for (const other of allowed) expect(await complaints(name, `import "@tessera/${other}";`)).toEqual([]);
  });

  test(`may not import ${forbidden.join(", ") || "itself by name"}, and hears why`, async () => {
    for (const other of forbidden)
      for (const code of [`import "@tessera/${other}";`, `import type { A } from "@tessera/${other}/ops/softmax";`])
        expect((await complaints(name, code)).join()).toMatch(
          `@tessera/${name} may not import @tessera/${other}: the arrow is models -> sparse -> nn -> autograd -> tensor`,
        );
    expect((await complaints(name, `import "@tessera/${name}";`)).join()).toMatch("by its relative path");
  });

  test("may not reach into another package's files", async () => {
    const deep = [
      `import "@tessera/tensor/src/op.ts";`,
      `import "@tessera/nn/dist/index.js";`,
      `import "../../nn/src/init.ts";`,
    ];
    for (const code of deep) expect((await complaints(name, code)).length, code).toBeGreaterThan(0);
  });
});
