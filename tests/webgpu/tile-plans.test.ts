import { defineOp, geluBackward, linear, matmul, reference, run, scope, transpose, type Tensor } from "@tessera/tensor";
import { choosePlan, planProduct, TILE_PLANS, type Choice, type Form, type Runs } from "@tessera/tensor/webgpu";
import { describe, expect, it } from "vitest";
import { difference, valuesOf } from "../support/close.ts";
import { normal } from "../support/generate.ts";
import { withoutLeaks } from "../support/leaks.ts";
import { onWebgpu } from "./on-webgpu.ts";

/** Which way each operand's memory runs. */
interface Layouts {
  readonly a: Runs;
  readonly b: Runs;
}

/** A product with a plan that is given, not chosen. Operands lie [m, k] or [k, m], and [n, k] or [k, n]. */
const productOp = (
  name: string,
  [m, k, n]: readonly [number, number, number],
  { a, b }: Layouts,
  choice: Choice,
  form: Form,
) =>
  defineOp<{ inputs: [a: Tensor, b: Tensor]; outputs: [c: Tensor] }>({
    name,
    infer: () => [{ shape: [m, n], dtype: "float32" }],
    kernels: {
      reference: () => {},
      cpu: "reference",
      webgpu: {
        plan: (_, limits) =>
          planProduct(
            {
              ...{ label: name, m, n, k, batch: [], bias: null, pre: null, activation: "none", out: { out: 0 } },
              a: {
                slot: { in: 0 },
                ...(a === "along" ? { across: k, along: 1 } : { across: 1, along: m }),
                batch: [],
                offset: 0,
              },
              b: {
                slot: { in: 1 },
                ...(b === "along" ? { across: k, along: 1 } : { across: 1, along: n }),
                batch: [],
                offset: 0,
              },
            },
            { ...limits, software: form === "rolled" ? 1 : 0 },
            choice,
          ),
      },
    },
  });

onWebgpu("tile plans", (gpu) => {
  const check = async (size: readonly [number, number, number], layouts: Layouts, choice: Choice, form: Form) =>
    withoutLeaks(async () => {
      const [m, k, n] = size;
      const shapes = [layouts.a === "along" ? [m, k] : [k, m], layouts.b === "along" ? [n, k] : [k, n]] as const;
      const product = productOp(`${choice.plan.name} ${form}`, size, layouts, choice, form);
      const on = (device: typeof reference | typeof gpu) =>
        shapes.map((shape, i) => normal(...shape).make(i + 1, device)) as [Tensor, Tensor];
      const got = scope(() => run(product, on(gpu))[0]);
      const want = scope(() => {
        const [a, b] = on(reference);
        return matmul(layouts.a === "along" ? a : transpose(a, 0, 1), layouts.b === "along" ? transpose(b, 0, 1) : b);
      });
      expect(difference(await valuesOf(got), await valuesOf(want), { relative: 1e-5 })).toBeNull();
      got.dispose();
      want.dispose();
    });

  // Beyond one tile in both directions, off the tile's and the vec4's width, and with k in uneven parts.
  describe.each(TILE_PLANS.map((plan) => [plan.name, plan] as const))("%s", (_, plan) => {
    const limit = gpu.limits["maxComputeInvocationsPerWorkgroup"]!;
    const fits = (plan.bm / plan.tm) * (plan.bn / plan.tn) <= limit;
    it.runIf(fits)("multiplies in its rolled form, at odd sizes", () =>
      check([plan.bm + 5, 37, plan.bn + 3], { a: "along", b: "across" }, { plan, parts: 1 }, "rolled"),
    );
    it.runIf(fits)("multiplies in its unrolled form, at sizes that it does not divide", () =>
      check([plan.bm + 4, 36, plan.bn + 8], { a: "across", b: "along" }, { plan, parts: 1 }, "unrolled"),
    );
    it.runIf(fits)("multiplies whole tiles without a test", () =>
      check([plan.bm, 2 * plan.bk, plan.bn], { a: "along", b: "along" }, { plan, parts: 1 }, "unrolled"),
    );
    it.runIf(fits)("adds up parts of k", () =>
      check([plan.bm, 5 * plan.bk + 4, plan.bn], { a: "across", b: "across" }, { plan, parts: 3 }, "rolled"),
    );
    it.runIf(fits)("adds up fewer parts of k than were asked for where whole steps use it up", () =>
      check([plan.bm, 4 * plan.bk + 4, plan.bn], { a: "across", b: "across" }, { plan, parts: 4 }, "rolled"),
    );
  });

  it("leave no part of k empty: one that began beyond its end would not stop", () => {
    const operand = { slot: { in: 0 }, across: 4100, along: 1, batch: [], offset: 0 };
    const sums = { bias: null, pre: null, activation: "none", out: { out: 0 } } as const;
    const plan = TILE_PLANS.find(({ name }) => name === "small")!;
    for (let parts = 1; parts <= 64; parts++) {
      const product = { label: "matmul", m: 1, n: 1, k: 4100, batch: [], a: operand, b: operand, ...sums };
      const { steps, scratchBytes } = planProduct(product, gpu.limits, { plan, parts });
      const [k, kPart, made] = (steps[0]!.words as number[]).slice(5);
      expect(k).toBe(4100);
      expect((made! - 1) * kPart!).toBeLessThan(4100);
      expect(made! * kPart!).toBeGreaterThanOrEqual(4100);
      expect(scratchBytes ?? [4]).toEqual([4 * made!]);
    }
  });

  it("are chosen by cost: whole tiles for large products, parts of k where there would be few of them", () => {
    const nvidia = {
      ...gpu.limits,
      "vendor:google": 0,
      "vendor:nvidia": 1,
      maxComputeInvocationsPerWorkgroup: 1024,
      maxComputeWorkgroupStorageSize: 49152,
    };
    const choose = (m: number, k: number, n: number) => {
      const { plan, parts } = choosePlan({ m, n, k, entries: 1 }, nvidia);
      return [plan.name, parts];
    };
    expect(choose(8192, 768, 3072)).toEqual(["large", 1]);
    expect(choose(8192, 3072, 768)).toEqual(["wide", 1]);
    expect(choose(128, 4096, 128)[1]).toBeGreaterThan(8);
    expect(choose(64, 64, 64)).toEqual(["small", 1]);
  });

  it("apply what follows a product after its parts are added", () =>
    withoutLeaks(async () => {
      const run = (device: typeof reference | typeof gpu) =>
        scope(() => {
          const [x, w, b] = [normal(9, 900), normal(12, 900), normal(12)].map((gen, i) => gen.make(i, device)) as [
            Tensor,
            Tensor,
            Tensor,
          ];
          return [linear(x, w, b, { activation: "gelu" }), geluBackward(linear(x, w, b), linear(x, w, b))];
        });
      const [got, want] = [run(gpu), run(reference)];
      for (const [i, y] of want.entries()) {
        expect(difference(await valuesOf(got[i]!), await valuesOf(y), { relative: 1e-5 })).toBeNull();
        y.dispose();
        got[i]!.dispose();
      }
    }));
});
