import { vjp } from "@tessera/autograd";
import type { Module } from "@tessera/nn";
import { dispose, scope, type Tensor } from "@tessera/tensor";
import { expect } from "vitest";
import { difference, valuesOf } from "./close.ts";
import { normal } from "./generate.ts";

type Fn = (...xs: Tensor[]) => Tensor;

/** Two functions agree: their outputs, and their gradients by every input. */
export const sameAsPlain = async (layer: Fn, plain: Fn, inputs: readonly Tensor[]): Promise<void> => {
  const { device } = inputs[0]!;
  const evaluate = (f: Fn) =>
    scope(() => {
      const pulled = vjp(f, ...inputs);
      return [pulled.value, ...pulled.pullback(normal(...pulled.value.shape).make(99, device))];
    });
  const [got, want] = [evaluate(layer), evaluate(plain)];
  for (const [i, expected] of want.entries()) {
    const tolerance = { relative: i === 0 ? 1e-5 : 1e-4 };
    const what = i === 0 ? "output" : `gradient by input ${i - 1}`;
    expect(difference(await valuesOf(got[i]!), await valuesOf(expected!), tolerance), what).toBeNull();
  }
  dispose([got, want]);
};

/** A call of a layer as a function of its inputs and then of some of its parameters, which it puts in their places. */
export const withParameters =
  (layer: Module, names: readonly string[], call: Fn): Fn =>
  (...xs) => {
    const places = names.map((path) => {
      const dot = path.lastIndexOf(".");
      const owner = layer.getSubmodule(path.slice(0, Math.max(dot, 0))) as unknown as { [name: string]: Tensor };
      return { owner, name: path.slice(dot + 1) };
    });
    const before = places.map(({ owner, name }) => owner[name]!);
    const put = (tensors: readonly Tensor[]): void => {
      for (const [i, { owner, name }] of places.entries()) owner[name] = tensors[i]!;
    };
    const inputs = xs.length - names.length;
    put(xs.slice(inputs));
    try {
      return call(...xs.slice(0, inputs));
    } finally {
      put(before);
    }
  };

/** Handles on the parameters, for derivatives by them. */
export const parametersOf = (layer: Module): Tensor[] => layer.parameters().map((parameter) => parameter.alias());
