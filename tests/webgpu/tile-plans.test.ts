import {
  add,
  dispose,
  gelu,
  linear,
  matmul,
  reference,
  relu,
  scope,
  transpose,
  type Backend,
  type Tensor,
} from "@tessera/tensor";
import {
  DEFAULT_LIMITS,
  DEFAULT_PROFILE,
  defineOp,
  fitsDevice,
  run,
  threadsOf,
  type DeviceProfile,
  type Form,
  type Runs,
  type WebgpuActivation,
} from "@tessera/tensor/extend";
import { planProduct } from "@tessera/tensor/internal/ops/matmul/matmul.wgsl";
import { choosePlan, TILE_PLANS, type Choice } from "@tessera/tensor/internal/ops/matmul/tile-plans";
import { geluBackward } from "@tessera/tensor/ops/elementwise";
import { describe, expect, it } from "vitest";
import { difference, valuesOf } from "../support/close.ts";
import { normal } from "../support/generate.ts";
import { withoutLeaks } from "../support/leaks.ts";
import { onWebgpu } from "./on-webgpu.ts";

/** A product to check a plan with. */
interface Product {
  readonly size: readonly [m: number, k: number, n: number];
  /** Which way each operand's memory runs: A lies [m, k] along k, else [k, m], and B [n, k] or [k, n]. */
  readonly a: Runs;
  readonly b: Runs;
  readonly choice: Choice;
  readonly form: Form;
  /** So many products at once. */
  readonly entries?: number;
  /** f(A B + bias), and A B + bias as a second output. */
  readonly activation?: WebgpuActivation;
}

/** The product as an op, with a plan that is given, not chosen. */
const productOp = ({ size: [m, k, n], a, b, choice, form, entries = 1, activation }: Product) => {
  const spec = { shape: [entries, m, n], dtype: "float32" } as const;
  const layer = activation !== undefined;
  return defineOp<{ inputs: Tensor[]; outputs: Tensor[] }>({
    name: `${choice.plan.name} ${form}`,
    infer: () => (layer ? [spec, spec] : [spec]),
    kernels: {
      reference: () => {},
      cpu: "reference",
      webgpu: {
        plan: (_, device) =>
          planProduct(
            {
              label: "forced",
              m,
              n,
              k,
              batch: [entries],
              activation: activation ?? "none",
              out: { out: 0 },
              a: {
                slot: { in: 0 },
                ...(a === "along" ? { rowStride: k, kStride: 1 } : { rowStride: 1, kStride: m }),
                batch: [m * k],
                offset: 0,
              },
              b: {
                slot: { in: 1 },
                ...(b === "along" ? { columnStride: k, kStride: 1 } : { columnStride: 1, kStride: n }),
                batch: [k * n],
                offset: 0,
              },
              addend: layer ? { slot: { in: 2 }, offset: 0, whole: false } : null,
              pre: layer ? { out: 1 } : null,
            },
            { ...device, software: form === "rolled" },
            choice,
          ),
      },
    },
  });
};

onWebgpu("tile plans", (gpu) => {
  const check = (product: Product) =>
    withoutLeaks(async () => {
      const { size, a, b, entries = 1, activation } = product;
      const [m, k, n] = size;
      const shapes = [
        [entries, ...(a === "along" ? [m, k] : [k, m])],
        [entries, ...(b === "along" ? [n, k] : [k, n])],
        ...(activation === undefined ? [] : [[n]]),
      ];
      const on = (device: Backend) => shapes.map((shape, i) => normal(...shape).make(i + 1, device));
      const got = scope(() => run(productOp(product), on(gpu)));
      const want = scope(() => {
        const [left, right, bias] = on(reference) as [Tensor, Tensor, Tensor?];
        const sums = matmul(
          a === "along" ? left : transpose(left, 1, 2),
          b === "along" ? transpose(right, 1, 2) : right,
        );
        if (!bias) return [sums];
        const pre = add(sums, bias);
        return [activation === "gelu" ? gelu(pre) : relu(pre), pre];
      });
      for (const [i, one] of want.entries())
        expect(difference(await valuesOf(got[i]!), await valuesOf(one), { relative: 1e-5 }), `output ${i}`).toBeNull();
      dispose([got, want]);
    });

  // Beyond one tile in both directions, off the tile's and the vec4's width, and with k in uneven parts.
  describe.each(TILE_PLANS.map((plan) => [plan.name, plan] as const))("%s", (_, plan) => {
    const { bm, bn, bk } = plan;
    const one = { plan, parts: 1 };
    const four = { plan, parts: 4 };
    const fits = fitsDevice(plan, gpu.profile);
    it.runIf(fits)("multiplies in its rolled form, at odd sizes", () =>
      check({ size: [bm + 5, 37, bn + 3], a: "along", b: "across", choice: one, form: "rolled" }),
    );
    it.runIf(fits)("multiplies in its unrolled form, at odd sizes", ({ skip }) => {
      const twoPatches = (plan.bk * (bm + bn)) / 16 > threadsOf(plan);
      skip(
        gpu.profile.software && twoPatches,
        "a software adapter takes minutes to compile two patches an invocation, loaded element by element; use a GPU",
      );
      return check({ size: [bm + 5, bk + 1, bn + 3], a: "along", b: "across", choice: one, form: "unrolled" });
    });
    it.runIf(fits)("multiplies in its unrolled form, at sizes that it does not divide", () =>
      check({ size: [bm + 4, 36, bn + 8], a: "across", b: "along", choice: one, form: "unrolled" }),
    );
    it.runIf(fits)("multiplies whole tiles without a test", () =>
      check({ size: [bm, 2 * bk, bn], a: "along", b: "along", choice: one, form: "unrolled" }),
    );
    it.runIf(fits)("adds up parts of k", () =>
      check({ size: [bm, 5 * bk + 4, bn], a: "across", b: "across", choice: { plan, parts: 3 }, form: "rolled" }),
    );
    it.runIf(fits)("adds up fewer parts of k than were asked for where whole steps use it up", () =>
      check({ size: [bm, 4 * bk + 4, bn], a: "across", b: "across", choice: four, form: "rolled" }),
    );
    // Each way to write sums down: element by element, vec4s with a test and without, and by another dispatch.
    it.runIf(fits)("applies a bias and an activation to each of several products, at odd sizes", () =>
      check({
        size: [bm + 1, 7, bn + 2],
        a: "along",
        b: "along",
        choice: one,
        form: "rolled",
        entries: 3,
        activation: "gelu",
      }),
    );
    it.runIf(fits)(
      "applies a bias and an activation to each of several products, at sizes that it does not divide",
      () =>
        check({
          size: [bm + 4, bk + 4, bn + 4],
          a: "along",
          b: "across",
          choice: one,
          form: "unrolled",
          entries: 2,
          activation: "relu",
        }),
    );
    it.runIf(fits)("applies a bias and an activation to each of several products, in whole tiles", () =>
      check({
        size: [bm, bk, bn],
        a: "across",
        b: "along",
        choice: one,
        form: "unrolled",
        entries: 2,
        activation: "relu",
      }),
    );
    it.runIf(fits)("applies a bias and an activation to each of several products, after their parts are added", () =>
      check({
        size: [bm + 1, 3 * bk, 9],
        a: "along",
        b: "across",
        choice: four,
        form: "rolled",
        entries: 2,
        activation: "gelu",
      }),
    );
  });

  it("multiply more matrices than one dimension of a dispatch has workgroups", () =>
    check({
      size: [4, 4, 4],
      a: "along",
      b: "along",
      form: "rolled",
      entries: 65535 + 5,
      choice: { plan: { name: "tiny", bm: 4, bn: 4, bk: 4, tm: 4, tn: 4 }, parts: 1 },
    }));

  it("leave no part of k empty: one that began beyond its end would not stop", () => {
    const operand = { slot: { in: 0 }, rowStride: 4100, columnStride: 4100, kStride: 1, batch: [], offset: 0 };
    const sums = { addend: null, pre: null, activation: "none", out: { out: 0 } } as const;
    const plan = TILE_PLANS.find(({ name }) => name === "small")!;
    for (let parts = 1; parts <= 64; parts++) {
      const product = { label: "matmul", m: 1, n: 1, k: 4100, batch: [], a: operand, b: operand, ...sums };
      const { steps, scratchBytes } = planProduct(product, gpu.profile, { plan, parts });
      const [k, kPart, made] = (steps[0]!.words as number[]).slice(5);
      expect(k).toBe(4100);
      expect((made! - 1) * kPart!).toBeLessThan(4100);
      expect(made! * kPart!).toBeGreaterThanOrEqual(4100);
      expect(scratchBytes ?? [4]).toEqual([4 * made!]);
    }
  });

  it("are chosen by cost: whole tiles for large products, parts of k where there would be few of them", () => {
    const nvidia: DeviceProfile = {
      ...gpu.profile,
      vendor: "nvidia",
      limits: {
        ...gpu.profile.limits,
        maxComputeInvocationsPerWorkgroup: 1024,
        maxComputeWorkgroupStorageSize: 49152,
      },
    };
    const choose = (m: number, k: number, n: number) => {
      const { plan, parts } = choosePlan({ m, n, k, entries: 1 }, nvidia);
      return [plan.name, parts];
    };
    expect(choose(8192, 768, 3072)).toEqual(["square", 1]);
    expect(choose(512, 256, 1024)).toEqual(["fine", 1]);
    expect(choose(128, 4096, 128)[1]).toBeGreaterThan(8);
    expect(choose(64, 64, 64)).toEqual(["small", 1]);
  });

  it("of one device are not taken for those of another, whose vendor or limits differ", () => {
    const size = { m: 4096, n: 4096, k: 512, entries: 1 };
    const limits = { ...DEFAULT_LIMITS, maxComputeWorkgroupStorageSize: 32768, maxStorageBufferBindingSize: 2 ** 31 };
    const nvidia: DeviceProfile = { ...DEFAULT_PROFILE, vendor: "nvidia", limits };
    const apple = { ...nvidia, vendor: "apple" };
    const small = { ...nvidia, limits: { ...limits, maxComputeInvocationsPerWorkgroup: 64 } };
    const standard = { ...nvidia, limits: { ...limits, maxComputeWorkgroupStorageSize: 16384 } };
    const plans = [nvidia, apple, small, standard, nvidia].map((device) => choosePlan(size, device).plan.name);
    expect(plans).toEqual(["square", "half", "medium", "half", "square"]);
    for (const plan of TILE_PLANS) expect(fitsDevice(plan, DEFAULT_PROFILE)).toBe(plan.name !== "square");
  });

  it("make no parts of k whose sums no buffer could hold", () => {
    const size = { m: 512, n: 512, k: 65536, entries: 1 };
    const nvidia = (maxStorageBufferBindingSize: number): DeviceProfile => ({
      ...gpu.profile,
      vendor: "nvidia",
      limits: { ...gpu.profile.limits, maxStorageBufferBindingSize },
    });
    expect(choosePlan(size, nvidia(2 ** 30)).parts).toBeGreaterThan(4);
    expect(choosePlan(size, nvidia(2 ** 22)).parts).toBeLessThanOrEqual(4);
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
