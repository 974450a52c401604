import { KernelBuildError } from "./kernel-build-error.mjs";

/**
 * The text of generated/kernels.ts: the shared constants, the modules, and a builder for each kernel.
 *
 * @param modules of each build its name, `variant`, `what` its text is, and the `text`
 */
export const generateKernels = ({ name, slot, exports: { kernels, constants }, modules }) => {
  // Tensor is no dependency of itself.
  const imports =
    name === "@tessera/tensor"
      ? `import { wasmKernel } from "../backends/cpu/wasm-kernel.ts";\nimport { wasmModule } from "../backends/cpu/wasm-module.ts";`
      : `import { wasmKernel, wasmModule } from "@tessera/tensor/extend";`;
  const builds = `{ ${modules.map(({ variant }) => `${variant.replace(/Wasm$/, "")}: ${variant}`).join(", ")} }`;
  const options = `{ name: ${JSON.stringify(name)}${slot === null ? "" : `, slot: ${slot}`} }`;
  return [
    `${imports}\n`,
    ...constants.map(constantText),
    ...modules.map(moduleText),
    `/** The kernels of ${name}, compiled from src/kernels.as.ts. */\nexport const wasm = wasmModule(${builds}, ${options});\n`,
    `/** A step for each kernel of ${name}. Planners call them with arguments by name; nothing here runs at a launch. */`,
    `export const kernels = {\n${kernelsText(kernels)}};\n`,
  ].join("\n");
};

const kernelsText = (kernels) => {
  const names = new Map();
  return kernels
    .map(({ name, file, comment, parameters }) => {
      const builder = camelCase(name);
      if (names.has(builder))
        throw new KernelBuildError(`kernels "${names.get(builder)}" and "${name}" are both ${builder}; rename one`);
      names.set(builder, name);
      const lines = parameters.map(({ name, kind }) => `    ${name}: "${kind}",\n`).join("");
      return `${docs(`${comment}\n\n\`${name}\` of ${file}.`.trim(), "  ")}  ${builder}: wasmKernel(wasm, "${name}", {\n${lines}  }),\n`;
    })
    .join("");
};

const moduleText = ({ variant, what, text }) => `/** ${what}. */\nconst ${variant} =\n  "${text}";\n`;

const constantText = ({ name, file, comment, value }) => {
  const text = typeof value === "number" ? `${value}` : `${JSON.stringify(value, null, 2)} as const`;
  return `${docs(`${comment}\n\nOf ${file}.`.trim(), "")}export const ${name} = ${text};\n`;
};

const camelCase = (name) => name.replace(/_+([a-z0-9])/g, (_, first) => first.toUpperCase());

const docs = (text, indent) => {
  const lines = text.split("\n").map((line) => `${indent} * ${line}`.trimEnd());
  return `${indent}/**\n${lines.join("\n")}\n${indent} */\n`;
};
