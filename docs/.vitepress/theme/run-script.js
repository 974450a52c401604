const packages = {
  "@tessera/tensor": () => import("@tessera/tensor"),
  "@tessera/tensor/extend": () => import("@tessera/tensor/extend"),
  "@tessera/autograd": () => import("@tessera/autograd"),
  "@tessera/nn": () => import("@tessera/nn"),
  "@tessera/sparse": () => import("@tessera/sparse"),
};

const load = (name) => {
  if (!(name in packages)) throw new Error(`${name} is not on this page`);
  return packages[name]();
};

const AsyncFunction = (async () => {}).constructor;

/** Runs an example, and gives each line that it logs to `print`. */
export const runScript = async (script, print) => {
  const log = (...values) => print(values.map(show).join(" "));
  await new AsyncFunction("load", "console", script)(load, { ...globalThis.console, log });
};

/** As Node prints it, nearly: text as it is, numbers of arrays in brackets, objects as JSON. */
const show = (value) => {
  if (typeof value === "string") return value;
  if (ArrayBuffer.isView(value) || Array.isArray(value)) return `[${Array.from(value, show).join(", ")}]`;
  if (value instanceof Map) return show(Object.fromEntries(value));
  if (typeof value === "number") return String(Number(value.toPrecision(7)));
  if (value === null || typeof value !== "object" || value.constructor !== Object) return String(value);
  return `{ ${Object.entries(value)
    .map(([key, each]) => `${key}: ${show(each)}`)
    .join(", ")} }`;
};
