// One check tells what a library threw on purpose: `error instanceof TesseraError`.
import * as autograd from "@tessera/autograd";
import * as models from "@tessera/models";
import * as data from "@tessera/models/data";
import * as tokenizers from "@tessera/models/tokenizers";
import * as nn from "@tessera/nn";
import * as sparse from "@tessera/sparse";
import * as tensor from "@tessera/tensor";
import { TesseraError } from "@tessera/tensor";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

type ErrorClass = abstract new (...args: never[]) => Error;

const isErrorClass = (value: unknown): value is ErrorClass =>
  typeof value === "function" && (value as ErrorClass).prototype instanceof Error;

/** One of each, as the packages throw them. */
const makers: readonly (() => Error)[] = [
  () => new tensor.TesseraError("what"),
  () => new tensor.ShapeError("what"),
  () => new tensor.DTypeError("what"),
  () => new tensor.DeviceError("what"),
  () => new tensor.IndexError("what"),
  () => new tensor.LifetimeError("what"),
  () => new tensor.OutOfMemoryError("what"),
  () => new tensor.OverflowError("what"),
  () => new tensor.ArgumentError("what"),
  () => new tensor.FormatError("what"),
  () => new autograd.GradientError("what"),
  () => new nn.StateDictError("what", { missingKeys: [], unexpectedKeys: [], mismatches: [] }, "advice"),
  () => new sparse.PatchError("what", ["why"]),
  () => new sparse.SensitivityError("what"),
  () => new data.DataError("what", 3),
  () => new tokenizers.TokenizerError("what"),
  () => new models.FileStoreError("what"),
  () => new models.TrainingError("what", 1),
  () => new models.NonFiniteError(1, NaN, 1),
];

const exported = [tensor, autograd, nn, sparse, models, data, tokenizers]
  .flatMap((entry) => Object.entries(entry as object))
  .filter((entry): entry is [string, ErrorClass] => isErrorClass(entry[1]));

describe("every error of the packages", () => {
  test.each(exported)("%s is a TesseraError of that name", (name, kind) => {
    const error =
      makers.map((make) => make()).find(({ constructor }) => constructor === kind) ??
      expect.fail(`add a ${name} to this test`);
    expect(error).toBeInstanceOf(TesseraError);
    expect(error).toBeInstanceOf(kind);
    expect(error.name).toBe(name);
    expect(error.message).not.toBe("");
  });

  test.each(makers.map((make) => [make().name, make] as const))(
    "%s keeps its name when the class is renamed, as minifiers do",
    (name, make) => {
      const { constructor } = make();
      const original = Object.getOwnPropertyDescriptor(constructor, "name")!;
      Object.defineProperty(constructor, "name", { ...original, value: "a" });
      try {
        expect(String(make())).toMatch(new RegExp(`^${name}: `));
      } finally {
        Object.defineProperty(constructor, "name", original);
      }
    },
  );

  test("derives from TesseraError, which alone derives from Error, in the apps too, and says its own name", () => {
    const root = fileURLToPath(new URL("../..", import.meta.url));
    const sources = ["packages", "apps"]
      .flatMap((folder) =>
        readdirSync(`${root}/${folder}`, { recursive: true, encoding: "utf8" }).map((file) => `${folder}/${file}`),
      )
      .filter((file) => /[\\/]src[\\/].*\.ts$/.test(file) && !file.includes("node_modules"))
      .map((file) => readFileSync(`${root}/${file}`, "utf8"));
    const classes = sources.flatMap((source) => [
      ...source.matchAll(/class (\w+) extends (\w*Error)\b[^{]*\{\n {2}(?:override name = "(\w+)";)?/g),
    ]);
    const native = classes.filter(([, , base]) => /^(|Aggregate|Range|Reference|Syntax|Type)Error$/.test(base!));
    expect(native.map(([, name]) => name)).toEqual(["TesseraError"]);
    expect(classes.length).toBeGreaterThanOrEqual(makers.length);
    for (const [, name, , said] of classes) expect(said, `the name of ${name}`).toBe(name);
  });
});
