// `npm run fuzz -- arguments [--limit n]`: a sample of every public function, with each of its arguments and options replaced by what JavaScript
// lets through. Each call gives a result or a TesseraError; the kinds of others are printed, and it ends with 1.
import { cpu, dispose, memory, reference, scope, Tensor, TesseraError, zeros, type Backend } from "@tessera/tensor";
import { composed, families } from "@tessera/tensor/families";
import { parseArgs } from "node:util";
import { samples } from "../samples/all.ts";
import { composedSamples } from "../samples/composed.ts";
import { build, outputsOf, type AnyFunction, type AnySample } from "../support/evaluate-sample.ts";

const { values: options } = parseArgs({
  args: process.argv.slice(3),
  options: { limit: { type: "string", default: "20" } },
});

// A list with a hole in it.
const HOLES = Object.assign(new Array<number>(3), { 0: 1, 2: 2 });
const ODD: { readonly [shown: string]: unknown } = {
  NaN,
  "−0": -0,
  "∞": Infinity,
  "−10⁹": -1e9,
  "1½": 1.5,
  "2³¹": 2 ** 31,
  '"1"': "1",
  null: null,
  "10n": 10n,
  true: true,
  "[1, , 2]": HOLES,
  "[]": [],
  "{}": {},
  function: () => 1,
  symbol: Symbol("s"),
  date: new Date(0),
};
const EMPTY: readonly (readonly number[])[] = [[0], [0, 3], [2, 0], [0, 0, 0], [1, 0, 2, 2], []];

/** Every public function with a sample that works. */
const cases = [
  ...Object.entries(families).map(([name, functions]) => [functions, samples[name as keyof typeof families]] as const),
  [composed, composedSamples] as const,
].flatMap(([functions, table]) =>
  Object.entries(table as { readonly [name: string]: readonly AnySample[] }).flatMap(([name, rows]) => {
    const sample = rows.find(({ throws, args }) => throws === undefined && args.length > 0);
    const call = (functions as unknown as { readonly [name: string]: AnyFunction | undefined })[name];
    return sample && call ? [{ name, call, sample }] : [];
  }),
);

let calls = 0;
/** Where each kind of raw error came from. */
const raw = new Map<string, string[]>();
const note = (kind: string, place: string): void => void raw.set(kind, [...(raw.get(kind) ?? []), place]);

const attempt = (call: AnyFunction, args: readonly unknown[], place: string): void => {
  calls++;
  try {
    scope((): void => {
      const result = call(...args);
      if (result instanceof Promise)
        return void result.then(
          (made) => dispose(outputsOf(made)),
          () => undefined,
        );
    });
  } catch (error) {
    if (!(error instanceof TesseraError)) note(String(error).slice(0, 100), place);
  }
};

const isOptions = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;

const sweep = ({ name, call, sample }: (typeof cases)[number], device: Backend): void => {
  const { args } = build(sample, 1, device);
  for (let i = 0; i <= args.length; i++)
    for (const [shown, odd] of Object.entries(ODD)) {
      attempt(call, [...args.slice(0, i), odd, ...args.slice(i + 1)], `${name}, argument ${i}: ${shown}`);
      const given = args[i];
      if (!isOptions(given)) continue;
      for (const key of Object.keys(given))
        attempt(
          call,
          [...args.slice(0, i), { ...given, [key]: odd }, ...args.slice(i + 1)],
          `${name}, ${key}: ${shown}`,
        );
    }
  for (const shape of EMPTY) {
    const empty = args.map((arg) => (arg instanceof Tensor ? zeros(shape, { dtype: arg.dtype, device }) : arg));
    attempt(call, empty, `${name}, tensors [${shape.join(", ")}]`);
  }
};

for (const device of [reference, cpu])
  for (const one of cases) {
    const before = memory()[device.name]?.tensors ?? 0;
    scope((): void => sweep(one, device));
    const left = (memory()[device.name]?.tensors ?? 0) - before;
    if (left !== 0) note("tensors are left", `${one.name} on ${device.name}: ${left}`);
  }

const kinds = [...raw].sort(([, a], [, b]) => b.length - a.length);
const count = kinds.reduce((sum, [, places]) => sum + places.length, 0);
console.log(
  `${calls} calls of ${cases.length} functions on two devices: ${count} with an error that is not ours, of ${kinds.length} kinds`,
);
for (const [kind, places] of kinds.slice(0, Number(options.limit)))
  console.log(`${places.length} × ${kind}   ${[...new Set(places)].slice(0, 4).join("; ")}`);
if (count > 0) process.exitCode = 1;
