import { expect, it } from "vitest";
import { DEFAULT_PROFILE } from "../device-profile.ts";
import type { Call, CpuStep, KernelOp, Planner, Signature } from "../op.ts";
import type { Layout } from "../shape.ts";
import { PlanCache } from "./plan-cache.ts";

const layout = (shape: readonly number[], more: Partial<Layout> = {}): Layout => ({
  shape,
  dtype: "float32",
  offset: 0,
  strides: shape.map((_, d) => shape.slice(d + 1).reduce((n, s) => n * s, 1)),
  ...more,
});
const callOf = (input: Layout | null, attrs: object = {}, output = layout([2])): Call<Signature> => ({
  inputs: [input],
  outputs: [output],
  attrs,
});

/** A planner that counts, and what it was last asked for. */
const counting = () => {
  const seen = { count: 0, call: null as Call<Signature> | null };
  const planner: Planner<Signature, CpuStep> = {
    plan: (call) => {
      seen.count++;
      seen.call = call;
      return { steps: [] };
    },
  };
  const op: KernelOp<Signature> = {
    name: "counted",
    infer: () => [],
    kernels: { reference: () => {}, cpu: planner, webgpu: "none" },
  };
  const cache = new PlanCache<CpuStep>(DEFAULT_PROFILE);
  return { seen, plan: (call: Call<Signature>) => cache.of(op, planner, call) };
};

it("equal calls share a plan, whatever objects say them", () => {
  const { seen, plan } = counting();
  const attrs = () => ({ dims: [0, 1], p: 0.5, ranges: [{ start: 1 }], name: "a", none: null });
  const first = plan(callOf(layout([2, 3]), attrs()));
  expect(plan(callOf(layout([2, 3]), attrs()))).toBe(first);
  expect(seen.count).toBe(1);
});

it("calls that differ in anything have plans of their own", () => {
  const { seen, plan } = counting();
  const device = Object.create({ name: "one" }) as object;
  const calls: (readonly [string, () => Call<Signature>])[] = [
    ["a base", () => callOf(layout([2, 3]))],
    ["a shape", () => callOf(layout([3, 2]))],
    ["a rank", () => callOf(layout([2, 3, 1]))],
    ["strides", () => callOf(layout([2, 3], { strides: [1, 2] }))],
    ["an offset", () => callOf(layout([2, 3], { offset: 4 }))],
    ["a dtype", () => callOf(layout([2, 3], { dtype: "int32" }))],
    ["no input", () => callOf(null)],
    ["an output", () => callOf(layout([2, 3]), {}, layout([4]))],
    ["an attribute", () => callOf(layout([2, 3]), { p: 1 })],
    ["its value", () => callOf(layout([2, 3]), { p: 2 })],
    ["its name", () => callOf(layout([2, 3]), { q: 1 })],
    ["its sign", () => callOf(layout([2, 3]), { p: -0 })],
    ["zero", () => callOf(layout([2, 3]), { p: 0 })],
    ["a text", () => callOf(layout([2, 3]), { p: "1" })],
    ["a list", () => callOf(layout([2, 3]), { p: [1] })],
    ["its length", () => callOf(layout([2, 3]), { p: [1, 1] })],
    ["an object like it", () => callOf(layout([2, 3]), { p: { 0: 1 } })],
    ["an object", () => callOf(layout([2, 3]), { p: device })],
  ];
  const plans = calls.map(([, call]) => plan(call()));
  expect(new Set(plans).size).toBe(calls.length);
  for (const [i, [what, call]] of calls.entries()) expect(plan(call()), what).toBe(plans[i]);
  // Of an object that is no plain one only itself is the same.
  expect(plan(callOf(layout([2, 3]), { p: Object.create({ name: "one" }) as object }))).not.toBe(plans.at(-1));
  expect(seen.count).toBe(calls.length + 1);
});

it("planners see layouts, not the tensors that have them: a plan that is kept keeps no tensor", () => {
  const { seen, plan } = counting();
  const tensor = { ...layout([2, 3]), storage: {} };
  plan(callOf(tensor));
  expect(Object.keys(seen.call!.inputs[0] as object).sort()).toEqual(["dtype", "offset", "shape", "strides"]);
});

it("keeps what a call said, though the caller's lists change afterwards", () => {
  const { seen, plan } = counting();
  const [shape, dims] = [[3, 3], [0]];
  const first = plan(callOf(layout(shape), { dims }));
  dims[0] = 1;
  expect(plan(callOf(layout([3, 3]), { dims: [1] }))).not.toBe(first);
  expect(plan(callOf(layout([3, 3]), { dims: [0] }))).toBe(first);
  shape[0] = 4;
  expect(plan(callOf(layout([3, 3]), { dims: [0] }))).toBe(first);
  expect(seen.count).toBe(2);
});

it("does not grow without end: plans of many shapes are made again", () => {
  const { seen, plan } = counting();
  for (let n = 0; n < 300; n++) plan(callOf(layout([n])));
  expect(seen.count).toBe(300);
  plan(callOf(layout([299])));
  expect(seen.count).toBe(300);
  plan(callOf(layout([0])));
  expect(seen.count).toBe(301);
});

it("a planner that throws leaves nothing behind", () => {
  const cache = new PlanCache<CpuStep>(DEFAULT_PROFILE);
  let fails = true;
  const planner: Planner<Signature, CpuStep> = {
    plan: () => {
      if (fails) throw new RangeError("no");
      return { steps: [] };
    },
  };
  const op: KernelOp<Signature> = {
    name: "failing",
    infer: () => [],
    kernels: { reference: () => {}, cpu: planner, webgpu: "none" },
  };
  expect(() => cache.of(op, planner, callOf(null))).toThrow("no");
  fails = false;
  expect(cache.of(op, planner, callOf(null))).toEqual({ steps: [] });
});
