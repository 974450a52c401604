// The arrow between the packages holds only as long as the rule that guards it fires.
import { ESLint } from "eslint";
import tseslint from "typescript-eslint";
import { describe, expect, test } from "vitest";
import { appPatterns, apps, arrow, layerPatterns, mayImport, type Pattern } from "../../scripts/layers.mjs";

/** Messages of the import rule with some patterns for one line of code. */
const complaintsBy = async (patterns: Pattern[], code: string): Promise<string[]> => {
  const eslint = new ESLint({
    overrideConfigFile: true,
    overrideConfig: {
      files: ["**/*.ts"],
      languageOptions: { parser: tseslint.parser },
      rules: { "no-restricted-imports": ["error", { patterns }] },
    },
  });
  const results = await eslint.lintText(`${code}\n`, { filePath: "layer.ts" });
  return results.flatMap((result) => result.messages.map((message) => message.message));
};

/** Messages for one line of code in a package. */
const complaints = (name: string, code: string): Promise<string[]> => complaintsBy(layerPatterns(name), code);

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

  test("may not import an application", async () => {
    for (const app of apps)
      for (const code of [`import "@tessera/${app}";`, `import "../../../apps/${app}/src/index.ts";`])
        expect((await complaints(name, code)).join()).toMatch(
          `@tessera/${name} may not import @tessera/${app}: applications import packages, never the other way round`,
        );
  });

  test("may import what others export to everyone, and no more", async () => {
    const open = ["tensor/extend", "tensor/webgpu", "tensor/families", "tensor/error", "tensor/ops/softmax"];
    for (const entry of open.filter(() => allowed.includes("tensor")))
      expect(await complaints(name, `import "@tessera/${entry}";`), entry).toEqual([]);
    for (const other of allowed)
      for (const entry of ["internal/op", "internal/ops/matmul/tile-plans", "extend/more", "ops"])
        expect((await complaints(name, `import "@tessera/${other}/${entry}";`)).join(), entry).toMatch(
          `to everyone: a package of ours needs no more`,
        );
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

describe.each(apps)("a file of the application @tessera/%s", (name) => {
  test("may import every package, but no other application and not itself by name", async () => {
    for (const other of arrow) expect(await complaintsBy(appPatterns(name), `import "@tessera/${other}";`)).toEqual([]);
    for (const app of apps)
      expect((await complaintsBy(appPatterns(name), `import "@tessera/${app}";`)).length, app).toBe(1);
    expect((await complaintsBy(appPatterns(name), `import "../../packages/nn/src/init.ts";`)).length).toBe(1);
    expect((await complaintsBy(appPatterns(name), `import "@tessera/tensor/internal/op";`)).join()).toMatch(
      "@tessera/tensor exports . ./extend ./families ./ops/* ./error ./files ./webgpu ./assembly/* ./package.json to everyone",
    );
  });
});
