import js from "@eslint/js";
import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";
import { appPatterns, apps, arrow, deepPatterns, layerPatterns } from "./scripts/layers.mjs";

/** The rule about imports. ESLint takes the last one that matches a file, so each says all that holds there. */
const imports = (patterns) => ({ "@typescript-eslint/no-restricted-imports": ["error", { patterns }] });

const noNode = {
  regex: "^node:",
  allowTypeImports: true,
  message:
    'a library file that imports node: does not load in a browser; write `await import("node:…")` where it is used, ' +
    "or put the code into a *.node.ts file that is itself imported that way",
};

/** Programs are started by their path and arguments, and what one system alone has is not called: everything here runs on Windows too. */
const everySystem = [
  {
    selector: 'ImportDeclaration[source.value="node:child_process"] ImportSpecifier[imported.name=/^exec(Sync)?$/]',
    message: "exec runs a shell; use execFile or spawn, with arguments in an array",
  },
  {
    selector: 'Property[key.name="shell"]',
    message: "a shell differs from system to system; start the program itself, npm by its own npm-cli.js",
  },
  {
    selector:
      'MemberExpression[object.name="process"][property.name=/^(get|set)e?[ug]id$|^(set|get|init)groups$|^umask$/]',
    message: "POSIX alone has it",
  },
];

export default defineConfig(
  globalIgnores([
    "**/dist/",
    "**/.bundled-*/",
    "**/build/",
    "**/coverage/",
    "**/runs/",
    "**/generated/",
    "**/.turbo/",
    "**/.vitepress/cache/",
    "goldens/",
    "**/*.as.ts",
  ]),
  js.configs.recommended,
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  {
    files: ["**/*.{ts,tsx}"],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { project: "./tsconfig.json", tsconfigRootDir: import.meta.dirname } },
    rules: {
      // An import that only types need vanishes from the output, and says so.
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "separate-type-imports" }],
      "@typescript-eslint/no-import-type-side-effects": "error",
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": "error",
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      // Numbers in messages are what our errors are made of.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      // An async function without await turns a throw into a rejection, which is what its caller expects.
      "@typescript-eslint/require-await": "off",
      // `interface Tensor extends Methods {}` beside `class Tensor` is how the fluent methods are typed.
      "@typescript-eslint/no-unsafe-declaration-merging": "off",
      "@typescript-eslint/no-empty-object-type": ["error", { allowInterfaces: "with-single-extends" }],
      eqeqeq: ["error", "always"],
      // A call with more positional arguments cannot be read without its declaration: name them, in an object.
      "max-params": ["error", 5],
      "no-restricted-syntax": [
        "error",
        ...everySystem,
        { selector: "ExportDefaultDeclaration", message: "export by name: one main export, named like the file" },
        { selector: "TSEnumDeclaration", message: "use a union of string literals: it erases, and prints as itself" },
      ],
      ...imports(deepPatterns),
    },
  },
  arrow.map((name) => ({
    files: [`packages/${name}/src/**/*.ts`],
    rules: { "no-console": "error", ...imports([...layerPatterns(name), noNode]) },
  })),
  arrow.map((name) => ({
    files: [`packages/${name}/src/**/*.{test,node}.ts`],
    rules: imports(layerPatterns(name)),
  })),
  // The command line prints through its Terminal alone; examples print.
  apps.map((name) => ({
    files: [`apps/${name}/src/**/*.{ts,tsx}`],
    rules: { ...(name === "examples" ? {} : { "no-console": "error" }), ...imports(appPatterns(name)) },
  })),
  {
    files: ["apps/playground/public/*.js"],
    languageOptions: {
      globals: Object.fromEntries(["self", "URL", "fetch", "Headers", "Response"].map((name) => [name, "readonly"])),
    },
  },
  // Tools read configurations by their default export.
  { files: ["**/*.config.ts"], rules: { "no-restricted-syntax": ["error", ...everySystem] } },
  {
    files: ["**/*.mjs"],
    rules: { "no-restricted-syntax": ["error", ...everySystem] },
    languageOptions: {
      globals: Object.fromEntries(
        ["process", "console", "URL", "Buffer", "performance", "setTimeout", "WebAssembly"].map((name) => [
          name,
          "readonly",
        ]),
      ),
    },
  },
);
