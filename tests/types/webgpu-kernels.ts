// What a call of a kernel must not do: each line here is a compile error, and the check of types fails when one is not.
import { high, input, kernel, output, read, scalar, variants, when, write } from "@tessera/tensor/extend";

const scale = kernel(
  {
    name: "scale",
    workgroup: 64,
    words: { count: "u32", start: "i32", factor: "f32" },
    bind: { x: read("f32"), y: write("f32") },
  },
  (k) => `${k.main} { let i = ${k.invocation}; if (i < w.count) { y[i] = w.factor * x[i]; } }`,
);
const dispatch = { workgroups: 1 };
const buffers = { x: input(0), y: output(0) };

export const steps = [
  scale({ ...buffers, count: 4, start: 0, factor: 2 }, dispatch),
  scale({ ...buffers, count: high("seed"), start: 0, factor: scalar("by") }, dispatch),
  // @ts-expect-error -- the word `factor` is missing
  scale({ ...buffers, count: 4, start: 0 }, dispatch),
  // @ts-expect-error -- the binding `x` is missing
  scale({ y: output(0), count: 4, start: 0, factor: 2 }, dispatch),
  // @ts-expect-error -- the binding is called `y`
  scale({ x: input(0), yy: output(0), count: 4, start: 0, factor: 2 }, dispatch),
  // @ts-expect-error -- a slot where a number belongs
  scale({ ...buffers, count: input(1), start: 0, factor: 2 }, dispatch),
  // @ts-expect-error -- a number where a slot belongs
  scale({ x: 0, y: output(0), count: 4, start: 0, factor: 2 }, dispatch),
  // @ts-expect-error -- there is no word `size`
  scale({ ...buffers, count: 4, start: 0, factor: 2, size: 4 }, dispatch),
  // @ts-expect-error -- a scalar is a float32
  scale({ ...buffers, count: scalar("count"), start: 0, factor: 2 }, dispatch),
  // @ts-expect-error -- nothing of this kernel is optional
  scale({ ...buffers, count: 4, start: 0, factor: null }, dispatch),
  // @ts-expect-error -- it reports no faults
  scale({ ...buffers, count: 4, start: 0, factor: 2 }, { ...dispatch, fault: (value: number) => `${value}` }),
];

/** A kernel with an optional binding, which reports indices that it cannot use. */
const pick = variants(({ biased }: { readonly biased: boolean }) =>
  kernel(
    {
      name: "pick",
      workgroup: 64,
      words: { count: "u32" },
      bind: { index: read("i32"), bias: when(biased, read("f32")), y: write("f32") },
      faults: true,
    },
    (k) => `${k.main} { report(index[lane]); }`,
  ),
);
const reported = { workgroups: 1, fault: (value: number) => `${value}` };

export const picks = [
  pick({ biased: true })({ index: input(0), bias: input(1), y: output(0), count: 1 }, reported),
  pick({ biased: false })({ index: input(0), bias: null, y: output(0), count: 1 }, reported),
  // @ts-expect-error -- an optional binding is named all the same
  pick({ biased: false })({ index: input(0), y: output(0), count: 1 }, reported),
  // @ts-expect-error -- what does the report say?
  pick({ biased: false })({ index: input(0), bias: null, y: output(0), count: 1 }, dispatch),
  // @ts-expect-error -- there is no choice of that name
  pick({ wide: false })({ index: input(0), bias: null, y: output(0), count: 1 }, reported),
];
